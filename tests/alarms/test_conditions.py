"""Every condition is raised and cleared: on recordings of clusters if there are any, otherwise on samples."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest

from gateway.alarms.alarm_table import AlarmEvent, AlarmTable
from gateway.alarms.notification import Change
from gateway.catalog import ACCUMULATORS, CONDITION_BY_NAME, CONDITIONS
from gateway.conditions.model import Condition
from gateway.conditions.view import ClusterView
from gateway.frontends.snmp.notifications.rendering import notification_name
from gateway.snapshot import Snapshot
from gateway.snmp.mib.module import mib
from gateway.subsystems.drbd import metrics as drbd_metrics
from gateway.subsystems.pacemaker import metrics as pacemaker_metrics
from gateway.subsystems.sbd import metrics as sbd_metrics
from tests.alarms.snapshots import DC, Sample, make_snapshot, node
from tests.alarms.stack_walks import WALKS
from tests.gateway_pages import demo_snapshot, lab_snapshot

LONG = 1000.0
"""More seconds than any condition waits for."""


def snapshot_of(*samples: Sample) -> Snapshot:
    return make_snapshot(DC, *samples)


async def load(of: str | Snapshot) -> Snapshot:
    if isinstance(of, Snapshot):
        return of
    source, _, situation = of.partition("/")
    return await {"lab": lab_snapshot, "demo": demo_snapshot}[source](situation)


def vip_on(node_name: str) -> Sample:
    return (
        pacemaker_metrics.RESOURCES,
        (True, False, False, False, False),
        (node_name, "vip", "started", "true", "a", "", ""),
    )


def instances(
    name: str, role: str, on: str = "", *, group: str = "", clone: str = "", target_role: str = ""
) -> tuple[Sample, ...]:
    flags = (bool(on), False, False, False, False)
    sample: Sample = (pacemaker_metrics.RESOURCES, flags, (on, name, role, "true", "a", group, clone))
    info: Sample = (pacemaker_metrics.RESOURCE_INFO, 1, (name, on, group, clone, target_role, "", "", "false"))
    return (sample, info) if target_role else (sample,)


def fenced(time: float, status: str = "success", action: str = "reboot") -> Sample:
    return pacemaker_metrics.FENCE_EVENTS_TIMESTAMP, time, ("n3", action, status, "n1", "n2")


def timeouts(watchdog: int, msgwait: int) -> Snapshot:
    device = "/dev/sdb"
    return snapshot_of(
        (sbd_metrics.TIMEOUTS, watchdog, (device, "watchdog")), (sbd_metrics.TIMEOUTS, msgwait, (device, "msgwait"))
    )


def disk(state: str, lost: int) -> Snapshot:
    labels = ("r0", "0")
    return snapshot_of(
        (drbd_metrics.RESOURCES, 1, ("r0", "Secondary", "0", state)),
        (drbd_metrics.DISKLESS_UNINTENTIONAL, lost, labels),
    )


RECOVERED: dict[str, str | Snapshot] = {
    "fencing-failed": snapshot_of(node("n3", "online")),
    "unfencing-failed": snapshot_of(node("n3"), fenced(5, "failed", "on"), fenced(6, action="on")),
}
"""For each condition that is not over once it is no longer shown: a snapshot that proves that it is over."""

STUCK = "stuck on node3"
ONLINE = (node("n1", "online"), node("n2", "online"))

CASES: dict[str, tuple[str | Snapshot, str | Snapshot, Sequence[str]]] = {
    "quorum-lost": ("lab/healthy", "lab/quorum-lost", [""]),
    "votes-missing": ("lab/healthy", "lab/node-lost", [""]),
    "qdevice-lost": ("lab/qdevice", "lab/qdevice-lost", [""]),
    "qdevice-no-vote": ("demo/arbitrated", "demo/arbitrator-lost", [""]),
    "qnetd-last-node": ("demo/arbitrator", "demo/arbitrator-one-left", ["geo"]),
    "qnetd-node-missing": ("demo/arbitrator", "demo/arbitrator-one-left", ["node 2 of geo"]),
    "corosync-down": ("lab/healthy", "lab/corosync-killed", [""]),
    "pacemaker-down": ("lab/healthy", "lab/pacemaker-stopped", [""]),
    "dc-missing": ("lab/healthy", "lab/no-dc", [""]),
    "maintenance-mode": ("lab/healthy", "lab/maintenance-mode", [""]),
    "fencing-disabled": ("lab/fenced", "lab/healthy", [""]),
    "node-lost": ("lab/healthy", "lab/quorum-lost", ["node2", "node3"]),
    "node-unclean": ("lab/healthy", "lab/fencing-pending", ["node3"]),
    "node-pending": (snapshot_of(node("n2", "online")), snapshot_of(node("n2", "pending")), ["n2"]),
    "node-standby": ("lab/healthy", "lab/standby", ["node2"]),
    "node-maintenance": ("lab/healthy", "lab/standby", ["node3"]),
    "remote-unreachable": ("lab/remote/online", "lab/remote/unreachable", ["edge1"]),
    "remote-disconnected": ("lab/remote/online", "lab/remote/stopped", ["edge1"]),
    "remote-host-disconnected": ("lab/remote/online-on-remote", "lab/remote/stopped-on-remote", [""]),
    "fencing-performed": (snapshot_of(fenced(100)), snapshot_of(fenced(200)), ["n3"]),
    "fencing-failed": (snapshot_of(node("n3")), snapshot_of(node("n3"), fenced(5, "failed")), ["n3"]),
    "unfencing-failed": (snapshot_of(node("n3")), snapshot_of(node("n3"), fenced(5, "failed", "on")), ["n3"]),
    "resource-failed": ("lab/healthy", "lab/stop-failed", [STUCK]),
    "resource-blocked": ("lab/healthy", "lab/stop-failed", [STUCK]),
    "resource-stopped": ("lab/healthy", "lab/start-failed", ["broken"]),
    "resource-moved": (snapshot_of(vip_on("n1"), *ONLINE), snapshot_of(vip_on("n2"), *ONLINE), ["vip"]),
    "fail-count": ("lab/healthy", "lab/stop-failed", [STUCK]),
    "failed-action": ("lab/healthy", "lab/resource-failed", ["monitor of vip on node1"]),
    "move-left-behind": ("lab/healthy", "lab/moved", ["cli-prefer-vip"]),
    "link-down": ("lab/healthy", "lab/link-lost-seen-there", ["link 1"]),
    "link-peer-down": ("lab/healthy", "lab/link-lost", ["link 1 to node3"]),
    "sbd-device": ("demo/healthy", "demo/device-replaced", ["/dev/loop1"]),
    "sbd-timeouts": (timeouts(5, 10), timeouts(5, 9), ["/dev/sdb"]),
    "drbd-disk": (disk("uptodate", 0), disk("inconsistent", 0), ["r0/0"]),
    "drbd-connection": ("demo/healthy", "demo/node-lost", ["r-nfs to node3"]),
    "drbd-split-brain": ("demo/healthy", "demo/recovery", ["r-backup/0"]),
    "drbd-quorum": ("demo/healthy", "demo/quorum-lost", ["r-nfs/0"]),
    "drbd-suspended": ("demo/healthy", "demo/quorum-lost", ["r-nfs"]),
    "collector-failing": ("demo/healthy", "demo/device-replaced", ["sbd"]),
}
"""For each condition a snapshot without it, one with it, and its objects. Those without have walks."""


class Watch:
    """An alarm table that evaluates one snapshot after the other, with much time between them."""

    def __init__(self) -> None:
        self.table = AlarmTable()
        self.now = 0.0
        self._view: ClusterView | None = None

    def evaluate(self, snapshot: Snapshot) -> list[AlarmEvent]:
        self._view = ClusterView(snapshot, self._view, accumulators=ACCUMULATORS)
        events = self.table.evaluate(self._view, now=self.now, time=self.now)
        self.now += LONG
        return [*events, *self.table.on_timer(now=self.now)]


def objects_of(events: list[AlarmEvent], condition: str, change: Change) -> list[str]:
    return sorted(
        event.alarm.object for event in events if event.alarm.condition.name == condition and event.change is change
    )


@pytest.mark.parametrize("name", CASES)
async def test_a_condition_is_raised_and_cleared(name: str) -> None:
    without, with_condition, objects = CASES[name]
    watch = Watch()
    watch.evaluate(await load(without))
    assert name not in {alarm.condition.name for alarm in watch.table.active}
    events = watch.evaluate(await load(with_condition))
    assert objects_of(events, name, Change.RAISED) == objects
    # an event expires by itself; undoing it would be another event
    after = with_condition if CONDITION_BY_NAME[name].expires_after else RECOVERED.get(name, without)
    events += watch.evaluate(await load(after))
    assert objects_of(events, name, Change.CLEARED) == objects
    assert name not in {alarm.condition.name for alarm in watch.table.active}
    for event in events:
        assert event.text
        assert not re.search(r"[{}]|  |None|\binf\b|\bnan\b", event.text), event.text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("resource-failed", f"{STUCK} has failed"),
        ("resource-blocked", f"{STUCK} is blocked"),
        ("fail-count", "stuck has failed on node3 and may not run there"),
    ],
)
async def test_a_stop_that_has_failed_in_plain_words(name: str, text: str) -> None:
    watch = Watch()
    watch.evaluate(await load("lab/stop-failed"))
    (alarm,) = (alarm for alarm in watch.table.active if alarm.condition.name == name)
    assert alarm.text == text


@pytest.mark.parametrize(("count", "text"), [(1.0, "r has failed once on n"), (3.0, "r has failed 3 times on n")])
def test_how_often_a_resource_has_failed(count: float, text: str) -> None:
    watch = Watch()
    watch.evaluate(
        snapshot_of(
            node("n", "online"),
            (pacemaker_metrics.FAIL_COUNT, count, ("n", "r")),
            (pacemaker_metrics.MIGRATION_THRESHOLD, 1, ("n", "r")),
        )
    )
    (alarm,) = (alarm for alarm in watch.table.active if alarm.condition.name == "fail-count")
    assert alarm.text == f"{text} and may not run there"


def test_every_condition_has_a_case() -> None:
    assert CASES.keys() | WALKS.keys() == {condition.name for condition in CONDITIONS}


# --- no alarms ---------------------------------------------------------------------------------------------------


async def newly_raised(before: str | Snapshot, after: str | Snapshot) -> list[str]:
    watch = Watch()
    watch.evaluate(await load(before))
    return [event.alarm.condition.name for event in watch.evaluate(await load(after)) if event.change is Change.RAISED]


async def test_a_healthy_cluster_has_no_alarm_except_for_the_fencing_that_the_lab_lacks() -> None:
    watch = Watch()
    watch.evaluate(await load("lab/healthy"))
    assert [alarm.condition.name for alarm in watch.table.active] == ["fencing-disabled"]


async def test_a_lost_node_raises_no_alarm_about_its_links() -> None:
    assert "link-peer-down" not in await newly_raised("lab/healthy", "lab/node-lost")
    assert "link-down" not in await newly_raised("lab/healthy", "lab/node-lost")


async def test_without_a_designated_controller_no_alarm_about_nodes_is_raised() -> None:
    assert await newly_raised("lab/healthy", "lab/no-dc") == ["dc-missing"]


async def test_without_permissions_only_failing_collectors_are_raised() -> None:
    assert set(await newly_raised("lab/healthy", "lab/not-permitted")) == {"collector-failing"}


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(disk("diskless", 0), id="a diskless DRBD client"),
        pytest.param(snapshot_of(vip_on("n1")), id="a resource that starts for the first time"),
        pytest.param(snapshot_of(fenced(100)), id="fencing that happened before"),
        pytest.param(
            snapshot_of((pacemaker_metrics.FAIL_COUNT, 5, ("n", "r"))), id="failures without a migration threshold"
        ),
        pytest.param(
            snapshot_of(
                (pacemaker_metrics.LOCATION_CONSTRAINTS, -1e9, ("my-ban", "n", "r", "")),
                (pacemaker_metrics.LOCATION_CONSTRAINTS, 0, ("cli-prefer-r", "n", "r", "")),
            ),
            id="constraints of the administrator",
        ),
        pytest.param(
            snapshot_of(
                (
                    pacemaker_metrics.RESOURCES,
                    (False, False, False, False, False),
                    ("", "backup", "stopped", "true", "a", "", ""),
                ),
                (pacemaker_metrics.RESOURCE_INFO, 1, ("backup", "", "", "", "stopped", "", "", "false")),
            ),
            id="a resource that is stopped on purpose",
        ),
        pytest.param(
            snapshot_of(node("guest", node_type="remote"), (pacemaker_metrics.GUEST_NODES, 1, ("guest", "vm"))),
            id="a guest node whose resource is stopped",
        ),
        pytest.param(
            snapshot_of(
                *instances("web", "stopped", group="g-web"),
                *instances("db", "unpromoted", "n1", clone="ms-db"),
                (pacemaker_metrics.TICKETS, (False, True, False), ("berlin",)),
                (pacemaker_metrics.TICKET_CONSTRAINTS, 1, ("a", "g-web", "", "berlin", "stop")),
                (pacemaker_metrics.TICKET_CONSTRAINTS, 1, ("b", "ms-db", "master", "berlin", "demote")),
            ),
            id="resources that lack a ticket",
        ),
        pytest.param(snapshot_of(fenced(200, action="on")), id="unfencing"),
        pytest.param(snapshot_of(fenced(50), fenced(100)), id="an older fencing beside the known one"),
        pytest.param(
            snapshot_of(node("n1", "online"), *instances("db", "unpromoted", "n1", clone="ms", target_role="slave")),
            id="a clone that must not be promoted",
        ),
    ],
)
async def test_no_alarm_is_raised(after: Snapshot) -> None:
    assert await newly_raised(snapshot_of(fenced(100)), after) == []


# --- the table -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: str(condition.name))
def test_a_condition_has_well_formed_texts(condition: Condition) -> None:
    assert re.fullmatch("[a-z]+(-[a-z]+)*", condition.name)
    assert {
        notification_name(condition.category, change) for change in (Change.RAISED, Change.CLEARED)
    } <= mib().notifications.keys()
    sentence: Callable[[str], object] = re.compile(r"[`A-Z{].*[^.]").fullmatch
    assert sentence(condition.raised)
    assert sentence(condition.cleared)
    for text in (condition.meaning, condition.action):
        assert text.endswith(".")
    assert ("{" in condition.raised) >= bool(condition.about)
    assert not (condition.hold and condition.expires_after)
