"""The alarm engine: evaluates every snapshot and publishes notifications.

A change of quorum is published from within the event that reports it, before anything is collected. Everything else
follows from snapshots: those that scrapes requested, and those that ``CollectionLoop`` requests regularly and after
every event.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import structlog

from gateway.alarms.alarm_table import Alarm, AlarmEvent, AlarmTable
from gateway.alarms.bursts import Bursts
from gateway.alarms.collection_loop import CollectionLoop, SnapshotSource
from gateway.alarms.notification import BurstRole, Change, Notification
from gateway.alarms.notification_builder import NotificationBuilder
from gateway.alarms.overview import AlarmHistory, AlarmOverview, describe_active
from gateway.alarms.routine_changes import RoutineChanges
from gateway.alarms.sources.alert_socket import Alert
from gateway.alarms.sources.quorum_watcher import QuorumEvent, QuorumUpdate
from gateway.catalog import ACCUMULATORS
from gateway.clock import Clock, SystemClock
from gateway.conditions.model import Severity
from gateway.conditions.view import REMOVAL_TIME, ClusterView
from gateway.samples import SampleSet
from gateway.self_monitoring import self_metrics
from gateway.snapshot import Snapshot
from gateway.subsystems import identity


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmSettings:
    """How alarms are evaluated and published.

    Attributes:
        interval: seconds between two collections, at most.
        dc_only: whether only the node of the designated controller publishes what all nodes know.
        heartbeat: seconds between two heartbeats; 0 for none.
        raise_at_start: the least severity of the alarms that are published one by one if they are active at the start;
            None for no such alarm.
        disabled: the names of conditions that are not evaluated.
        burst: the number of alarms of one condition that an evaluation may raise without a summary; 0 for any number.
        routine_changes: whether routine changes are published.
        repeat_interval: seconds between two repetitions of all active alarms; 0 for none.
        collectors_off: the names of collectors that do not run.
    """

    interval: float
    dc_only: bool
    heartbeat: float
    raise_at_start: Severity | None
    disabled: Collection[str]
    routine_changes: bool
    burst: int = 0
    repeat_interval: float = 0.0
    collectors_off: Collection[str] = ()


class AlarmService:
    """Evaluates the snapshots of the engine. A service; subscribe ``on_snapshot`` to the engine.

    Args:
        source: the engine, which makes the snapshots.
        publish: publishes a notification; returns at once.
        settings: how alarms are evaluated and published.
        introduce: publishes notifications to the targets that a reload has added; returns at once.
        on_change: called when alarms have changed, which needs no new snapshot.
        hostname: the name of this node until its name in the cluster is known.
        clock: measures hold-down times and heartbeats.
        removal_time: the seconds after which a subsystem of which nothing is found counts as removed.
    """

    def __init__(
        self,
        source: SnapshotSource,
        publish: Callable[[Notification], None],
        settings: AlarmSettings,
        *,
        introduce: Callable[[Sequence[Notification]], None] = lambda _notifications: None,
        on_change: Callable[[], None] = lambda: None,
        hostname: str = "localhost",
        clock: Clock | None = None,
        removal_time: float = REMOVAL_TIME,
    ) -> None:
        self._publish_notification = publish
        self._removal_time = removal_time
        self._introduce_notifications = introduce
        self._settings = settings
        self._on_change = on_change
        self._clock = clock or SystemClock()
        self._table = AlarmTable(disabled=settings.disabled, collectors_off=settings.collectors_off)
        self._bursts = Bursts(settings.burst)
        self._builder = NotificationBuilder(hostname=hostname, clock=self._clock)
        self._history = AlarmHistory(started=self._clock.time())
        self._routine_changes = RoutineChanges()
        self._collection = CollectionLoop(
            source,
            interval=settings.interval,
            next_deadline=self._next_deadline,
            on_timer=self._on_timer,
            next_confirmation=self._next_confirmation,
            clock=self._clock,
        )
        self._last_notification: Notification | None = None
        self._next_heartbeat = self._next_repetition = float("inf")
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("alarms")

    @property
    def active_alarms(self) -> Sequence[Alarm]:
        """The active alarms, the most serious first."""
        return self._table.active

    @property
    def is_ready(self) -> bool:
        """Whether a snapshot has been evaluated. Before that, no alarm is active because none is known."""
        return self._table.view is not None

    @property
    def last_notification(self) -> Notification | None:
        """The last notification with a sequence number, or None before the first."""
        return self._last_notification

    def overview(self) -> AlarmOverview:
        """Returns the active alarms, and what has changed lately."""
        active = self._table.active
        return AlarmOverview(
            node=self._builder.sender.node,
            cluster=self._builder.sender.cluster,
            evaluated=self._table.view is not None,
            active=describe_active(active),
            active_by_severity=Counter(alarm.condition.severity for alarm in active),
            changes=self._history.changes,
            started=self._history.started,
        )

    async def start(self) -> None:
        """Starts to collect."""
        self._schedule_heartbeat()
        self._task = asyncio.create_task(self._collection.run(), name="alarm collections")

    async def close(self) -> None:
        """Stops collecting. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def configure(self, settings: AlarmSettings) -> None:
        """Replaces the settings, clears the alarms that nothing watches any longer, and requests a collection."""
        previous, self._settings = self._settings, settings
        self._collection.interval = settings.interval
        self._bursts.limit = settings.burst
        if settings.heartbeat != previous.heartbeat:
            self._schedule_heartbeat()
        if settings.routine_changes and not previous.routine_changes:
            self._routine_changes = RoutineChanges()
        self._introduce_added_targets()
        events = self._table.configure(disabled=settings.disabled, collectors_off=settings.collectors_off)
        self._publish_events(events)
        if not settings.repeat_interval:
            self._next_repetition = float("inf")
        elif self.is_ready:
            self._repeat_active(self._clock.monotonic())  # for receivers that are new
        self._collection.request_collection()

    def _schedule_heartbeat(self) -> None:
        heartbeat = self._settings.heartbeat
        self._next_heartbeat = self._clock.monotonic() + heartbeat if heartbeat else float("inf")

    # --- events ------------------------------------------------------------------------------------------------------

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Evaluates a snapshot, whether it was requested here or by a scrape."""
        is_first = self._table.view is None
        view = ClusterView(snapshot, self._table.view, accumulators=ACCUMULATORS, removal_time=self._removal_time)
        self._builder.update_names(view)
        events = self._table.evaluate(view, now=self._clock.monotonic(), time=self._clock.time())
        if is_first:
            self._publish_start()
        self._publish_events(events)
        if self._settings.routine_changes:
            self._publish_routine_changes(view)

    def on_quorum_event(self, event: QuorumEvent) -> None:
        """Handles a quorum event: publishes a loss of quorum before anything else runs, then requests a collection."""
        if isinstance(event, QuorumUpdate) and self._table.view is not None:
            now = self._clock.monotonic()
            with self._log_bugs():
                self._publish_events(self._table.on_quorum_event(quorate=event.quorate, now=now, time=event.time))
        self._collection.request_collection()

    def on_alert(self, alert: Alert) -> None:
        """Handles an alert of Pacemaker: requests a collection, which shows what has happened."""
        self._log.debug("alert", kind=alert.kind.value, object=alert.object)
        self._collection.request_collection()

    def _on_timer(self, now: float) -> None:
        with self._log_bugs():
            self._publish_events(self._table.on_timer(now=now))
            if now >= self._next_heartbeat:
                self._next_heartbeat = now + self._settings.heartbeat
                self._publish(self._builder.heartbeat(self._table.active))
            if now >= self._next_repetition:
                self._repeat_active(now)

    def _next_deadline(self) -> float:
        deadline = self._table.next_deadline()
        others = min(self._next_heartbeat, self._next_repetition)
        return others if deadline is None else min(deadline, others)

    def _next_confirmation(self) -> float:
        confirmation = self._table.next_confirmation()
        return float("inf") if confirmation is None else confirmation

    @contextlib.contextmanager
    def _log_bugs(self) -> Iterator[None]:
        """Logs an exception instead of raising it: the source of an event must not end because of a bug here."""
        try:
            yield
        except Exception:  # noqa: BLE001 - see above
            self._log.exception("alarm evaluation failed")

    # --- publishing --------------------------------------------------------------------------------------------------

    def _publish(self, notification: Notification) -> None:
        if notification.is_counted:
            self._last_notification = notification
        self._publish_notification(notification)

    def _publish_start(self) -> None:
        active = self._table.active
        self._log.info("alarms ready", active=len(active))
        self._publish(self._builder.started(active))
        raised = [alarm for alarm in active if self._is_raised_at_start(alarm)]
        self._publish_events([AlarmEvent(alarm=alarm, change=Change.RAISED, text=alarm.text) for alarm in raised])
        for alarm in raised:
            if alarm.burst is BurstRole.MEMBER:
                alarm.sequence = 0  # its clear needs a raise: receivers may have it by itself, from before the start
        if self._settings.repeat_interval:
            self._repeat_active(self._clock.monotonic())

    def _is_raised_at_start(self, alarm: Alarm) -> bool:
        least = self._settings.raise_at_start
        return least is not None and alarm.condition.severity.rank <= least.rank

    def _repeat_active(self, now: float) -> None:
        """Publishes all active alarms that this node is to publish, even if there are none, to test the targets."""
        self._next_repetition = now + self._settings.repeat_interval
        self._publish(self._builder.repetition(list(filter(self._is_published, self._table.active))))

    def _introduce_added_targets(self) -> None:
        """Publishes to the targets that a reload has added what the others got at the start and since."""
        introduction: Sequence[Notification] = ()
        if self.is_ready:
            active = self._table.active
            gravest_first = sorted((*self._bursts.summaries, *active), key=lambda alarm: alarm.condition.severity.rank)
            raised = filter(self._is_published, filter(self._is_raised_at_start, gravest_first))
            introduction = self._builder.introduction(active, raised, self._table.view)
        self._introduce_notifications(introduction)

    def _publish_events(self, events: Sequence[AlarmEvent]) -> None:
        for event in self._bursts.condense(events):
            if self._is_published(event.alarm):
                self._publish(self._builder.alarm(event, self._table.view))
        if events:
            self._history.record(events, time=self._clock.time())
            # only after the deliveries have had a turn: logging takes time, and they must not wait for it
            asyncio.get_running_loop().call_soon(self._log_events, events)
            self._on_change()

    def _publish_routine_changes(self, view: ClusterView) -> None:
        for change in self._routine_changes.evaluate(view):
            if change["node"] == self._builder.sender.node or self._publishes_for_cluster():
                self._publish(self._builder.routine_change(change))

    def _is_published(self, alarm: Alarm) -> bool:
        return alarm.condition.local or self._publishes_for_cluster()

    def _publishes_for_cluster(self) -> bool:
        """Returns whether this node publishes what all nodes know, which it does unless another one certainly does."""
        view = self._table.view
        if not self._settings.dc_only or view is None:
            return True
        return not identity.another_node_is_dc(view)

    def _log_events(self, events: Sequence[AlarmEvent]) -> None:
        for event in events:
            log = self._log.warning if event.change is Change.RAISED else self._log.info
            condition = event.alarm.condition
            log(
                f"alarm {event.change}",
                condition=condition.name,
                severity=condition.severity.value,
                object=event.alarm.object,
                text=event.text,
                **_reason(event),
            )

    # --- samples -----------------------------------------------------------------------------------------------------

    def add_samples(self, samples: SampleSet) -> None:
        """Adds the samples about active alarms to a set."""
        active = self._table.active
        for alarm in active:
            name, severity = alarm.condition.name, alarm.condition.severity.value
            samples.add(self_metrics.ALARMS, 1, name, alarm.object, severity)
            samples.add(self_metrics.ALARMS_SINCE, alarm.since, name, alarm.object)
        if self._table.view is not None:
            for severity in self_metrics.SEVERITIES:
                count = sum(alarm.condition.severity == severity for alarm in active)
                samples.add(self_metrics.ALARMS_ACTIVE, count, severity)


def _reason(event: AlarmEvent) -> Mapping[str, str]:
    return {"reason": event.reason.value} if event.change is Change.CLEARED else {}
