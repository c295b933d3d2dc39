"""A separate program that answers queries about the cluster with its libraries, until its input is closed.

It is run as ``python -I -S child.py pacemaker`` or ``corosync``. It imports the standard library and the few small
modules beside it, nothing else of the gateway. ``messages.py`` has the format of requests and replies.

The libraries may abort, block or leak, which must not happen to the gateway. There is one process for each stack, so
that Pacemaker's library delays nothing of Corosync's. It answers one request after the other: a call into a library
cannot be ended, and the gateway replaces a process that does not answer in time.
"""

from __future__ import annotations

import os
import resource
import sys

if __name__ == "__main__":
    # at the end: modules of the standard library come from their proper place
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))))  # noqa: PTH100, PTH120

from gateway.host.frames import HEADER
from gateway.host.reader.messages import (
    ANSWERED,
    FAILED,
    REQUEST,
    UNUSABLE,
    LibraryFailedError,
    LibraryUnusableError,
    encode_reply,
)

TYPE_CHECKING = False  # typing is large
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO, Protocol

    class Library(Protocol):
        """The libraries of a stack."""

        version: str
        queries: Mapping[str, Callable[[int], bytes]]


class Reader:
    """Answers requests.

    Args:
        open_library: loads the libraries; it is called with the first request.
    """

    def __init__(self, open_library: Callable[[], Library]) -> None:
        self._open_library = open_library
        self._library: Library | None = None

    def serve(self, requests: BinaryIO, replies: int) -> None:
        """Answers requests until there are no more.

        Args:
            requests: where to read them.
            replies: the descriptor to write the replies to.
        """
        while len(header := requests.read(REQUEST.size)) == REQUEST.size:
            number, max_size, length = REQUEST.unpack(header)
            body = self.answer(requests.read(length).decode(), max_size)
            frame = memoryview(HEADER.pack(number, len(body)) + body)
            while frame:
                frame = frame[os.write(replies, frame) :]

    def answer(self, query: str, max_size: int) -> bytes:
        """Returns the body of the reply to a request."""
        try:
            if self._library is None:
                self._library = self._open_library()
            content = self._library.queries[query](max_size)
        except LibraryUnusableError as error:
            return encode_reply(UNUSABLE, "", str(error).encode())
        except LibraryFailedError as error:
            return encode_reply(FAILED, self._library.version if self._library else "", str(error).encode())
        return encode_reply(ANSWERED, self._library.version, content)


def _open_pacemaker() -> Library:
    from gateway.host.reader.pacemaker_library import PacemakerLibrary  # noqa: PLC0415 - one process needs one of them

    return PacemakerLibrary()


def _open_corosync() -> Library:
    from gateway.host.reader.corosync_library import CorosyncLibrary  # noqa: PLC0415

    return CorosyncLibrary()


STACKS: Mapping[str, Callable[[], Library]] = {"pacemaker": _open_pacemaker, "corosync": _open_corosync}


def main(open_library: Callable[[], Library]) -> None:
    """Serves the gateway that has started this process."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a library that aborts again and again must not fill the disk
    replies = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries print there
    try:  # noqa: SIM105 - contextlib is large
        Reader(open_library).serve(sys.stdin.buffer, replies)
    except OSError:
        pass  # the gateway no longer reads
    os._exit(os.EX_OK)  # without the destructors of the libraries


if __name__ == "__main__":
    main(STACKS[sys.argv[1]])
