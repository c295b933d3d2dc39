"""The alert socket: real sockets in a directory of each test."""

from __future__ import annotations

import asyncio
import contextlib
import grp
import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.alarms.sources import alert_socket
from gateway.alarms.sources.alert_socket import GROUP, MAX_PENDING, Alert, AlertKind, AlertSocket, parse_alert
from gateway.alert_agent import FIELDS, MAGIC, MAX_DATAGRAM, encode_alert
from gateway.errors import DecodeError, StartError
from gateway.samples import SampleSet
from gateway.self_monitoring import self_metrics
from tests.conftest import NOBODY, needs_root, open_descriptors
from tests.waiting import until


def ignore(alert: Alert) -> None:
    pass


def datagram(**fields: str) -> bytes:
    return MAGIC + b"".join(f"{name}={value}\0".encode() for name, value in fields.items())


def node_alert(name: str, desc: str = "lost") -> bytes:
    return datagram(kind="node", node=name, desc=desc)


@contextlib.contextmanager
def opened(path: Path, *, max_pending: int = MAX_PENDING) -> Iterator[AlertSocket]:
    alerts = AlertSocket(ignore, path, max_pending=max_pending)
    alerts.open()
    try:
        yield alerts
    finally:
        alerts.close_socket()


@contextlib.contextmanager
def sender(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.connect(str(path))
        yield connection


def send(path: Path, *datagrams: bytes) -> None:
    with sender(path) as connection:
        for each in datagrams:
            connection.send(each)


async def next_alerts(alerts: AlertSocket, count: int) -> list[Alert]:
    async with asyncio.timeout(5):
        return [await alerts.next_alert() for _ in range(count)]


# --- Datagrams -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "kind", "named"),
    [
        ({"kind": "node", "node": "node1", "nodeid": "1", "desc": "member"}, AlertKind.NODE, "node1"),
        ({"kind": "fencing", "node": "node2", "task": "reboot", "rc": "0"}, AlertKind.FENCING, "node2"),
        ({"kind": "resource", "node": "node1", "rsc": "vip", "task": "stop"}, AlertKind.RESOURCE, "vip"),
        (
            {"kind": "attribute", "node": "node1", "attribute_name": "pingd", "attribute_value": "a=b"},
            AlertKind.ATTRIBUTE,
            "pingd",
        ),
    ],
)
def test_an_alert_of_each_kind_is_parsed(fields: dict[str, str], kind: AlertKind, named: str) -> None:
    assert parse_alert(datagram(**fields)) == Alert(kind=kind, object=named, fields=fields)


def test_a_datagram_of_the_alert_agent_is_parsed() -> None:
    fields = {name: f"value of {name}" for name in FIELDS} | {"kind": "resource"}
    alert = parse_alert(encode_alert({f"CRM_alert_{name}": value for name, value in fields.items()}))
    assert alert == Alert(kind=AlertKind.RESOURCE, object="value of rsc", fields=fields)


def test_unknown_fields_are_ignored_and_control_characters_replaced() -> None:
    alert = parse_alert(datagram(kind="node", node="a\nb\x1b[0m", added="later"))
    assert alert.fields == {"kind": "node", "node": "a b [0m"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        MAGIC,
        MAGIC[:-1],
        node_alert("node1")[:-1],
        node_alert("node1")[len(MAGIC) :],
        MAGIC.replace(b"1", b"2") + node_alert("node1")[len(MAGIC) :],
        datagram(kind="node"),
        datagram(kind="node", node=""),
        datagram(kind="resource", node="node1"),
        datagram(kind="attribute", node="node1", rsc="vip"),
        datagram(kind="Node", node="node1"),
        datagram(node="node1"),
        node_alert("node1") + b"node=node2\0",
        node_alert("node1") + b"no value\0",
        node_alert("node1") + b"\0",
        node_alert("node1") + b"desc\xff=\0",
        node_alert("x" * MAX_DATAGRAM),
        b'{"kind": "node", "node": "node1"}',
    ],
)
def test_anything_else_is_rejected(data: bytes) -> None:
    with pytest.raises(DecodeError):
        parse_alert(data)


