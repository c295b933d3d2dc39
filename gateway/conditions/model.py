"""The model of a condition: one thing that can be wrong, and how it is recognized in a view of a snapshot.

Conditions are pure. ``find`` yields the objects for which a condition is true. ``has_evidence`` returns whether the
view holds evidence at all: without evidence nothing is raised and nothing is cleared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
COLLECTOR = Category(name="Collector", title="The gateway", rank=9)


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
HasEvidence = Callable[[ClusterView], bool]
"""Returns whether a view holds the evidence that a condition needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One thing that can be wrong.

    Attributes:
        name: the name, such as ``quorum-lost``, in every protocol, in the log and in the configuration.
        severity: how serious it is.
        category: selects the pair of notifications that announce it.
        about: what kind of object it is about, for people; empty for the cluster or this node.
        raised: the text when it is raised; ``{…}`` are fields of the finding.
        cleared: the text when it is cleared.
        meaning: what it means, in one sentence.
        action: what an operator should do.
        find: yields the objects for which it is true.
        has_evidence: returns whether a view holds the evidence.
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
    find: Find
    has_evidence: HasEvidence
    hold: float = 0.0
    expires_after: float = 0.0
    local: bool = False
