"""The AgentX subagent's connection: bytes between a socket and a session, and requests to whom answers them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from gateway.frontends.snmp.bulk import get_bulk
from gateway.frontends.snmp.subagent.address import Reason
from gateway.frontends.snmp.variable import Variable
from gateway.frontends.snmp.variable_source import VariableSource
from gateway.snmp.agentx.codes import CloseReason
from gateway.snmp.agentx.encoding import encode_varbind
from gateway.snmp.agentx.messages import Get, GetBulk, GetNext
from gateway.snmp.agentx.session import Request, ResponseReceived, Session

MAX_BULK = 512
"""Variables that one GetBulk is answered with at most; the master agent asks again."""

MAX_UNSENT = 1024 * 1024
"""Bytes that a master agent may leave unread, beyond what the system buffers, until it is given up."""

_BUFFER = 64 * 1024
"""Bytes that are read at once. They are kept: asyncio's own would be 256 kB of new memory for each message."""


class LostError(Exception):
    """There is no session any longer, or not yet."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Connection(asyncio.BufferedProtocol):
    """Takes bytes between a socket and a session, and requests to whom answers them.

    Attributes:
        session: the session.
    """

    def __init__(self, session: Session, source: VariableSource) -> None:
        self.session = session
        self._source = source
        self._transport: asyncio.Transport | None = None
        loop = asyncio.get_running_loop()
        self._lost: asyncio.Future[LostError] = loop.create_future()
        self._gone: asyncio.Future[None] = loop.create_future()
        self._awaited: dict[int, asyncio.Future[int]] = {}
        self._failed: set[type[Exception]] = set()
        self._buffer = memoryview(bytearray(_BUFFER))
        self._log = structlog.get_logger("agentx")

    # --- for the subagent --------------------------------------------------------------------------------------------

    async def ask(self, say: Callable[[], int], timeout: float) -> int:
        """Asks the master agent, and returns the error of its answer.

        Args:
            say: one of the session's methods that return the packet id that is answered to.
            timeout: seconds until the other side is given up.

        Raises:
            LostError: the session is over, or there is no answer in time.
            ValueError: what is to be said cannot be.
        """
        self._raise_if_lost()
        packet_id = say()
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._awaited[packet_id] = future
        try:
            self._flush()
            either: list[asyncio.Future[Any]] = [future, self._lost]
            await asyncio.wait(either, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._awaited[packet_id]
        if future.done():
            return future.result()
        self._raise_if_lost()
        raise LostError(Reason.HUNG, f"no answer within {timeout} s")

    async def wait(self, seconds: float) -> None:
        """Waits.

        Raises:
            LostError: the session is over.
        """
        await asyncio.wait({self._lost}, timeout=seconds)
        self._raise_if_lost()

    async def end(self, reason: CloseReason, timeout: float) -> None:
        """Ends session and connection, in good order if that is possible in time."""
        transport = self._transport
        if transport is None or self._gone.done():
            return
        self.session.close(reason)
        self._flush()
        transport.close()
        try:
            await asyncio.wait({self._gone}, timeout=timeout)
        finally:
            transport.abort()

    def _raise_if_lost(self) -> None:
        if self._lost.done():
            loss = self._lost.result()
            raise LostError(loss.reason, loss.detail)

    # --- for the event loop ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(MAX_UNSENT)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Returns where to put what is read."""
        del sizehint
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Answers requests, and tells those who wait of answers."""
        session = self.session
        try:
            session.receive_data(self._buffer[:nbytes])
            while not self._lost.done() and (event := session.next_event()) is not None:
                if isinstance(event, Request):
                    self._answer(event)
                elif isinstance(event, ResponseReceived):
                    self._answered(event)
                else:
                    self._lose(Reason.NOT_AGENTX if event.broken else Reason.CLOSED, event.detail)
                self._flush()
            self._flush()
        except Exception as error:  # noqa: BLE001 - a bug costs this session, not those to come
            self._log.error("agentx message not processed: this is a bug", exc_info=error)
            self._lose(Reason.FAILED, f"a bug: {error!r}")

    def pause_writing(self) -> None:
        """Gives up a master agent that does not read."""
        self._lose(Reason.HUNG, f"more than {MAX_UNSENT} bytes are not read")
        assert self._transport is not None
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells those who wait that there is nothing to wait for."""
        self._lose(Reason.CLOSED, f"the connection was closed: {exc}" if exc else "the connection was closed")
        if not self._gone.done():
            self._gone.set_result(None)

    def _flush(self) -> None:
        if (data := self.session.data_to_send()) and self._transport is not None:
            self._transport.write(data)

    def _lose(self, reason: Reason, detail: str) -> None:
        if not self._lost.done():
            self._lost.set_result(LostError(reason, detail))

    def _answered(self, event: ResponseReceived) -> None:
        future = self._awaited.get(event.packet_id)
        if future is not None and not future.done():
            future.set_result(event.error)

    # --- requests ----------------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> None:
        try:
            variables = self._variables(request.pdu)
            self.session.respond(request, [variable.encoded(encode_varbind) for variable in variables])
        except Exception as error:  # noqa: BLE001 - a bug costs this request, not the session
            self.session.respond_error(request)
            if type(error) not in self._failed:  # a walk would log thousands
                self._failed.add(type(error))
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
