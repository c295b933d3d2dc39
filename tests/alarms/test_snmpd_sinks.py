"""Notifications through a real snmpd to a sink that receives, while other sinks are dead or snmpd hangs or ends.

snmpd 5.9 does nothing else while it waits for the engine ID of a receiver of SNMPv3 informs.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.alarms.delivery import Delivery
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
from tests.snmpd import ARC, Snmpd
from tests.snmptrapd import HOST, Snmptrapd
from tests.waiting import until

pytestmark = pytest.mark.daemon

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
            yield lambda number: notifier.publish(node_lost(number)), delivery_of(notifier, AGENTX), subagent
    finally:
        await subagent.close()


def dead_sink(kind: str, port: int) -> str:
    """Returns the line of snmpd.conf for a sink that does not answer."""
    if kind == "SNMPv3 informs":
        return f"trapsess -Ci {V3} {HOST}:{port}"
    return f"{kind} {HOST}:{port} public"


@pytest.mark.timeout(120)
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
    healthy, silent = sinks
    lines = [f"trap2sink {HOST}:{healthy.port} public", dead_sink(kind, silent.port)]
    with capture_logs() as logs, Snmpd(tmp_path, extra=lines[::order]) as daemon:
        async with publishing(daemon) as (publish, delivery, subagent):
            for sequence in range(1, count + 1):
                publish(sequence)
            await until(lambda: delivery.queued == 0, seconds=100)
            await until(lambda: len(healthy.received()) >= count)
            assert healthy.received() == list(range(1, count + 1))
            assert (delivery.stats.sent, delivery.stats.failed, subagent.sessions) == (count, 0, 1)
    slow = [log["probable_cause"] for log in logs if log["event"] == "agentx slow"]
    assert len(slow) == (1 if kind == "SNMPv3 informs" else 0)
    assert all("send to these receivers with [[alarms.target]]" in cause for cause in slow)


@pytest.mark.timeout(120)
async def test_a_receiver_of_snmpv3_informs_ends_later(sinks: tuple[Sink, Sink], tmp_path: Path) -> None:
    healthy, _ = sinks
    user = "u1 SHA-256 'an auth password' AES 'a priv password'"
    with Snmptrapd(tmp_path / "first", users=[user]) as receiver:
        lines = [f"trapsess -Ci {V3} {HOST}:{receiver.port}", f"trap2sink {HOST}:{healthy.port} public"]
        with Snmpd(tmp_path, extra=lines) as daemon:
            async with publishing(daemon) as (publish, delivery, subagent):
                publish(1)
                await until(lambda: healthy.received() == [1])
                receiver.stop()
                publish(2)
                publish(3)
                await until(lambda: healthy.received() == [1, 2, 3])
                with Snmptrapd(tmp_path / "second", users=[user], port=receiver.port):  # another engine id
                    publish(4)
                    publish(5)
                    await until(lambda: healthy.received() == [1, 2, 3, 4, 5])
                await until(lambda: delivery.queued == 0)
                assert (delivery.stats.failed, subagent.sessions) == (0, 1)


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
