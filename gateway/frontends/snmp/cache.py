"""The tables that requests are answered from, and when they are made anew.

SNMP never waits for a tool: snmpd gives a subagent one second, and blocks the whole agent meanwhile. A request is
answered from the tables that there are; one that finds them older than ``max_age`` starts a refresh. A walk sees one
moment: it goes on in the tables in which it began, for a minute at most, whatever has been collected meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any

import structlog

from gateway.clock import Clock, SystemClock
from gateway.engine.engine import Engine
from gateway.frontends.snmp import tables
from gateway.frontends.snmp.rows import MibValue
from gateway.frontends.snmp.tables import Tables
from gateway.publication import Publication
from gateway.snapshot import Snapshot
from gateway.snmp.mib.module import Mib
from gateway.snmp.oid import Oid
from gateway.snmp.values import SearchRange

ASKED_LATELY = 3600.0
"""Seconds after a request for which the tables follow each snapshot that is made anyhow."""

SMALL = 2000
"""Samples up to which tables are made within a request: it takes few milliseconds, and who asks seldom gets news."""

WALK_TIME = 60.0
"""Seconds for which a walk sees the moment in which it began."""

MAX_WALKS = 64
"""Walks that are under way at once; the one that has waited longest is forgotten when there is one more."""

MAX_BULK_VARIABLES = 4096
"""Variables in the answer to one GETBULK, whatever is asked for: more than any message has room for."""

_Walk = tuple[Tables, float]
"""The tables that a walk goes through, and when it has begun."""


class TableCache:
    """Answers requests from the last snapshot. Implements ``Answers``.

    Args:
        engine: where snapshots come from.
        publication: adds the gateway's own samples to them.
        mib: what they become.
        max_age: seconds after which a request starts a refresh.
        clock: tells the time.
    """

    def __init__(
        self, engine: Engine, publication: Publication, mib: Mib, *, max_age: float, clock: Clock | None = None
    ) -> None:
        self.root = mib.root
        self._engine = engine
        self._publication = publication
        self._mib = mib
        self._max_age = max_age
        self._clock = clock or SystemClock()
        self._log = structlog.get_logger("snmp")
        self._tables = Tables(mib)
        self._walks: OrderedDict[Oid, _Walk] = OrderedDict()
        self._refreshing: asyncio.Task[None] | None = None
        self._asked = float("-inf")
        self._extra: list[Callable[[], Iterable[MibValue]]] = []

    def add_extra(self, source: Callable[[], Iterable[MibValue]]) -> None:
        """Adds who has values of the MIB that are no samples."""
        self._extra.append(source)

    @property
    def snapshot(self) -> Snapshot | None:
        """The snapshot that requests are answered from; None before the first."""
        return self._tables.snapshot

    # --- requests ----------------------------------------------------------------------------------------------------

    def get(self, names: Sequence[Oid]) -> list[bytes]:
        """Returns one variable for each name."""
        self._freshen(self._clock.monotonic())
        return list(map(self._tables.get, names))

    def get_next(self, ranges: Sequence[SearchRange]) -> list[bytes]:
        """Returns one variable for each range."""
        now = self._clock.monotonic()
        self._freshen(now)
        chosen, began = self._walk(ranges, now)
        variables, last = [], b""
        for searched in ranges:
            found = chosen.get_next(searched)
            if found is None:
                variables.append(tables.end_of_view(searched))
            else:
                variables.append(found[1])
                last = last or found[0]
        self._remember(last, chosen, began)
        return variables

    def get_bulk(self, ranges: Sequence[SearchRange], *, non_repeaters: int, max_repetitions: int) -> list[bytes]:
        """Returns the variables of a GETBULK (RFC 3416, section 4.2.3), at most ``MAX_BULK_VARIABLES`` or so."""
        now = self._clock.monotonic()
        self._freshen(now)
        chosen, began = self._walk(ranges[non_repeaters:] or ranges, now)
        variables = [
            tables.end_of_view(searched) if (found := chosen.get_next(searched)) is None else found[1]
            for searched in ranges[:non_repeaters]
        ]
        repeaters = list(ranges[non_repeaters:])
        last = b""
        while repeaters and max_repetitions > 0 and len(variables) < MAX_BULK_VARIABLES:
            max_repetitions -= 1
            last, ended = b"", True
            for place, searched in enumerate(repeaters):
                found = chosen.get_next(searched)
                if found is None:
                    variables.append(tables.end_of_view(searched))
                    continue
                ended = False
                last = last or found[0]
                variables.append(found[1])
                repeaters[place] = SearchRange(found[0], searched.end)
            if ended:
                break
        self._remember(last, chosen, began)
        return variables

    # --- walks -------------------------------------------------------------------------------------------------------

    def _walk(self, ranges: Sequence[SearchRange], now: float) -> _Walk:
        """Returns the tables for a request: those of the walk that it continues, or the newest.

        What continues a walk begins where the last answer has ended.
        """
        walk = self._walks.pop(ranges[0].start, None) if ranges else None
        if walk is None or now - walk[1] > WALK_TIME:
            return self._tables, now
        return walk

    def _remember(self, last: Oid, chosen: Tables, began: float) -> None:
        if not last:
            return
        self._walks[last] = chosen, began
        if len(self._walks) > MAX_WALKS:
            self._walks.popitem(last=False)

    def _forget_old_walks(self) -> None:
        """Frees the tables of walks that nobody goes on with."""
        oldest = self._clock.monotonic() - WALK_TIME
        for name, (_, began) in list(self._walks.items()):
            if began < oldest:
                del self._walks[name]

    # --- refreshing --------------------------------------------------------------------------------------------------

    def _freshen(self, now: float) -> None:
        """Starts a refresh where the tables are too old and none is under way."""
        self._asked = now
        if self._refreshing is not None or not self._is_old(self._tables.snapshot, now):
            return
        latest = self._engine.latest
        if (
            latest is not None
            and not self._is_old(latest, now)
            and sum(map(len, latest.samples_by_metric.values())) <= SMALL
        ):
            self._tables = self._make(latest)()
        else:
            self.refresh()

    def _is_old(self, snapshot: Snapshot | None, now: float) -> bool:
        return snapshot is None or now - snapshot.started > self._max_age

    def refresh(self) -> asyncio.Task[None]:
        """Starts a refresh, or returns the one that is under way."""
        return self._refreshing or self._begin(self._refresh())

    def renew(self) -> None:
        """Makes the tables anew where somebody looks at them: what the gateway says of itself has changed."""
        if (latest := self._engine.latest) is not None:
            self.on_snapshot(latest)

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Shows a snapshot that was made anyhow, so that a manager that asks seldom does not get an old one."""
        if self._refreshing is None and self._clock.monotonic() - self._asked < ASKED_LATELY:
            self._begin(self.show(snapshot))

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self._refreshing = asyncio.create_task(work)
        self._refreshing.add_done_callback(self._refreshed)
        return self._refreshing

    def _refreshed(self, task: asyncio.Task[None]) -> None:
        self._refreshing = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("tables not made", exc_info=error)

    async def _refresh(self) -> None:
        """Makes tables of the engine's last snapshot if that is new enough, or else of a new one."""
        snapshot = self._engine.latest
        if snapshot is None or self._is_old(snapshot, self._clock.monotonic()):
            snapshot = await self._engine.collect()
        await self.show(snapshot)

    async def show(self, snapshot: Snapshot) -> None:
        """Answers from a snapshot from now on; its tables are made in a thread."""
        self._tables = await asyncio.to_thread(self._make(snapshot))
        self._forget_old_walks()

    def _make(self, snapshot: Snapshot) -> Callable[[], Tables]:
        """Returns what makes tables; what it needs is gathered at once, here in the event loop."""
        samples = self._publication.merge(snapshot)
        extra = [value for source in self._extra for value in source()]
        return partial(
            tables.build,
            snapshot,
            samples,
            self._mib,
            age=partial(self._publication.age, snapshot),
            extra=extra,
        )

    async def close(self) -> None:
        """Ends a refresh that is under way."""
        if (task := self._refreshing) is not None:
            task.cancel()
            await asyncio.wait([task])
