"""The alert socket: real sockets in a directory of the test's own."""

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

from gateway.alarms.sources import alert_socket as events
from gateway.alarms.sources.alert_socket import AlertSocket, Hint, HintKind, parse
from gateway.alert_agent import FIELDS, MAGIC, MAX_DATAGRAM, message
from gateway.errors import DecodeError, StartError
from tests.conftest import open_descriptors
from tests.waiting import until


def datagram(**fields: str) -> bytes:
    return MAGIC + b"".join(f"{name}={value}\0".encode() for name, value in fields.items())


def of_node(name: str, desc: str = "lost") -> bytes:
    return datagram(kind="node", node=name, desc=desc)


@contextlib.contextmanager
def opened(path: Path, *, max_pending: int = events.MAX_PENDING) -> Iterator[AlertSocket]:
    alerts = AlertSocket(path, max_pending=max_pending)
    alerts.open()
    try:
        yield alerts
    finally:
        alerts.close()


@contextlib.contextmanager
def sender(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.connect(str(path))
        yield connection


def send(path: Path, *datagrams: bytes) -> None:
    with sender(path) as connection:
        for each in datagrams:
            connection.send(each)


async def take(alerts: AlertSocket, count: int) -> list[Hint]:
    async with asyncio.timeout(5):
        return [await alerts.get() for _ in range(count)]


# --- Datagrams -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "kind", "named"),
    [
        ({"kind": "node", "node": "node1", "nodeid": "1", "desc": "member"}, HintKind.NODE, "node1"),
        ({"kind": "fencing", "node": "node2", "task": "reboot", "rc": "0"}, HintKind.FENCING, "node2"),
        ({"kind": "resource", "node": "node1", "rsc": "vip", "task": "stop"}, HintKind.RESOURCE, "vip"),
        (
            {"kind": "attribute", "node": "node1", "attribute_name": "pingd", "attribute_value": "a=b"},
            HintKind.ATTRIBUTE,
            "pingd",
        ),
    ],
)
def test_an_event_of_each_kind(fields: dict[str, str], kind: HintKind, named: str) -> None:
    assert parse(datagram(**fields)) == Hint(kind=kind, object=named, fields=fields)


def test_what_the_agent_makes_is_read() -> None:
    fields = {name: f"value of {name}" for name in FIELDS} | {"kind": "resource"}
    hint = parse(message({f"CRM_alert_{name}": value for name, value in fields.items()}))
    assert hint == Hint(kind=HintKind.RESOURCE, object="value of rsc", fields=fields)


