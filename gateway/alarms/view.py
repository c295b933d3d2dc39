"""A snapshot as conditions look at it: its rows by name, which tools have answered, and what is remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from gateway import catalog
from gateway.samples import Labels, Metric
from gateway.snapshot import Snapshot
from gateway.status import Status

Row = Mapping[str, str | float]
"""A sample: its labels and flags by their names, and its number as ``value``."""

_NOWHERE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What has to be remembered over snapshots that did not see it.

    Attributes:
        places: where each resource that is no clone was active last: node names.
        fenced: when each node was fenced last, in Unix seconds.
        members: the id of each node that was a member of Corosync's partition, by name.
    """

    places: Mapping[str, frozenset[str]]
    fenced: Mapping[str, float]
    members: Mapping[str, str]


def _chooser(places: Sequence[int]) -> Callable[[Labels], tuple[str, ...]]:
    """Returns what returns the labels in some places, in the time of one step of a loop."""
    if len(places) > 1:
        return itemgetter(*places)
    return itemgetter(slice(places[0], places[0] + 1) if places else slice(0))


class View:
    """One snapshot, and what is known from those before it.

    Args:
        snapshot: the state of the cluster.
        before: the view of the snapshot before, or None for the first.

    Attributes:
        before: what is known from the snapshots before; None for the first.
        memory: the same with this one.
        active: the clones that have active instances, and the other resources that are active.
        places: the nodes on which each resource that is no clone is active.
    """

    def __init__(self, snapshot: Snapshot, before: View | None = None) -> None:
        self.snapshot = snapshot
        self.before: Memory | None = before.memory if before is not None else None
        self.active: set[str] = set()
        self.places = self._locate()
        self.memory: Memory = self._remember(self.before or Memory(places={}, fenced={}, members={}))

    # --- asking ------------------------------------------------------------------------------------------------------

    def knows(self, collector: str, command: str) -> bool:
        """Returns whether a command was answered, or its subsystem is absent: then nothing is wrong with that."""
        report = self.snapshot.collectors.get(collector)
        if report is None:
            return False
        if not report.present:
            return True
        return any(found.status is Status.OK for found in report.commands if found.name == command)

    def has(self, metric: Metric) -> bool:
        """Returns whether there are samples of a metric."""
        return bool(self.snapshot.families.get(metric))

    def rows(self, metric: Metric, *, state: str = "", **labels: str) -> Iterator[Row]:
        """Yields the samples of a metric.

        Args:
            metric: the metric.
            state: the state that has to be on. A large cluster has thousands of samples, and hardly any of interest:
                those that are not are passed over before anything is made of them.
            labels: the values that labels have to have.
        """
        flag = metric.states.index(state) if state else -1
        wanted, chosen = tuple(labels.values()), _chooser([metric.labels.index(name) for name in labels])
        for found, value in self.snapshot.families.get(metric, {}).items():
            flags = value if isinstance(value, tuple) else ()
            if (flag >= 0 and not flags[flag]) or chosen(found) != wanted:
                continue
            row: dict[str, str | float] = dict(zip(metric.labels, found, strict=True))
            if isinstance(value, tuple):
                row.update(zip(metric.states, value, strict=True))
            else:
                row["value"] = value
            yield row

    def number(self, metric: Metric) -> float | None:
        """Returns the number of a metric without labels, or None."""
        value = self.snapshot.families.get(metric, {}).get(())
        assert not isinstance(value, tuple)
        return value

    # --- who and where -----------------------------------------------------------------------------------------------

    @property
    def node(self) -> str:
        """The name of this node, or "" where it is not known."""
        return next(
            (str(row["node"]) for row in self.rows(catalog.COROSYNC_MEMBER_VOTES) if row["local"] == "true"), ""
        )

    @property
    def dc(self) -> str:
        """The name of the designated controller's node; "" while there is none, or where that is not known."""
        return next((str(row["dc"]) for row in self.rows(catalog.PACEMAKER_INFO)), "")

    @property
    def cluster(self) -> str:
        """The name of the cluster, or "" where it is not known."""
        infos = (*self.rows(catalog.PACEMAKER_INFO), *self.rows(catalog.COROSYNC_INFO))
        return next((str(row["cluster_name"]) for row in infos if row["cluster_name"]), "")

    @property
    def online(self) -> frozenset[str]:
        """The names of the nodes that are online."""
        return frozenset(str(row["node"]) for row in self.rows(catalog.PACEMAKER_NODES, state="online"))

    # --- remembering -------------------------------------------------------------------------------------------------

    def _remember(self, before: Memory) -> Memory:
        members = {str(row["node"]): str(row["node_id"]) for row in self.rows(catalog.COROSYNC_MEMBER_VOTES)}
        return Memory(
            places={**before.places, **self.places},
            fenced={**before.fenced, **self.fenced()},
            members={**before.members, **members},
        )

    def _locate(self) -> Mapping[str, frozenset[str]]:
        """Returns the nodes on which each resource that is no clone is active."""
        node, resource, clone = map(catalog.PACEMAKER_RESOURCES.labels.index, ("node", "resource", "clone"))
        active = catalog.PACEMAKER_RESOURCES.states.index("active")
        alone: dict[str, frozenset[str]] = {}
        for labels, flags in self.snapshot.families.get(catalog.PACEMAKER_RESOURCES, {}).items():
            assert isinstance(flags, tuple)
            if flags[active]:
                self.active.add(labels[clone] or labels[resource])
                if labels[node] and not labels[clone]:
                    name = labels[resource]
                    alone[name] = alone.get(name, _NOWHERE) | {labels[node]}
        return alone

    def fenced(self) -> Mapping[str, float]:
        """Returns when each node was fenced last, successfully."""
        return self.fencing("success")

    def fencing(self, status: str) -> Mapping[str, float]:
        """Returns when fencing each node last ended in a status, in Unix seconds."""
        found: dict[str, float] = {}
        for row in self.rows(catalog.PACEMAKER_FENCE_EVENTS_TIMESTAMP):
            if row["status"] == status:
                target, time = str(row["target"]), float(row["value"])
                found[target] = max(time, found.get(target, time))
        return found
