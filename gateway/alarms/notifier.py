"""Tells notices to everybody who is to know: through the master agent, and directly to any number of targets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol

import structlog

from gateway import self_metrics
from gateway.alarms import notification as notice
from gateway.alarms.delivery import (
    PACE,
    QUEUE_SIZE,
    Channel,
    Delivery,
    DeliveryError,
    DeliveryStats,
    NobodyError,
    Outcome,
    Pauses,
    QueuedNotification,
    Result,
)
from gateway.alarms.notification import Notification
from gateway.clock import Clock, SystemClock
from gateway.errors import GatewayError
from gateway.frontends.snmp.notifications import compat
from gateway.frontends.snmp.notifications.resolver import Resolve, resolve
from gateway.frontends.snmp.notifications.target import Target, TargetKind
from gateway.frontends.snmp.notifications.udp_channel import Sender, make_codec
from gateway.samples import SampleSet
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.mib.module import Mib
from gateway.snmp.values import VarBind

AGENTX = "agentx"
"""The name of the target that stands for the sinks of the master agent."""

GRACE = 5.0
"""Seconds at the end for what is queued."""

_AGENTX_PAUSES = Pauses(least=0.25, first=0.25, longest=1.0)
"""The master agent is on this host, and whether there is a session is known at once."""
_TEST = 10.0
"""Seconds that a test waits at most, where others are before it; a target's own time-outs may be shorter."""

Form = Callable[[Notification, float], Iterable[Sequence[VarBind]]]
"""Returns the notifications that tell a notice, given the seconds since the start."""


class Master(Protocol):
    """The session with the master agent."""

    @property
    def absent(self) -> bool:
        """Whether there is no master agent on this host, and has been none since the start."""
        ...

    async def notify(self, varbinds: Sequence[VarBind]) -> None:
        """Sends a notification through the master agent.

        Raises:
            GatewayError: there is no session, or it was not accepted.
        """
        ...


class MasterChannel:
    """The channel through the master agent: delivered is what it has accepted.

    Args:
        master: the session with it.
        pace: seconds between two notifications.
    """

    def __init__(self, master: Master, *, pace: float = PACE) -> None:
        self._master = master
        self._pace = pace

    async def start(self) -> None:
        """Has nothing to get ready."""

    async def deliver(self, parcel: QueuedNotification, account: DeliveryStats) -> Result:
        """Hands a notification over."""
        try:
            await self._master.notify(parcel.varbinds)
        except GatewayError as error:
            raise (NobodyError if self._master.absent else DeliveryError)(str(error)) from None
        account.sent += 1
        parcel.left = True
        await asyncio.sleep(self._pace)
        return Result.SENT

    async def close(self) -> None:
        """Has nothing to end."""


