"""For each condition the samples, of our own making, that show it as present, absent, unknown and gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.subsystems.pacemaker import metrics
from tests.alarms.snapshots import DC, Sample, node


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """The samples that show the states of a condition's object.

    Attributes:
        object: the object.
        before: shows that the condition is not there yet.
        present: shows the condition.
        absent: proves that it is over; None for an event.
        gone: proves that the object no longer exists; None if it cannot vanish.
        unused_when_gone: whether its subsystem is merely installed then.
        unknown: samples that prove nothing about the object, although the tools succeed.
        collector: the collector whose subsystem is removed in the end; empty for a condition of the gateway.
    """

    object: str = ""
    before: Sequence[Sample]
    present: Sequence[Sample]
    absent: Sequence[Sample] | None
    gone: Sequence[Sample] | None = None
    unused_when_gone: bool = False
    unknown: Sequence[Sequence[Sample]] = ()
    collector: str = "pacemaker"


UP: Sample = (metrics.UP, 1, ())
NO_DC: Sample = (metrics.INFO, 1, ("2.1.5", "", "corosync", "demo"))
LISTED: Sample = (metrics.RESOURCES_UNLISTED, 0, ())
UNLISTED: Sample = (metrics.RESOURCES_UNLISTED, 2, ())
SYMMETRIC: Sample = (metrics.CLUSTER_OPTION, 1, ("symmetric-cluster",))
NORMAL: Sample = (metrics.MAINTENANCE_MODE_ENABLED, 0, ())
MAINTENANCE: Sample = (metrics.MAINTENANCE_MODE_ENABLED, 1, ())
N1, N2 = node("n1", "online"), node("n2", "online")


def resource(
    name: str, role: str = "started", on: str = "n1", *states: str, clone: str = "", managed: str = "true"
) -> Sample:
    active = () if role == "stopped" else ("active",)
    flags = tuple(state in (*states, *active) for state in metrics.RESOURCES.states)
    return metrics.RESOURCES, flags, (on, name, role, managed, "ocf:pacemaker:Dummy", "", clone)


def fenced(time: float, status: str, action: str = "reboot") -> Sample:
    return metrics.FENCE_EVENTS_TIMESTAMP, time, ("n2", action, status, "n1" * (status == "success"), "n1")


def health(color: str) -> Sample:
    return metrics.NODE_HEALTH, tuple(color == state for state in metrics.NODE_HEALTH.states), ("n2",)


def replicas(running: int) -> tuple[Sample, ...]:
    return (
        (metrics.BUNDLE_REPLICAS, running, ("web", "running")),
        (metrics.BUNDLE_REPLICAS, 2, ("web", "total")),
        resource("web-0", clone="web"),
        resource("web-1", *(("stopped", "") if running < 2 else ("started", "n2")), clone="web"),
    )


def of_node(*states: str, absent: Sequence[str] = ("online",), unknown: Sequence[Sequence[str]] = ()) -> Walk:
    return Walk(
        object="n2",
        before=(DC, N1, N2),
        present=(DC, N1, node("n2", *states)),
        absent=(DC, N1, node("n2", *absent)),
        gone=(DC, N1),
        unknown=((NO_DC, N1, N2), (DC,), *((DC, N1, node("n2", *each)) for each in unknown)),
    )


def of_health(color: str) -> Walk:
    return Walk(
        object="n2",
        before=(DC, N1, N2, health("green")),
        present=(DC, N1, N2, health(color)),
        absent=(DC, N1, N2, health("green")),
        gone=(DC, N1),
        unknown=((NO_DC, N1, N2, health("green")), (DC, N1, N2), (DC, N1, node("n2"), health("green"))),
    )


def of_option(metric_name: str, *, bad: int) -> Walk:
    metric = {"maintenance": metrics.MAINTENANCE_MODE_ENABLED, "fencing": metrics.STONITH_ENABLED}[metric_name]
    return Walk(
        before=(DC, (metric, 1 - bad, ())),
        present=(DC, (metric, bad, ())),
        absent=(DC, (metric, 1 - bad, ())),
        unknown=((DC,),),
    )


def connection(state: str, name: str = "r1") -> tuple[Sample, ...]:
    """Returns a remote node, the resource that connects to it, and the state of the connection."""
    flags = tuple(state == each for each in metrics.REMOTE_CONNECTION.states)
    place = () if state == "stopped" else ("started", "n1")
    _, value, labels = resource(name, *(place or ("stopped", "")))
    agent = metrics.RESOURCES.labels.index("agent")
    remote = (*labels[:agent], "ocf:pacemaker:remote", *labels[agent + 1 :])
    return (
        node(name, *(("online",) if state == "connected" else ()), node_type="remote"),
        (metrics.RESOURCES, value, remote),
        (metrics.REMOTE_CONNECTION, flags, (name,)),
    )


def role(target: str) -> Sample:
    return metrics.RESOURCE_INFO, 1, ("r1", "", "", "", target, "", "", "")


MAY_RUN: Sample = (metrics.CLUSTER_OPTION, 0, ("stop-all-resources",))
QUORATE: Sample = (metrics.QUORATE, 1, ())
NODES = (DC, LISTED, N1, N2, MAY_RUN, QUORATE)
CLONE = (*NODES, SYMMETRIC, NORMAL)
GONE = (*CLONE, resource("other"))
HIDDEN = (DC, UNLISTED, N1, N2, SYMMETRIC, NORMAL)
FAIL_COUNT = (metrics.FAIL_COUNT, 3, ("n2", "db")), (metrics.MIGRATION_THRESHOLD, 3, ("n2", "db"))
OTHER_HISTORY: Sample = (metrics.MIGRATION_THRESHOLD, 3, ("n2", "other"))
FAILED: Sample = (metrics.FAILED_ACTIONS, 1, ("n2", "db", "monitor", "10000", "error"))
BAN: Sample = (metrics.LOCATION_CONSTRAINTS, -float("inf"), ("cli-ban-db-on-n2", "n2", "db", ""))

PACEMAKER: Mapping[str, Walk] = {
    "pacemaker-down": Walk(
        before=(UP,),
        present=((metrics.UP, 0, ()),),
        absent=(UP,),
        gone=((metrics.UP, 0, ()),),
        unused_when_gone=True,
        unknown=((),),
    ),
    "dc-missing": Walk(before=(UP, DC), present=(UP, NO_DC), absent=(UP, DC)),
    "maintenance-mode": of_option("maintenance", bad=1),
    "fencing-disabled": of_option("fencing", bad=0),
    "stop-all-resources": Walk(
        before=(DC,),
        present=(DC, (metrics.CLUSTER_OPTION, 1, ("stop-all-resources",))),
        absent=(DC, (metrics.CLUSTER_OPTION, 0, ("stop-all-resources",))),
        unknown=((DC,),),
    ),
    "node-lost": of_node(unknown=(("online", "pending"), ("pending",))),
    "node-unclean": of_node("unclean", absent=()),
    "node-pending": of_node("pending", absent=()),
    "node-standby": of_node("online", "standby", unknown=((), ("online", "pending"))),
    "node-maintenance": of_node("online", "maintenance", unknown=((), ("pending",))),
    "remote-unreachable": Walk(
        object="r1",
        before=(*NODES, *connection("connected")),
        present=(*NODES, *connection("stopped")),
        absent=(*NODES, *connection("connected")),
        gone=NODES,
        unknown=(
            (NO_DC, LISTED),
            (DC, LISTED, N1, N2, MAY_RUN, *connection("stopped")),  # without quorum, another partition may connect
            (*NODES, *connection("stopped")[:2]),
        ),
    ),
    "remote-disconnected": Walk(
        object="r1",
        before=(*NODES, *connection("connected")),
        present=(*NODES, *connection("stopped"), role("stopped")),
        absent=(*NODES, *connection("failed"), role("started")),
        gone=NODES,
        unknown=((NO_DC, LISTED), (*NODES, *connection("stopped")[:2], role("stopped"))),
    ),
    "remote-host-disconnected": Walk(
        before=(UP, (metrics.REMOTE_CONNECTED, 1, ())),
        present=(UP, (metrics.REMOTE_CONNECTED, 0, ())),
        absent=(UP, (metrics.REMOTE_CONNECTED, 1, ())),
        unknown=((), (UP,)),
    ),
    "node-health-red": of_health("red"),
    "node-health-yellow": of_health("yellow"),
    "fencing-performed": Walk(object="n2", before=(DC, N1), present=(DC, N1, fenced(1e9, "success")), absent=None),
    "fencing-failed": Walk(
        object="n2",
        before=(DC, N1, node("n2", "unclean")),
        present=(DC, N1, node("n2", "unclean"), fenced(5, "failed")),
        absent=(DC, N1, node("n2"), fenced(5, "failed"), fenced(9, "success")),
        gone=(DC, N1),
        unknown=(
            (DC, N1, node("n2", "unclean")),
            (DC, N1, node("n2")),
            (DC, N1, node("n2"), fenced(9, "success", "on")),
        ),
    ),
    "unfencing-failed": Walk(
        object="n2",
        before=(DC, N1, N2),
        present=(DC, N1, N2, fenced(5, "failed", "on")),
        absent=(DC, N1, N2, fenced(5, "failed", "on"), fenced(9, "success", "on")),
        gone=(DC, N1),
        unknown=((DC, N1, N2),),
    ),
    "resource-failed": Walk(
        object="db on n1",
        before=NODES,
        present=(*NODES, resource("db", "started", "n1", "failed")),
        absent=(*NODES, resource("db", "started", "n2")),
        gone=GONE,
        unknown=(HIDDEN, (NO_DC, LISTED)),
    ),
    "resource-blocked": Walk(
        object="db on n1",
        before=NODES,
        present=(*NODES, resource("db", "started", "n1", "blocked")),
        absent=(*NODES, resource("db")),
        gone=GONE,
        unknown=(HIDDEN, (NO_DC, LISTED)),
    ),
    "resource-stopped": Walk(
        object="db",
        before=(*NODES, resource("db")),
        present=(*NODES, resource("db", "stopped", "")),
        absent=(*NODES, resource("db", "started", "n2")),
        gone=GONE,
        unknown=(HIDDEN, (NO_DC, LISTED, resource("db", "stopped", ""))),
    ),
    "clone-degraded": Walk(
        object="c",
        before=CLONE,
        present=(*CLONE, resource("db", clone="c"), resource("db", "stopped", "", clone="c")),
        absent=(*CLONE, resource("db", clone="c"), resource("db", "started", "n2", clone="c")),
        gone=GONE,
        unknown=(HIDDEN, (*CLONE, resource("db", "stopped", "", clone="c", managed="false"))),
    ),
    "bundle-degraded": Walk(
        object="web",
        before=(*CLONE, *replicas(2)),
        present=(*CLONE, *replicas(1)),
        absent=(*CLONE, *replicas(2)),
        gone=GONE,
        unknown=(HIDDEN,),
    ),
    "promoted-missing": Walk(
        object="c",
        before=CLONE,
        present=(*CLONE, resource("db", "unpromoted", clone="c"), resource("db", "slave", "n2", clone="c")),
        absent=(*CLONE, resource("db", "promoted", clone="c"), resource("db", "unpromoted", "n2", clone="c")),
        gone=GONE,
        unknown=(
            HIDDEN,
            (*CLONE, resource("db", "promoting", clone="c")),
            (*CLONE, resource("db", "stopped", clone="c")),
        ),
    ),
    "resource-unmanaged": Walk(
        object="db",
        before=CLONE,
        present=(*CLONE, resource("db", managed="false")),
        absent=(*CLONE, resource("db")),
        gone=GONE,
        unknown=(HIDDEN, (DC, MAINTENANCE, LISTED, N1, resource("db", managed="false"))),
    ),
    "resource-moved": Walk(
        object="db", before=(*CLONE, resource("db")), present=(*CLONE, resource("db", on="n2")), absent=None
    ),
    "fail-count": Walk(
        object="db on n2",
        before=CLONE,
        present=(*CLONE, resource("db"), *FAIL_COUNT),
        absent=(*CLONE, resource("db"), OTHER_HISTORY),
        gone=GONE,
        unknown=(
            HIDDEN[:2],
            (*CLONE, resource("db")),
            (DC, UNLISTED, N1, node("n2"), OTHER_HISTORY),
            (*CLONE, resource("db"), FAIL_COUNT[1]),
        ),
    ),
    "failed-action": Walk(
        object="monitor of db on n2",
        before=CLONE,
        present=(*CLONE, resource("db"), FAILED),
        absent=(*CLONE, resource("db")),
        gone=GONE,
        unknown=(HIDDEN[:2], (DC, UNLISTED, N1, node("n2"))),
    ),
    "move-left-behind": Walk(
        object="cli-ban-db-on-n2",
        before=CLONE,
        present=(*CLONE, BAN),
        absent=(*CLONE, (metrics.LOCATION_EXPIRED, 1, BAN[2])),
        gone=CLONE,
    ),
}
