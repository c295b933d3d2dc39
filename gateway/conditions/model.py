"""The model of a condition: one thing that can be wrong, and how it is recognized in a view of a snapshot.

Conditions are pure. For each object of a condition, a view shows one of four things:

- *present*: ``find`` yields the object;
- *absent*: it does not, and ``absent`` proves from the view that the condition is over;
- *gone*: ``gone`` proves from the view that the object no longer exists;
- *unknown*: none of these. An unknown object is neither raised nor cleared.

So a condition is never cleared because something is missing from a view. ``absent`` and ``gone`` are tested only for
the objects that have an alarm and that ``find`` does not yield, which are few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from gateway.conditions.view import ClusterView


class Severity(StrEnum):
    """How serious a condition is, the most serious first."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """The position in the order; 0 for the most serious."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Reason(StrEnum):
    """Why an alarm was cleared."""

    NONE = "none"
    """It was not cleared."""
    RECOVERED = "recovered"
    """The condition is over."""
    GONE = "gone"
    """The object no longer exists, for example because it was removed from the configuration."""
    EXPIRED = "expired"
    """It was about an event, as opposed to a state, and enough time has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """Conditions that share a pair of notifications, one for raise and one for clear.

    Attributes:
        name: the name in CamelCase, from which each protocol derives the names of its notifications.
        title: the heading in the documentation.
        rank: conditions of a lower rank are evaluated, and therefore notified, first.
    """

    name: str
    title: str
    rank: int


QUORUM_LOSS = Category(name="QuorumLoss", title="Quorum", rank=0)
QUORUM = Category(name="Quorum", title="Quorum", rank=1)
CLUSTER = Category(name="Cluster", title="The cluster", rank=2)
NODE = Category(name="Node", title="Nodes", rank=3)
FENCING = Category(name="Fencing", title="Fencing", rank=4)
RESOURCE = Category(name="Resource", title="Resources", rank=5)
LINK = Category(name="Link", title="Links", rank=6)
SBD = Category(name="Sbd", title="SBD", rank=7)
DRBD = Category(name="Drbd", title="DRBD", rank=8)
BOOTH = Category(name="Booth", title="Booth", rank=9)
COLLECTOR = Category(name="Collector", title="The gateway", rank=10)

PROTECTED_CATEGORIES = frozenset({QUORUM_LOSS, QUORUM, NODE})
"""The categories whose alarms every receiver gets one by one, however many notifications there are."""


class Finding(NamedTuple):
    """An object for which a condition is true.

    Attributes:
        object: identifies it among the findings of the condition; empty for the cluster or this node.
        fields: values for the texts of the condition, and anything else known about the object.
    """

    object: str
    fields: Mapping[str, str]


Find = Callable[[ClusterView], Iterable[Finding]]
"""Yields the objects for which a condition is true."""
Holds = Callable[[ClusterView, Finding], object]
"""Returns whether a view proves something about an object; the finding is the last one about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a condition is read from. Without it, nothing is found and nothing is proved.

    Attributes:
        collector: the name of the collector. If its subsystem was removed, the objects are gone.
        commands: its commands that must have succeeded.
        requires: whether the view has what else is needed.
    """

    collector: str = ""
    commands: tuple[str, ...] = ()
    requires: Callable[[ClusterView], object] = lambda _view: True

    def is_available(self, view: ClusterView) -> bool:
        """Returns whether a view can prove anything about the condition."""
        return all(view.has_succeeded(self.collector, command) for command in self.commands) and bool(
            self.requires(view)
        )

    def is_removed(self, view: ClusterView) -> bool:
        """Returns whether the subsystem was removed from this host."""
        return view.is_removed(self.collector)


class Absent(NamedTuple):
    """The proof that a condition is over.

    Attributes:
        evidence: what proves it, as the end of the sentence “Cleared when …”.
        holds: whether the view proves it of an object that ``find`` does not yield.
    """

    evidence: str
    holds: Holds


class Gone(NamedTuple):
    """The proof that an object no longer exists.

    An object that is made of two, such as a resource on a node, is gone if one of them is. Each has its proof, because
    the text says which one is gone.

    Attributes:
        evidence: what proves it, as the end of the sentence “Gone when …”.
        text: the text of the notification; ``{…}`` are fields of the last finding.
        holds: whether the view proves it of an object that ``find`` does not yield.
        otherwise: the proof that is tried if this one does not hold.
    """

    evidence: str
    text: str
    holds: Holds
    otherwise: Gone | None = None


class Clearance(NamedTuple):
    """Why an alarm is cleared.

    Attributes:
        reason: why it is cleared, as an enumeration.
        text: the template of the notification's text.
    """

    reason: Reason
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One thing that can be wrong.

    Attributes:
        name: the name, such as ``quorum-lost``, in every protocol, in the log and in the configuration.
        severity: how serious it is.
        category: selects the pair of notifications that announce it.
        about: what kind of object it is about, for people; empty for the cluster or this node.
        raised: the text when it is raised; ``{…}`` are fields of the finding.
        cleared: the text when it is over.
        meaning: what it means, in one sentence.
        action: what an operator should do.
        source: what it is read from.
        find: yields the objects for which it is true; of two findings for one object, the first counts.
        absent: the proof that it is over; None for an event, which expires.
        gone: the proof that an object no longer exists, and others after it; None if an object cannot vanish while its
            source is available.
        hold: seconds for which it must be true before it is raised.
        expires_after: seconds after which an event, as opposed to a state, is cleared; 0 for a state.
        local: whether it is about this node, so that no other node can report it.
    """

    name: str
    severity: Severity
    category: Category
    about: str = ""
    raised: str
    cleared: str
    meaning: str
    action: str
    source: Source
    find: Find
    absent: Absent | None = None
    gone: Gone | None = None
    hold: float = 0.0
    expires_after: float = 0.0
    local: bool = False

    def __post_init__(self) -> None:
        if (self.absent is None) != bool(self.expires_after):
            raise ValueError(f"{self.name}: either a proof that it is over or a time after which it expires")

    def gone_proofs(self) -> Iterator[Gone]:
        """Yields the proofs that an object no longer exists, in the order in which they are tried."""
        gone = self.gone
        while gone is not None:
            yield gone
            gone = gone.otherwise

    def clearance(self, view: ClusterView, finding: Finding) -> Clearance | None:
        """Returns why an object that ``find`` does not yield is cleared, or None if the view does not prove it."""
        if self.source.is_removed(view):
            text = f"{self.raised}: no longer monitored, as {self.source.collector} is no longer set up on this node"
            return Clearance(Reason.GONE, text)
        if not self.source.is_available(view):
            return None
        for gone in self.gone_proofs():
            if gone.holds(view, finding):
                return Clearance(Reason.GONE, gone.text)
        if self.absent is not None and self.absent.holds(view, finding):
            return Clearance(Reason.RECOVERED, self.cleared)
        return None
