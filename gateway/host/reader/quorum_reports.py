"""Passes on each report of Corosync's quorum service, the first one at once: the current state.

``subsystems/corosync/quorum_report.py`` has the format. Like corosync-quorumtool this uses libquorum.
``corosync-quorumtool -m`` itself (Corosync 2.0 to 3.1) is not enough: after each report it waits for a new list of
nodes. It does not report a loss of quorum without a change of nodes, as when the quorum device is lost or
``corosync.conf`` is reloaded, and from then on it is one report behind.
"""

from __future__ import annotations

import ctypes
import select
import time

from gateway.host.reader.corosync_ipc import (
    CS_ERR_TRY_AGAIN,
    DISPATCH_ALL,
    Connection,
    QuorumCallbacks,
    QuorumNotify,
)
from gateway.host.reader.library import load
from gateway.host.reader.messages import LibraryFailedError

TYPE_CHECKING = False  # typing is large
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn, Protocol, TypeAlias

    OnReport: TypeAlias = Callable[[bool, int, Sequence[int]], None]
    """Called with each report: quorate, the sequence number of the ring, and the node ids of the members."""

    class QuorumService(Protocol):
        """A connection to the quorum service."""

        def fileno(self) -> int:
            """Returns the descriptor that is readable when there are reports."""
            ...

        def dispatch(self) -> None:
            """Calls back with the available reports, without waiting.

            Raises:
                LibraryFailedError: the connection is lost.
            """
            ...

        def close(self) -> None:
            """Closes the connection."""
            ...


LIBRARY = "libquorum.so.5"
"""The name of the library since Corosync 2.0."""

_TRACK_CHANGES = 2
_QUORUM_SET = 1


class LibQuorum:
    """A connection to the quorum service.

    Args:
        on_report: called by ``dispatch`` with each report. An exception that it raises is lost.
        library: the name or path of the library.

    Raises:
        LibraryFailedError: it cannot connect.
        LibraryUnusableError: the library is missing.
    """

    def __init__(self, on_report: OnReport, library: str = LIBRARY) -> None:
        def notify(_handle: int, quorate: int, ring: int, count: int, members: Sequence[int]) -> None:
            on_report(bool(quorate), ring, [members[index] for index in range(count)])

        self._callbacks = QuorumCallbacks(QuorumNotify(notify))  # kept alive as long as the connection
        kind, descriptor = ctypes.c_uint32(), ctypes.c_int()
        functions = ("quorum_initialize", "quorum_fd_get", "quorum_trackstart", "quorum_dispatch", "quorum_finalize")
        self._connection = Connection(
            load([library], functions), "quorum_", "initialize", ctypes.byref(self._callbacks), ctypes.byref(kind)
        )
        self.close = self._connection.close
        if kind.value != _QUORUM_SET:
            self.close()
            raise LibraryFailedError("no quorum provider is configured in corosync.conf")
        try:
            self._connection.call("fd_get", ctypes.byref(descriptor))
            self._descriptor = descriptor.value
            # the first report is the current state
            self._connection.call("trackstart", ctypes.c_uint(_TRACK_CHANGES))
        except LibraryFailedError:
            self.close()
            raise

    def fileno(self) -> int:
        """Returns the descriptor that is readable when there are reports."""
        return self._descriptor

    def dispatch(self) -> None:
        """Calls back with the available reports, without waiting.

        Raises:
            LibraryFailedError: the connection is lost.
        """
        self._connection.call("dispatch", ctypes.c_int(DISPATCH_ALL), allowed=(CS_ERR_TRY_AGAIN,))


def pass_on_reports(connect: Callable[[OnReport], QuorumService], pass_on: Callable[[bytes], None]) -> NoReturn:
    """Passes on reports until the connection is lost.

    Args:
        connect: opens the connection.
        pass_on: receives each report.

    Raises:
        LibraryFailedError: it cannot connect, or the connection is lost.
        LibraryUnusableError: the library is missing.
    """
    reports: list[str] = []

    def on_report(quorate: bool, ring: int, members: Sequence[int]) -> None:  # noqa: FBT001 - the library's signature
        member_list = ",".join(map(str, members))
        reports.append(f"time={time.time():.6f} quorate={quorate:d} ring={ring} members={member_list}")

    service = connect(on_report)
    try:
        poll = select.poll()
        poll.register(service.fileno(), select.POLLIN)
        while True:
            poll.poll()
            try:
                service.dispatch()
            finally:  # reports right before the end count, too
                while reports:
                    pass_on(reports.pop(0).encode())
    finally:
        service.close()
