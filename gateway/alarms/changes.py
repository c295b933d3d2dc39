"""What has changed in the ordinary course of things: operations that went well, and attributes of nodes. Pure.

None of it is a condition. Pacemaker alerts of it, though, and there are rules in managers that count on that; what is
found here is for the form of its sample agent (``compat`` has the table) and for nothing else. It is found as
conditions are, by comparing what Pacemaker shows, so what begins and is over between two looks is not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from gateway.alarms.details import Details
from gateway.conditions.view import ClusterView
from gateway.subsystems.pacemaker import facts as pacemaker_facts
from gateway.subsystems.pacemaker import metrics as pacemaker_metrics
from gateway.subsystems.pacemaker.conditions import has_node_states

_PROMOTED = {"promoted": True, "master": True, "started": False, "unpromoted": False, "slave": False}
"""Whether an instance of this role is promoted; in other roles it is on its way from one to another."""

_Key = tuple[str, str]
"""A node, and what is on it."""


class Changes:
    """Compares each view with the one before that could tell."""

    def __init__(self) -> None:
        self._promoted: Mapping[_Key, bool] | None = None
        self._attributes: Mapping[_Key, str] = {}

    def look(self, view: ClusterView) -> list[Details]:
        """Takes a view in, and returns what has changed, in the order in which Pacemaker does it."""
        if not has_node_states(view):
            return []
        promoted = _instances(view, self._promoted or {})
        samples_by_metric = (
            view.snapshot.samples_by_metric
        )  # in a row, the number would stand where the label `value` is
        attributes = {
            (node, name): value for node, name, value in samples_by_metric.get(pacemaker_metrics.NODE_ATTRIBUTES, {})
        }
        found: list[Details] = []
        if self._promoted is not None:
            found = [*_operations(self._promoted, promoted, view), *_attributes(self._attributes, attributes)]
        self._promoted, self._attributes = promoted, attributes
        return found


def _instances(view: ClusterView, before: Mapping[_Key, bool]) -> Mapping[_Key, bool]:
    """Returns whether each active instance is promoted; one that is on its way is what it was."""
    found: dict[_Key, bool] = {}
    for row in view.rows(pacemaker_metrics.RESOURCES, state="active"):
        key = (str(row["node"]), str(row["resource"]))
        promoted = _PROMOTED.get(str(row["role"]), before.get(key))
        if promoted is not None:
            found[key] = promoted
    return found


def _operations(before: Mapping[_Key, bool], now: Mapping[_Key, bool], view: ClusterView) -> Iterator[Details]:
    """Yields the operations that have led from one to the other. On a node that is gone nothing was done."""
    online = pacemaker_facts.online_nodes(view)
    tasks: Mapping[str, Callable[[_Key], bool]] = {
        "demote": lambda key: before.get(key, False) and not now.get(key, False),
        "stop": lambda key: key in before and key not in now,
        "start": lambda key: key in now and key not in before,
        "promote": lambda key: now.get(key, False) and not before.get(key, False),
    }
    keys = [key for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key) and key[0] in online]
    for task, is_done in tasks.items():
        for key in filter(is_done, keys):
            node, resource = key
            yield {
                "kind": "resource",
                "node": node,
                "resource": resource,
                "task": task,
                "description": "ok",
                "status": "0",
                "rc": "0",
                "target_rc": "0",
            }


def _attributes(before: Mapping[_Key, str], now: Mapping[_Key, str]) -> Iterator[Details]:
    for (node, name), value in now.items():
        if before.get((node, name)) != value:
            yield {"kind": "attribute", "node": node, "attribute": name, "value": value}
