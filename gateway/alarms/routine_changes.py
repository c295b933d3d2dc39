"""Finds routine changes: successful operations on resources, and changed attributes of nodes. Pure.

They are not conditions, but Pacemaker runs its alert agents for them, and managers have rules that rely on that. They
are sent only in the form of Pacemaker's sample agent (``details`` has the table). Like alarms they are found by
comparing views, so a change that is undone between two collections is not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from gateway.alarms.notification import Details
from gateway.conditions.view import ClusterView
from gateway.subsystems.pacemaker import facts as pacemaker_facts
from gateway.subsystems.pacemaker import metrics as pacemaker_metrics
from gateway.subsystems.pacemaker.evidence import STATES

_IS_PROMOTED = {"promoted": True, "master": True, "started": False, "unpromoted": False, "slave": False}
"""Whether an instance with this role is promoted; with any other role it is between two of these."""

_Key = tuple[str, str]
"""A node, and the name of a resource or an attribute there."""


class RoutineChanges:
    """Compares each view with the last one that had the evidence."""

    def __init__(self) -> None:
        self._promoted: Mapping[_Key, bool] | None = None
        self._attributes: Mapping[_Key, str] = {}

    def evaluate(self, view: ClusterView) -> list[Details]:
        """Returns what changed since the last view, in the order in which Pacemaker does it."""
        if not STATES.is_available(view):
            return []
        promoted = _promoted_instances(view, self._promoted or {})
        attributes = _attribute_values(view)
        changes: list[Details] = []
        if self._promoted is not None:
            changes = [
                *_operations(self._promoted, promoted, view),
                *_changed_attributes(self._attributes, attributes),
            ]
        self._promoted, self._attributes = promoted, attributes
        return changes


def _promoted_instances(view: ClusterView, before: Mapping[_Key, bool]) -> Mapping[_Key, bool]:
    """Returns whether each active instance is promoted; one that is between two roles keeps its earlier one."""
    promoted_instances: dict[_Key, bool] = {}
    for row in view.rows(pacemaker_metrics.RESOURCES, state="active"):
        key = (str(row["node"]), str(row["resource"]))
        promoted = _IS_PROMOTED.get(str(row["role"]), before.get(key))
        if promoted is not None:
            promoted_instances[key] = promoted
    return promoted_instances


def _attribute_values(view: ClusterView) -> Mapping[_Key, str]:
    # not by ``view.rows``: in a row, the number would replace the label ``value``
    samples = view.snapshot.samples_by_metric.get(pacemaker_metrics.NODE_ATTRIBUTES, {})
    return {(node, name): value for node, name, value in samples}


def _operations(before: Mapping[_Key, bool], after: Mapping[_Key, bool], view: ClusterView) -> Iterator[Details]:
    """Yields the operations that lead from one state to the other. On a node that is offline nothing was done."""
    online = pacemaker_facts.online_nodes(view)
    tasks: Mapping[str, Callable[[_Key], bool]] = {
        "demote": lambda key: before.get(key, False) and not after.get(key, False),
        "stop": lambda key: key in before and key not in after,
        "start": lambda key: key in after and key not in before,
        "promote": lambda key: after.get(key, False) and not before.get(key, False),
    }
    instances = sorted(before.keys() | after.keys())
    changed = [key for key in instances if before.get(key) != after.get(key) and key[0] in online]
    for task, was_done in tasks.items():
        for key in filter(was_done, changed):
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


def _changed_attributes(before: Mapping[_Key, str], after: Mapping[_Key, str]) -> Iterator[Details]:
    for (node, name), value in after.items():
        if before.get((node, name)) != value:
            yield {"kind": "attribute", "node": node, "attribute": name, "value": value}
