"""A separate program that answers queries about the cluster with its libraries, until its input is closed.

It is run as ``python -I -S child.py pacemaker`` or ``corosync``. It imports the standard library and the few small
modules beside it, nothing else of the gateway. ``messages.py`` has the format of requests and replies.

The libraries may abort, block or leak, which must not happen to the gateway. There is one process for each stack, so
that Pacemaker's library delays nothing of Corosync's.

It has up to three threads. The main thread answers one query after the other: a call into a library cannot be ended.
Another thread receives the requests, and ends the process with its input. Reports of the quorum come from a third one,
so that a query that blocks delays none of them.
"""

from __future__ import annotations

import _thread  # threading is large, and so is queue
import os
import resource
import sys
from _queue import SimpleQueue

if __name__ == "__main__":
    # at the end: modules of the standard library come from their proper place
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))))  # noqa: PTH100, PTH120

from gateway.host.frames import HEADER
from gateway.host.reader.messages import (
    ANSWERED,
    PING,
    REPORTED,
    REQUEST,
    UNUSABLE,
    WATCH,
    LibraryFailedError,
    LibraryUnusableError,
    encode_reply,
)

TYPE_CHECKING = False  # typing is large
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO, NoReturn, Protocol, TypeAlias

    Watch: TypeAlias = Callable[[Callable[[bytes], None]], NoReturn]

    class Library(Protocol):
        """The libraries of a stack."""

        version: str
        queries: Mapping[str, Callable[[int], bytes]]


class Reader:
    """Answers requests.

    Args:
        replies: the descriptor to write the replies to.
        open_library: loads the libraries; it is called with the first query.
        watch: passes on reports of the quorum until they end, which raises an error.
    """

    def __init__(self, replies: int, open_library: Callable[[], Library], watch: Watch) -> None:
        self._replies = replies
        self._open_library = open_library
        self._watch = watch
        self._library: Library | None = None
        self._queries: SimpleQueue[tuple[int, str, int]] = SimpleQueue()
        self._sending = _thread.allocate_lock()

    def receive(self, requests: BinaryIO) -> None:
        """Receives requests until there are no more, and ends the process, whatever its other threads do."""
        try:
            while len(header := requests.read(REQUEST.size)) == REQUEST.size:
                number, max_size, length = REQUEST.unpack(header)
                query = requests.read(length).decode()
                if query == PING:
                    self._send(number, encode_reply(ANSWERED, "", b""))
                elif query == WATCH:
                    _thread.start_new_thread(self.report, (number,))
                else:
                    self._queries.put((number, query, max_size))
        finally:
            os._exit(os.EX_OK)  # without the destructors of the libraries

    def serve(self) -> NoReturn:
        """Answers the queries that are received."""
        while True:
            number, query, max_size = self._queries.get()
            self._send(number, self.answer(query, max_size))

    def answer(self, query: str, max_size: int) -> bytes:
        """Returns the body of the reply to a query."""
        try:
            if self._library is None:
                self._library = self._open_library()
            content = self._library.queries[query](max_size)
        except LibraryUnusableError as error:
            return encode_reply(UNUSABLE, "", str(error).encode())
        except LibraryFailedError as error:
            version = self._library.version if self._library else ""
            return encode_reply(error.outcome, version, str(error).encode())
        return encode_reply(ANSWERED, self._library.version, content)

    def report(self, number: int) -> None:
        """Sends reports of the quorum as replies to a request, and why there are no more."""
        try:
            self._watch(lambda report: self._send(number, encode_reply(REPORTED, "", report)))
        except LibraryUnusableError as error:
            self._send(number, encode_reply(UNUSABLE, "", str(error).encode()))
        except LibraryFailedError as error:
            self._send(number, encode_reply(error.outcome, "", str(error).encode()))
        except BaseException:  # noqa: BLE001 - without this thread, a loss of quorum would go unnoticed
            os._exit(os.EX_SOFTWARE)

    def _send(self, number: int, body: bytes) -> None:
        frame = memoryview(HEADER.pack(number, len(body)) + body)
        try:
            with self._sending:
                while frame:
                    frame = frame[os.write(self._replies, frame) :]
        except OSError:
            os._exit(os.EX_OK)  # the gateway no longer reads


def _open_pacemaker() -> Library:
    from gateway.host.reader.pacemaker_library import PacemakerLibrary  # noqa: PLC0415 - one process needs one of them

    return PacemakerLibrary()


def _open_corosync() -> Library:
    from gateway.host.reader.corosync_library import CorosyncLibrary  # noqa: PLC0415

    return CorosyncLibrary()


def _watch_quorum(on_report: Callable[[bytes], None]) -> NoReturn:
    from gateway.host.reader.quorum_reports import LibQuorum, pass_on_reports  # noqa: PLC0415

    pass_on_reports(LibQuorum, on_report)


STACKS: Mapping[str, Callable[[], Library]] = {"pacemaker": _open_pacemaker, "corosync": _open_corosync}

_SWITCH_INTERVAL = 0.0005
"""Seconds for which a query keeps the interpreter while a report waits for it. Python's default is 5 ms."""


def main(open_library: Callable[[], Library], watch: Watch = _watch_quorum) -> NoReturn:
    """Serves the gateway that has started this process."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a library that aborts again and again must not fill the disk
    sys.setswitchinterval(_SWITCH_INTERVAL)
    replies = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries print there
    reader = Reader(replies, open_library, watch)
    _thread.start_new_thread(reader.receive, (sys.stdin.buffer,))
    reader.serve()


if __name__ == "__main__":
    main(STACKS[sys.argv[1]])
