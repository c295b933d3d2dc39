"""What changes in the ordinary course of things, for the form of Pacemaker's sample agent."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gateway.alarms.changes import Changes
from gateway.conditions.view import ClusterView
from gateway.frontends.snmp.notifications import compat
from gateway.samples import SampleSet
from gateway.snapshot import Snapshot
from gateway.status import Status
from gateway.subsystems.pacemaker import metrics as pacemaker_metrics
from tests.alarms.receivers import notice
from tests.alarms.snapshots import DC, Sample, node, reports

NODES = (node("n1", "online"), node("n2", "online"))


def instance(resource: str, place: str, role: str = "started") -> Sample:
    flags = (role != "stopped", False, False, False, False)
    return pacemaker_metrics.RESOURCES, flags, (place, resource, role, "true", "ocf::heartbeat:Dummy", "", "")


def attribute(name: str, value: str, of: str = "n1") -> Sample:
    return pacemaker_metrics.NODE_ATTRIBUTES, 1, (of, name, value)


def view(*samples: Sample, failing: Mapping[str, Status] | None = None) -> ClusterView:
    found = SampleSet()
    for metric, value, labels in samples:
        found.add(metric, value, *labels)
    return ClusterView(Snapshot(samples_by_metric=found.samples_by_metric, collectors=reports(failing or {})))


def said(changes: Changes, *samples: Sample) -> list[str]:
    found = changes.look(view(DC, *samples))
    for change in found:
        assert list(compat.pacemaker(notice(details=change), 1.0)), "the form lacks something"
        assert list(compat.corosync(notice(details=change), 1.0)) == []
    return [
        f"{change['task']} {change['resource']} {change['node']}"
        if change["kind"] == "resource"
        else f"{change['attribute']}={change['value']} {change['node']}"
        for change in found
    ]


def test_what_is_there_at_the_start_has_not_changed() -> None:
    changes = Changes()
    standing = (*NODES, instance("vip", "n1"), attribute("pingd", "100"))
    assert said(changes, *standing) == []
    assert said(changes, *standing) == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ((), ("n1", "started"), ["start r n1"]),
        (("n1", "started"), (), ["stop r n1"]),
        (("n1", "started"), ("n2", "started"), ["stop r n1", "start r n2"]),
        (("n1", "unpromoted"), ("n1", "promoted"), ["promote r n1"]),
        (("n1", "promoted"), ("n1", "unpromoted"), ["demote r n1"]),
        (("n1", "master"), ("n1", "slave"), ["demote r n1"]),
        (("n1", "promoted"), ("n2", "promoted"), ["demote r n1", "stop r n1", "start r n2", "promote r n2"]),
        (("n1", "promoted"), ("n1", "demoting"), []),
        ((), ("n1", "starting"), []),
    ],
)
def test_operations(before: tuple[str, ...], after: tuple[str, ...], told: list[str]) -> None:
    changes = Changes()
    said(changes, *NODES, *([instance("r", *before)] if before else []))
    assert said(changes, *NODES, *([instance("r", *after)] if after else [])) == told


def test_on_a_node_that_is_gone_nothing_was_stopped() -> None:
    changes = Changes()
    said(changes, *NODES, instance("r", "n1"))
    lost = said(changes, node("n1", ""), node("n2", "online"), instance("r", "n2"))
    assert lost == ["start r n2"]


def test_values_of_attributes() -> None:
    changes = Changes()
    said(changes, *NODES, attribute("pingd", "100"))
    assert said(changes, *NODES, attribute("pingd", "0")) == ["pingd=0 n1"]
    assert said(changes, *NODES, attribute("pingd", "0"), attribute("new", "1", "n2")) == ["new=1 n2"]
    assert said(changes, *NODES) == []


@pytest.mark.parametrize("blind", [view(failing={"crm_mon": Status.TIMED_OUT}), view(node("n1", ""))])
def test_who_cannot_tell_has_seen_no_change(blind: ClusterView) -> None:
    changes = Changes()
    said(changes, *NODES, instance("r", "n1"))
    assert changes.look(blind) == []
    assert said(changes, *NODES, instance("r", "n1")) == []
    assert said(changes, *NODES, instance("r", "n2")) == ["stop r n1", "start r n2"]