def test_unknown_fields_are_ignored_and_control_characters_are_none() -> None:
    hint = parse(datagram(kind="node", node="a\nb\x1b[0m", added="later"))
    assert hint.fields == {"kind": "node", "node": "a b [0m"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        MAGIC,
        MAGIC[:-1],
        of_node("node1")[:-1],
        of_node("node1")[len(MAGIC) :],
        MAGIC.replace(b"1", b"2") + of_node("node1")[len(MAGIC) :],
        datagram(kind="node"),
        datagram(kind="node", node=""),
        datagram(kind="resource", node="node1"),
        datagram(kind="attribute", node="node1", rsc="vip"),
        datagram(kind="Node", node="node1"),
        datagram(node="node1"),
        of_node("node1") + b"node=node2\0",
        of_node("node1") + b"no value\0",
        of_node("node1") + b"\0",
        of_node("node1") + b"desc\xff=\0",
        of_node("x" * MAX_DATAGRAM),
        b'{"kind": "node", "node": "node1"}',
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        parse(data)


@given(
    st.one_of(
        st.binary(), st.binary().map(lambda data: MAGIC + data), st.binary().map(lambda data: of_node("a") + data)
    )
)
def test_any_bytes(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        parse(data)


# --- Receiving -------------------------------------------------------------------------------------------------------


async def test_hints_come_in_order(tmp_path: Path) -> None:
    with opened(tmp_path / "alert.sock") as alerts:
        waiting = asyncio.ensure_future(take(alerts, 3))
        await asyncio.sleep(0)
        send(alerts.path, of_node("node2"), datagram(kind="resource", rsc="vip", node="node1"), of_node("node1"))
        assert [hint.object for hint in await waiting] == ["node2", "vip", "node1"]
        assert (alerts.counts.received, alerts.counts.dropped, alerts.counts.coalesced) == (3, 0, 0)


async def test_a_later_event_replaces_an_earlier_one_about_the_same(tmp_path: Path) -> None:
    with opened(tmp_path / "alert.sock") as alerts:
        send(
            alerts.path,
            of_node("node1", "lost"),
            of_node("node2", "lost"),
            datagram(kind="resource", rsc="vip", node="node1", task="stop"),
            datagram(kind="resource", rsc="vip", node="node2", task="start"),
            of_node("node1", "member"),
        )
        await until(lambda: alerts.counts.received == 5)
        told = [(hint.object, hint.fields.get("desc", hint.fields["node"])) for hint in await take(alerts, 4)]
        assert told == [("node2", "lost"), ("vip", "node1"), ("vip", "node2"), ("node1", "member")]
        assert alerts.counts.coalesced == 1


async def test_malformed_datagrams_are_dropped_counted_and_said_once(tmp_path: Path) -> None:
    with capture_logs() as log, opened(tmp_path / "alert.sock") as alerts:
        send(alerts.path, b"", b"nonsense", b"x" * 100_000, of_node("node1"), b"\0" * MAX_DATAGRAM)
        assert [hint.object for hint in await take(alerts, 1)] == ["node1"]
        await until(lambda: alerts.counts.received == 5)
        assert alerts.counts.dropped == 4
    assert [(entry["event"], entry["state"]) for entry in log] == [("alert dropped", "malformed")]


async def test_what_is_not_taken_is_bounded(tmp_path: Path) -> None:
    with capture_logs() as log, opened(tmp_path / "alert.sock", max_pending=3) as alerts:
        send(alerts.path, *(of_node(f"node{number}") for number in range(8)))
        await until(lambda: alerts.counts.received == 8)
        assert [hint.object for hint in await take(alerts, 3)] == ["node5", "node6", "node7"]
        assert (alerts.counts.dropped, alerts.counts.coalesced) == (5, 0)
    assert [(entry["event"], entry["state"]) for entry in log] == [("alert dropped", "overflow")]


async def test_a_storm_of_ten_thousand(tmp_path: Path) -> None:
    """From a thread, as fast as the kernel takes them; the event loop keeps turning, and the last state is right."""
    names = [f"node{number}" for number in range(100)]

    def storm(path: Path) -> None:
        with sender(path) as connection:
            for turn in range(100):
                for name in names:
                    connection.send(of_node(name, f"turn {turn}"))

    with opened(tmp_path / "alert.sock") as alerts:
        thread = threading.Thread(target=storm, args=[alerts.path])
        thread.start()
        last: dict[str, str] = {}
        taken = 0
        async with asyncio.timeout(20):
            while alerts.counts.received < 10_000 or alerts._pending:
                hint = await alerts.get()
                turn = hint.fields["desc"]
                assert int(turn.split()[1]) > int(last.get(hint.object, "turn -1").split()[1])
                last[hint.object] = turn
                taken += 1
                await asyncio.sleep(0)
                assert len(alerts._pending) <= len(names)
        thread.join()
        assert last == dict.fromkeys(names, "turn 99")
        assert taken + alerts.counts.coalesced == alerts.counts.received == 10_000
        assert alerts.counts.dropped == 0


# --- The socket ------------------------------------------------------------------------------------------------------


async def test_who_may_write(tmp_path: Path) -> None:
    umask = os.umask(0o077)
    try:
        with opened(tmp_path / "run" / "gateway" / "alert.sock") as alerts:
            status = alerts.path.lstat()
            assert stat.S_IMODE(alerts.path.parent.stat().st_mode) == 0o755
    finally:
        os.umask(umask)
    with contextlib.suppress(KeyError):
        assert status.st_gid == grp.getgrnam(events.GROUP).gr_gid
        assert stat.S_IMODE(status.st_mode) == 0o660


async def test_without_the_group_only_the_owner_may(tmp_path: Path) -> None:
    alerts = AlertSocket(tmp_path / "alert.sock", group="no such group")
    alerts.open()
    assert stat.S_IMODE(alerts.path.lstat().st_mode) == 0o600
    alerts.close()


async def test_nothing_is_left(tmp_path: Path) -> None:
    before = open_descriptors()
    with opened(tmp_path / "alert.sock") as alerts:
        assert alerts.path.is_socket()
    alerts.close()
    assert not alerts.path.exists()
    assert open_descriptors() == before


async def test_what_a_killed_gateway_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "alert.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stale:
        stale.bind(str(path))
    with opened(path) as alerts:
        send(path, of_node("node1"))
        assert [hint.object for hint in await take(alerts, 1)] == ["node1"]


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
async def test_a_socket_of_another_process_is_left_alone(tmp_path: Path, kind: socket.SocketKind) -> None:
    path = tmp_path / "alert.sock"
    before = open_descriptors()
    with socket.socket(socket.AF_UNIX, kind) as other:
        other.bind(str(path))
        if kind is socket.SOCK_STREAM:
            other.listen()
        with pytest.raises(StartError, match=f"^cannot listen for alerts on {path}: "):
            AlertSocket(path).open()
        assert path.is_socket()
    assert open_descriptors() == before


async def test_two_gateways(tmp_path: Path) -> None:
    with opened(tmp_path / "alert.sock") as first:
        with pytest.raises(StartError, match="another process listens there"):
            AlertSocket(first.path).open()
        send(first.path, of_node("node1"))
        assert len(await take(first, 1)) == 1


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("/dev/null")])
async def test_what_is_no_socket_is_left_alone(tmp_path: Path, make: object) -> None:
    path = tmp_path / "alert.sock"
    assert callable(make)
    make(path)
    with pytest.raises(StartError, match="it is there and is no socket"):
        AlertSocket(path).open()
    assert path.exists()


@pytest.mark.parametrize("name", ["x" * 200, "file/alert.sock"])
async def test_a_path_that_cannot_be_one(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="cannot listen for alerts on"):
        AlertSocket(tmp_path / name).open()


async def test_another_gateways_socket_is_not_removed_at_the_end(tmp_path: Path) -> None:
    with opened(tmp_path / "alert.sock") as alerts:
        alerts.path.unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind(str(alerts.path))
            alerts.close()
            assert alerts.path.is_socket()


async def test_in_a_storm_everybody_has_their_turn_each_millisecond_or_so(tmp_path: Path) -> None:
    """However fast datagrams come: a scrape takes some ten turns of the event loop."""

    class Endless(socket.socket):
        def recv(self, size: int, flags: int = 0) -> bytes:
            return of_node("node1")

    with opened(tmp_path / "alert.sock") as alerts, Endless(socket.AF_UNIX, socket.SOCK_DGRAM) as endless:
        alerts._receive(endless)
        assert 0 < alerts.counts.received <= 32
