"""Notifications through a real snmpd to a sink that receives, while other sinks are dead or snmpd hangs or ends.

snmpd 5.9 does nothing else while it waits for the engine ID of a receiver of SNMPv3 informs.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.alarms.delivery import Delivery
from gateway.alarms.notifier import Notifier
from gateway.frontends.snmp.notifications.deliveries import AGENTX
from gateway.frontends.snmp.subagent.address import UnixAddress
from gateway.frontends.snmp.subagent.subagent import Subagent, SubagentState
from gateway.snmp import oid as oids
from gateway.snmp.agentx.codes import PduType
from gateway.snmp.values import VarBind
from tests.alarms.notifications import node_lost
from tests.alarms.receivers import sequences
from tests.alarms.targets import delivery_of, running_notifier
from tests.protocol.agentx.variables import table
from tests.snmpd import ARC, Snmpd, ToolResult
from tests.snmptrapd import HOST, Snmptrapd
from tests.waiting import until

pytestmark = pytest.mark.daemon

GATEWAY_UPTIME = 1e6
"""Seconds; longer than any snmpd of a test runs."""
VARIABLE = f"{ARC}.1.2.1.1.1"
SEQUENCE = f"{ARC}.1.8.5.0"
UPTIME = "1.3.6.1.2.1.1.3.0"
V3 = "-v 3 -l authPriv -u u1 -a SHA-256 -A 'an auth password' -x AES -X 'a priv password'"


class Sink:
    """A UDP socket on the loopback address that records what arrives and answers nothing."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024 * 1024)
        self._socket.bind((HOST, 0))
        self.port: int = self._socket.getsockname()[1]
        self._messages: list[bytes] = []

    def received(self) -> list[int]:
        """The sequence numbers of the gateway's notifications, in the order of their arrival."""
        while True:
            try:
                self._messages.append(self._socket.recv(65535))
            except BlockingIOError:
                break
        return sequences([message for message in self._messages if b"node2 is offline" in message])

    def close(self) -> None:
        """Closes the socket."""
        self._socket.close()


@pytest.fixture
def sinks() -> Iterator[tuple[Sink, Sink]]:
    """A healthy sink, and one that a test uses as a dead one."""
    pair = Sink(), Sink()
    yield pair
    for sink in pair:
        sink.close()


class Master:
    """The session with snmpd."""

    absent = False

    def __init__(self, subagent: Subagent) -> None:
        self._subagent = subagent

    async def notify(self, varbinds: Sequence[VarBind]) -> None:
        await self._subagent.notify(varbinds)


@asynccontextmanager
async def publishing(daemon: Snmpd) -> AsyncIterator[tuple[Callable[[int], None], Delivery, Subagent]]:
    """Runs a notifier that sends through snmpd."""
    subagent = Subagent(source=table(oids.parse(ARC)), address=UnixAddress(str(daemon.agentx)), description="tested")
    await subagent.start()
    try:
        await until(lambda: subagent.state is SubagentState.REGISTERED)
        async with running_notifier(master=Master(subagent)) as notifier:
            yield partial(_publish, notifier), delivery_of(notifier, AGENTX), subagent
    finally:
        await subagent.close()


def _publish(notifier: Notifier, number: int) -> None:
    notifier.publish(node_lost(number, uptime=GATEWAY_UPTIME))


def dead_sink(kind: str, port: int) -> str:
    """Returns the line of snmpd.conf for a sink that does not answer."""
    if kind == "SNMPv3 informs":
        return f"trapsess -Ci {V3} {HOST}:{port}"
    return f"{kind} {HOST}:{port} public"


@asynccontextmanager
async def polling(daemon: Snmpd) -> AsyncIterator[list[ToolResult]]:
    """Reads a variable of the gateway again and again, with much patience, and yields the results until now."""
    results: list[ToolResult] = []

    async def poll() -> None:
        while True:
            results.append(await daemon.ask("snmpget", VARIABLE, timeout=60))

    task = asyncio.create_task(poll())
    try:
        yield results
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def numbers(receiver: Snmptrapd) -> list[object]:
    """Returns the sequence numbers of the gateway's notifications; snmpd sends some of its own."""
    return [each.varbinds[SEQUENCE][1] for each in receiver.received if SEQUENCE in each.varbinds]


