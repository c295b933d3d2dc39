"""The channel to Alertmanager over a server that answers as the test wants: errors, time-outs, redirects, sizes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.alarms.channel import DeliveryResult
from gateway.alarms.delivery import Delivery, DeliveryState
from gateway.alarms.notification import Change, NotificationKind
from gateway.conditions.model import Reason
from gateway.frontends.prometheus.alertmanager.channel import alertmanager_deliveries
from gateway.frontends.prometheus.alertmanager.target import Alertmanagers, Url
from tests.alarms.notifications import node_lost, routine_change
from tests.alarms.targets import QUICK
from tests.waiting import until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
BAD = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 14\r\n\r\nbad \x1b[1m alert"
FAILING = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
UNAUTHORIZED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
ENDLESS = b"HTTP/1.1 500 Oops\r\nContent-Length: 1000000000000\r\n\r\n" + b"x" * 100_000
ENDLESS_HEADER = b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000


class FakeAlertmanager:
    """A server that answers all requests alike.

    Attributes:
        answer: what it answers; None for nothing at all.
        requests: the head and the alerts of every request.
        port: where it listens.
        connections: how many there were.
    """

    def __init__(self) -> None:
        self.answer: bytes | None = OK
        self.requests: list[tuple[str, list[dict[str, Any]]]] = []
        self.port = 0
        self.connections = 0
        self._connections: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(head.lower().partition("content-length: ")[2].split()[0])
                self.requests.append((head, json.loads(await reader.readexactly(length))))
                if self.answer is not None:
                    writer.write(self.answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close_connections(self) -> None:
        for writer in self._connections:
            writer.transport.abort()


@asynccontextmanager
async def fake_alertmanager() -> AsyncIterator[FakeAlertmanager]:
    fake = FakeAlertmanager()
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()
        fake.close_connections()
        await server.wait_closed()


@asynccontextmanager
async def running(*urls: str, timeout: float = 5.0, authorization: str = "") -> AsyncIterator[list[Delivery]]:
    group = Alertmanagers(urls=tuple(map(Url.parse, urls)), timeout=timeout, authorization=authorization)
    deliveries = alertmanager_deliveries([group], repeat_interval=60, backoff=QUICK)
    for delivery in deliveries:
        await delivery.start()
    try:
        yield deliveries
    finally:
        for delivery in deliveries:
            await delivery.close(0)


async def test_alerts_are_posted_below_the_prefix_and_acknowledged() -> None:
    async with fake_alertmanager() as fake, running(f"{fake.url}/prefix/", authorization="Bearer x") as (delivery,):
        outcome: asyncio.Future[DeliveryResult] = asyncio.get_running_loop().create_future()
        delivery.enqueue(node_lost(), outcome)
        assert await outcome is DeliveryResult.ACKNOWLEDGED
        ((head, (alert,)),) = fake.requests
        assert head.startswith("POST /prefix/api/v2/alerts HTTP/1.1\r\n")
        assert "authorization: bearer x\r\n" in head.lower()
        assert alert["labels"]["alertname"] == "HaClusterNodeLost"
        assert (delivery.stats.sent, delivery.stats.acknowledged, delivery.state) == (1, 1, DeliveryState.OK)
        assert delivery.name == f"{fake.url}/prefix"


async def test_a_repetition_of_many_alarms_is_sent_in_several_requests_and_an_empty_one_in_one() -> None:
    alarms = tuple(node_lost(object=f"node{number}") for number in range(150))
    async with fake_alertmanager() as fake, running(fake.url) as (delivery,):
        for active in (alarms, ()):
            delivery.enqueue(node_lost(kind=NotificationKind.REPETITION, change=Change.INFO, active=active))
        await until(lambda: len(fake.requests) == 1 or len(fake.requests) >= 4)
        await until(lambda: delivery.queued == 0)
        # the second repetition may replace the first one before that is sent
        assert [len(alerts) for _, alerts in fake.requests] in ([64, 64, 22, 0], [0])


async def test_a_request_that_is_refused_does_not_cost_the_others_of_a_repetition() -> None:
    alarms = tuple(node_lost(object=f"node{number}") for number in range(150))
    async with fake_alertmanager() as fake, running(fake.url) as (delivery,):
        fake.answer = BAD
        delivery.enqueue(node_lost(kind=NotificationKind.REPETITION, change=Change.INFO, active=alarms))
        await until(lambda: delivery.queued == 0)
        assert [len(alerts) for _, alerts in fake.requests] == [64, 64, 22]
        assert (delivery.state, delivery.stats.dropped) == (DeliveryState.FAILING, 1)
        assert (delivery.stats.sent, delivery.stats.acknowledged) == (3, 0)


@pytest.mark.parametrize("answer", [BAD, FAILING, UNAUTHORIZED, REDIRECT])
async def test_the_certificates_are_read_again_after_each_answer_that_is_a_failure(answer: bytes) -> None:
    async with fake_alertmanager() as fake, running(fake.url) as (delivery,):
        fake.answer = answer
        delivery.enqueue(node_lost(1))
        await until(lambda: delivery.stats.failed >= 1)
        fake.answer = OK
        delivery.enqueue(node_lost(2))
        await until(lambda: delivery.queued == 0)
        assert fake.connections > delivery.stats.failed  # another connection has another context of TLS


async def test_only_alarms_and_tests_are_sent() -> None:
    async with running("http://127.0.0.1:1") as (delivery,):
        delivery.enqueue(node_lost(kind=NotificationKind.STARTED, change=Change.INFO))
        delivery.enqueue(node_lost(kind=NotificationKind.HEARTBEAT, change=Change.INFO))
        delivery.enqueue(routine_change())
        assert delivery.queued == 0


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (FAILING, "500 Internal Server Error"),
        (UNAUTHORIZED, "401 Unauthorized"),
        (
            REDIRECT,
            "302 Found: redirects are not followed (http://127.0.0.1:1/)",
        ),
        (ENDLESS, f"500 Oops: {'x' * 200}"),
        (ENDLESS_HEADER, ""),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ""),
        (None, "no answer in 0.3 s"),
    ],
)
async def test_what_cannot_be_delivered_is_retried_and_logged_once(answer: bytes | None, error: str) -> None:
    async with fake_alertmanager() as fake, running(fake.url, timeout=0.3) as (delivery,):
        fake.answer = answer
        with capture_logs() as logs:
            delivery.enqueue(node_lost(1))
            delivery.enqueue(node_lost(2, change=Change.CLEARED, reason=Reason.RECOVERED))
            await until(lambda: delivery.stats.failed >= 3)
            assert error in delivery.last_error
            assert delivery.last_error.isprintable()
            assert delivery.queued == 2
            fake.answer = OK
            fake.close_connections()
            await until(lambda: delivery.queued == 0)
        assert [log["event"] for log in logs] == ["notifications not delivered", "notifications delivered again"]
        assert (delivery.stats.sent, delivery.stats.acknowledged, delivery.stats.dropped) == (2, 2, 0)
        assert delivery.stats.retries >= 3


async def test_an_alert_that_is_refused_does_not_hold_up_the_next_one() -> None:
    async with fake_alertmanager() as fake, running(fake.url) as (delivery,):
        fake.answer = BAD
        delivery.enqueue(node_lost(1))
        await until(lambda: delivery.queued == 0)
        assert delivery.last_error == r"400 Bad Request: bad \u001b[1m alert"
        assert (delivery.stats.failed, delivery.stats.dropped) == (1, 1)
        fake.answer = OK
        delivery.enqueue(node_lost(2))
        await until(lambda: delivery.state is DeliveryState.OK)
        assert len(fake.requests) == 2


async def test_a_dead_member_delays_no_other_and_gets_the_active_alarms_when_it_is_back() -> None:
    async with fake_alertmanager() as dead, fake_alertmanager() as alive, running(dead.url, alive.url) as deliveries:
        dead.answer = None
        for delivery in deliveries:
            delivery.enqueue(node_lost(1))
        await until(lambda: deliveries[1].queued == 0)
        await until(lambda: len(dead.requests) == 1)
        for sequence in range(2, 8):
            for delivery in deliveries:
                active = (node_lost(sequence),)
                delivery.enqueue(
                    node_lost(sequence, kind=NotificationKind.REPETITION, change=Change.INFO, active=active)
                )
        await until(lambda: deliveries[1].queued == 0)
        assert deliveries[0].queued == 2  # the one that is being delivered, and the last repetition
        dead.answer = OK
        dead.close_connections()
        await until(lambda: deliveries[0].queued == 0)
        assert dead.requests[-1][1][0]["labels"]["alertname"] == "HaClusterNodeLost"
        assert deliveries[0].stats.dropped == 0


async def test_nobody_listens_and_a_name_that_does_not_exist() -> None:
    expected = ("Connection refused", "cannot be resolved")
    async with running("http://127.0.0.1:1", "http://alertmanager.invalid:9093") as deliveries:
        for delivery in deliveries:
            delivery.enqueue(node_lost())
        await until(lambda: all(delivery.last_error for delivery in deliveries))
        for delivery, words in zip(deliveries, expected, strict=True):
            assert words in delivery.last_error
