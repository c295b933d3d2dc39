"""The tables that requests are answered from, and when they are rebuilt.

SNMP never waits for a tool: snmpd gives a subagent one second, during which the whole agent is blocked. A request is
answered from the current tables; if these are older than ``max_age``, it also starts a refresh. A walk sees one moment:
for a minute at most it continues in the tables in which it began, even if newer ones have been built (``walks``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import structlog

from gateway.clock import Clock, SystemClock
from gateway.engine.engine import Engine
from gateway.frontends.snmp import tables
from gateway.frontends.snmp.rows import MibValue
from gateway.frontends.snmp.tables import Omission, ReadValue
from gateway.frontends.snmp.variable import END_OF_MIB_VIEW, Variable
from gateway.frontends.snmp.variable_source import Rows
from gateway.frontends.snmp.variable_table import VariableTable
from gateway.frontends.snmp.walks import WalkTracker
from gateway.publication import Publication
from gateway.snapshot import Snapshot
from gateway.snmp.mib.module import Mib
from gateway.snmp.oid import Oid
from gateway.snmp.values import SearchRange

FOLLOW_TIME = 3600.0
"""Seconds after a request for which the tables are rebuilt from every snapshot that is collected for other reasons."""

MAX_INLINE_SAMPLES = 2000
"""Samples up to which tables are built within a request, in milliseconds: an infrequent request gets recent values."""

MibValueSource = Callable[[], Iterable[MibValue]]
"""Returns values of the MIB that are not samples."""


class _Build(NamedTuple):
    """Tables, and what they do not show."""

    table: VariableTable
    omissions: Sequence[Omission]


class TableCache:
    """Answers requests from the last snapshot. Implements ``VariableSource``.

    Attributes:
        omitted: number of values and rows that tables did not show, because a value did not fit or a row had an error.
        max_age: seconds after which a request starts a refresh.

    Args:
        engine: collects snapshots.
        publication: adds the gateway's own samples to them.
        mib: the MIB that they are translated to.
        max_age: seconds after which a request starts a refresh.
        clock: measures the age of snapshots.
        agentx: whether a subagent serves the tables, so that their variables are encoded for AgentX in advance.
    """

    def __init__(
        self,
        engine: Engine,
        publication: Publication,
        mib: Mib,
        *,
        max_age: float,
        clock: Clock | None = None,
        agentx: bool = False,
    ) -> None:
        self.root = mib.root
        self._engine = engine
        self._publication = publication
        self._mib = mib
        self.max_age = max_age
        self._clock = clock or SystemClock()
        self._agentx = agentx
        self._log = structlog.get_logger("snmp")
        self._table = tables.empty(mib)
        self._snapshot: Snapshot | None = None
        self._expiry = float("-inf")
        self._walks = WalkTracker()
        self._refresh_task: asyncio.Task[None] | None = None
        self._last_request = float("-inf")
        self._value_sources: list[MibValueSource] = []
        self._live: dict[str, ReadValue] = {}
        self.omitted = 0
        self._logged: set[str] = set()

    def add_value_source(self, source: MibValueSource) -> None:
        """Adds a source of values that are not samples."""
        self._value_sources.append(source)

    def add_live_value(self, name: str, read: ReadValue) -> None:
        """Adds a scalar whose value is read at each request, as it must not be as old as the tables."""
        self._live[name] = read

    @property
    def snapshot(self) -> Snapshot | None:
        """The snapshot that requests are answered from; None before the first."""
        return self._snapshot

    # --- requests ----------------------------------------------------------------------------------------------------

    def get(self, names: Sequence[Oid]) -> list[Variable]:
        """Returns one variable for each name."""
        self._refresh_if_old(self._clock.monotonic())
        return self._table.get(names)

    def get_next(self, ranges: Sequence[SearchRange]) -> list[Variable]:
        """Returns one variable for each range."""
        now = self._clock.monotonic()
        self._refresh_if_old(now)
        if not ranges:
            return []
        start = ranges[0].start
        walk = self._walks.resume(start, self._table, now)
        variables = walk.table.get_next(ranges)
        self._walks.advance(walk, start, _end_of(variables), now)
        return variables

    def rows(self, ranges: Sequence[SearchRange], *, non_repeaters: int) -> Rows:
        """Yields the rows of a GETBULK response, all from the same tables."""
        now = self._clock.monotonic()
        self._refresh_if_old(now)
        if not ranges:
            yield []
            return
        repeaters = ranges[non_repeaters:]
        start = (repeaters or ranges)[0].start
        walk = self._walks.resume(start, self._table, now)
        rows = walk.table.rows(ranges, non_repeaters=non_repeaters)
        first = next(rows)
        last = [] if repeaters else first
        try:
            yield first
            for row in rows:
                last = row
                yield row
        finally:
            self._walks.advance(walk, start, _end_of(last), now)

    # --- refreshing --------------------------------------------------------------------------------------------------

    def _refresh_if_old(self, now: float) -> None:
        """Starts a refresh if the tables are too old and none is in progress."""
        self._last_request = now
        if now <= self._expiry or self._refresh_task is not None:
            return
        latest = self._engine.latest
        if (
            latest is not None
            and not self._is_old(latest, now)
            and sum(map(len, latest.samples_by_metric.values())) <= MAX_INLINE_SAMPLES
        ):
            self._publish(self._builder(latest)(), latest)
        else:
            self.refresh()

    def _publish(self, build: _Build, snapshot: Snapshot) -> None:
        self._table, self._snapshot = build.table, snapshot
        self._expiry = snapshot.started + self.max_age
        self._walks.expire(self._clock.monotonic())  # here, since old tables need memory only once there are new ones
        self.omitted += len(build.omissions)
        for name, reason, error in build.omissions:
            if name not in self._logged:  # once for each object or metric, of which there are a few hundred
                self._logged.add(name)
                self._log.error("value or row omitted", name=name, reason=reason, exc_info=error)

    def _is_old(self, snapshot: Snapshot, now: float) -> bool:
        return now - snapshot.started > self.max_age

    def refresh(self) -> asyncio.Task[None]:
        """Starts a refresh, or returns the one in progress."""
        return self._refresh_task or self._start_refresh(self._refresh())

    def rebuild(self) -> None:
        """Rebuilds the tables from the last snapshot, if requests arrive: the gateway's own values have changed."""
        if (latest := self._engine.latest) is not None:
            self.on_snapshot(latest)

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Rebuilds the tables from a snapshot that was collected for other reasons, if requests arrive.

        Subscribe it to the engine.
        """
        if self._refresh_task is None and self._clock.monotonic() - self._last_request < FOLLOW_TIME:
            self._start_refresh(self._build_from(snapshot))

    def _start_refresh(self, refresh: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self._refresh_task = asyncio.create_task(refresh)
        self._refresh_task.add_done_callback(self._on_refreshed)
        return self._refresh_task

    def _on_refreshed(self, task: asyncio.Task[None]) -> None:
        self._refresh_task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("table refresh failed", exc_info=error)

    async def _refresh(self) -> None:
        """Builds tables from the engine's last snapshot if that is recent enough, and else from a new one."""
        snapshot = self._engine.latest
        if snapshot is None or self._is_old(snapshot, self._clock.monotonic()):
            snapshot = await self._engine.collect()
        await self._build_from(snapshot)

    async def _build_from(self, snapshot: Snapshot) -> None:
        """Replaces the tables by those of a snapshot, which are built in a thread."""
        self._publish(await asyncio.to_thread(self._builder(snapshot)), snapshot)

    def _builder(self, snapshot: Snapshot) -> Callable[[], _Build]:
        """Returns a function that builds tables in any thread; its input is collected here, in the event loop."""
        omissions: list[Omission] = []
        build = partial(
            tables.build,
            snapshot,
            self._publication.merge(snapshot),
            self._mib,
            age=partial(self._publication.age, snapshot),
            extra=[value for source in self._value_sources for value in source()],
            live=self._live,
            agentx=self._agentx,
            report=omissions.append,
        )
        return lambda: _Build(build(), omissions)

    async def close(self) -> None:
        """Cancels a refresh in progress; idempotent."""
        if (task := self._refresh_task) is not None:
            task.cancel()
            await asyncio.wait([task])


def _end_of(variables: Sequence[Variable]) -> Oid | None:
    """Returns where a walk will continue: at the first variable of a response or of its last row; None at the end."""
    return next((variable.oid for variable in variables if variable.cell is not END_OF_MIB_VIEW), None)
