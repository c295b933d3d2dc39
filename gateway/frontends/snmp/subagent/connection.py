"""The connection of the AgentX subagent: moves bytes between a socket and a session, and serves its requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import NamedTuple

import structlog

from gateway.frontends.snmp.bulk import get_bulk
from gateway.frontends.snmp.subagent.address import SessionFailure
from gateway.frontends.snmp.variable import Variable
from gateway.frontends.snmp.variable_source import VariableSource
from gateway.snmp.agentx.codes import CloseReason
from gateway.snmp.agentx.encoding import encode_varbind
from gateway.snmp.agentx.messages import Get, GetBulk, GetNext
from gateway.snmp.agentx.session import Request, ResponseReceived, Session
from gateway.waiting import completed_within

MAX_BULK = 512
"""Variables in the response to one GetBulk, at most; the master agent requests the rest."""

SLOW = 3.0
"""Seconds after which a missing response is logged."""

_SLOW_CAUSE = (
    "snmpd waits about 6 s for each receiver of SNMPv3 informs that it cannot reach, and does nothing else meanwhile; "
    "remove such sinks from snmpd.conf, and send to these receivers with [[alarms.target]]"
)

MAX_UNSENT = 1024 * 1024
"""Bytes that a master agent may leave unread, beyond what the system buffers, before the session is given up."""

_BUFFER = 64 * 1024
"""Bytes that are read at once. The buffer is reused: asyncio's own would be 256 kB of new memory for each message."""


