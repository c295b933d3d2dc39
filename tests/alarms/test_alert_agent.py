"""The alert agent, as a separate process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gateway import alert_agent
from gateway.alarms.sources.alert_socket import AlertKind, AlertSocket, parse_alert
from gateway.alert_agent import FIELDS, MAGIC, MAX_DATAGRAM, MAX_VALUE, SOCKET, encode_alert
from tests.conftest import open_descriptors
from tests.programs import import_path

NODE = {"CRM_alert_kind": "node", "CRM_alert_node": "node1", "CRM_alert_desc": "lost", "CRM_alert_version": "2.1.5"}

ENTRY_POINT = "import re, sys; from gateway.alert_agent import main; sys.exit(main())"
"""The code of the script that pip creates."""


@contextlib.contextmanager
def receiver(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(path))
        bound.settimeout(5)
        yield bound


def run(environment: Mapping[str, str], path: Path | None = None) -> subprocess.CompletedProcess[str]:
    recipient = {} if path is None else {"CRM_alert_recipient": str(path)}
    return subprocess.run(
        [sys.executable, "-c", ENTRY_POINT],
        env={**import_path(), "PYTHONWARNINGS": "error", **environment, **recipient},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- What it sends ---------------------------------------------------------------------------------------------------


def test_a_datagram_has_the_variables_that_are_set() -> None:
    assert encode_alert(NODE) == MAGIC + b"kind=node\0node=node1\0desc=lost\0"


def test_every_variable_of_pacemaker_is_sent() -> None:
    """All that lib/common/alerts.c of Pacemaker 2.1 sets, except for the recipient and Pacemaker's version."""
    library = next(Path("/usr/lib").glob("*/libcrmcommon.so.*"), None)
    if library is None:
        pytest.skip("Pacemaker is not installed")
    variables = {name.decode() for name in library.read_bytes().split(b"\0") if name.startswith(b"CRM_alert_")}
    assert variables - {f"CRM_alert_{name}" for name in FIELDS} == {"CRM_alert_recipient", "CRM_alert_version"}


def test_values_are_cut_between_characters_and_may_hold_anything() -> None:
    received = parse_alert(encode_alert({**NODE, "CRM_alert_desc": "é" * 1000, "CRM_alert_task": "a=b;$(c)\udcff"}))
    assert received.fields["desc"] == "é" * (MAX_VALUE // 2)
    assert received.fields["task"] == "a=b;$(c)?"


def test_the_largest_datagram_is_within_the_limit() -> None:
    longest = encode_alert({f"CRM_alert_{name}": "x" * 10_000 for name in FIELDS})
    assert MAX_VALUE * len(FIELDS) < len(longest) < MAX_DATAGRAM


def test_an_alert_reaches_the_socket(tmp_path: Path) -> None:
    with receiver(tmp_path / "alert.sock") as bound:
        done = run(NODE, tmp_path / "alert.sock")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        received = parse_alert(bound.recv(MAX_DATAGRAM))
    assert (received.kind, received.object) == (AlertKind.NODE, "node1")


# --- It never fails --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda path: None, "No such file or directory"),
        (Path.mkdir, "Connection refused"),
        (Path.touch, "Connection refused"),
    ],
)
def test_without_a_listener_it_prints_one_line(tmp_path: Path, prepare: object, reason: str) -> None:
    assert callable(prepare)
    prepare(tmp_path / "alert.sock")
    done = run(NODE, tmp_path / "alert.sock")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"ha-cluster-gateway-alert: {tmp_path}/alert.sock: {reason}\n"


def test_a_recipient_that_is_not_a_path_is_ignored() -> None:
    done = run({**NODE, "CRM_alert_recipient": "192.0.2.1"})
    assert done.returncode == 0
    assert f"ha-cluster-gateway-alert: {SOCKET}: " in done.stderr or not done.stderr


@pytest.mark.parametrize("path", ["/" + "x" * 200, "/" + "\udcff" * 3, "/"])
def test_a_path_that_cannot_be_a_socket_is_reported_in_one_line(path: str, capfd: pytest.CaptureFixture[str]) -> None:
    alert_agent.main({**NODE, "CRM_alert_recipient": path})
    errors = capfd.readouterr().err
    assert errors.startswith("ha-cluster-gateway-alert: /")
    assert errors.count("\n") == 1


def test_run_by_hand_it_prints_what_it_is_for() -> None:
    done = run({})
    assert done.returncode == 0
    assert (
        done.stderr
        == "ha-cluster-gateway-alert: no alert in the environment: this is an alert agent, to be run by Pacemaker\n"
    )


def test_without_standard_error() -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" 0<&- 1>&- 2>&-', sys.executable, ENTRY_POINT],
        env={**import_path(), **NODE, "CRM_alert_recipient": "/nonexistent"},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0


def test_a_gateway_that_hangs_holds_it_up_only_shortly(tmp_path: Path) -> None:
    path = tmp_path / "alert.sock"
    with receiver(path), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                other.sendto(b"", str(path))
        before, started = open_descriptors(), time.monotonic()
        with pytest.raises(TimeoutError):
            alert_agent.send(b"", str(path))
        assert time.monotonic() - started < 60
        assert open_descriptors() == before


@contextlib.contextmanager
def user(uid: int, gid: int) -> Iterator[None]:
    """Changes the user of this process for a while, because other users may not be able to run the interpreter."""
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
async def test_hacluster_may_write_to_the_socket_and_nobody_else(
    public_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    try:
        hacluster = pwd.getpwnam("hacluster")
    except KeyError:
        pytest.skip("Pacemaker is not installed")
    alerts = AlertSocket(lambda alert: None, public_path / "run" / "alert.sock")
    alerts.open()
    environment = {**NODE, "CRM_alert_recipient": str(alerts.path)}
    with user(hacluster.pw_uid, hacluster.pw_gid):
        alert_agent.main(environment)
    with user(65534, 65534):
        alert_agent.main(environment)
    async with asyncio.timeout(5):
        assert (await alerts.next_alert()).object == "node1"
    alerts.close_socket()
    assert alerts.counts.received == 1
    assert capfd.readouterr().err == f"ha-cluster-gateway-alert: {alerts.path}: Permission denied\n"


# --- It is small -----------------------------------------------------------------------------------------------------


def test_it_imports_as_little_as_possible() -> None:
    """``socket`` alone would take nearly as long as Python's own start."""
    code = (
        "import sys; before = set(sys.modules); import gateway.alert_agent; print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=import_path(), capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"__future__", "_socket", "gateway", "gateway.alert_agent"}


def test_it_takes_little_time(tmp_path: Path) -> None:
    """The goal is 60 ms of processor time, whatever else the machine does. The fastest run counts."""
    with receiver(tmp_path / "alert.sock") as bound:
        seconds = []
        for _ in range(9):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            run(NODE, tmp_path / "alert.sock")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            bound.recv(MAX_DATAGRAM)
    assert min(seconds) < 0.06
