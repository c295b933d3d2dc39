"""A program of its own that prints a line whenever Corosync reports its quorum, and at its start.

It is run as ``python -I -S libquorum_helper.py`` and imports nothing of the gateway. The format of its lines is in
``subsystems/corosync/quorum_report.py``. It asks libquorum, as corosync-quorumtool does, because
``corosync-quorumtool -m`` (Corosync 2.0 to 3.1) waits after each report for a new list of nodes: it keeps silent about
a quorum that is lost while the nodes stay, as when the quorum device goes or ``corosync.conf`` is reloaded, and is a
report behind from then on.

It is not part of the gateway's process because the library blocks while Corosync does not answer, and because it maps
memory that it shares with a daemon which may be killed at any time.

It ends when nobody reads its output any more, and with Corosync. Its exit status says why, as in ``sysexits.h``:
``EX_UNAVAILABLE`` Corosync does not run, ``EX_NOPERM`` it refuses this user, ``EX_OSFILE`` there is no such library,
``EX_CONFIG`` no quorum provider is configured, ``EX_SOFTWARE`` anything else.
"""

from __future__ import annotations

import ctypes
import os
import select
import sys
import time
from collections.abc import Callable, Sequence
from typing import Protocol

LIBRARY = "libquorum.so.5"
"""Its name since Corosync 2.0."""

_Report = Callable[[bool, int, Sequence[int]], None]


class Library(Protocol):
    """What ``monitor`` needs of a connection to the quorum service."""

    def fileno(self) -> int:
        """Returns the descriptor that is readable when there is something to dispatch."""
        ...

    def dispatch(self) -> None:
        """Reports what there is to report, without waiting.

        Raises:
            MonitorError: the connection is lost.
        """
        ...


# corotypes.h and quorum.h
_CS_OK, _CS_ERR_LIBRARY, _CS_ERR_TRY_AGAIN, _CS_ERR_ACCESS = 1, 2, 6, 11
_CS_DISPATCH_ALL = 2
_CS_TRACK_CHANGES = 2
_QUORUM_SET = 1

_EXITS = {_CS_ERR_LIBRARY: os.EX_UNAVAILABLE, _CS_ERR_TRY_AGAIN: os.EX_UNAVAILABLE, _CS_ERR_ACCESS: os.EX_NOPERM}
_NAMES = {_CS_ERR_LIBRARY: "CS_ERR_LIBRARY", _CS_ERR_TRY_AGAIN: "CS_ERR_TRY_AGAIN", _CS_ERR_ACCESS: "CS_ERR_ACCESS"}

# void (*quorum_notification_fn_t)(quorum_handle_t handle, uint32_t quorate, uint64_t ring_seq,
#                                  uint32_t view_list_entries, uint32_t *view_list)
_NotifyFn = ctypes.CFUNCTYPE(
    None, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32)
)


class _Callbacks(ctypes.Structure):
    """``quorum_callbacks_t``."""

    _fields_ = (("quorum_notify_fn", _NotifyFn),)


class MonitorError(Exception):
    """The monitor cannot go on.

    Attributes:
        exit_status: what to tell about it.
    """

    def __init__(self, reason: str, exit_status: int) -> None:
        super().__init__(reason)
        self.exit_status = exit_status


class LibQuorum:
    """A connection to the quorum service.

    Args:
        report: called by ``dispatch`` with each report: quorate, the number of the ring, the members' node ids.
        library: the library's name or path.

    Raises:
        MonitorError: there is no connection.
    """

    def __init__(self, report: _Report, library: str = LIBRARY) -> None:
        try:
            self._library = ctypes.CDLL(library)
        except OSError as error:
            raise MonitorError(f"cannot load {library}: {error}", os.EX_OSFILE) from None

        def notify(_handle: int, quorate: int, ring: int, count: int, members: Sequence[int]) -> None:
            report(bool(quorate), ring, [members[index] for index in range(count)])

        self._callbacks = _Callbacks(_NotifyFn(notify))  # kept: the library calls it as long as there is a connection
        self._handle = ctypes.c_uint64()
        kind, descriptor = ctypes.c_uint32(), ctypes.c_int()
        self._call("initialize", ctypes.byref(self._handle), ctypes.byref(self._callbacks), ctypes.byref(kind))
        if kind.value != _QUORUM_SET:
            raise MonitorError("no quorum provider is configured in corosync.conf", os.EX_CONFIG)
        self._call("fd_get", self._handle, ctypes.byref(descriptor))
        self._descriptor = descriptor.value
        # the present state is the first report
        self._call("trackstart", self._handle, ctypes.c_uint(_CS_TRACK_CHANGES))

    def fileno(self) -> int:
        """Returns the descriptor that is readable when there is something to dispatch."""
        return self._descriptor

    def dispatch(self) -> None:
        """Reports what there is to report, without waiting.

        Raises:
            MonitorError: the connection is lost.
        """
        self._call("dispatch", self._handle, ctypes.c_int(_CS_DISPATCH_ALL))

    def _call(self, name: str, *arguments: object) -> None:
        code = self._library[f"quorum_{name}"](*arguments)
        if code == _CS_OK or (name == "dispatch" and code == _CS_ERR_TRY_AGAIN):
            return
        reason = "Corosync refuses this user" if code == _CS_ERR_ACCESS else "Corosync does not answer"
        said = _NAMES.get(code, f"error {code}")
        raise MonitorError(f"{reason}: quorum_{name}: {said}", _EXITS.get(code, os.EX_SOFTWARE))


def monitor(connect: Callable[[_Report], Library], output: int) -> None:
    """Prints a line for each report until nobody reads them any more.

    Args:
        connect: makes the connection.
        output: the descriptor to print to, a pipe.

    Raises:
        MonitorError: there is no connection, or none any more.
    """
    lines: list[str] = []

    def report(quorate: bool, ring: int, members: Sequence[int]) -> None:  # noqa: FBT001 - as the library has it
        listed = ",".join(map(str, members))
        lines.append(f"time={time.time():.6f} quorate={quorate:d} ring={ring} members={listed}\n")

    library = connect(report)
    poll = select.poll()
    poll.register(library.fileno(), select.POLLIN)
    poll.register(output, 0)  # a pipe whose reader is gone is an error, which is always told
    while all(descriptor != output for descriptor, _ in poll.poll()):
        try:
            library.dispatch()
        finally:  # also what came right before the end; and not in the callback, from which no exception gets out
            while lines:
                os.write(output, lines.pop(0).encode())


def main(arguments: Sequence[str] = ()) -> int:
    """Runs the monitor and returns its exit status.

    Args:
        arguments: the library to use instead of ``LIBRARY``, or none.
    """
    try:
        monitor(lambda report: LibQuorum(report, *arguments), sys.stdout.fileno())
    except MonitorError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    except BrokenPipeError:
        pass
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