class Notifier:
    """Tells notices to all targets, from ``start`` to ``close``; what comes before the start waits for it.

    Args:
        mib: the MIB of the gateway's own notifications.
        targets: whom to tell directly; their names differ.
        master: the session with the master agent, if its sinks are to be told.
        identity: who the gateway is to SNMPv3; needed if a target has a user.
        forms: the names of the forms to tell it in as well, of ``compat.FORMS``.
        native: whether to send the gateway's own notifications.
        clock: tells the time.
        started: when the gateway has started, on the monotonic clock; by default now.
        resolve: looks names up.
        pauses: between attempts to reach a target.
        queue_size: how many notifications may wait for one target.
    """

    def __init__(
        self,
        mib: Mib,
        *,
        targets: Sequence[Target] = (),
        master: Master | None = None,
        identity: EngineIdentity | None = None,
        forms: Sequence[str] = (),
        native: bool = True,
        clock: Clock | None = None,
        started: float | None = None,
        resolve: Resolve = resolve,
        pauses: Pauses | None = None,
        queue_size: int = QUEUE_SIZE,
    ) -> None:
        self._mib = mib
        self._clock = clock or SystemClock()
        self._started = self._clock.monotonic() if started is None else started
        self._log = structlog.get_logger("alarms")
        self._sequence = 0
        self._forms: dict[str, Form] = {"ha-cluster": self._own} if native else {}
        self._forms.update({name: compat.FORMS[name] for name in forms})
        self._deliveries: list[Delivery] = []
        if master is not None:
            channel = MasterChannel(master)
            self._add(AGENTX, TargetKind.AGENTX, channel, pauses or _AGENTX_PAUSES, queue_size)
        for target in targets:
            sender = Sender(target, partial(make_codec, target, identity), resolve=resolve)
            self._add(target.name, target.kind, sender, pauses or Pauses(), queue_size)

    def _add(self, name: str, kind: TargetKind, channel: Channel, pauses: Pauses, size: int) -> None:
        if any(delivery.name == name for delivery in self._deliveries):
            raise ValueError(f"two targets of the name {name}")
        self._deliveries.append(Delivery(name, kind, channel, pauses=pauses, size=size))

    async def start(self) -> None:
        """Begins to deliver. Keys are made and receivers are looked up now, so that nothing has to wait for that."""
        for delivery in self._deliveries:  # one after the other: many threads that make keys would hold up the loop
            await delivery.start()

    def submit(self, told: Notification) -> None:
        """Tells a notice to all targets. It returns at once, and raises nothing."""
        self._sequence = max(self._sequence, told.sequence)
        for varbinds in self._notifications(told):
            for delivery in self._deliveries:
                delivery.submit(QueuedNotification(varbinds=varbinds, notice=told))

    async def test(self, told: Notification) -> tuple[Outcome, ...]:
        """Tells a notice to all targets, and returns what has become of it there, each as soon as that is known."""
        self._sequence = max(self._sequence, told.sequence)
        (varbinds,) = self._own(told, self._uptime())
        tests = [
            self._test(delivery, QueuedNotification(varbinds=varbinds, notice=told)) for delivery in self._deliveries
        ]
        return tuple(await asyncio.gather(*tests))

    async def close(self, grace: float = GRACE) -> None:
        """Ends; what is queued has some seconds to be delivered, and the log has the rest."""
        await asyncio.gather(*(delivery.close(grace) for delivery in self._deliveries))

    def samples(self, samples: SampleSet) -> None:
        """Adds what has become of the notifications."""
        samples.add(self_metrics.NOTIFICATION_SEQUENCE, self._sequence)
        for delivery in self._deliveries:
            name, account = delivery.name, delivery.account
            state = self_metrics.TARGET_STATE
            samples.add(state, state.flags_for(account.state.value), name, delivery.kind.value)
            samples.add(self_metrics.NOTIFICATIONS_SENT, account.sent, name)
            samples.add(self_metrics.NOTIFICATIONS_ACKNOWLEDGED, account.acknowledged, name)
            samples.add(self_metrics.NOTIFICATION_RETRIES, account.retries, name)
            samples.add(self_metrics.NOTIFICATIONS_FAILED, account.failed, name)
            samples.add(self_metrics.NOTIFICATIONS_DROPPED, account.dropped, name)
            samples.add(self_metrics.NOTIFICATIONS_QUEUED, delivery.queued, name)

    def last_errors(self) -> Mapping[str, str]:
        """Returns why the last delivery to each target failed; empty where it did not."""
        return {delivery.name: delivery.account.last_error for delivery in self._deliveries}

    # --- one notice --------------------------------------------------------------------------------------------------

    def _uptime(self) -> float:
        return self._clock.monotonic() - self._started

    def _notifications(self, told: Notification) -> Iterator[Sequence[VarBind]]:
        """Yields the notifications that tell a notice; a form that fails costs itself only."""
        uptime = self._uptime()
        for name, form in self._forms.items():
            try:
                yield from tuple(form(told, uptime))
            except Exception:  # noqa: BLE001 - whoever has found something wrong must not fail because of this
                self._log.exception("notification not made", form=name, condition=told.condition)

    def _own(self, told: Notification, uptime: float) -> Iterable[Sequence[VarBind]]:
        """Returns the notification of HA-CLUSTER-MIB; what has none is for the other forms."""
        return [notice.varbinds(told, self._mib, uptime=uptime)] if told.notification else []

    async def _test(self, delivery: Delivery, parcel: QueuedNotification) -> Outcome:
        parcel.result = asyncio.get_running_loop().create_future()
        delivery.submit(parcel)
        try:
            async with asyncio.timeout(_TEST):
                return Outcome(delivery.name, delivery.kind, await parcel.result)
        except TimeoutError:
            before = f"{delivery.queued - 1} others are before it"
            error = f"{before}: {delivery.account.last_error}" if delivery.account.last_error else before
        except DeliveryError as failure:
            error = str(failure)
        return Outcome(delivery.name, delivery.kind, None, error)
