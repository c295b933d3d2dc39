"""A separate program that prints a line for each quorum report of Corosync, the first one at its start.

It is run as ``python -I -S libquorum_helper.py`` and imports nothing of the gateway. The format of its lines is in
``subsystems/corosync/quorum_report.py``. Like corosync-quorumtool it uses libquorum. ``corosync-quorumtool -m`` itself
(Corosync 2.0 to 3.1) is not enough: after each report it waits for a new list of nodes. It does not report a loss of
quorum without a change of nodes, as when the quorum device is lost or ``corosync.conf`` is reloaded, and from then on
it is one report behind.

It is not part of the gateway's process because the library blocks while Corosync does not respond, and because it maps
memory that it shares with a daemon which may be killed at any time.

It ends when its output is closed, and with Corosync. Its exit status gives the reason, as in ``sysexits.h``:
``EX_UNAVAILABLE`` Corosync does not run, ``EX_NOPERM`` Corosync refuses this user, ``EX_OSFILE`` the library is
missing, ``EX_CONFIG`` no quorum provider is configured, ``EX_SOFTWARE`` anything else.
"""

from __future__ import annotations

import ctypes
import os
import select
import sys
import time

TYPE_CHECKING = False  # typing is large
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol, TypeAlias

    OnReport: TypeAlias = Callable[[bool, int, Sequence[int]], None]
    """Called with each report: quorate, the sequence number of the ring, and the node ids of the members."""

    class Library(Protocol):
        """A connection to the quorum service."""

        def fileno(self) -> int:
            """Returns the descriptor that is readable when there are reports."""
            ...

        def dispatch(self) -> None:
            """Calls back with the available reports, without waiting.

            Raises:
                HelperError: the connection is lost.
            """
            ...


LIBRARY = "libquorum.so.5"
"""The name of the library since Corosync 2.0."""

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


class HelperError(Exception):
    """The helper cannot continue.

    Attributes:
        exit_status: the exit status that gives the reason.
    """

    def __init__(self, reason: str, exit_status: int) -> None:
        super().__init__(reason)
        self.exit_status = exit_status


class LibQuorum:
    """A connection to the quorum service.

    Args:
        on_report: called by ``dispatch`` with each report.
        library: the name or path of the library.

    Raises:
        HelperError: it cannot connect.
    """

    def __init__(self, on_report: OnReport, library: str = LIBRARY) -> None:
        try:
            self._library = ctypes.CDLL(library)
        except OSError as error:
            raise HelperError(f"cannot load {library}: {error}", os.EX_OSFILE) from None

        def notify(_handle: int, quorate: int, ring: int, count: int, members: Sequence[int]) -> None:
            on_report(bool(quorate), ring, [members[index] for index in range(count)])

        self._callbacks = _Callbacks(
            _NotifyFn(notify)
        )  # kept alive: the library calls it as long as there is a connection
        self._handle = ctypes.c_uint64()
        kind, descriptor = ctypes.c_uint32(), ctypes.c_int()
        self._call("initialize", ctypes.byref(self._handle), ctypes.byref(self._callbacks), ctypes.byref(kind))
        if kind.value != _QUORUM_SET:
            raise HelperError("no quorum provider is configured in corosync.conf", os.EX_CONFIG)
        self._call("fd_get", self._handle, ctypes.byref(descriptor))
        self._descriptor = descriptor.value
        # the first report is the current state
        self._call("trackstart", self._handle, ctypes.c_uint(_CS_TRACK_CHANGES))

    def fileno(self) -> int:
        """Returns the descriptor that is readable when there are reports."""
        return self._descriptor

    def dispatch(self) -> None:
        """Calls back with the available reports, without waiting.

        Raises:
            HelperError: the connection is lost.
        """
        self._call("dispatch", self._handle, ctypes.c_int(_CS_DISPATCH_ALL))

    def _call(self, name: str, *arguments: object) -> None:
        code = self._library[f"quorum_{name}"](*arguments)
        if code == _CS_OK or (name == "dispatch" and code == _CS_ERR_TRY_AGAIN):
            return
        reason = "Corosync refuses this user" if code == _CS_ERR_ACCESS else "Corosync does not respond"
        error = _NAMES.get(code, f"error {code}")
        raise HelperError(f"{reason}: quorum_{name}: {error}", _EXITS.get(code, os.EX_SOFTWARE))


def print_reports(connect: Callable[[OnReport], Library], output: int) -> None:
    """Prints a line for each report until the output is closed.

    Args:
        connect: opens the connection.
        output: the descriptor to print to, a pipe.

    Raises:
        HelperError: it cannot connect, or the connection is lost.
    """
    lines: list[str] = []

    def on_report(quorate: bool, ring: int, members: Sequence[int]) -> None:  # noqa: FBT001 - the library's signature
        member_list = ",".join(map(str, members))
        lines.append(f"time={time.time():.6f} quorate={quorate:d} ring={ring} members={member_list}\n")

    library = connect(on_report)
    poll = select.poll()
    poll.register(library.fileno(), select.POLLIN)
    poll.register(output, 0)  # a pipe without a reader is an error, which poll reports in any case
    while all(descriptor != output for descriptor, _ in poll.poll()):
        try:
            library.dispatch()
        finally:  # reports right before the end count, too; not in the callback, which must not raise exceptions
            while lines:
                os.write(output, lines.pop(0).encode())


def main(arguments: Sequence[str] = ()) -> int:
    """Prints reports until Corosync ends, and returns the exit status.

    Args:
        arguments: the library to use instead of ``LIBRARY``, or nothing.
    """
    try:
        print_reports(lambda on_report: LibQuorum(on_report, *arguments), sys.stdout.fileno())
    except HelperError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    except BrokenPipeError:
        pass
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