@given(
    st.one_of(
        st.binary(), st.binary().map(lambda data: MAGIC + data), st.binary().map(lambda data: node_alert("a") + data)
    )
)
def test_arbitrary_bytes_are_parsed_or_rejected(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        parse_alert(data)


# --- Receiving -------------------------------------------------------------------------------------------------------


async def test_alerts_arrive_in_order(tmp_path: Path) -> None:
    with opened(tmp_path / "alert.sock") as alerts:
        waiting = asyncio.ensure_future(next_alerts(alerts, 3))
        await asyncio.sleep(0)
        send(alerts.path, node_alert("node2"), datagram(kind="resource", rsc="vip", node="node1"), node_alert("node1"))
        assert [alert.object for alert in await waiting] == ["node2", "vip", "node1"]
        assert (alerts.counts.received, alerts.counts.dropped, alerts.counts.coalesced) == (3, 0, 0)


async def test_a_later_alert_replaces_an_earlier_one_about_the_same_object(tmp_path: Path) -> None:
    with opened(tmp_path / "alert.sock") as alerts:
        send(
            alerts.path,
            node_alert("node1", "lost"),
            node_alert("node2", "lost"),
            datagram(kind="resource", rsc="vip", node="node1", task="stop"),
            datagram(kind="resource", rsc="vip", node="node2", task="start"),
            node_alert("node1", "member"),
        )
        await until(lambda: alerts.counts.received == 5)
        values = [
            (alert.object, alert.fields.get("desc", alert.fields["node"])) for alert in await next_alerts(alerts, 4)
        ]
        assert values == [("node2", "lost"), ("vip", "node1"), ("vip", "node2"), ("node1", "member")]
        assert alerts.counts.coalesced == 1


async def test_malformed_datagrams_are_dropped_counted_and_logged_once(tmp_path: Path) -> None:
    with capture_logs() as log, opened(tmp_path / "alert.sock") as alerts:
        send(alerts.path, b"", b"nonsense", b"x" * 100_000, node_alert("node1"), b"\0" * MAX_DATAGRAM)
        assert [alert.object for alert in await next_alerts(alerts, 1)] == ["node1"]
        await until(lambda: alerts.counts.received == 5)
        assert alerts.counts.dropped == 4
    assert [(entry["event"], entry["state"]) for entry in log] == [("alert dropped", "malformed")]


async def test_pending_alerts_are_bounded(tmp_path: Path) -> None:
    with capture_logs() as log, opened(tmp_path / "alert.sock", max_pending=3) as alerts:
        send(alerts.path, *(node_alert(f"node{number}") for number in range(8)))
        await until(lambda: alerts.counts.received == 8)
        assert [alert.object for alert in await next_alerts(alerts, 3)] == ["node5", "node6", "node7"]
        assert (alerts.counts.dropped, alerts.counts.coalesced) == (5, 0)
    assert [(entry["event"], entry["state"]) for entry in log] == [("alert dropped", "overflow")]


async def test_a_storm_of_ten_thousand_alerts(tmp_path: Path) -> None:
    """From a thread, as fast as the kernel accepts them; the event loop keeps running, and the last state is right."""
    names = [f"node{number}" for number in range(100)]

    def storm(path: Path) -> None:
        with sender(path) as connection:
            for turn in range(100):
                for name in names:
                    connection.send(node_alert(name, f"turn {turn}"))

    with opened(tmp_path / "alert.sock") as alerts:
        thread = threading.Thread(target=storm, args=[alerts.path])
        thread.start()
        last: dict[str, str] = {}
        taken = 0
        async with asyncio.timeout(20):
            while alerts.counts.received < 10_000 or alerts._pending:
                alert = await alerts.next_alert()
                turn = alert.fields["desc"]
                assert int(turn.split()[1]) > int(last.get(alert.object, "turn -1").split()[1])
                last[alert.object] = turn
                taken += 1
                await asyncio.sleep(0)
                assert len(alerts._pending) <= len(names)
        thread.join()
        assert last == dict.fromkeys(names, "turn 99")
        assert taken + alerts.counts.coalesced == alerts.counts.received == 10_000
        assert alerts.counts.dropped == 0


# --- The socket ------------------------------------------------------------------------------------------------------


async def test_only_the_owner_and_the_group_may_write(tmp_path: Path) -> None:
    umask = os.umask(0o077)
    try:
        with opened(tmp_path / "run" / "gateway" / "alert.sock") as alerts:
            status = alerts.path.lstat()
            assert stat.S_IMODE(alerts.path.parent.stat().st_mode) == 0o755
    finally:
        os.umask(umask)
    with contextlib.suppress(KeyError):
        assert status.st_gid == grp.getgrnam(GROUP).gr_gid
        assert stat.S_IMODE(status.st_mode) == 0o660


async def test_without_the_group_only_the_owner_may(tmp_path: Path) -> None:
    alerts = AlertSocket(ignore, tmp_path / "alert.sock", group="no such group")
    alerts.open()
    assert stat.S_IMODE(alerts.path.lstat().st_mode) == 0o600
    alerts.close_socket()


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
async def test_a_directory_that_others_can_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "run" / "alert.sock"
    path.parent.mkdir()
    path.parent.chmod(mode)
    with pytest.raises(StartError, match=f"^cannot listen for alerts on {path}: .* can (write|create files in) "):
        AlertSocket(ignore, path).open()
    assert list(path.parent.iterdir()) == []


@needs_root
@pytest.mark.parametrize("place", ["run/gateway", "run"])
async def test_a_directory_of_another_user_is_refused(tmp_path: Path, place: str) -> None:
    """Its owner could put a link to any file in the place of the socket, whose owner and mode are changed."""
    path = tmp_path / "run" / "gateway" / "alert.sock"
    path.parent.mkdir(parents=True)
    os.chown(tmp_path / place, NOBODY, -1)
    victim = tmp_path / "victim"
    victim.touch(0o600)
    path.symlink_to(victim)
    with pytest.raises(StartError, match=f"{tmp_path / place} belongs to .*, who could change it"):
        AlertSocket(ignore, path).open()
    assert path.is_symlink()
    assert (victim.stat().st_gid, stat.S_IMODE(victim.stat().st_mode)) == (os.getgid(), 0o600)


@needs_root
def test_the_group_is_set_for_the_socket_and_not_for_what_takes_its_name(tmp_path: Path) -> None:
    """As a race would do it, if there were one."""
    (tmp_path / "victim").touch(0o600)
    (tmp_path / "alert.sock").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="another file has taken its name"):
        alert_socket._permit(tmp_path / "alert.sock", "daemon")
    assert (tmp_path / "victim").stat().st_gid == 0


