"""The details of an alarm event: facts about its object, for notifications in the forms of other programs.

The key ``kind`` says what the facts are about, and which other keys there are. Unknown values are absent or empty.

============  ================  ===================================================================================
kind          key               value
============  ================  ===================================================================================
``node``      ``node``          the node's name
              ``node_id``       its id in Corosync
              ``address``       its address in ring 0
              ``status``        Corosync's word: ``joined`` or ``left``
              ``description``   Pacemaker's word: ``member`` or ``lost``
``quorum``    ``node``          this node's name
              ``node_id``       its id in Corosync
              ``status``        ``quorate`` or ``not quorate``
``link``      ``node``          this node's name
              ``node_id``       its id in Corosync
              ``peer_id``       the id of the node at the other end
              ``number``        the number of the link
              ``status``        ``operational`` or ``disconnected``
``fencing``   ``node``          the target of the fencing
              ``task``          the operation, such as ``st_notify_fence``
              ``description``   Pacemaker's sentence about it
              ``rc``            0 for success
``resource``  ``node``          where it runs, or ran
              ``resource``      its id
              ``task``          the operation, such as ``monitor``
              ``description``   its result in words, such as ``not running``
              ``status``        how its execution went, a number
              ``rc``            what it returned
              ``target_rc``     what it should have returned
``attribute`` ``node``          the node that has the attribute
              ``attribute``     its name
              ``value``         its value
============  ================  ===================================================================================

Names and values are those of Pacemaker's ``CRM_alert_*`` variables if there are any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from gateway.alarms.alarm_table import AlarmEvent
from gateway.alarms.notification import Change, Details
from gateway.conditions.model import Reason
from gateway.conditions.view import ClusterView
from gateway.subsystems.corosync import metrics as corosync_metrics
from gateway.subsystems.corosync.facts import local_node, local_node_id


def event_details(event: AlarmEvent, view: ClusterView | None) -> tuple[Details, ...]:
    """Returns the details of an event, once for each notification that it is in the forms of other programs.

    There are none for an object that no longer exists: the other programs have no word for it. A summary has none,
    because each of its alarms has its own.
    """
    describe = _DESCRIBERS.get(event.alarm.condition.name)
    if describe is None or view is None or event.reason is Reason.GONE or event.alarm.is_summary:
        return ()
    return tuple(describe(event, view))


def _is_raised(event: AlarmEvent) -> bool:
    return event.change is Change.RAISED


def _this_node(view: ClusterView) -> Details:
    return {"node": local_node(view), "node_id": local_node_id(view)}


def _node(event: AlarmEvent, _view: ClusterView) -> Iterator[Details]:
    name = event.alarm.object
    status, description = ("left", "lost") if _is_raised(event) else ("joined", "member")
    yield {
        "kind": "node",
        "node": name,
        "node_id": event.alarm.fields.get("node_id", ""),
        "status": status,
        "description": description,
    }


def _quorum(event: AlarmEvent, view: ClusterView) -> Iterator[Details]:
    yield {"kind": "quorum", **_this_node(view), "status": "not quorate" if _is_raised(event) else "quorate"}


def _link(event: AlarmEvent, view: ClusterView) -> Iterator[Details]:
    """Yields the details of each peer on the link."""
    number, status = event.alarm.fields["number"], "disconnected" if _is_raised(event) else "operational"
    for row in view.rows(corosync_metrics.LINK_CONNECTED):
        if row["number"] == number and event.alarm.fields.get("node_id", row["peer_node_id"]) == row["peer_node_id"]:
            yield {
                "kind": "link",
                **_this_node(view),
                "peer_id": str(row["peer_node_id"]),
                "number": number,
                "status": status,
            }


def _fencing(event: AlarmEvent, _view: ClusterView) -> Iterator[Details]:
    if _is_raised(event):
        failed = event.alarm.condition.name == "fencing-failed"
        yield {
            "kind": "fencing",
            "node": event.alarm.object,
            "task": "st_notify_fence",
            "description": event.text,
            "rc": "1" if failed else "0",
        }


def _failed_action(event: AlarmEvent, _view: ClusterView) -> Iterator[Details]:
    fields = event.alarm.fields
    if _is_raised(event):
        yield {
            "kind": "resource",
            "node": fields["node"],
            "resource": fields["resource"],
            "task": fields["operation"],
            "description": fields["status"],
            "rc": "1",
        }


_DESCRIBERS: Mapping[str, Callable[[AlarmEvent, ClusterView], Iterator[Details]]] = {
    "quorum-lost": _quorum,
    "node-lost": _node,
    "link-down": _link,
    "link-peer-down": _link,
    "fencing-performed": _fencing,
    "fencing-failed": _fencing,
    "failed-action": _failed_action,
}
