"""What notices carry beyond their text, for notifications in the form of other programs; ``compat`` has the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from gateway.alarms.alarm_table import AlarmEvent
from gateway.alarms.notification import Change
from gateway.conditions.view import ClusterView
from gateway.subsystems.corosync import metrics as corosync_metrics
from gateway.subsystems.corosync.facts import local_node, node_ids

Details = Mapping[str, str]


def details(event: AlarmEvent, view: ClusterView | None) -> list[Details]:
    """Returns what is known of an event, once for each notification that it is in the forms of other programs."""
    describe = _DESCRIBE.get(event.alarm.condition.name)
    if describe is None or view is None:
        return [{}]
    return list(describe(event, view)) or [{}]


def _raised(event: AlarmEvent) -> bool:
    return event.change is Change.RAISED


def _here(view: ClusterView) -> Details:
    return {"node": local_node(view), "node_id": view.accumulated(node_ids).get(local_node(view), "")}


def _node(event: AlarmEvent, view: ClusterView) -> Iterator[Details]:
    name = event.alarm.object
    status, description = ("left", "lost") if _raised(event) else ("joined", "member")
    yield {
        "kind": "node",
        "node": name,
        "node_id": view.accumulated(node_ids).get(name, ""),
        "status": status,
        "description": description,
    }


def _quorum(event: AlarmEvent, view: ClusterView) -> Iterator[Details]:
    yield {"kind": "quorum", **_here(view), "status": "not quorate" if _raised(event) else "quorate"}


def _link(event: AlarmEvent, view: ClusterView) -> Iterator[Details]:
    """One for each peer on the link."""
    number, status = event.alarm.fields["number"], "disconnected" if _raised(event) else "operational"
    for row in view.rows(corosync_metrics.LINK_CONNECTED):
        if row["number"] == number and event.alarm.fields.get("node_id", row["peer_node_id"]) == row["peer_node_id"]:
            yield {
                "kind": "link",
                **_here(view),
                "peer_id": str(row["peer_node_id"]),
                "number": number,
                "status": status,
            }


def _fencing(event: AlarmEvent, view: ClusterView) -> Iterator[Details]:
    del view
    if _raised(event):
        failed = event.alarm.condition.name == "fencing-failed"
        yield {
            "kind": "fencing",
            "node": event.alarm.object,
            "task": "st_notify_fence",
            "description": event.text,
            "rc": "1" if failed else "0",
        }


def _failed_action(event: AlarmEvent, view: ClusterView) -> Iterator[Details]:
    del view
    fields = event.alarm.fields
    if _raised(event):
        yield {
            "kind": "resource",
            "node": fields["node"],
            "resource": fields["resource"],
            "task": fields["operation"],
            "description": fields["status"],
            "rc": "1",
        }


_DESCRIBE: Mapping[str, Callable[[AlarmEvent, ClusterView], Iterator[Details]]] = {
    "quorum-lost": _quorum,
    "node-lost": _node,
    "link-down": _link,
    "link-peer-down": _link,
    "fencing-performed": _fencing,
    "fencing-failed": _fencing,
    "failed-action": _failed_action,
}
