"""Reports to the service manager that has started this program: systemd, through the socket of sd_notify(3).

Without a service manager that wants reports, every function does nothing. A report never blocks: if the service manager
does not read, it is sent again later.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping

_RETRY = 1.0
"""Seconds after which a report is sent again for which there was no room."""
_MAX_UNSENT = 64
_STATUS_INTERVAL = 5.0
"""Seconds between looks at the status line."""
_WATCHDOG_SHARE = 3
"""Reports within one interval of the watchdog: one may be late."""
_MICROSECONDS = 1_000_000


class ServiceManager:
    """The socket of the service manager.

    Args:
        address: the path of the socket, or ``@NAME`` for an abstract one; empty if nobody wants reports.
        watchdog: seconds within which the service manager expects a report that the event loop runs, or None.
    """

    def __init__(self, address: str = "", *, watchdog: float | None = None) -> None:
        self._address = b"\0" + os.fsencode(address[1:]) if address.startswith("@") else os.fsencode(address)
        self.watchdog = watchdog if address else None
        self._socket: socket.socket | None = None
        self._unsent: deque[bytes] = deque(maxlen=_MAX_UNSENT)
        self._retry: asyncio.TimerHandle | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ServiceManager:
        """Returns the service manager that the environment names, or one that gets no reports."""
        address = environment.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):  # such as vsock, which is for the first process of a virtual machine
            return cls()
        microseconds, process = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
        is_watched = microseconds.isdecimal() and int(microseconds) > 0 and process in {"", str(os.getpid())}
        return cls(address, watchdog=int(microseconds) / _MICROSECONDS if is_watched else None)

    @property
    def wants_reports(self) -> bool:
        """Whether there is a service manager."""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """Reports that the start, or a reload, is complete."""
        self._send(f"READY=1\nSTATUS={_line(status)}")

    def reloading(self) -> None:
        """Reports that a reload begins; ``ready`` reports its end."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={microseconds}")

    def stopping(self) -> None:
        """Reports that the program is about to end."""
        self._send("STOPPING=1\nSTATUS=stopping")

    def status(self, status: str) -> None:
        """Reports a new status line."""
        self._send(f"STATUS={_line(status)}")

    def alive(self) -> None:
        """Reports that the event loop runs."""
        self._send("WATCHDOG=1")

    def close(self) -> None:
        """Closes the socket. Idempotent."""
        if self._retry is not None:
            self._retry.cancel()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, report: str) -> None:
        if self.wants_reports:
            self._unsent.append(report.encode("utf-8", "replace"))
            self._send_all()

    def _send_all(self) -> None:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.settimeout(0)
        while self._unsent:
            try:
                self._socket.sendto(self._unsent[0], self._address)
            except OSError:  # its queue is full, or it is starting anew
                if self._retry is None:
                    self._retry = asyncio.get_running_loop().call_later(_RETRY, self._try_again)
                return
            self._unsent.popleft()

    def _try_again(self) -> None:
        self._retry = None
        self._send_all()


def _line(status: str) -> str:
    return " ".join(status.split())


class Heartbeat:
    """Reports from the event loop that it runs, and the status line when it changes. A service.

    If the event loop is stuck, the reports stop, and the service manager starts the program anew.

    Args:
        manager: gets the reports.
        describe: returns the current status line.
    """

    def __init__(self, manager: ServiceManager, describe: Callable[[], str]) -> None:
        self._manager = manager
        self._describe = describe
        self._interval = min(
            _STATUS_INTERVAL, (manager.watchdog or _STATUS_INTERVAL * _WATCHDOG_SHARE) / _WATCHDOG_SHARE
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Reports that the start is complete, and begins to report."""
        status = self._describe()
        self._manager.ready(status)
        if self._manager.wants_reports:
            self._task = asyncio.create_task(self._run(status), name="reports to the service manager")

    async def close(self) -> None:
        """Reports that the program is about to end. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            self._manager.stopping()

    async def _run(self, status: str) -> None:
        while True:
            if self._manager.watchdog is not None:
                self._manager.alive()
            await asyncio.sleep(self._interval)
            if (current := self._describe()) != status:
                status = current
                self._manager.status(status)
