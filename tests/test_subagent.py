"""The subagent with a simulated master agent, which behaves as snmpd never does."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.backoff import Backoff
from gateway.frontends.snmp.subagent.address import (
    MAX_PATH,
    SessionFailure,
    TcpAddress,
    UnixAddress,
    connect,
    explain,
    parse_agentx,
)
from gateway.frontends.snmp.subagent.connection import (
    MAX_BULK,
    MAX_UNSENT,
    Connection,
    RequestKind,
    SessionLostError,
    SlowResponses,
)
from gateway.frontends.snmp.subagent.subagent import NotifyError, Subagent, SubagentState, Timing
from gateway.frontends.snmp.variable import Cell, Variable
from gateway.frontends.snmp.variable_table import VariableTable
from gateway.self_monitoring import self_metrics
from gateway.snmp import oid as oids
from gateway.snmp.agentx.codes import CloseReason, ErrorCode
from gateway.snmp.agentx.encoding import Reader
from gateway.snmp.agentx.messages import (
    AddAgentCaps,
    CleanupSet,
    Close,
    CommitSet,
    Get,
    GetBulk,
    GetNext,
    IndexAllocate,
    Notify,
    Open,
    Pdu,
    Ping,
    Register,
    Response,
    TestSet,
)
from gateway.snmp.agentx.pdu import HEADER_SIZE, Header, decode, decode_header, encode
from gateway.snmp.agentx.session import Event, Session
from gateway.snmp.oid import Oid
from gateway.snmp.values import SearchRange, Type, VarBind
from tests.conftest import closed, open_descriptors
from tests.protocol.agentx.variables import table, table_of
from tests.waiting import until

ROOT = oids.parse("1.3.6.1.4.1.8072.9999.9999.9664")
CELL = ROOT + oids.encode((1, 2, 1, 1, 1))
SESSION = 5
PAUSES = Backoff(first=0.02, longest=0.05)
FAST = Timing(response=10, notify=0.3, reconnect=PAUSES, reregister=PAUSES)
IMPATIENT = replace(FAST, response=0.3)


class Link:
    """A connection of the simulated master agent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.packet_id = 0

    async def read(self) -> tuple[Header, Pdu]:
        """Returns the next message.

        Raises:
            IncompleteReadError: there is none.
        """
        header = decode_header(await self.reader.readexactly(HEADER_SIZE))
        return header, decode(header, await self.reader.readexactly(header.payload_length))

    async def expect(self, kind: type[Pdu]) -> tuple[Header, Any]:
        async with asyncio.timeout(5):
            header, pdu = await self.read()
        assert isinstance(pdu, kind)
        return header, pdu

    def answer(self, header: Header, error: int = ErrorCode.NO_ERROR) -> None:
        response = Response(error=error)
        self.write(encode(response, session_id=SESSION, transaction_id=1, packet_id=header.packet_id))

    async def accept(self, *kinds: type[Pdu]) -> None:
        """Receives and accepts these messages."""
        for kind in kinds:
            header, _ = await self.expect(kind)
            self.answer(header)

    async def register(self) -> None:
        await self.accept(Open, Register, AddAgentCaps)

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    def say(self, pdu: Pdu, *, session_id: int = SESSION) -> bytes:
        self.packet_id += 1
        data = encode(pdu, session_id=session_id, transaction_id=1, packet_id=self.packet_id)
        self.write(data)
        return data

    async def ask(self, pdu: Pdu, *, session_id: int = SESSION) -> Response:
        """Sends a message and returns the response."""
        self.say(pdu, session_id=session_id)
        header, response = await self.expect(Response)
        assert header.packet_id == self.packet_id
        assert isinstance(response, Response)
        return response

    async def wait_closed(self) -> list[Pdu]:
        """Waits until the subagent closes the connection, and returns the messages until then."""
        messages = []
        async with asyncio.timeout(5):
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    messages.append((await self.read())[1])
        return messages


