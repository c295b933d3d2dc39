"""Reports to the service manager: over real sockets, from the functions and from a running gateway."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.runtime.service_manager import Heartbeat, ServiceManager
from tests.ports import free_port
from tests.programs import FakeCluster, environment, get
from tests.waiting import wait_until

TIMEOUT = 60.0


class Receiver:
    """The socket of a service manager."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(TIMEOUT)

    def receive(self) -> dict[str, str]:
        """Returns the next report."""
        return dict(line.split("=", 1) for line in self.socket.recv(65536).decode().splitlines())

    def receive_with(self, name: str) -> dict[str, str]:
        """Returns the next report with a variable."""
        while name not in (report := self.receive()):
            pass
        return report

    @property
    def is_silent(self) -> bool:
        """Whether no report has arrived."""
        return not select.select([self.socket], [], [], 0)[0]


@pytest.fixture(params=["path", "abstract"])
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Receiver]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@{tmp_path}"
    made = Receiver(address)
    with contextlib.closing(made.socket):
        yield made


# --- the reports -----------------------------------------------------------------------------------------------------


async def test_the_reports_of_a_life(receiver: Receiver) -> None:
    manager = ServiceManager.from_environment({"NOTIFY_SOCKET": receiver.address})
    with contextlib.closing(manager):
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        manager.ready("listening\nREADY=0")
        manager.reloading()
        manager.status("reloaded")
        manager.stopping()
    assert receiver.receive() == {"READY": "1", "STATUS": "listening READY=0"}
    reloading = receiver.receive()
    assert reloading.pop("RELOADING") == "1"
    assert before <= int(reloading["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert receiver.receive() == {"STATUS": "reloaded"}
    assert receiver.receive()["STOPPING"] == "1"


async def test_without_a_service_manager_nothing_happens() -> None:
    for variables in ({}, {"NOTIFY_SOCKET": "vsock:2:1234", "WATCHDOG_USEC": "1000000"}):
        manager = ServiceManager.from_environment(variables)
        heartbeat = Heartbeat(manager, lambda: "")
        await heartbeat.start()
        manager.alive()
        await heartbeat.close()
        assert manager.watchdog is None


def test_the_watchdog_of_another_process() -> None:
    def watchdog(**variables: str) -> float | None:
        return ServiceManager.from_environment({"NOTIFY_SOCKET": "/x", **variables}).watchdog

    assert watchdog(WATCHDOG_USEC="1500000") == 1.5
    assert watchdog(WATCHDOG_USEC="1500000", WATCHDOG_PID=str(os.getpid())) == 1.5
    assert watchdog(WATCHDOG_USEC="1500000", WATCHDOG_PID="1") is None
    assert watchdog(WATCHDOG_USEC="0") is None
    assert watchdog(WATCHDOG_USEC="soon") is None


async def test_a_service_manager_that_does_not_read_delays_nothing(receiver: Receiver) -> None:
    manager = ServiceManager(receiver.address)
    with contextlib.closing(manager):
        for number in range(60):  # more than the queue of a socket has room for
            manager.status(str(number))
        loop = asyncio.get_running_loop()
        numbers = [(await loop.run_in_executor(None, receiver.receive))["STATUS"] for _ in range(60)]
    assert numbers == [str(number) for number in range(60)]


async def test_the_heartbeat_stops_with_the_event_loop(receiver: Receiver) -> None:
    manager = ServiceManager(receiver.address, watchdog=0.03)
    status = "first"
    heartbeat = Heartbeat(manager, lambda: status)
    loop = asyncio.get_running_loop()
    with contextlib.closing(manager):
        await heartbeat.start()
        assert receiver.receive() == {"READY": "1", "STATUS": "first"}
        for _ in range(3):
            assert await loop.run_in_executor(None, receiver.receive) == {"WATCHDOG": "1"}
        status = "second"
        assert (await loop.run_in_executor(None, receiver.receive_with, "STATUS")) == {"STATUS": "second"}
        while not receiver.is_silent:
            receiver.receive()
        receiver.socket.settimeout(0.1)
        with pytest.raises(TimeoutError):  # the event loop is stuck here
            receiver.receive()
        receiver.socket.settimeout(TIMEOUT)
        await heartbeat.close()
    assert receiver.receive_with("STOPPING")["STOPPING"] == "1"


# --- the program -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def started(receiver: Receiver, *arguments: str | Path, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    variables = {**environment(), "NOTIFY_SOCKET": receiver.address, "WATCHDOG_USEC": "600000"}
    argv = [sys.executable, "-m", "gateway", *map(str, arguments)]
    with subprocess.Popen(argv, cwd=cwd, env=variables, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.daemon
def test_a_gateway_is_ready_once_it_listens(receiver: Receiver, cluster: FakeCluster, tmp_path: Path) -> None:
    arguments = ("--config", cluster.config, "--web.listen-address=127.0.0.1:0")
    with started(receiver, *arguments, cwd=tmp_path) as process:
        ready = receiver.receive()
        assert ready["READY"] == "1"
        address = ready["STATUS"].split(";")[0].removeprefix("listening on ")
        assert get(address, "/-/healthy") == "healthy\n"
        receiver.receive_with("WATCHDOG")
        process.send_signal(signal.SIGHUP)
        receiver.receive_with("RELOADING")
        assert receiver.receive_with("READY")["STATUS"].startswith(f"listening on {address}")
        cluster.config.write_text("x")
        process.send_signal(signal.SIGHUP)
        assert "the last reload was refused" in receiver.receive_with("READY")["STATUS"]
        process.terminate()
        receiver.receive_with("STOPPING")
        process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0


@pytest.mark.daemon
def test_a_port_that_is_taken_costs_only_itself(cluster: FakeCluster, tmp_path: Path) -> None:
    receiver = Receiver(str(tmp_path / "notify"))
    with contextlib.closing(receiver.socket), socket.create_server(("127.0.0.1", free_port())) as taken:
        busy = f"127.0.0.1:{taken.getsockname()[1]}"
        addresses = (f"--web.listen-address={busy}", "--web.listen-address=127.0.0.1:0")
        with started(receiver, "--config", cluster.config, *addresses, cwd=tmp_path) as process:
            status = receiver.receive()["STATUS"]
            assert f"; cannot listen on {busy}: Address already in use" in status
            free = status.split(";")[0].removeprefix("listening on ")
            listening = 'ha_cluster_gateway_listening{address="%s",server="http"} %d\n'
            page = get(free, "/metrics")
            assert listening % (busy, 0) in page
            assert listening % ("127.0.0.1:0", 1) in page
            process.send_signal(signal.SIGHUP)  # a reload that has nothing to do with it is not refused
            receiver.receive_with("RELOADING")
            assert "refused" not in receiver.receive_with("READY")["STATUS"]
            taken.close()
            while f"listening on {busy}, {free}" not in receiver.receive_with("STATUS")["STATUS"]:
                pass
            assert get(busy, "/-/healthy") == "healthy\n"
            process.terminate()
            _, log = process.communicate(timeout=TIMEOUT)
            assert process.returncode == 0
    assert log.count('event="not listening yet"') == 1
    assert f"event=listening address={busy}" in log


@pytest.mark.daemon
def test_a_name_that_is_unknown_costs_only_itself(cluster: FakeCluster, tmp_path: Path) -> None:
    receiver = Receiver(str(tmp_path / "notify"))
    addresses = ("--web.listen-address=127.0.0.1:0", "--web.listen-address=unknown.invalid:1")
    with (
        contextlib.closing(receiver.socket),
        started(receiver, "--config", cluster.config, *addresses, cwd=tmp_path) as process,
    ):
        listening, unknown = receiver.receive()["STATUS"].split("; ")[:2]
        assert unknown.startswith("cannot listen on unknown.invalid:1: ") or "still being resolved" in unknown
        assert get(listening.removeprefix("listening on "), "/-/healthy") == "healthy\n"
        process.terminate()
        process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0


@pytest.mark.daemon
def test_a_hangup_before_the_start_does_not_end_it(cluster: FakeCluster, tmp_path: Path) -> None:
    """The signal arrives while the program is being imported; it counts as a request to reload."""
    address = f"127.0.0.1:{free_port()}"
    receiver = Receiver(str(tmp_path / "notify"))
    arguments = ("--config", cluster.config, f"--web.listen-address={address}")
    with contextlib.closing(receiver.socket), started(receiver, *arguments, cwd=tmp_path) as process:

        def catches_hangups() -> bool:
            status = Path(f"/proc/{process.pid}/status").read_text()
            (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
            return bool(int(caught, 16) >> (signal.SIGHUP - 1) & 1)

        wait_until(catches_hangups, what="the handler")
        process.send_signal(signal.SIGHUP)
        receiver.receive_with("READY")
        receiver.receive_with("RELOADING")
        receiver.receive_with("READY")
        assert get(address, "/-/healthy") == "healthy\n"
        process.terminate()
        process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0