def agentx_events(logs: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Returns the log events about late responses to notifications, and of what is in time again."""
    events = [(log["event"], log.get("request", "")) for log in logs if log["event"].startswith("agentx")]
    return [event for event in events if event != ("agentx registered", "")]


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("kind", "count", "order"),
    [
        ("trap2sink", 10, 1),
        ("trap2sink", 10, -1),
        ("informsink", 10, 1),
        ("informsink", 10, -1),
        ("SNMPv3 informs", 2, -1),
    ],
)
async def test_a_dead_sink_costs_the_healthy_one_nothing_but_time(
    kind: str, count: int, order: int, sinks: tuple[Sink, Sink], tmp_path: Path
) -> None:
    _, silent = sinks
    with Snmptrapd(tmp_path / "healthy") as healthy, capture_logs() as logs:
        lines = [f"trap2sink {healthy.name} public", dead_sink(kind, silent.port)]
        with Snmpd(tmp_path, extra=lines[::order]) as daemon:
            async with publishing(daemon) as (publish, delivery, subagent), polling(daemon) as polls:
                for sequence in range(1, count + 1):
                    publish(sequence)
                await until(lambda: delivery.queued == 0)
                await until(lambda: len(numbers(healthy)) >= count)
                answered = len(polls)
                await until(lambda: len(polls) > answered)
                assert numbers(healthy) == list(range(1, count + 1))
                assert (delivery.stats.sent, delivery.stats.failed, subagent.sessions) == (count, 0, 1)
                assert {(poll.status, len(poll.lines)) for poll in polls} == {(0, 1)}
    if kind == "SNMPv3 informs":
        (slow,) = (log for log in logs if log["event"] == "agentx slow" and log["request"] == "notification")
        assert "send to these receivers with [[alarms.target]]" in slow["probable_cause"]


@pytest.mark.timeout(180)
async def test_a_receiver_of_snmpv3_informs_starts_late_ends_and_is_replaced(tmp_path: Path) -> None:
    """snmpd never discovers the new engine ID, so the replacement gets nothing until snmpd is restarted."""
    user = "u1 SHA-256 'an auth password' AES 'a priv password'"
    receiver = Snmptrapd(tmp_path / "receiver", users=[user])
    replacement = Snmptrapd(tmp_path / "replacement", users=[user], port=receiver.port)
    with Snmptrapd(tmp_path / "healthy") as healthy, capture_logs() as logs:
        lines = [f"trapsess -Ci {V3} {receiver.name}", f"trap2sink {healthy.name} public"]
        with Snmpd(tmp_path, extra=lines) as daemon:
            async with publishing(daemon) as (publish, delivery, subagent):
                publish(1)
                await until(lambda: delivery.queued == 0)
                with receiver:
                    publish(2)
                    await until(lambda: numbers(receiver) == [2])
                publish(3)
                publish(4)
                await until(lambda: delivery.queued == 0)
                with replacement:
                    publish(5)
                    await until(lambda: delivery.queued == 0 and len(numbers(healthy)) >= 5)
                    daemon.restart()
                    await until(lambda: subagent.sessions == 2)
                    publish(6)
                    await until(lambda: numbers(replacement) == [6])
                await until(lambda: delivery.queued == 0)
                assert numbers(healthy) == [1, 2, 3, 4, 5, 6]
                assert delivery.stats.failed == 0
    events = agentx_events(logs)
    slow = events.index(("agentx slow", "notification"))
    assert events[slow : slow + 2] == [("agentx slow", "notification"), ("agentx responds in time again", "")]
    assert events.count(("agentx slow", "notification")) == 1


async def test_snmpd_adds_its_own_uptime(tmp_path: Path) -> None:
    with Snmptrapd(tmp_path / "healthy") as healthy:
        with Snmpd(tmp_path, extra=[f"trap2sink {healthy.name} public"]) as daemon:
            async with publishing(daemon) as (publish, delivery, _):
                publish(1)
                await until(lambda: delivery.queued == 0 and numbers(healthy) == [1])
        (received,) = (each for each in healthy.received if SEQUENCE in each.varbinds)
        kind, uptime = received.varbinds[UPTIME]
        assert kind == "Timeticks"
        assert int(uptime) < GATEWAY_UPTIME * 100
        assert list(received.varbinds)[:2] == [UPTIME, "1.3.6.1.6.3.1.1.4.1.0"]


async def test_a_notification_is_not_repeated_after_snmpd_hung(sinks: tuple[Sink, Sink], tmp_path: Path) -> None:
    healthy, _ = sinks
    with Snmpd(tmp_path, extra=[f"trap2sink {HOST}:{healthy.port} public"]) as daemon:
        async with publishing(daemon) as (publish, delivery, subagent):
            with daemon.held():
                publish(1)
                publish(2)
                await asyncio.sleep(6.5)  # longer than snmpd waits for an engine id
            await until(lambda: delivery.queued == 0)
            publish(3)
            await until(lambda: len(healthy.received()) >= 3)
            assert healthy.received() == [1, 2, 3]
            assert (delivery.stats.failed, subagent.sessions) == (0, 1)


async def test_a_notification_that_snmpd_never_read_is_sent_by_its_successor(
    sinks: tuple[Sink, Sink], tmp_path: Path
) -> None:
    healthy, _ = sinks
    with Snmpd(tmp_path, extra=[f"trap2sink {HOST}:{healthy.port} public"]) as daemon:
        async with publishing(daemon) as (publish, _, subagent):
            daemon.kill(signal.SIGSTOP)
            publish(1)
            connection = subagent._connection
            assert connection is not None
            await until(lambda: PduType.NOTIFY in connection.session._pending.values())
            daemon.restart(signal.SIGKILL)
            publish(2)
            await until(lambda: len(healthy.received()) >= 2)
            assert healthy.received() == [1, 2]


@pytest.mark.timeout(60)
async def test_a_notification_without_a_response_is_sent_again_when_snmpd_was_killed(
    sinks: tuple[Sink, Sink], tmp_path: Path
) -> None:
    """The healthy sink has it, but the gateway cannot know that: it may get a notification twice, but loses none."""
    healthy, silent = sinks
    lines = [f"trap2sink {HOST}:{healthy.port} public", dead_sink("SNMPv3 informs", silent.port)]
    with Snmpd(tmp_path, extra=lines) as daemon:
        async with publishing(daemon) as (publish, delivery, _):
            publish(1)
            await until(lambda: healthy.received() == [1])
            daemon.stop(signal.SIGKILL)
            await until(lambda: delivery.stats.failed == 1)
            daemon.start()
            await until(lambda: healthy.received() == [1, 1])
            await until(lambda: delivery.queued == 0)
            assert healthy.received() == [1, 1]