async def test_nothing_is_left_after_closing(tmp_path: Path) -> None:
    before = open_descriptors()
    with opened(tmp_path / "alert.sock") as alerts:
        assert alerts.path.is_socket()
    alerts.close_socket()
    assert not alerts.path.exists()
    assert open_descriptors() == before


async def test_the_socket_of_a_killed_gateway_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "alert.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stale:
        stale.bind(str(path))
    with opened(path) as alerts:
        send(path, node_alert("node1"))
        assert [alert.object for alert in await next_alerts(alerts, 1)] == ["node1"]


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
async def test_a_socket_of_another_process_is_left_alone(tmp_path: Path, kind: socket.SocketKind) -> None:
    path = tmp_path / "alert.sock"
    before = open_descriptors()
    with socket.socket(socket.AF_UNIX, kind) as other:
        other.bind(str(path))
        if kind is socket.SOCK_STREAM:
            other.listen()
        with pytest.raises(StartError, match=f"^cannot listen for alerts on {path}: "):
            AlertSocket(ignore, path).open()
        assert path.is_socket()
    assert open_descriptors() == before


async def test_a_second_gateway_does_not_replace_the_socket_of_the_first(tmp_path: Path) -> None:
    with opened(tmp_path / "alert.sock") as first:
        with pytest.raises(StartError, match="another process listens there"):
            AlertSocket(ignore, first.path).open()
        send(first.path, node_alert("node1"))
        assert len(await next_alerts(first, 1)) == 1


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("/dev/null")])
async def test_a_path_that_is_not_a_socket_is_left_alone(tmp_path: Path, make: object) -> None:
    path = tmp_path / "alert.sock"
    assert callable(make)
    make(path)
    with pytest.raises(StartError, match="the path exists and is not a socket"):
        AlertSocket(ignore, path).open()
    assert path.exists()


