"""Collects the state of the quorum device with corosync-qdevice-tool."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.host.host import CommandResult, Host
from gateway.samples import Metric, SampleSet
from gateway.status import Status
from gateway.subsystems import corosync_conf
from gateway.subsystems.parsing.partial import Parsed
from gateway.subsystems.probe import Plan, Probe, Reading, parse_output
from gateway.subsystems.qdevice import corosync_qdevice_tool, metrics
from gateway.subsystems.qdevice.corosync_qdevice_tool import NetStatus, QdeviceStatus

TOOL = "corosync-qdevice-tool"
SOCKET = "/var/run/corosync-qdevice/corosync-qdevice.sock"
_CONFIGURATION = "corosync.conf"

_NOT_RUNNING = re.compile(rb"can't connect to qdevice socket", re.IGNORECASE)


def _parse_status(result: CommandResult) -> Parsed[QdeviceStatus]:
    return parse_output(result, corosync_qdevice_tool.parse, not_running=_NOT_RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class QdeviceCollector:
    """Collects the state of the quorum device on a node that has one.

    Attributes:
        configuration: the path of corosync.conf, which configures the device.
    """

    name: str = "qdevice"
    presence_tools: tuple[str, ...] = (TOOL,)
    configuration: str

    @property
    def configurations(self) -> tuple[str, ...]:
        """Corosync's configuration. Tools that were never there are not missed for it."""
        return (self.configuration,)

    def plan(self, host: Host) -> Plan | None:
        """Returns the one probe, or None if corosync.conf has no quorum device."""
        reading = corosync_conf.read(host, self.configuration)
        configuration: corosync_conf.CorosyncConfig | None = reading.ok_value
        if reading.status is Status.NOT_INSTALLED or (configuration is not None and configuration.has_qdevice is False):
            return None
        return Plan(
            probes=(Probe(name=TOOL, tool=TOOL, variants=(("-s", "-v"),), read=_parse_status, socket=SOCKET),),
            files={_CONFIGURATION: reading},
        )

    def make_samples(self, readings: Mapping[str, Reading]) -> SampleSet:
        """Returns the samples of the metrics ``ha_cluster_qdevice_*``."""
        samples = SampleSet()
        reading = readings[TOOL]
        status: QdeviceStatus | None = reading.ok_value
        samples.add(metrics.UP, _runs(reading, readings[_CONFIGURATION].ok_value))
        if status is None:
            return samples
        net = status.net
        configured = (net.host, net.cluster_name, net.algorithm, net.tie_breaker, net.tls) if net else ("",) * 5
        samples.add(metrics.INFO, 1, status.model, *configured, status.heuristics)
        samples.add(metrics.LAST_POLL, status.last_poll)
        if net is not None:
            _add_connection(samples, net)
        return samples


def _runs(reading: Reading, configuration: corosync_conf.CorosyncConfig | None) -> int | None:
    """Returns whether corosync-qdevice runs; None if that is unknown, or if it is unknown whether it should."""
    if reading.status is Status.OK:
        return 1
    should_run = configuration is not None and configuration.has_qdevice
    return 0 if reading.status is Status.NOT_RUNNING and should_run else None


def _add_connection(samples: SampleSet, net: NetStatus) -> None:
    _add_state(samples, metrics.STATE, net.state)
    _add_state(samples, metrics.HEURISTICS_RESULT, net.result)
    samples.add(metrics.VOTE, net.votes)
    samples.add(metrics.TLS_ACTIVE, net.tls_active)
    samples.add(metrics.CONNECTED_SINCE, net.connected_since)
    samples.add(metrics.LAST_REPLY, net.last_reply)


def _add_state(samples: SampleSet, metric: Metric, state: str | None) -> None:
    samples.add(metric, None if state is None else metric.flags_for(state))