class Master:
    """A simulated master agent: accepts connections, which a test fetches one by one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.links: asyncio.Queue[Link] = asyncio.Queue()
        self._all: list[Link] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._accept, self.path)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(reader, writer)
        self._all.append(link)
        self.links.put_nowait(link)

    async def link(self) -> Link:
        async with asyncio.timeout(5):
            return await self.links.get()

    async def registered(self) -> Link:
        link = await self.link()
        await link.register()
        return link

    async def close(self) -> None:
        for link in self._all:
            link.writer.transport.abort()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None


@pytest.fixture
async def master(tmp_path: Path) -> AsyncIterator[Master]:
    before = open_descriptors()
    simulated = Master(tmp_path / "master")
    await simulated.start()
    yield simulated
    await simulated.close()
    await until(lambda: open_descriptors() <= before)


@contextlib.asynccontextmanager
async def running(
    path: Path, *, source: VariableTable | None = None, timing: Timing = FAST, **settings: Any
) -> AsyncIterator[Subagent]:
    subagent = Subagent(
        source=table(ROOT) if source is None else source,
        address=UnixAddress(str(path)),
        description="tested",
        timing=timing,
        **settings,
    )
    await subagent.start()
    try:
        yield subagent
        assert subagent._task is not None
        assert not subagent._task.done()
    finally:
        await subagent.close()
    assert subagent.state is SubagentState.OFF


def test_states_are_those_of_the_metric() -> None:
    assert tuple(SubagentState) == self_metrics.AGENTX_STATE.states


# --- From nothing to registered, and to the end ----------------------------------------------------------------------


async def test_a_complete_session(master: Master) -> None:
    with capture_logs() as logs:
        async with running(master.path) as subagent:
            link = await master.link()
            header, opened = await link.expect(Open)
            assert opened == Open(timeout=5, id=ROOT, description=b"tested")
            assert subagent.state is SubagentState.OPENING
            link.answer(header)
            header, registered = await link.expect(Register)
            assert registered == Register(subtree=ROOT)
            assert (subagent.state, header.session_id) == (SubagentState.REGISTERING, SESSION)
            link.answer(header)
            header, caps = await link.expect(AddAgentCaps)
            assert caps == AddAgentCaps(id=ROOT, description=b"tested")
            assert (subagent.state, subagent.sessions, subagent.failure) == (SubagentState.REGISTERED, 1, None)
            link.answer(header)
            assert Reader((await link.ask(Get(ranges=(SearchRange(CELL),)))).varbinds).varbinds() == (
                VarBind(CELL, Type.INTEGER, 1001),
            )
        assert await link.wait_closed() == [Close(reason=CloseReason.SHUTDOWN)]
    assert [log["event"] for log in logs] == ["agentx registered"]


async def test_long_capabilities_are_shortened(master: Master) -> None:
    async with running(master.path, capabilities=(CELL, "x" * 300)):
        link = await master.link()
        await link.accept(Open, Register)
        _, caps = await link.expect(AddAgentCaps)
        assert caps == AddAgentCaps(id=CELL, description=b"x" * 255)


async def test_refused_capabilities_do_not_end_the_session(master: Master) -> None:
    with capture_logs() as logs:
        async with running(master.path) as subagent:
            link = await master.link()
            await link.accept(Open, Register)
            header, _ = await link.expect(AddAgentCaps)
            link.answer(header, ErrorCode.REQUEST_DENIED)
            await link.ask(Get(ranges=()))
            assert subagent.state is SubagentState.REGISTERED
    assert logs[-1]["event"] == "agentx capabilities refused"
    assert logs[-1]["error"] == "requestDenied"


@pytest.mark.parametrize("steps", [(), (Open,), (Open, Register)])
async def test_closing_in_any_state(master: Master, steps: tuple[type[Pdu], ...]) -> None:
    async with running(master.path):
        link = await master.link()
        await link.accept(*steps)
        await link.expect((Open, Register, AddAgentCaps)[len(steps)])
    assert await link.wait_closed() == ([Close(reason=CloseReason.SHUTDOWN)] if steps else [])


async def test_closing_without_a_master_agent(tmp_path: Path) -> None:
    async with running(tmp_path / "none") as subagent:
        await until(lambda: subagent.state is SubagentState.WAITING)


# --- Refusals --------------------------------------------------------------------------------------------------------


async def test_a_duplicate_registration_is_retried_and_logged_once(master: Master) -> None:
    with capture_logs() as logs:
        async with running(master.path) as subagent:
            link = await master.link()
            await link.accept(Open)
            for _ in range(5):
                header, _ = await link.expect(Register)
                link.answer(header, ErrorCode.DUPLICATE_REGISTRATION)
            header, _ = await link.expect(Register)
            assert (subagent.state, subagent.failure) == (SubagentState.REGISTERING, SessionFailure.DUPLICATE)
            with pytest.raises(NotifyError, match="is registered by another subagent"):
                await subagent.notify([])
            link.answer(header)
            await link.accept(AddAgentCaps)
            assert (subagent.state, subagent.failure, subagent.detail) == (SubagentState.REGISTERED, None, "")
    assert [(log["event"], log.get("reason")) for log in logs] == [
        ("agentx waiting", "duplicate"),
        ("agentx registered", None),
    ]


async def test_a_refused_registration(master: Master) -> None:
    async with running(master.path) as subagent:
        link = await master.link()
        await link.accept(Open)
        header, _ = await link.expect(Register)
        link.answer(header, ErrorCode.REQUEST_DENIED)
        await link.accept(Register)
        assert subagent.failure is SessionFailure.REFUSED
        assert "is not registered: requestDenied" in subagent.detail


async def test_a_refused_session(master: Master) -> None:
    with capture_logs() as logs:
        async with running(master.path) as subagent:
            for _ in range(3):
                link = await master.link()
                header, _ = await link.expect(Open)
                link.answer(header, ErrorCode.OPEN_FAILED)
                assert await link.wait_closed() == []
            await master.registered()
            await until(lambda: subagent.sessions == 1)
    assert [(log["event"], log.get("reason")) for log in logs] == [
        ("agentx waiting", "refused"),
        ("agentx registered", None),
    ]
    assert "the master agent opens no session: openFailed" in logs[0]["detail"]


# --- A master agent that says nothing, or too much -------------------------------------------------------------------


@pytest.mark.parametrize("steps", [(), (Open,)])
async def test_an_unresponsive_master_agent(master: Master, steps: tuple[type[Pdu], ...]) -> None:
    async with running(master.path, timing=IMPATIENT) as subagent:
        for _ in range(2):
            link = await master.link()
            await link.accept(*steps)
            messages = await link.wait_closed()
            assert messages[1:] == ([Close(reason=CloseReason.TIMEOUTS)] if steps else [])
            assert subagent.failure is SessionFailure.UNRESPONSIVE
        await master.registered()
        await until(lambda: subagent.state is SubagentState.REGISTERED)


async def test_a_ping_without_a_response_ends_the_session(master: Master) -> None:
    timing = Timing(ping_interval=0.02, ping=0.2, reconnect=replace(PAUSES, longest=3.0))
    with capture_logs() as logs:
        async with running(master.path, timing=timing) as subagent:
            link = await master.registered()
            await link.accept(Ping, Ping)
            header, _ = await link.expect(Ping)
            assert await link.wait_closed() == [Close(reason=CloseReason.TIMEOUTS)]
            assert subagent.failure is SessionFailure.UNRESPONSIVE
            link = await master.registered()
            header, _ = await link.expect(Ping)
            link.answer(header, ErrorCode.NOT_OPEN)
            assert await link.wait_closed() == []
            link = await master.registered()
            header, _ = await link.expect(Ping)
            link.answer(header, ErrorCode.PROCESSING_ERROR)
            assert await link.wait_closed() == [Close(reason=CloseReason.OTHER)]
    details = [log["detail"] for log in logs if log["event"] == "agentx lost"]
    assert details == [
        "no response within 0.2 s",
        "the master agent no longer knows the session",
        "ping: processingError",
    ]


async def test_a_master_agent_that_does_not_read(master: Master) -> None:
    """Unread data is kept only up to a limit."""
    values = {CELL + oids.encode((number,)): Cell(Type.OCTET_STRING, bytes(4000)) for number in range(100)}
    async with running(master.path, source=table_of(ROOT, values)) as subagent:
        link = await master.registered()
        link.reader._transport.pause_reading()  # type: ignore[attr-defined]  # a stream reads ahead by itself
        for _ in range(1 + 2 * MAX_UNSENT // 400_000):
            link.say(GetBulk(ranges=(SearchRange(ROOT),), max_repetitions=100))
        await until(lambda: subagent.failure is SessionFailure.UNRESPONSIVE)
        assert "are not read" in subagent.detail
        await master.registered()
        await until(lambda: subagent.sessions == 2)


async def test_a_full_queue_of_connections(tmp_path: Path) -> None:
    path = tmp_path / "full"
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(path))
        listener.listen(0)
        for _ in range(2):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                client.connect(str(path))
        async with running(path) as subagent:
            await until(lambda: subagent.failure is SessionFailure.UNRESPONSIVE)
            assert "does not accept connections" in subagent.detail


async def test_a_flood_of_requests(master: Master) -> None:
    async with running(master.path) as subagent:
        link = await master.registered()
        count = 3000
        data = b"".join(
            encode(GetNext(ranges=(SearchRange(ROOT),)), session_id=SESSION, transaction_id=1, packet_id=number)
            for number in range(1, count + 1)
        )
        link.write(data)
        for number in range(1, count + 1):
            header, _ = await link.expect(Response)
            assert header.packet_id == number
        assert subagent.requests["get_next"] == count


# --- What is not AgentX ----------------------------------------------------------------------------------------------

RANGE = SearchRange(ROOT)


@pytest.mark.parametrize(
    "garbage",
    [
        b"220 mail.example.org ESMTP\r\n",
        bytes(20),
        b"\2\5\x10\0" + bytes(16),
        b"\1\5\x10\0" + bytes(12) + b"\xff\xff\xff\xff",
        b"\1\5\x10\0" + bytes(12) + b"\0\0\0\3",
    ],
)
async def test_garbage_ends_the_session_and_a_new_one_begins(master: Master, garbage: bytes) -> None:
    async with running(master.path) as subagent:
        link = await master.registered()
        link.write(garbage)
        assert await link.wait_closed() == [Close(reason=CloseReason.PARSE_ERROR)]
        assert subagent.rejected == 1
        await master.registered()
        await until(lambda: subagent.sessions == 2)


async def test_garbage_instead_of_a_response(master: Master) -> None:
    async with running(master.path) as subagent:
        link = await master.link()
        link.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await link.wait_closed()
        assert subagent.failure is SessionFailure.NOT_AGENTX
        await master.registered()


async def test_a_connection_closed_within_a_message(master: Master) -> None:
    with capture_logs() as logs:
        async with running(master.path) as subagent:
            for cut in (1, HEADER_SIZE, HEADER_SIZE + 3):
                link = await master.registered()
                link.write(encode(Get(ranges=(RANGE,)), session_id=SESSION, transaction_id=1, packet_id=1)[:cut])
                link.writer.close()
            await master.registered()
            await until(lambda: subagent.sessions == 4)
            assert subagent.rejected == 0
    assert [log["event"] for log in logs] == ["agentx registered", "agentx lost"] * 3 + ["agentx registered"]


async def test_messages_byte_by_byte(master: Master) -> None:
    async with running(master.path):
        link = await master.registered()
        data = encode(Get(ranges=(SearchRange(CELL),)), session_id=SESSION, transaction_id=1, packet_id=1)
        for byte in data:
            link.write(bytes([byte]))
            await link.writer.drain()
            await asyncio.sleep(0)
        _, response = await link.expect(Response)
        assert response.error == ErrorCode.NO_ERROR


async def test_protocol_errors_are_answered_and_the_session_continues(master: Master) -> None:
    async with running(master.path) as subagent:
        link = await master.registered()
        assert (await link.ask(Get(ranges=(RANGE,)), session_id=99)).error == ErrorCode.NOT_OPEN
        assert (await link.ask(Ping())).error == ErrorCode.PARSE_ERROR
        assert (await link.ask(IndexAllocate(varbinds=()))).error == ErrorCode.PARSE_ERROR
        link.packet_id += 1
        link.write(bytes([1, 77, 0x10, 0]) + b"".join(n.to_bytes(4, "big") for n in (SESSION, 1, link.packet_id, 0)))
        _, response = await link.expect(Response)
        assert response.error == ErrorCode.PARSE_ERROR
        assert (await link.ask(Get(ranges=(SearchRange(CELL),)))).error == ErrorCode.NO_ERROR
        assert (subagent.rejected, subagent.sessions) == (4, 1)


async def test_set_is_refused(master: Master) -> None:
    async with running(master.path) as subagent:
        link = await master.registered()
        refused = await link.ask(TestSet(varbinds=(VarBind(CELL, Type.INTEGER, 1),)))
        assert refused == Response(error=ErrorCode.NOT_WRITABLE, index=1)
        link.say(CleanupSet())
        assert await link.ask(CommitSet()) == Response(error=ErrorCode.COMMIT_FAILED)
        assert subagent.requests == {"set": 3}


async def test_a_repeated_request(master: Master) -> None:
    async with running(master.path) as subagent:
        link = await master.registered()
        link.write(link.say(Get(ranges=(RANGE,))))
        await link.expect(Response)
        await link.ask(Get(ranges=(RANGE,)))
        assert (subagent.repeated, subagent.requests["get"]) == (1, 2)


@pytest.mark.parametrize(
    ("reason", "name"), [(CloseReason.SHUTDOWN, "shutdown"), (CloseReason.BY_MANAGER, "byManager"), (77, "77")]
)
async def test_the_master_agent_closes_the_session(master: Master, reason: int, name: str) -> None:
    with capture_logs() as logs:
        async with running(master.path) as subagent:
            link = await master.registered()
            link.say(Close(reason=reason))
            assert await link.wait_closed() == []
            await master.registered()
            await until(lambda: subagent.sessions == 2)
    assert logs[1]["event"] == "agentx lost"
    assert logs[1]["detail"] == f"closed by the master agent: {name}"


async def test_sessions_that_are_lost_at_once_back_off(master: Master) -> None:
    """Otherwise a master agent that fails on a message would receive it a hundred times a second."""
    pauses: list[float] = []
    timing = Timing(reconnect=Backoff(first=0.01, longest=0.08, jitter=lambda: 1.0))
    async with running(master.path, timing=timing):
        last = None
        for _ in range(6):
            link = await master.link()
            if last is not None:
                pauses.append(asyncio.get_running_loop().time() - last)
            await link.register()
            link.writer.close()
            last = asyncio.get_running_loop().time()
    assert pauses[-1] >= 0.07


# --- GetBulk ---------------------------------------------------------------------------------------------------------


async def test_get_bulk_returns_repetitions_of_each_column(master: Master) -> None:
    async with running(master.path):
        link = await master.registered()
        entry = ROOT + oids.encode((1, 2, 1))
        columns = tuple(
            SearchRange(entry + oids.encode((number,)), ROOT[:-4] + b"\xff\xff\xff\xff") for number in (1, 2, 8)
        )
        response = await link.ask(GetBulk(ranges=columns, non_repeaters=1, max_repetitions=3))
        values = [varbind.value for varbind in Reader(response.varbinds).varbinds()]
        assert values == [1001, 2001, 8001, 2002, 8002, 2003, 8003]


async def test_get_bulk_is_limited(master: Master) -> None:
    async with running(master.path, source=table(ROOT, columns=2, rows=MAX_BULK)):
        link = await master.registered()
        for ranges, expected in (((RANGE,), MAX_BULK), ((RANGE,) * 3, MAX_BULK // 3 * 3), ((), 0)):
            response = await link.ask(GetBulk(ranges=ranges, max_repetitions=65535))
            assert len(Reader(response.varbinds).varbinds()) == expected
        response = await link.ask(GetBulk(ranges=(RANGE, RANGE), non_repeaters=9, max_repetitions=9))
        assert len(Reader(response.varbinds).varbinds()) == 2


# --- Bugs ------------------------------------------------------------------------------------------------------------


class Broken(VariableTable):
    """A source with a bug."""

    def get(self, names: Sequence[Oid]) -> list[Variable]:
        raise ZeroDivisionError

    def get_next(self, ranges: Sequence[SearchRange]) -> list[Variable]:
        return [None for _ in ranges]  # type: ignore[misc]  # the bug


async def test_a_bug_in_the_source_costs_one_request(master: Master) -> None:
    with capture_logs() as logs:
        async with running(master.path, source=Broken(ROOT)) as subagent:
            link = await master.registered()
            for _ in range(3):
                assert await link.ask(Get(ranges=(RANGE,))) == Response(error=ErrorCode.GEN_ERR)
            assert await link.ask(GetNext(ranges=(RANGE,))) == Response(error=ErrorCode.GEN_ERR)
            assert subagent.sessions == 1
    bugs = [log for log in logs if log["log_level"] == "error"]
    assert [type(log["exc_info"]) for log in bugs] == [ZeroDivisionError, AttributeError]


class BuggySession(Session):
    """A session with a bug."""

    def next_event(self) -> Event | None:
        raise ZeroDivisionError


async def test_a_bug_in_the_session_costs_one_session() -> None:
    connection = Connection(BuggySession(), table(ROOT))
    with capture_logs() as logs:
        connection.buffer_updated(1)
        with pytest.raises(SessionLostError, match=r"a bug: ZeroDivisionError\(\)"):
            await connection.sleep(5)
    assert [log["log_level"] for log in logs] == ["error"]


async def test_a_request_that_cannot_be_encoded_is_logged_once_and_does_not_end_the_subagent(master: Master) -> None:
    with capture_logs() as logs:
        async with running(master.path, capabilities=(ROOT * 200, "too long an identifier")) as subagent:
            for _ in range(2):
                link = await master.link()
                await link.accept(Open, Register)
                assert await link.wait_closed() == [Close(reason=CloseReason.OTHER)]
            await until(lambda: subagent.failure is SessionFailure.OTHER)
    assert isinstance(logs[1]["exc_info"], ValueError)


# --- Notifications ---------------------------------------------------------------------------------------------------

TRAP = (VarBind(oids.parse("1.3.6.1.6.3.1.1.4.1.0"), Type.OBJECT_IDENTIFIER, ROOT),)


async def test_a_notification_is_sent_once_the_master_agent_responds(master: Master) -> None:
    async with running(master.path) as subagent:
        link = await master.registered()
        sent = asyncio.ensure_future(subagent.notify(TRAP))
        header, notification = await link.expect(Notify)
        assert notification == Notify(varbinds=TRAP)
        assert not sent.done()
        link.answer(header)
        await sent
        refused = asyncio.ensure_future(subagent.notify(TRAP))
        header, _ = await link.expect(Notify)
        link.answer(header, ErrorCode.PROCESSING_ERROR)
        with pytest.raises(NotifyError, match="refused by the master agent: processingError"):
            await refused
        with pytest.raises(ValueError, match="GAUGE32"):
            await subagent.notify([VarBind(ROOT, Type.GAUGE32, -1)])
        lost = asyncio.ensure_future(subagent.notify(TRAP))
        await link.expect(Notify)
        link.writer.close()
        with pytest.raises(NotifyError, match="the connection was closed"):
            await lost
        assert subagent.rejected == 0


async def test_a_notification_without_a_response_ends_the_session(master: Master) -> None:
    """It cannot be repeated on this session: the master agent has it, and may process it at any time."""
    async with running(master.path) as subagent:
        link = await master.registered()
        unanswered = asyncio.ensure_future(subagent.notify(TRAP))
        header, _ = await link.expect(Notify)
        with pytest.raises(NotifyError, match=r"no response within 0\.3 s"):
            await unanswered
        await until(lambda: subagent.state is not SubagentState.REGISTERED)
        link.answer(header)  # too late, but not an error
        await master.registered()
        await until(lambda: subagent.sessions == 2)
        assert subagent.rejected == 0


async def test_a_master_agent_that_takes_long_gets_a_pause(master: Master) -> None:
    loop = asyncio.get_running_loop()
    async with running(master.path, timing=replace(FAST, notify=10, respite=0.1)) as subagent:
        link = await master.registered()
        sent = asyncio.ensure_future(subagent.notify(TRAP))
        header, _ = await link.expect(Notify)
        late = asyncio.Event()
        loop.call_later(0.1, late.set)
        await late.wait()
        answered = loop.time()
        link.answer(header)
        await sent
        assert loop.time() - answered >= 0.1


async def test_responses_to_notifications_may_arrive_in_any_order(master: Master) -> None:
    async with running(master.path) as subagent:
        link = await master.registered()
        sent = [asyncio.ensure_future(subagent.notify(TRAP)) for _ in range(10)]
        headers = [(await link.expect(Notify))[0] for _ in sent]
        for header in reversed(headers):
            link.answer(header)
        await asyncio.gather(*sent)


async def test_notifications_without_a_session(tmp_path: Path) -> None:
    subagent = Subagent(source=table(ROOT), address=UnixAddress(str(tmp_path / "none")), description="tested")
    with pytest.raises(NotifyError, match="not registered with a master agent"):
        await subagent.notify(TRAP)


# --- Addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("off", None),
        ("unix:/var/agentx/master", UnixAddress("/var/agentx/master")),
        ("unix:/a:b", UnixAddress("/a:b")),
        ("tcp:localhost:705", TcpAddress("localhost", 705)),
        ("tcp:127.0.0.1:65535", TcpAddress("127.0.0.1", 65535)),
        ("tcp:[::1]:705", TcpAddress("::1", 705)),
    ],
)
def test_addresses_of_the_master_agent_are_read(text: str, address: UnixAddress | TcpAddress | None) -> None:
    assert parse_agentx(text) == address
    if address is not None:
        assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unix:",
        "unix:master",
        "unix:/a\0b",
        "/var/agentx/master",
        "tcp:705",
        "tcp::705",
        "tcp:host",
        "tcp:host:",
        "tcp:host:0",
        "tcp:host:65536",
        "tcp:host:7O5",
        "tcp:::1:705",
        "tcp:[host]:705",
        "udp:host:705",
        "OFF",
    ],
)
def test_an_invalid_address_of_the_master_agent_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match='expected "unix:PATH" with an absolute path, "tcp:HOST:PORT" or "off"'):
        parse_agentx(text)


def test_a_path_that_is_too_long() -> None:
    longest = "/" + "x" * (MAX_PATH - 1)
    assert parse_agentx(f"unix:{longest}") == UnixAddress(longest)
    with pytest.raises(ValueError, match="a socket's path of at most 107 bytes"):
        parse_agentx(f"unix:{longest}x")


async def failure_of(address: UnixAddress | TcpAddress, timing: Timing = FAST) -> tuple[SessionFailure | None, str]:
    subagent = Subagent(source=table(ROOT), address=address, description="tested", timing=timing)
    await subagent.start()
    await subagent.wait_for_first_attempt()
    await subagent.close()
    return subagent.failure, subagent.detail


async def test_reasons_of_a_failed_connection(tmp_path: Path) -> None:
    path = tmp_path / "master"
    address = UnixAddress(str(path))
    assert await failure_of(address) == (
        SessionFailure.NO_SOCKET,
        f'unix:{path}: No such file or directory; is snmpd running, with "master agentx" in its configuration?',
    )
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert await failure_of(address) == (
        SessionFailure.CONNECTION_REFUSED,
        f"unix:{path}: Connection refused; is snmpd running?",
    )
    assert await failure_of(UnixAddress(f"{path}/below")) == (
        SessionFailure.NO_SOCKET,
        f'unix:{path}/below: Not a directory; is snmpd running, with "master agentx" in its configuration?',
    )
    with closed(tmp_path):
        failure, detail = await failure_of(address)
    assert failure is SessionFailure.NOT_PERMITTED
    reason = r"/\S+ has mode 0\d00 and belongs to \w+:\w+"
    assert re.match(rf"unix:{path}: Permission denied; {reason}; the drop-in for snmpd.service opens it", detail)
    assert (await failure_of(UnixAddress("/" + "x" * 200)))[0] is SessionFailure.OTHER


async def test_a_session_over_tcp() -> None:
    served = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(reader, writer)
        await link.register()
        served.set()
        await link.wait_closed()
        writer.close()

    before = open_descriptors()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    address = TcpAddress("localhost", port)  # which may also be ::1, where nothing listens
    subagent = Subagent(source=table(ROOT), address=address, description="tested", timing=FAST)
    await subagent.start()
    await asyncio.wait_for(served.wait(), 5)
    await subagent.close()
    server.close()
    await server.wait_closed()
    assert await failure_of(address) == (
        SessionFailure.CONNECTION_REFUSED,
        f"tcp:localhost:{port}: Connection refused; is snmpd running?",
    )
    await until(lambda: open_descriptors() <= before)


async def test_tcp_that_is_not_accepted() -> None:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = TcpAddress("127.0.0.1", listener.getsockname()[1])
        for _ in range(2):
            client = stack.enter_context(socket.socket())
            client.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                client.connect((address.host, address.port))
        before = open_descriptors()
        assert await failure_of(address, IMPATIENT) == (
            SessionFailure.UNRESPONSIVE,
            f"{address}: not connected within 0.3 s",
        )
        assert open_descriptors() <= before


async def test_connecting_can_be_cancelled(master: Master) -> None:
    before = open_descriptors()
    for _ in range(3):
        connecting = asyncio.ensure_future(connect(UnixAddress(str(master.path)), asyncio.Protocol))
        await asyncio.sleep(0)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
    for _ in range(3):
        (await master.link()).writer.close()
    await until(lambda: open_descriptors() <= before)


async def test_an_unknown_host_name() -> None:
    failure, detail = await failure_of(TcpAddress("name.invalid", 705))
    assert failure is SessionFailure.OTHER
    assert detail.startswith("tcp:name.invalid:705: ")


def test_errors_without_a_number() -> None:
    assert explain(UnixAddress("/x"), OSError("AF_UNIX path too long")) == (
        SessionFailure.OTHER,
        "unix:/x: AF_UNIX path too long",
    )


# --- Memory ----------------------------------------------------------------------------------------------------------


async def test_a_hundred_sessions_leave_nothing_behind(master: Master) -> None:
    timing = Timing(reconnect=Backoff(first=0.001, longest=0.001), response=1)
    async with running(master.path, timing=timing) as subagent:

        async def session(number: int) -> None:
            link = await master.registered()
            if number % 3 == 0:
                link.say(Close())
            elif number % 3 == 1:
                link.write(b"garbage" * 20)
            link.writer.close()
            await link.wait_closed()

        for number in range(10):
            await session(number)
        tasks, descriptors = len(asyncio.all_tasks()), open_descriptors()
        for number in range(90):
            await session(number)
        await until(lambda: len(asyncio.all_tasks()) <= tasks + 1)
        await until(lambda: open_descriptors() <= descriptors + 2)
        assert subagent.sessions == 100


async def test_late_responses_are_logged_once_for_each_change() -> None:
    slow_responses = SlowResponses(0.0)
    with capture_logs() as logs:
        for _ in range(3):  # three notifications that each get a late response
            with slow_responses.watch(RequestKind.NOTIFICATION) as responded:
                await until(lambda: bool(slow_responses._late))
                await asyncio.sleep(0)
                responded()
        slow_responses.seconds = 60.0
        for kind in (RequestKind.SESSION, RequestKind.NOTIFICATION, RequestKind.NOTIFICATION):
            with slow_responses.watch(kind) as responded:
                responded()
    assert [(log["event"], log.get("request")) for log in logs] == [
        ("agentx slow", "notification"),
        ("agentx responds in time again", None),
    ]