class SessionLostError(Exception):
    """No session is open, or it has ended.

    Attributes:
        failure: the reason, as ``status`` and the log name it.
        detail: the reason in words.
    """

    def __init__(self, failure: SessionFailure, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail


class RequestKind(StrEnum):
    """The requests to the master agent, by what can delay the response."""

    SESSION = "session"
    """Everything else that the master agent does delays it."""
    NOTIFICATION = "notification"
    """The master agent responds when it has sent the notification to all sinks."""


class RequestResult(NamedTuple):
    """The response of the master agent to a request.

    Attributes:
        error: its error code; 0 for none.
        seconds: how long the master agent took.
    """

    error: int
    seconds: float


class SlowResponses:
    """Measures how long the master agent takes to respond. Logs when that begins and ceases to be too long, once each.

    It outlasts the sessions. A kind of request is late until a request of this kind gets a response in time.

    Attributes:
        seconds: the time after which a response is late.
    """

    def __init__(self, seconds: float = SLOW) -> None:
        self.seconds = seconds
        self._late: set[RequestKind] = set()
        self._log = structlog.get_logger("agentx")

    @contextmanager
    def watch(self, kind: RequestKind) -> Iterator[Callable[[], float]]:
        """Logs a missing response after a while.

        Yields a function to call when the response has arrived; it returns how many seconds that took.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        timer = loop.call_at(began + self.seconds, self._on_late, kind)

        def on_response() -> float:
            seconds = loop.time() - began
            self._on_response(kind, in_time=seconds < self.seconds)
            return seconds

        try:
            yield on_response
        finally:
            timer.cancel()

    def _on_late(self, kind: RequestKind) -> None:
        if not self._late:
            self._log.warning("agentx slow", request=kind.value, seconds=self.seconds, probable_cause=_SLOW_CAUSE)
        self._late.add(kind)

    def _on_response(self, kind: RequestKind, *, in_time: bool) -> None:
        if in_time and kind in self._late:
            self._late.remove(kind)
            if not self._late:
                self._log.info("agentx responds in time again")


class Connection(asyncio.BufferedProtocol):
    """One connection to a master agent, and its session.

    Attributes:
        session: the state of the AgentX protocol on this connection.

    Args:
        source: serves the variables that are requested.
        slow_responses: logs that the master agent responds late.
    """

    def __init__(self, session: Session, source: VariableSource, slow_responses: SlowResponses | None = None) -> None:
        self.session = session
        self._source = source
        self._slow_responses = slow_responses or SlowResponses()
        self._transport: asyncio.Transport | None = None
        self._loss: tuple[SessionFailure, str] | None = None
        self._lost = asyncio.Event()
        self._disconnected = asyncio.Event()
        self._responses: dict[int, asyncio.Future[int]] = {}
        self._logged_bugs: set[type[Exception]] = set()
        self._buffer = memoryview(bytearray(_BUFFER))
        self._log = structlog.get_logger("agentx")

    # --- for the subagent --------------------------------------------------------------------------------------------

    async def request(
        self, send: Callable[[], int], timeout: float, kind: RequestKind = RequestKind.SESSION
    ) -> RequestResult:
        """Sends a request to the master agent, and returns the result.

        A request is never repeated: the master agent has it, and may process it at any time until the session ends.
        Without a response in time, the session therefore ends.

        Args:
            send: one of the session's methods that send a request and return its packet id.
            timeout: seconds after which the master agent counts as unresponsive.
            kind: the kind of the request.

        Raises:
            SessionLostError: the session has ended, or ends because no response arrives in time.
            ValueError: the request cannot be encoded.
        """
        self._raise_if_lost()
        packet_id = send()
        response: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._responses[packet_id] = response
        try:
            with self._slow_responses.watch(kind) as responded:
                self._flush()
                if await completed_within(response, timeout):
                    return RequestResult(response.result(), responded())
        finally:
            del self._responses[packet_id]
        loss = SessionLostError(SessionFailure.UNRESPONSIVE, f"no response within {timeout:g} s")
        self._mark_lost(loss.failure, loss.detail)
        raise loss

    async def sleep(self, seconds: float) -> None:
        """Waits for some seconds.

        Raises:
            SessionLostError: the session has ended.
        """
        await self.pause(seconds)
        self._raise_if_lost()

    async def pause(self, seconds: float) -> None:
        """Waits for some seconds, or until the session has ended."""
        await completed_within(self._lost.wait(), seconds)

    async def close(self, reason: CloseReason, timeout: float) -> None:
        """Closes the session and the connection; in an orderly way if that is possible in time."""
        transport = self._transport
        if transport is None or self._disconnected.is_set():
            return
        self.session.close(reason)
        self._flush()
        transport.close()
        try:
            await completed_within(self._disconnected.wait(), timeout)
        finally:
            transport.abort()

    def _raise_if_lost(self) -> None:
        if self._loss is not None:
            raise SessionLostError(*self._loss)

    # --- for the event loop ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Limits what may be left unsent."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(MAX_UNSENT)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Returns the buffer to read into."""
        del sizehint
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Processes the messages that were read."""
        session = self.session
        try:
            session.receive_data(self._buffer[:nbytes])
            while self._loss is None and (event := session.next_event()) is not None:
                if isinstance(event, Request):
                    self._respond(event)
                elif isinstance(event, ResponseReceived):
                    self._on_response(event)
                else:
                    failure = SessionFailure.NOT_AGENTX if event.broken else SessionFailure.CLOSED
                    self._mark_lost(failure, event.detail)
                self._flush()
            self._flush()
        except Exception as error:  # noqa: BLE001 - a bug costs this session, not the next one
            self._log.error("agentx message not processed: this is a bug", exc_info=error)
            self._mark_lost(SessionFailure.OTHER, f"a bug: {error!r}")

    def pause_writing(self) -> None:
        """Gives up a master agent that does not read."""
        self._mark_lost(SessionFailure.UNRESPONSIVE, f"more than {MAX_UNSENT} bytes are not read")
        assert self._transport is not None
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the session."""
        self._mark_lost(
            SessionFailure.CLOSED, f"the connection was closed: {exc}" if exc else "the connection was closed"
        )
        self._disconnected.set()

    def _flush(self) -> None:
        if (data := self.session.data_to_send()) and self._transport is not None:
            self._transport.write(data)

    def _mark_lost(self, failure: SessionFailure, detail: str) -> None:
        """Ends the session for everything that waits for it. The first reason is the one that counts."""
        if self._loss is not None:
            return
        self._loss = failure, detail
        self._lost.set()
        for response in self._responses.values():
            if not response.done():
                response.set_exception(SessionLostError(failure, detail))

    def _on_response(self, event: ResponseReceived) -> None:
        response = self._responses.get(event.packet_id)
        if response is not None and not response.done():
            response.set_result(event.error)

    # --- requests of the master agent --------------------------------------------------------------------------------

    def _respond(self, request: Request) -> None:
        try:
            variables = self._variables(request.pdu)
            self.session.respond(request, [variable.encoded(encode_varbind) for variable in variables])
        except Exception as error:  # noqa: BLE001 - a bug costs this request, not the session
            self.session.respond_error(request)
            if type(error) not in self._logged_bugs:  # a walk would log thousands
                self._logged_bugs.add(type(error))
                self._log.error("agentx request not answered: this is a bug", exc_info=error)

    def _variables(self, pdu: Get | GetNext | GetBulk) -> list[Variable]:
        ranges = pdu.ranges
        if isinstance(pdu, GetNext):
            return self._source.get_next(ranges)
        if isinstance(pdu, Get):
            return self._source.get([searched.start for searched in ranges])
        non_repeaters = min(pdu.non_repeaters, len(ranges))
        most = max(1, MAX_BULK // max(1, len(ranges) - non_repeaters))
        rows = self._source.rows(ranges, non_repeaters=non_repeaters)
        return get_bulk(rows, max_repetitions=min(pdu.max_repetitions, most))
