"""Sends notifications to a receiver directly, by UDP: traps once, informs until they are acknowledged.

An inform keeps its request id for as long as it takes, so that an answer counts whenever it comes, and no receiver that
is merely slow gets an alarm twice for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import os
import socket
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from gateway.alarms.delivery import PACE, DeliveryError, DeliveryStats, QueuedNotification, RefusedError, Result
from gateway.errors import DecodeError
from gateway.frontends.snmp.notifications.resolver import Address, Addresses, Resolve, resolve
from gateway.frontends.snmp.notifications.target import Target, TargetKind
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.reply import Acknowledgement, ErrorReport, ErrorResponse, Reply, Resend
from gateway.snmp.values import VarBind

_LARGEST = 65535
_AT_ONCE = 16
"""Answers that are read before others get their turn."""
_MAX_AGAIN = 3
"""How often one attempt is repeated because of what was learned of the receiver: its engine, and then its time."""


class NotificationCodec(Protocol):
    """Writes the messages to a receiver, and reads its answers."""

    @property
    def ready(self) -> bool:
        """Whether an inform can be written."""
        ...

    def encode_trap(self, request_id: int, varbinds: Sequence[VarBind]) -> bytes:
        """Returns the message of a trap."""
        ...

    def encode_inform(self, request_id: int, varbinds: Sequence[VarBind]) -> bytes:
        """Returns the message of an inform."""
        ...

    def encode_discovery(self) -> bytes:
        """Returns a message whose answer makes it ready."""
        ...

    def decode_reply(self, data: bytes) -> Reply:
        """Returns what an answer says; raises DecodeError."""
        ...


def make_codec(target: Target, identity: EngineIdentity | None) -> NotificationCodec:
    """Returns what writes the messages to a target; with a user that takes some milliseconds, and an identity.

    pysnmp is imported here, and so only where there is a target.
    """
    from gateway.snmp.message import CommunityCodec  # noqa: PLC0415 - imports pysnmp
    from gateway.snmp.usm import UsmCodec  # noqa: PLC0415 - imports pysnmp

    if target.user is None:
        return CommunityCodec(target.community)
    assert identity is not None
    return UsmCodec(target.user, identity)


class _Pending:
    """An inform that waits for its answer, however often it is sent.

    Attributes:
        parcel: what is sent.
        account: where that is entered.
        request_id: by which its answer is known.
        answer: what the receiver says of it, once it does.
        sent: whether it has left once.
        again: how often the last attempt may still be repeated at once.
    """

    def __init__(self, parcel: QueuedNotification, account: DeliveryStats, request_id: int) -> None:
        self.parcel = parcel
        self.account = account
        self.request_id = request_id
        self.answer: Acknowledgement | ErrorResponse | ErrorReport | None = None
        self.sent = False
        self.again = 0
        self._answered = asyncio.Event()

    async def wait(self, timeout: float) -> None:
        """Waits for an answer."""
        self._answered.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._answered.wait()

    def take(self, answer: Acknowledgement | ErrorResponse | ErrorReport) -> None:
        """Takes the answer in; what the receiver says of another notification, or of none, changes nothing."""
        if isinstance(answer, ErrorReport) or answer.request_id == self.request_id:
            self.answer = answer
            self._answered.set()


class Sender:
    """The channel to one receiver.

    Args:
        target: the receiver.
        make: returns what writes and reads the messages; it is called in a thread.
        resolve: looks its name up.
        pace: seconds between two traps.
    """

    def __init__(
        self, target: Target, make: Callable[[], NotificationCodec], *, resolve: Resolve = resolve, pace: float = PACE
    ) -> None:
        self._target = target
        self._make = make
        self._codec: NotificationCodec
        self._pace = pace
        self._addresses = Addresses(target.host, target.port, resolve=resolve)
        self._log = structlog.get_logger("alarms").bind(target=target.name)
        self._request_ids = itertools.count(int.from_bytes(os.urandom(3), "big"))
        self._socket: socket.socket | None = None
        self._address: Address | None = None
        self._pending: _Pending | None = None
        self._trouble = ""
        self._opening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Makes keys, looks the receiver up and gets to know it, so that the first notification has not to wait."""
        self._codec = await asyncio.to_thread(self._make)
        self._addresses.start()
        self._opening = asyncio.create_task(self._prepare(), name=f"first contact with {self._target.name}")

    async def deliver(self, parcel: QueuedNotification, account: DeliveryStats) -> Result:
        """Sends a trap, or an inform until it is acknowledged, ``retries`` times at most."""
        try:
            if self._target.kind is TargetKind.TRAP:
                return await self._trap(parcel, account)
            return await self._inform(parcel, account)
        except RefusedError:
            raise
        except DeliveryError:
            self._addresses.doubt()
            raise

    async def close(self) -> None:
        """Ends."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        await self._addresses.close()
        self._shut()

    async def _prepare(self) -> None:
        with contextlib.suppress(DeliveryError):
            await self._open()
            if self._target.kind is TargetKind.INFORM and not self._codec.ready:
                await self._put(self._codec.encode_discovery())

    # --- traps and informs -------------------------------------------------------------------------------------------

    async def _trap(self, parcel: QueuedNotification, account: DeliveryStats) -> Result:
        self._trouble = ""
        await self._put(self._codec.encode_trap(self._new_id(), parcel.varbinds))
        account.sent += 1
        parcel.left = True
        await asyncio.sleep(self._pace)
        if self._trouble:  # it was sent, and that is all that is done for a trap
            raise RefusedError(self._trouble)
        return Result.SENT

    async def _inform(self, parcel: QueuedNotification, account: DeliveryStats) -> Result:
        pending = self._pending
        if pending is None or pending.parcel is not parcel:
            pending = self._pending = _Pending(parcel, account, self._new_id())
        self._trouble = ""
        for _ in range(self._target.retries + 1):
            if pending.answer is None:
                pending.again = _MAX_AGAIN
                await self._put(self._next_message(pending))
                await pending.wait(self._target.timeout)
        answer, pending.answer = pending.answer, None
        if answer is None:
            seconds = self._target.timeout * (self._target.retries + 1)
            raise DeliveryError(self._trouble or f"no answer in {seconds:g} s")
        if isinstance(answer, ErrorReport):
            raise DeliveryError(answer.reason)
        self._pending = None
        if isinstance(answer, ErrorResponse):
            raise RefusedError(answer.reason)
        account.acknowledged += 1
        return Result.ACKNOWLEDGED

    def _next_message(self, pending: _Pending) -> bytes:
        """Returns what has to be sent next, and enters it."""
        if not self._codec.ready:
            return self._codec.encode_discovery()
        if pending.sent:
            pending.account.retries += 1
        else:
            pending.account.sent += 1
            pending.sent = True
        return self._codec.encode_inform(pending.request_id, pending.parcel.varbinds)

    def _new_id(self) -> int:
        return next(self._request_ids) % 2**31

    # --- the socket --------------------------------------------------------------------------------------------------

    async def _open(self) -> socket.socket:
        """Returns a socket that is connected to the receiver, so that only its answers, and refusals, arrive there.

        Raises:
            DeliveryError: no address is known, or there is no way to it.
        """
        address = await self._addresses.get()
        if self._socket is not None and address == self._address:
            return self._socket
        self._shut()
        sock = socket.socket(address.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            sock.connect(address.name)
        except OSError as error:
            sock.close()
            raise DeliveryError(_reason(error)) from None
        asyncio.get_running_loop().add_reader(sock, self._readable, sock)
        self._socket, self._address = sock, address
        return sock

    def _shut(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    async def _put(self, data: bytes) -> None:
        """Sends a message; if that fails, from a new socket: this node's own address may have changed.

        Raises:
            DeliveryError: it cannot be sent.
            RefusedError: it is too large.
        """
        try:
            _send(await self._open(), data)
        except OSError:
            self._shut()
            try:
                _send(await self._open(), data)
            except OSError as error:
                if error.errno == errno.EMSGSIZE:
                    raise RefusedError(f"a message of {len(data)} octets is too large") from None
                raise DeliveryError(_reason(error)) from None

    def _readable(self, sock: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                data = sock.recv(_LARGEST)
            except BlockingIOError:
                return
            except OSError as error:  # of what was sent before; a refusal, mostly
                self._trouble = _reason(error)
            else:
                self._take(data, sock)

    def _take(self, data: bytes, sock: socket.socket) -> None:
        """Takes in what has come from the receiver."""
        try:
            answer = self._codec.decode_reply(data)
        except DecodeError as error:
            self._log.debug("answer not understood", error=str(error))
            return
        pending = self._pending
        if pending is None:
            return
        if not isinstance(answer, Resend):
            pending.take(answer)
        elif pending.again:
            pending.again -= 1
            with contextlib.suppress(OSError):  # then the next attempt
                _send(sock, self._next_message(pending))


def _send(sock: socket.socket, data: bytes) -> None:
    """Sends a message.

    Raises:
        OSError: it cannot be sent.
    """
    try:
        sock.send(data)
    except ConnectionRefusedError:  # of the message before, and this one has not left
        sock.send(data)


def _reason(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused: nobody listens there"
    return error.strerror or str(error)
