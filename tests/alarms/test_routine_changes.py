"""Routine changes: successful operations, and changed attributes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gateway.alarms.routine_changes import RoutineChanges
from gateway.conditions.view import ClusterView
from gateway.frontends.snmp.notifications import compat
from gateway.status import Status
from gateway.subsystems.pacemaker import metrics as pacemaker_metrics
from tests.alarms.notifications import routine_change
from tests.alarms.snapshots import DC, Sample, make_snapshot, node

NODES = (node("n1", "online"), node("n2", "online"))


def instance(resource: str, node_name: str, role: str = "started") -> Sample:
    flags = (role != "stopped", False, False, False, False)
    return pacemaker_metrics.RESOURCES, flags, (node_name, resource, role, "true", "ocf::heartbeat:Dummy", "", "")


def attribute(name: str, value: str, of: str = "n1") -> Sample:
    return pacemaker_metrics.NODE_ATTRIBUTES, 1, (of, name, value)


def view(*samples: Sample, failing: Mapping[str, Status] | None = None) -> ClusterView:
    return ClusterView(make_snapshot(*samples, failing=failing))


def described(changes: RoutineChanges, *samples: Sample) -> list[str]:
    details = changes.evaluate(view(DC, *samples))
    for change in details:
        assert compat.render_pacemaker(routine_change(), change), "the form lacks something"
        assert not compat.render_corosync(routine_change(), change)
    return [
        f"{change['task']} {change['resource']} {change['node']}"
        if change["kind"] == "resource"
        else f"{change['attribute']}={change['value']} {change['node']}"
        for change in details
    ]


def test_nothing_has_changed_at_the_start() -> None:
    changes = RoutineChanges()
    samples = (*NODES, instance("vip", "n1"), attribute("pingd", "100"))
    assert described(changes, *samples) == []
    assert described(changes, *samples) == []


@pytest.mark.parametrize(
    ("before", "after", "operations"),
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
def test_operations_follow_from_roles(before: tuple[str, ...], after: tuple[str, ...], operations: list[str]) -> None:
    changes = RoutineChanges()
    described(changes, *NODES, *([instance("r", *before)] if before else []))
    assert described(changes, *NODES, *([instance("r", *after)] if after else [])) == operations


def test_nothing_was_stopped_on_a_lost_node() -> None:
    changes = RoutineChanges()
    described(changes, *NODES, instance("r", "n1"))
    lost = described(changes, node("n1", ""), node("n2", "online"), instance("r", "n2"))
    assert lost == ["start r n2"]


def test_attributes_that_are_new_or_have_another_value() -> None:
    changes = RoutineChanges()
    described(changes, *NODES, attribute("pingd", "100"))
    assert described(changes, *NODES, attribute("pingd", "0")) == ["pingd=0 n1"]
    assert described(changes, *NODES, attribute("pingd", "0"), attribute("new", "1", "n2")) == ["new=1 n2"]
    assert described(changes, *NODES) == []


@pytest.mark.parametrize("without_evidence", [view(failing={"crm_mon": Status.TIMED_OUT}), view(node("n1", ""))])
def test_a_view_without_evidence_is_skipped(without_evidence: ClusterView) -> None:
    changes = RoutineChanges()
    described(changes, *NODES, instance("r", "n1"))
    assert changes.evaluate(without_evidence) == []
    assert described(changes, *NODES, instance("r", "n1")) == []
    assert described(changes, *NODES, instance("r", "n2")) == ["stop r n1", "start r n2"]