@pytest.mark.parametrize("name", ["x" * 200, "file/alert.sock"])
async def test_a_path_that_cannot_be_a_socket_is_reported(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="cannot listen for alerts on"):
        AlertSocket(ignore, tmp_path / name).open()


async def test_the_socket_of_another_process_is_not_removed_at_the_end(tmp_path: Path) -> None:
    with opened(tmp_path / "alert.sock") as alerts:
        alerts.path.unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind(str(alerts.path))
            alerts.close_socket()
            assert alerts.path.is_socket()


async def test_a_storm_does_not_keep_other_tasks_waiting(tmp_path: Path) -> None:
    """However fast datagrams arrive: a scrape takes about ten turns of the event loop."""

    class Endless(socket.socket):
        def recv(self, size: int, flags: int = 0) -> bytes:
            return node_alert("node1")

    with opened(tmp_path / "alert.sock") as alerts, Endless(socket.AF_UNIX, socket.SOCK_DGRAM) as endless:
        alerts._on_readable(endless)
        assert 0 < alerts.counts.received <= 32


# --- The service -----------------------------------------------------------------------------------------------------


async def test_alerts_are_dispatched_and_counted_until_the_service_is_closed(tmp_path: Path) -> None:
    alerts: list[Alert] = []
    service = AlertSocket(alerts.append, tmp_path / "alert.sock")
    await service.start()
    send(service.path, node_alert("node1"))
    await until(lambda: [alert.object for alert in alerts] == ["node1"])
    samples = SampleSet()
    service.add_samples(samples)
    assert {metric: family[()] for metric, family in samples.samples_by_metric.items()} == {
        self_metrics.ALERTS_RECEIVED: 1,
        self_metrics.ALERTS_DROPPED: 0,
        self_metrics.ALERTS_COALESCED: 0,
    }
    await service.close()
    await service.close()
    assert not service.path.exists()


async def test_a_socket_that_cannot_be_opened_is_logged_and_has_no_samples(tmp_path: Path) -> None:
    (tmp_path / "alert.sock").write_text("not a socket")
    service = AlertSocket(ignore, tmp_path / "alert.sock")
    with capture_logs() as log:
        await service.start()
    samples = SampleSet()
    service.add_samples(samples)
    await service.close()
    assert [entry["event"] for entry in log] == ["alerts not received"]
    assert not samples.samples_by_metric


async def test_a_socket_is_opened_as_soon_as_that_is_possible(tmp_path: Path) -> None:
    obstacle = tmp_path / "alert.sock"
    obstacle.write_text("not a socket")
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            obstacle.unlink()

    arrived = asyncio.Event()
    service = AlertSocket(lambda _: arrived.set(), obstacle, sleep=sleep)
    with capture_logs() as log:
        await service.start()
        await until(lambda: len(log) == 2)
    send(obstacle, node_alert("node2"))
    await asyncio.wait_for(arrived.wait(), 5)
    await service.close()
    assert [entry["event"] for entry in log] == ["alerts not received", "alerts received"]
    assert len(pauses) == 3
    assert pauses[0] < pauses[2]
