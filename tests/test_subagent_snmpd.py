"""The subagent with a real snmpd: what managers see, and how the subagent recovers from failures of snmpd."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.backoff import Backoff
from gateway.frontends.snmp.subagent.address import SessionFailure, parse_agentx
from gateway.frontends.snmp.subagent.subagent import NotifyError, Subagent, SubagentState, Timing
from gateway.frontends.snmp.variable import Cell, Variable
from gateway.frontends.snmp.variable_table import VariableTable
from gateway.snmp import oid as oids
from gateway.snmp.oid import Oid
from gateway.snmp.values import Type, VarBind
from tests.conftest import open_descriptors
from tests.ports import free_port
from tests.protocol.agentx.variables import table, table_of
from tests.snmpd import ARC, ENGINE, SYSORTABLE, Snmpd
from tests.waiting import until

pytestmark = pytest.mark.daemon

ROOT = oids.parse(ARC)
BACK = 6
"""Seconds within which the subagent has to be registered again."""


@pytest.fixture(scope="module")
def shared_snmpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    with Snmpd(tmp_path_factory.mktemp("snmpd")) as daemon:
        yield daemon


@pytest.fixture
def snmpd(shared_snmpd: Snmpd) -> Snmpd:
    """The one snmpd of this module, running."""
    if not shared_snmpd.is_running:
        shared_snmpd.start()
    return shared_snmpd


@pytest.fixture
def source() -> VariableTable:
    return table(ROOT)


async def stop(subagent: Subagent) -> None:
    """Closes a subagent, which has not ended by itself."""
    assert subagent._task is None or not subagent._task.done()
    await subagent.close()
    assert subagent.state is SubagentState.OFF


@contextlib.asynccontextmanager
async def running(
    daemon: Snmpd, source: VariableTable, *, address: str = "", registered: bool = True, timing: Timing | None = None
) -> AsyncIterator[Subagent]:
    agentx = parse_agentx(address or f"unix:{daemon.agentx}")
    assert agentx
    before = open_descriptors()
    subagent = Subagent(source=source, address=agentx, description="tested", timing=timing)
    await subagent.start()
    if registered:
        await until(lambda: subagent.state is SubagentState.REGISTERED, seconds=BACK)
    try:
        yield subagent
    finally:
        await stop(subagent)
        await until(lambda: open_descriptors() <= before)


def line(column: int, row: int) -> str:
    return f".{ARC}.1.2.1.{column}.{row} = INTEGER: {column * 1000 + row}"


def lines(columns: range, rows: range) -> list[str]:
    return [line(column, row) for column in columns for row in rows]


# --- What managers see -----------------------------------------------------------------------------------------------


async def test_get_returns_values_and_what_does_not_exist(snmpd: Snmpd, source: VariableTable) -> None:
    async with running(snmpd, source) as subagent:
        found = await snmpd.ask("snmpget", f"{ARC}.1.2.1.3.4", f"{ARC}.1.2.1.5.6", f"{ARC}.1.2.1.9.1")
        assert found.lines == [
            line(3, 4),
            line(5, 6),
            f".{ARC}.1.2.1.9.1 = No Such Instance currently exists at this OID",
        ]
        assert subagent.requests == {"get": 1}


async def test_walks_return_every_variable_once_in_order(snmpd: Snmpd, source: VariableTable) -> None:
    everything = lines(range(1, 9), range(1, 21))
    async with running(snmpd, source) as subagent:
        assert (await snmpd.ask("snmpwalk", ARC)).lines == everything
        assert (await snmpd.ask("snmpbulkwalk", "-Cr40", ARC)).lines == everything
        assert (await snmpd.ask("snmpbulkwalk", ARC + ".1.2.1.4")).lines == lines(range(4, 5), range(1, 21))
        assert set(subagent.requests) <= {"get", "get_next"}  # snmpd never sends GetBulk
        assert (subagent.rejected, subagent.repeated) == (0, 0)


async def test_columns_side_by_side(snmpd: Snmpd, source: VariableTable) -> None:
    columns = [f"{ARC}.1.2.1.{column}" for column in range(1, 9)]
    async with running(snmpd, source):
        found = await snmpd.ask("snmpbulkget", "-Cr10", *columns)
        assert found.lines == [line(column, row) for row in range(1, 11) for column in range(1, 9)]
        following = await snmpd.ask("snmpgetnext", f"{ARC}.1.2.1.1.20", f"{ARC}.1.2.1.2", ARC)
        assert following.lines == [line(2, 1), line(2, 1), line(1, 1)]


async def test_getnext_after_the_last_variable_continues_in_snmpd(snmpd: Snmpd, source: VariableTable) -> None:
    async with running(snmpd, source):
        found = (await snmpd.ask("snmpgetnext", f"{ARC}.1.2.1.8.20")).lines
        assert found[0].startswith(f".{ENGINE}.")


async def test_all_variables_are_read_only(snmpd: Snmpd, source: VariableTable) -> None:
    async with running(snmpd, source) as subagent:
        for name in ("1.2.1.1.1", "1.2.1.99.1"):
            refused = await snmpd.ask("snmpset", f"{ARC}.{name}", "i", "5", community="private")
            assert refused.status == 2
            assert "notWritable" in refused.error
        assert (await snmpd.ask("snmpget", f"{ARC}.1.2.1.1.1")).lines == [line(1, 1)]
        assert (subagent.rejected, subagent.state) == (0, SubagentState.REGISTERED)


async def test_values_of_all_types_arrive(snmpd: Snmpd) -> None:
    values: dict[int, tuple[Type, int | bytes, str]] = {
        1: (Type.INTEGER, -5, "INTEGER: -5"),
        2: (Type.OCTET_STRING, b"text", 'STRING: "text"'),
        3: (Type.OBJECT_IDENTIFIER, oids.parse("1.3.6.1.2.1.1"), "OID: .1.3.6.1.2.1.1"),
        4: (Type.IP_ADDRESS, bytes([192, 0, 2, 1]), "IpAddress: 192.0.2.1"),
        5: (Type.COUNTER32, 2**32 - 1, "Counter32: 4294967295"),
        6: (Type.GAUGE32, 2**32 - 1, "Gauge32: 4294967295"),
        7: (Type.TIME_TICKS, 100, "Timeticks: (100) 0:00:01.00"),
        8: (Type.COUNTER64, 2**64 - 1, "Counter64: 18446744073709551615"),
        9: (Type.OCTET_STRING, b"", '""'),
        10: (Type.OCTET_STRING, b"x" * 255, f'STRING: "{"x" * 255}"'),
    }
    name = ROOT + oids.encode((1, 1))
    source = table_of(ROOT, {name + oids.encode((key,)): Cell(kind, value) for key, (kind, value, _) in values.items()})
    async with running(snmpd, source):
        found = await snmpd.ask("snmpwalk", ARC)
        assert [text.partition(" = ")[2] for text in found.lines] == [text for _, _, text in values.values()]


async def test_capabilities_are_in_sysortable_during_the_session(snmpd: Snmpd, source: VariableTable) -> None:
    async def rows() -> list[str]:
        return [text.partition(" = ")[2] for text in (await snmpd.ask("snmpwalk", SYSORTABLE)).lines]

    async def are_gone() -> bool:
        return f"OID: .{ARC}" not in await rows()

    async with running(snmpd, source):
        await until(lambda: _holds(rows, f"OID: .{ARC}", 'STRING: "tested"'))
    await until(are_gone)


async def _holds(rows: Callable[[], Awaitable[list[str]]], *wanted: str) -> bool:
    return set(wanted) <= set(await rows())


# --- What happens to snmpd -------------------------------------------------------------------------------------------


async def responds(snmpd: Snmpd) -> bool:
    return (await snmpd.ask("snmpget", f"{ARC}.1.2.1.1.1", timeout=1)).lines == [line(1, 1)]


async def wait_until_back(subagent: Subagent, sessions: int) -> None:
    await until(lambda: subagent.sessions == sessions, seconds=BACK)
    assert subagent.state is SubagentState.REGISTERED


async def test_snmpd_may_be_started_later(tmp_path: Path, source: VariableTable) -> None:
    daemon = Snmpd(tmp_path)
    with capture_logs() as logs:
        async with running(daemon, source, registered=False) as subagent:
            await until(lambda: subagent.failure is SessionFailure.NO_SOCKET)
            with pytest.raises(NotifyError, match="is snmpd running"):
                await subagent.notify([])
            with daemon:
                await until(lambda: subagent.state is SubagentState.REGISTERED, seconds=BACK)
                assert await responds(daemon)
    assert [log["event"] for log in logs] == ["agentx waiting", "agentx registered"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
async def test_snmpd_may_be_restarted(snmpd: Snmpd, source: VariableTable, how: signal.Signals) -> None:
    async with running(snmpd, source) as subagent:
        for sessions in (2, 3):
            snmpd.stop(how)
            await until(lambda: subagent.state is SubagentState.WAITING)
            snmpd.start()
            await wait_until_back(subagent, sessions)
            assert await responds(snmpd)


async def test_a_new_configuration_keeps_the_session(snmpd: Snmpd, source: VariableTable) -> None:
    async with running(snmpd, source) as subagent:
        snmpd.kill(signal.SIGHUP)
        await until(lambda: "Reconfiguring" in snmpd.log.read_text() or "restarted" in snmpd.log.read_text())
        assert await responds(snmpd)
        assert subagent.sessions == 1


async def test_a_hang_keeps_the_session(snmpd: Snmpd, source: VariableTable) -> None:
    async with running(snmpd, source) as subagent:
        with snmpd.held():
            assert not await responds(snmpd)
        await until(lambda: responds(snmpd))
        assert subagent.sessions == 1


class Stalling(VariableTable):
    """A table whose first request blocks the whole program for a while."""

    stall = 2.2

    def get(self, names: Sequence[Oid]) -> list[Variable]:
        time.sleep(self.stall)
        self.stall = 0
        return super().get(names)


async def test_a_repeated_request_is_answered_once(snmpd: Snmpd) -> None:
    """During this snmpd repeats the request twice."""
    source = table_of(ROOT, {ROOT + oids.encode((1, 2, 1, 1, 1)): Cell(Type.INTEGER, 1001)}, Stalling)
    async with running(snmpd, source) as subagent:
        assert (await snmpd.ask("snmpget", f"{ARC}.1.2.1.1.1", timeout=5)).lines == [line(1, 1)]
        await until(lambda: subagent.repeated > 0)
        assert await responds(snmpd)
        assert (subagent.requests["get"], subagent.sessions, subagent.rejected) == (2, 1, 0)


IMPATIENT = Timing(ping_interval=0.1, ping=0.3, response=0.3, reconnect=Backoff(first=0.25, longest=0.2))


async def test_a_long_hang_ends_the_session(snmpd: Snmpd, source: VariableTable) -> None:
    async with running(snmpd, source, timing=IMPATIENT) as subagent:
        with snmpd.held():
            await until(lambda: subagent.state is SubagentState.WAITING)
            assert subagent.failure is SessionFailure.UNRESPONSIVE
            # its queue of connections fills up, and connections are no longer possible
            await until(lambda: "does not accept" in subagent.detail)
        continued = time.monotonic()
        await until(lambda: subagent.state is SubagentState.REGISTERED, seconds=BACK)
        await until(lambda: responds(snmpd))
        assert time.monotonic() - continued < BACK


async def test_a_second_subagent_waits(snmpd: Snmpd, source: VariableTable) -> None:
    attempts = []

    def jitter() -> float:
        attempts.append(time.monotonic())
        return 1.0

    timing = Timing(reregister=Backoff(first=0.02, longest=0.05, jitter=jitter))
    async with running(snmpd, source) as first:
        with capture_logs() as logs:
            async with running(snmpd, table(ROOT, rows=3), registered=False, timing=timing) as second:
                await until(lambda: second.failure is SessionFailure.DUPLICATE)
                assert second.state is SubagentState.REGISTERING
                await until(lambda: len(attempts) > 5)  # of which only the first is logged
                assert [(log["event"], log["reason"]) for log in logs] == [("agentx waiting", "duplicate")]
                assert await responds(snmpd)
                await stop(first)
                await until(lambda: second.state is SubagentState.REGISTERED, seconds=BACK)
                await until(lambda: responds(snmpd))


class Walker:
    """Walks without a pause, and counts the walks that showed everything."""

    def __init__(self, snmpd: Snmpd, expected: list[str]) -> None:
        self._snmpd = snmpd
        self._expected = expected
        self.walks = 0

    async def run(self) -> None:
        while True:
            found = await self._snmpd.ask("snmpbulkwalk", ARC, timeout=1)
            self.walks += found.lines == self._expected

    async def complete_walk(self) -> None:
        """Waits until a walk that begins from now on has shown everything."""
        enough = self.walks + 2
        await until(lambda: self.walks >= enough, seconds=BACK)


@pytest.mark.timeout(180)
async def test_killed_restarted_and_held_25_times_while_walked(snmpd: Snmpd, source: VariableTable) -> None:
    walker = Walker(snmpd, lines(range(1, 9), range(1, 21)))
    async with running(snmpd, source) as subagent:
        walking = asyncio.ensure_future(walker.run())
        for number in range(25):
            assert snmpd.is_running, "snmpd crashed"
            if number % 2 == 0:
                with snmpd.held():
                    await asyncio.sleep(random.uniform(0.1, 0.6))
            else:
                assert snmpd.stop(signal.SIGKILL if number % 4 == 1 else signal.SIGTERM) in {0, -signal.SIGKILL}
                snmpd.start()
            await walker.complete_walk()
        walking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await walking
        assert (subagent.sessions, subagent.rejected) == (1 + 12, 0)


# --- Notifications ---------------------------------------------------------------------------------------------------

SNMP_TRAP_OID = oids.parse("1.3.6.1.6.3.1.1.4.1.0")


async def test_a_notification_is_sent_by_snmpd_as_a_trap(tmp_path: Path, source: VariableTable) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        sink.settimeout(5)
        port = sink.getsockname()[1]
        with Snmpd(tmp_path, extra=[f"trap2sink 127.0.0.1:{port} traps"]) as daemon:
            async with running(daemon, source) as subagent:
                sink.recv(65536)  # snmpd's own: coldStart
                trap = VarBind(SNMP_TRAP_OID, Type.OBJECT_IDENTIFIER, ROOT + oids.encode((0, 1)))
                name = VarBind(ROOT + oids.encode((1, 1, 0)), Type.OCTET_STRING, b"node lost")
                await subagent.notify([trap, name])
                datagram = await asyncio.to_thread(sink.recv, 65536)
                assert b"traps" in datagram
                assert b"node lost" in datagram
                with pytest.raises(NotifyError, match="refused by the master agent: processingError"):
                    await subagent.notify([name])
                assert subagent.state is SubagentState.REGISTERED
            with pytest.raises(NotifyError):
                await subagent.notify([trap, name])


# --- TCP -------------------------------------------------------------------------------------------------------------


async def test_the_subagent_reconnects_over_tcp(tmp_path: Path, source: VariableTable) -> None:
    port = free_port()
    with Snmpd(tmp_path, tcp=port) as daemon:
        async with running(daemon, source, address=f"tcp:localhost:{port}") as subagent:
            assert await responds(daemon)
            daemon.restart(signal.SIGKILL)
            await wait_until_back(subagent, 2)
            assert await responds(daemon)
