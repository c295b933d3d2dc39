"""Remembers which tables each walk goes through, so that a walk sees one moment.

SNMP has no walks. A manager sends a request that starts where the last response ended, and a master agent does not pass
on who has sent it. So a walk is recognized by the name at which a request starts:

- A request continues the walk whose last response ended there. If several walks have just arrived at one name, they
  continue in the order of their arrival: managers that walk side by side keep their order. If all of them arrived some
  time ago, most were abandoned, and the last one continues.
- A request that starts where the last request of a walk started is a repetition, because the response was lost. It is
  answered from the same tables, and the walk stays where it is.
- Any other request begins a walk, in the current tables. So does a repetition of that request.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.frontends.snmp.variable_table import VariableTable
from gateway.snmp.oid import Oid

WALK_TIME = 60.0
"""Seconds for which a walk sees the moment in which it began."""

MAX_WALKS = 64
"""Walks in progress; one more, and the walk whose last request is the oldest is forgotten."""

_SIDE_BY_SIDE = 2.0
"""Seconds within which a manager that has not abandoned its walk usually sends the next request."""

_REPETITION_TIME = 10.0
"""Seconds within which a manager repeats a request."""


@dataclass(slots=True, kw_only=True, eq=False)
class Walk:
    """The tables that a walk goes through.

    Attributes:
        table: the tables.
        began: the time of its first request.
        moved: the time of its last request.
        start: where its last request started; None after the first one.
        position: where its last response ended, and where it continues; None at the end.
    """

    table: VariableTable
    began: float
    moved: float
    start: Oid | None = None
    position: Oid | None = None


class WalkTracker:
    """Recognizes walks by the names at which requests start."""

    def __init__(self) -> None:
        self._walks: dict[Walk, None] = {}  # the one whose last request is the oldest comes first
        self._waiting: dict[Oid, list[Walk]] = {}  # by position, in the order of their arrival
        self._repeatable: dict[Oid, Walk] = {}  # by the start of the last request

    def __len__(self) -> int:
        return len(self._walks)

    def resume(self, start: Oid, current: VariableTable, now: float) -> Walk:
        """Returns the walk that a request continues or repeats, or a new one in the current tables."""
        walk = self._next_waiting(start, now)
        if walk is None:
            walk = self._repeatable.get(start)
            if walk is not None and now - walk.moved > _REPETITION_TIME:
                walk = None
        if walk is None or now - walk.began > WALK_TIME:
            return Walk(table=current, began=now, moved=now)
        return walk

    def advance(self, walk: Walk, start: Oid, position: Oid | None, now: float) -> None:
        """Remembers where a walk will continue.

        Args:
            walk: the walk that ``resume`` has returned.
            start: where the request started.
            position: where the response ended; None at the end of the tables.
            now: the time of the request.
        """
        if walk.start == start:
            if walk.position == position:
                walk.moved = now
                return  # a repetition
            walk = Walk(table=walk.table, began=walk.began, moved=now)  # another request for the same tables
        is_new = walk not in self._walks
        self._remove(walk)
        walk.moved, walk.position = now, position
        if not is_new:
            walk.start = start
            self._repeatable[start] = walk
        if position is not None:
            self._waiting.setdefault(position, []).append(walk)
        self._walks[walk] = None
        if len(self._walks) > MAX_WALKS:
            self._remove(next(iter(self._walks)))

    def expire(self, now: float) -> None:
        """Frees the tables of walks that began too long ago."""
        for walk in [walk for walk in self._walks if now - walk.began > WALK_TIME]:
            self._remove(walk)

    def _next_waiting(self, position: Oid, now: float) -> Walk | None:
        """Returns the walk that continues at a name."""
        waiting = self._waiting.get(position)
        if not waiting:
            return None
        return next((walk for walk in waiting if now - walk.moved <= _SIDE_BY_SIDE), waiting[-1])

    def _remove(self, walk: Walk) -> None:
        if self._walks.pop(walk, self) is self:
            return
        if walk.start is not None and self._repeatable.get(walk.start) is walk:
            del self._repeatable[walk.start]
        if walk.position is not None:
            waiting = self._waiting[walk.position]
            waiting.remove(walk)
            if not waiting:
                del self._waiting[walk.position]
