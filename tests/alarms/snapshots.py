"""Samples and collector reports from which the tests of alarms build snapshots."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from gateway.samples import Metric, SampleSet, Value
from gateway.snapshot import CollectorReport, CommandReport, Snapshot
from gateway.status import Status
from gateway.subsystems.pacemaker import metrics as pacemaker_metrics

Sample = tuple[Metric, Value, tuple[str, ...]]
DC: Sample = (pacemaker_metrics.INFO, 1, ("2.1.5", "n1", "corosync", "demo"))
"""A cluster with a designated controller."""

_COMMANDS = {
    "pacemaker": ("crm_mon", "cibadmin"),
    "corosync": ("corosync-quorumtool", "corosync-cfgtool", "corosync.conf"),
    "qdevice": ("corosync-qdevice-tool",),
    "qnetd": ("status", "list"),
    "sbd": ("configuration",),
    "drbd": ("drbdsetup", "split brain"),
    "booth": ("configurations",),
}
_NODE_STATES = pacemaker_metrics.NODES.states


def reports(
    failing: Mapping[str, Status], devices: Iterable[str] = (), configurations: Iterable[str] = ("booth",)
) -> dict[str, CollectorReport]:
    """Returns the reports of all collectors; commands fail with the given status.

    Args:
        failing: the status of each command that fails.
        devices: the devices of SBD.
        configurations: the configurations of booth.
    """
    objects = {
        "sbd": [f"{action} {device}" for device in devices for action in ("dump", "list")],
        "booth": [f"{action} {name}" for name in configurations for action in ("configuration", "list", "peers")],
    }
    return {
        name: CollectorReport(
            name=name,
            commands=tuple(
                CommandReport(name=command, tool=command, status=failing.get(command, Status.OK), detail="why")
                for command in (*commands, *objects.get(name, ()))
            ),
        )
        for name, commands in _COMMANDS.items()
    }


def node(name: str, *states: str, node_type: str = "member") -> Sample:
    """Returns the sample of a node in these states."""
    return pacemaker_metrics.NODES, tuple(state in states for state in _NODE_STATES), (name, node_type)


def make_snapshot(
    *samples: Sample, failing: Mapping[str, Status] | None = None, unused: Collection[str] = (), started: float = 0.0
) -> Snapshot:
    """Returns a snapshot of these samples; commands fail with the given status, and some subsystems are unused."""
    sample_set = SampleSet()
    devices, configurations = set(), set()
    for metric, value, labels in samples:
        sample_set.add(metric, value, *labels)
        devices |= {labels[0]} if metric.labels[:1] == ("device",) else set()
        configurations |= {labels[0]} if metric.labels[:1] == ("configuration",) else set()
    collectors = reports(failing or {}, sorted(devices), sorted(configurations) or ("booth",))
    collectors = {name: replace(report, unused=name in unused) for name, report in collectors.items()}
    return Snapshot(samples_by_metric=sample_set.samples_by_metric, collectors=collectors, started=started)
