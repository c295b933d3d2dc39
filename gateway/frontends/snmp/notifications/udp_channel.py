"""Sends notifications to a receiver by UDP: traps once, informs until they are acknowledged.

An inform keeps its request-id over all attempts. A late acknowledgement therefore counts, and a receiver that is merely
slow does not get an alarm twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
from abc import abstractmethod
from collections.abc import Callable
from typing import Protocol

import structlog

from gateway.alarms.channel import DeliveryError, DeliveryResult, DeliveryStats, RefusedError
from gateway.alarms.notification import Notification
from gateway.alarms.resolver import ReceiverAddresses
from gateway.errors import DecodeError
from gateway.frontends.snmp.notifications.header import SnmpNotification
from gateway.frontends.snmp.notifications.receiver_socket import ReceiverSocket, udp_socket
from gateway.frontends.snmp.notifications.rendering import Renderer
from gateway.frontends.snmp.notifications.snmp_channel import PACE, SnmpChannel
from gateway.frontends.snmp.notifications.target import Target
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.message import CommunityCodec
from gateway.snmp.reply import Acknowledgement, ErrorReport, ErrorResponse, Reply, Resend
from gateway.waiting import completed_within

_MAX_RESENDS = 3
"""How often one attempt is repeated at once because the receiver sent its engine id, and then its time."""

_LOG_INTERVAL = 60.0
"""Seconds between two log events about discarded replies: anyone can send them."""


class NotificationCodec(Protocol):
    """Encodes the messages to a receiver, and decodes its replies."""

    @property
    def ready(self) -> bool:
        """Whether an inform can be encoded."""
        ...

    @property
    def synchronized(self) -> bool:
        """Whether an inform would be accepted at once."""
        ...

    def encode_trap(self, request_id: int, varbinds: SnmpNotification) -> bytes:
        """Returns the message of a trap."""
        ...

    def encode_inform(self, request_id: int, varbinds: SnmpNotification) -> bytes:
        """Returns the message of an inform."""
        ...

    def encode_discovery(self) -> bytes:
        """Returns a message whose reply makes the codec ready or, if it is, synchronized."""
        ...

    def end_try(self) -> bool:
        """Ends a try without a final reply, and returns whether the receiver has sent nothing authentic during it."""
        ...

    def decode_reply(self, data: bytes) -> Reply:
        """Returns a reply of the receiver; raises DecodeError."""
        ...


def make_codec(target: Target, identity: EngineIdentity | None) -> NotificationCodec:
    """Returns the codec for a target. With a user, that takes an identity, and some milliseconds to derive the keys."""
    if target.user is None:
        return CommunityCodec(target.community)
    assert identity is not None
    from gateway.snmp.usm import UsmCodec  # noqa: PLC0415 - most gateways have no user, and the ciphers take 7 MB

    return UsmCodec(target.user, identity, engine_id=target.engine_id)


class UdpChannel(SnmpChannel):
    """What the channels for traps and informs share.

    Args:
        target: the receiver, with its credentials, time-out and retries.
        renderer: renders notifications.
        addresses: the addresses of the receiver.
        make_codec: returns the codec; it is called in a thread.
        pace: seconds between two traps.
        make_socket: returns a new socket of an address family.
    """

    def __init__(
        self,
        target: Target,
        renderer: Renderer,
        addresses: ReceiverAddresses,
        make_codec: Callable[[], NotificationCodec],
        *,
        pace: float = PACE,
        make_socket: Callable[[int], socket.socket] = udp_socket,
    ) -> None:
        super().__init__(renderer, pace=pace)
        self._target = target
        self._addresses = addresses
        self._make_codec = make_codec
        self._codec: NotificationCodec
        self._socket = ReceiverSocket(addresses, self._on_datagram, make_socket=make_socket)
        self._log = structlog.get_logger("alarms").bind(target=target.name)
        self._request_ids = itertools.count(int.from_bytes(os.urandom(3), "big"))
        self._preparation: asyncio.Task[None] | None = None
        self._discarded, self._next_log = 0, 0.0

    async def start(self) -> None:
        """Derives keys; starts to resolve the name and to contact the receiver, so that no notification has to wait."""
        self._codec = await asyncio.to_thread(self._make_codec)
        await self._addresses.start()
        self._preparation = asyncio.create_task(self._prepare(), name=f"first contact with {self._target.name}")

    async def deliver(self, notification: Notification, stats: DeliveryStats) -> DeliveryResult:
        """Delivers a notification; if that fails, the next attempt goes to the next address."""
        try:
            return await super().deliver(notification, stats)
        except RefusedError:
            raise
        except DeliveryError:
            self._addresses.mark_unreachable()
            raise

    async def close(self) -> None:
        """Closes the socket and stops resolving the name."""
        if self._preparation is not None:
            self._preparation.cancel()
            await asyncio.gather(self._preparation, return_exceptions=True)
        await self._addresses.close()
        self._socket.close()

    async def _prepare(self) -> None:
        """Opens the socket, so that the first notification does not wait for that."""
        with contextlib.suppress(DeliveryError):
            await self._socket.open()

    @abstractmethod
    def _on_datagram(self, datagram: bytes) -> None:
        """Handles a datagram of the receiver."""

    def _decode(self, datagram: bytes) -> Reply | None:
        """Returns the reply in a datagram, or None if it has none for this gateway."""
        try:
            return self._codec.decode_reply(datagram)
        except DecodeError as error:
            self._discarded += 1
            now = asyncio.get_running_loop().time()
            if now >= self._next_log:
                self._log.debug("replies discarded", discarded=self._discarded, reason=str(error))
                self._discarded, self._next_log = 0, now + _LOG_INTERVAL
            return None

    def _new_request_id(self) -> int:
        return next(self._request_ids) % 2**31


class TrapChannel(UdpChannel):
    """Sends each notification once. An error that the kernel reports soon after that is the only reply there can be."""

    async def _send(self, message: SnmpNotification, stats: DeliveryStats) -> DeliveryResult:
        self._socket.error = ""
        await self._socket.send(self._codec.encode_trap(self._new_request_id(), message))
        stats.sent += 1
        return DeliveryResult.SENT

    def _late_error(self) -> str:
        return self._socket.error

    def _on_datagram(self, datagram: bytes) -> None:
        self._decode(datagram)  # for the log: nothing replies to a trap


class _PendingInform:
    """An inform that is not acknowledged yet, however often it was sent.

    Attributes:
        message: the variables that it carries.
        stats: counts how often it is sent.
        request_id: identifies its acknowledgement.
        reply: the final reply of the receiver, or None.
        replied: set when there is a final reply.
        report: why the receiver may have discarded the current attempt; empty if it has not reported anything.
        sent: whether it was sent at least once.
        resends: how often the current attempt may still be repeated at once.
    """

    def __init__(self, message: SnmpNotification, stats: DeliveryStats, request_id: int) -> None:
        self.message = message
        self.stats = stats
        self.request_id = request_id
        self.reply: Acknowledgement | ErrorResponse | None = None
        self.replied = asyncio.Event()
        self.report = ""
        self.sent = False
        self.resends = 0

    def on_reply(self, reply: Acknowledgement | ErrorResponse | ErrorReport) -> None:
        """Stores a reply unless it belongs to another notification.

        A report is not authentic: the real reply may follow, so it does not end the attempt.
        """
        if isinstance(reply, ErrorReport):
            self.report = reply.reason
        elif reply.request_id == self.request_id:
            self.reply = reply
            self.replied.set()


class InformChannel(UdpChannel):
    """Sends each notification until it is acknowledged: in one attempt, once and then ``target.retries`` times."""

    _pending: _PendingInform | None = None
    _discoveries = _MAX_RESENDS

    async def _prepare(self) -> None:
        """Discovers engine id and time of the receiver, so that the first notification does not wait for that."""
        with contextlib.suppress(DeliveryError):
            await self._socket.open()
            if not self._codec.synchronized:
                await self._socket.send(self._codec.encode_discovery())

    async def _send(self, message: SnmpNotification, stats: DeliveryStats) -> DeliveryResult:
        pending = self._pending
        if pending is None or pending.message is not message:
            pending = self._pending = _PendingInform(message, stats, self._new_request_id())
        self._socket.error = pending.report = ""
        for _ in range(self._target.retries + 1):
            if pending.reply is not None or pending.report:
                break
            await self._try(pending)
        reply, pending.reply = pending.reply, None
        if reply is None:
            seconds = self._target.timeout * (self._target.retries + 1)
            raise DeliveryError(pending.report or self._socket.error or f"no answer in {seconds:g} s")
        self._pending = None
        if isinstance(reply, ErrorResponse):
            raise RefusedError(reply.reason)
        stats.acknowledged += 1
        return DeliveryResult.ACKNOWLEDGED

    async def _try(self, pending: _PendingInform) -> None:
        """Sends an inform once, and waits for the final reply to it."""
        pending.resends = _MAX_RESENDS
        pending.replied.clear()
        await self._socket.send(self._next_datagram(pending))
        if not await completed_within(pending.replied.wait(), self._target.timeout) and not self._codec.end_try():
            pending.report = ""  # it was forged, or the cause is gone

    def _next_datagram(self, pending: _PendingInform) -> bytes:
        """Returns the datagram to send next, and counts it."""
        if not self._codec.ready:
            return self._codec.encode_discovery()
        if pending.sent:
            pending.stats.retries += 1
        else:
            pending.stats.sent += 1
            pending.sent = True
        return self._codec.encode_inform(pending.request_id, pending.message)

    def _on_datagram(self, datagram: bytes) -> None:
        reply, pending = self._decode(datagram), self._pending
        if reply is None:
            return
        if not isinstance(reply, Resend):
            if pending is not None:
                pending.on_reply(reply)
        elif pending is None:
            self._continue_discovery()
        elif pending.resends:
            pending.resends -= 1
            self._socket.send_now(self._next_datagram(pending))

    def _continue_discovery(self) -> None:
        """Asks for the time of the receiver, whose engine id is known now."""
        if self._discoveries and not self._codec.synchronized:
            self._discoveries -= 1
            self._socket.send_now(self._codec.encode_discovery())
