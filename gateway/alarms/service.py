"""The alarm engine as a whole: it looks at each snapshot, sees to it that there is one in time, and tells what is new.

Quorum is told from within the event that reports it, before anything is collected. Everything else comes from
snapshots: those that scrapes have brought, and those that are made here, at the latest every ``interval`` seconds and
at once when something has happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from gateway import self_metrics
from gateway.alarms.alarm_table import AlarmEvent, AlarmTable
from gateway.alarms.changes import Changes
from gateway.alarms.details import Details, details
from gateway.alarms.notification import Change, Notification, notification_name, values
from gateway.alarms.sources.alert_socket import AlertSocket
from gateway.alarms.sources.quorum_watcher import QuorumChanged, QuorumEvent
from gateway.catalog import ACCUMULATORS
from gateway.clock import Clock, SystemClock
from gateway.conditions.model import Severity
from gateway.conditions.view import ClusterView
from gateway.engine.engine import Engine
from gateway.errors import StartError
from gateway.samples import SampleSet
from gateway.snapshot import Snapshot
from gateway.snmp.mib.syntax import SampleValue
from gateway.subsystems.corosync import facts as corosync_facts
from gateway.subsystems.corosync.facts import local_node
from gateway.subsystems.pacemaker import facts as pacemaker_facts


def cluster_name(view: ClusterView) -> str:
    """Returns the name of the cluster, or "" if it is unknown."""
    return pacemaker_facts.cluster_name(view) or corosync_facts.cluster_name(view)


MibValue = tuple[str, tuple[str, ...], SampleValue]
"""An object of HA-CLUSTER-MIB, the texts of its indexes, and its value."""

_CALM = 0.25
"""Seconds between two collections because of events: a failover is a storm of them."""


class Notifying(Protocol):
    """What delivers notices."""

    def submit(self, told: Notification) -> None:
        """Tells a notice to all targets; returns at once."""
        ...

    def samples(self, samples: SampleSet) -> None:
        """Adds what has become of the notifications."""
        ...

    def last_errors(self) -> Mapping[str, str]:
        """Returns why the last delivery to each target failed."""
        ...


class Watching(Protocol):
    """What runs until it is cancelled, and reports quorum."""

    async def run(self) -> None:
        """Watches."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How alarms are to be told.

    Attributes:
        interval: seconds between two collections at most.
        dc_only: whether only the designated controller's node tells what all nodes know.
        heartbeat: seconds between two heartbeats; 0 for none.
        raise_at_start: whether what stands at the start is told alarm by alarm, and not only in the summary.
        disabled: the names of conditions that are not looked at.
        changes: whether there is a form for what merely changes, too.
    """

    interval: float = 15.0
    dc_only: bool = False
    heartbeat: float = 0.0
    raise_at_start: bool = False
    disabled: Collection[str] = ()
    changes: bool = False


class AlarmService:
    """Looks at the snapshots of one engine.

    Args:
        engine: whom to ask for snapshots, and from whom all others come.
        notifier: whom to give notices.
        settings: how to tell them.
        changed: called when alarms have changed without a new snapshot.
        clock: tells the time.
    """

    def __init__(
        self,
        engine: Engine,
        notifier: Notifying,
        settings: Settings,
        *,
        changed: Callable[[], None] = lambda: None,
        clock: Clock | None = None,
    ) -> None:
        self._engine = engine
        self._notifier = notifier
        self._settings = settings
        self._changed = changed
        self._clock = clock or SystemClock()
        self._monitor = AlarmTable(disabled=settings.disabled)
        self._changes = Changes()
        self._log = structlog.get_logger("alarms")
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._alert_socket: AlertSocket | None = None
        self._last: Notification | None = None
        self._sequence = 0
        self._node, self._cluster = socket.gethostname(), ""
        self._next_heartbeat = float("inf")
        self._happened = float("-inf")

    async def start(self, *, watcher: Watching | None = None, alert_socket: AlertSocket | None = None) -> None:
        """Begins to look.

        Args:
            watcher: reports quorum, by ``hear``.
            alert_socket: brings hints of Pacemaker's; one that cannot be opened is done without.
        """
        self._tasks.append(asyncio.create_task(self._run()))
        if watcher is not None:
            self._tasks.append(asyncio.create_task(watcher.run()))
        if alert_socket is not None:
            try:
                alert_socket.open()
            except StartError as error:
                self._log.warning("alerts not received", reason=str(error))
            else:
                self._alert_socket = alert_socket
                self._tasks.append(asyncio.create_task(self._take_hints(alert_socket)))

    async def close(self) -> None:
        """Looks no more."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._alert_socket is not None:
            self._alert_socket.close()

    # --- what happens ------------------------------------------------------------------------------------------------

    def hear(self, event: QuorumEvent) -> None:
        """Takes in what a watcher of Corosync says, and tells a loss of quorum at once."""
        if isinstance(event, QuorumChanged) and self._monitor.view is not None:
            now = self._clock.monotonic()
            with self._bugs_are_logged():
                self._tell(self._monitor.quorum(quorate=event.quorate, now=now, time=event.time))
        self._look_soon()

    def _look_soon(self) -> None:
        self._happened = self._clock.monotonic()
        self._wake.set()

    async def _take_hints(self, alert_socket: AlertSocket) -> None:
        while True:
            hint = await alert_socket.get()
            self._log.debug("alert", kind=hint.kind.value, object=hint.object)
            self._look_soon()
            await asyncio.sleep(0)  # one in each turn of the event loop: in a storm others replace those that wait

    def look(self, snapshot: Snapshot) -> None:
        """Takes in a snapshot, whoever has asked for it."""
        first = self._monitor.view is None
        view = ClusterView(snapshot, self._monitor.view, accumulators=ACCUMULATORS)
        self._node, self._cluster = local_node(view) or self._node, cluster_name(view) or self._cluster
        events = self._monitor.look(view, now=self._clock.monotonic(), time=self._clock.time())
        if first:
            self._tell_start()
        self._tell(events)
        if self._settings.changes:
            self._tell_changes(self._changes.look(view))

    async def _run(self) -> None:
        """Collects when it is time, or when something has happened, and lets time raise and clear what it does."""
        if self._settings.heartbeat:
            self._next_heartbeat = self._clock.monotonic() + self._settings.heartbeat
        while True:
            self._wake.clear()
            snapshot = await self._engine.collect()
            await asyncio.sleep(_CALM)
            if snapshot.started <= self._happened:
                continue  # the run was under way already, perhaps for a scrape
            while not await self._woken():
                now = self._clock.monotonic()
                with self._bugs_are_logged():
                    self._tell(self._monitor.tick(now=now))
                    self._beat(now)
                if now >= self._next_collection():
                    break

    @contextlib.contextmanager
    def _bugs_are_logged(self) -> Iterator[None]:
        """Whoever watches must not end because of a bug in what is done about it."""
        try:
            yield
        except Exception:  # noqa: BLE001 - see above
            self._log.exception("alarms failed")

    async def _woken(self) -> bool:
        """Waits for an event, or until there is something to do; returns whether there was an event."""
        due = self._monitor.due()
        until = min(self._next_collection(), self._next_heartbeat, float("inf") if due is None else due)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - self._clock.monotonic())):
                await self._wake.wait()
        return self._wake.is_set()

    def _next_collection(self) -> float:
        """A scrape's collection is as good as one of our own."""
        latest = self._engine.latest
        return (latest.started if latest is not None else self._clock.monotonic()) + self._settings.interval

    # --- telling -----------------------------------------------------------------------------------------------------

    def _tell(self, events: Sequence[AlarmEvent]) -> None:
        for event in events:
            condition = event.alarm.condition
            if condition.local or self._speaks_for_all():
                notification = notification_name(condition.category, event.change)
                first, *more = details(event, self._monitor.view)
                self._submit(event, notification, first)
                for further in more:
                    self._submit(event, "", further)
        if events:
            # when whoever delivers has had a turn: what is logged may wait, and a processor is hard to get meanwhile
            asyncio.get_running_loop().call_soon(self._log_all, events)
            self._changed()

    def _log_all(self, events: Sequence[AlarmEvent]) -> None:
        for event in events:
            log = self._log.warning if event.change is Change.RAISED else self._log.info
            log(
                f"alarm {event.change}",
                condition=event.alarm.condition.name,
                object=event.alarm.object,
                text=event.text,
            )

    def _tell_changes(self, changes: Sequence[Details]) -> None:
        """Tells of what is no alarm: only in the forms of other programs, and without a number of ours."""
        for change in changes:
            if change["node"] == self._node or self._speaks_for_all():
                about, text = change["node"], " ".join(change.values())
                self._send(change["kind"], Severity.INFO, Change.INFO, text, "", about=about, extra=change)

    def _submit(self, event: AlarmEvent, notification: str, extra: Details) -> None:
        condition = event.alarm.condition
        self._send(
            condition.name,
            condition.severity,
            event.change,
            event.text,
            notification,
            about=event.alarm.object,
            extra=extra,
            time=event.alarm.since if event.change is Change.RAISED else None,
        )

    def _send(
        self,
        condition: str,
        severity: Severity,
        change: Change,
        text: str,
        notification: str,
        *,
        about: str = "",
        extra: Details | None = None,
        time: float | None = None,
    ) -> None:
        if notification:  # what is only for other programs' forms has no number of ours
            self._sequence += 1
        notice = Notification(
            sequence=self._sequence,
            time=self._clock.time() if time is None else time,
            condition=condition,
            severity=severity,
            change=change,
            object=about,
            node=self._node,
            cluster=self._cluster,
            text=text,
            notification=notification,
            details=extra or {},
        )
        if notification:
            self._last = notice
        self._notifier.submit(notice)

    def _speaks_for_all(self) -> bool:
        """Whether this node is to tell what all nodes know; where nobody is in charge, all are."""
        view = self._monitor.view
        return not self._settings.dc_only or view is None or pacemaker_facts.dc(view) in {"", local_node(view)}

    def _tell_start(self) -> None:
        raised = self._monitor.raised
        names = [f"{alarm.condition.name} {alarm.object}".strip() for alarm in raised]
        text = (
            f"The gateway has started; {len(raised)} alarms stand: {', '.join(names)}"
            if names
            else ("The gateway has started; nothing is wrong")
        )
        self._log.info("alarms ready", standing=len(raised))
        self._send("started", Severity.INFO, Change.INFO, text, "haClusterStarted")
        if self._settings.raise_at_start:
            self._tell([AlarmEvent(alarm=alarm, change=Change.RAISED, text=alarm.text) for alarm in raised])

    def _beat(self, now: float) -> None:
        if now >= self._next_heartbeat:
            self._next_heartbeat = now + self._settings.heartbeat
            count = len(self._monitor.raised)
            self._send(
                "heartbeat", Severity.INFO, Change.INFO, f"The gateway runs; {count} alarms stand", "haClusterHeartbeat"
            )

    # --- being asked -------------------------------------------------------------------------------------------------

    def samples(self, samples: SampleSet) -> None:
        """Adds the alarms that are raised, and what has become of the notifications."""
        raised = self._monitor.raised
        for alarm in raised:
            name, severity = alarm.condition.name, alarm.condition.severity.value
            samples.add(self_metrics.ALARMS, 1, name, alarm.object, severity)
            samples.add(self_metrics.ALARMS_SINCE, alarm.since, name, alarm.object)
        if self._monitor.view is not None:
            for severity in self_metrics.SEVERITIES:
                count = sum(alarm.condition.severity == severity for alarm in raised)
                samples.add(self_metrics.ALARMS_ACTIVE, count, severity)
        if self._alert_socket is not None:
            counts = self._alert_socket.counts
            samples.add(self_metrics.ALERTS_RECEIVED, counts.received)
            samples.add(self_metrics.ALERTS_DROPPED, counts.dropped)
            samples.add(self_metrics.ALERTS_COALESCED, counts.coalesced)
        self._notifier.samples(samples)

    def mib_values(self) -> Iterator[MibValue]:
        """Yields what HA-CLUSTER-MIB shows of alarms beyond samples: texts, and the last notification."""
        for alarm in self._monitor.raised:
            yield "haClusterAlarmText", (alarm.condition.name, alarm.object), alarm.text
        if self._last is not None:
            for name, raw in values(self._last).items():
                if name.startswith("haClusterNotice"):
                    yield name, (), raw
        for target, error in self._notifier.last_errors().items():
            yield "haClusterTargetLastError", (target,), error
