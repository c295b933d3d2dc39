"""The alert socket: where the alert agent of this node hands over what Pacemaker tells it.

A unix datagram socket that only its owner and the group of the cluster's daemons may write to. What comes is a hint to
look again, no more: it is checked, never executed, and nothing is concluded from it that the cluster's own tools do not
confirm. ``gateway/alert_agent.py`` has the format.

Of each object only the last hint that was not yet taken is kept, so a storm of events costs no more memory than there
are objects, and at its end the last state of each is there, in the order in which they came.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import re
import shutil
import socket
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import structlog

from gateway.alert_agent import FIELDS, MAGIC, MAX_DATAGRAM, SOCKET
from gateway.errors import DecodeError, StartError

GROUP = "haclient"
"""The group of Pacemaker's daemons, which run the alert agent as ``hacluster``."""

MAX_PENDING = 4096
"""Hints that are kept until they are taken; beyond that the oldest is dropped."""

_BATCH = 32
"""Datagrams that are read in one turn of the event loop: about a millisecond of a storm."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class HintKind(StrEnum):
    """What an event is about: the kinds of Pacemaker's alerts."""

    NODE = "node"
    FENCING = "fencing"
    RESOURCE = "resource"
    ATTRIBUTE = "attribute"


_OBJECTS = {
    HintKind.NODE: "node",
    HintKind.FENCING: "node",
    HintKind.RESOURCE: "rsc",
    HintKind.ATTRIBUTE: "attribute_name",
}
"""The field that names the object of an event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Something has happened to an object.

    Attributes:
        kind: what kind of event it was.
        object: the node, the node that was fenced, the resource or the attribute.
        fields: what the alert agent sent, by the names in ``gateway.alert_agent.FIELDS``; absent without a value.
    """

    kind: HintKind
    object: str
    fields: Mapping[str, str]


@dataclass(slots=True)
class HintCounts:
    """What has become of the datagrams.

    Attributes:
        received: all of them.
        dropped: those that were malformed or found no room.
        coalesced: those that a later one about the same object has replaced before they were taken.
    """

    received: int = 0
    dropped: int = 0
    coalesced: int = 0


def parse(datagram: bytes) -> Hint:
    """Returns the hint of a datagram. Fields that are not known are ignored: the agent may be newer.

    Raises:
        DecodeError: it is not one of ours.
    """
    if len(datagram) > MAX_DATAGRAM:
        raise DecodeError(f"longer than {MAX_DATAGRAM} bytes")
    if not datagram.startswith(MAGIC) or not datagram.endswith(b"\0"):
        raise DecodeError("not a message of ha-cluster-gateway-alert, or not of a version that is known here")
    try:
        text = datagram[len(MAGIC) : -1].decode("utf-8")
    except UnicodeDecodeError:
        raise DecodeError("not UTF-8 text") from None
    fields = {}
    for part in text.split("\0"):
        name, equals, value = part.partition("=")
        if not equals or name in fields:
            raise DecodeError(f"expected each field once, as NAME=VALUE, found {part[:40]!r}")
        if name in FIELDS:
            fields[name] = _CONTROL.sub(" ", value)
    return _hint(fields)


def _hint(fields: Mapping[str, str]) -> Hint:
    try:
        kind = HintKind(fields.get("kind", ""))
    except ValueError:
        raise DecodeError(f"an event of an unknown kind, {fields.get('kind', '')[:40]!r}") from None
    name = fields.get(_OBJECTS[kind], "")
    if not name:
        raise DecodeError(f"a {kind} event without {_OBJECTS[kind]!r}")
    return Hint(kind=kind, object=name, fields=fields)


class AlertSocket:
    """Receives hints.

    Args:
        path: where to listen; the directory is made if it is missing.
        group: the group that may write to it, where there is such a group.
        max_pending: hints to keep until they are taken.

    Attributes:
        path: where it listens.
        counts: what has become of the datagrams.
    """

    def __init__(self, path: Path = Path(SOCKET), *, group: str = GROUP, max_pending: int = MAX_PENDING) -> None:
        self.path = path
        self.counts = HintCounts()
        self._group = group
        self._max_pending = max_pending
        self._socket: socket.socket | None = None
        self._identity = (0, 0)
        self._pending: dict[tuple[str, ...], Hint] = {}
        self._arrived = asyncio.Event()
        self._complained: set[str] = set()

    def open(self) -> None:
        """Listens; to be called within the event loop.

        Raises:
            StartError: it cannot be listened on: another process does, something else lies there, or this user may not.
        """
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            with _locked_directory(self.path):
                _remove_stale(self.path)
                # Linux takes these permissions over to the file: at no time may others write to it
                os.fchmod(receiver.fileno(), 0o600)
                receiver.bind(str(self.path))
                status = self.path.lstat()
                _permit(self.path, self._group)
            asyncio.get_running_loop().add_reader(receiver, self._receive, receiver)
        except OSError as error:
            receiver.close()
            raise StartError(f"cannot listen for alerts on {self.path}: {error.strerror or error}") from error
        self._socket, self._identity = receiver, (status.st_dev, status.st_ino)

    async def get(self) -> Hint:
        """Waits for a hint and returns it: the one that came first of those that have not been replaced.

        One task at a time may wait.
        """
        while not self._pending:
            self._arrived.clear()
            await self._arrived.wait()
        return self._pending.pop(next(iter(self._pending)))

    def close(self) -> None:
        """Listens no more, and removes the socket unless another has taken its place. Doing it twice does no harm."""
        if self._socket is None:
            return
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        with contextlib.suppress(OSError):
            status = self.path.lstat()
            if (status.st_dev, status.st_ino) == self._identity:
                self.path.unlink()

    def _receive(self, receiver: socket.socket) -> None:
        """Takes what is there, up to a limit: others have to have their turn."""
        with contextlib.suppress(BlockingIOError, InterruptedError):
            for _ in range(_BATCH):
                self._take(receiver.recv(MAX_DATAGRAM + 1))

    def _take(self, datagram: bytes) -> None:
        self.counts.received += 1
        try:
            hint = parse(datagram)
        except DecodeError as error:
            self._drop("malformed", str(error))
            return
        key = (hint.kind, hint.object, hint.fields.get("node", ""))
        if self._pending.pop(key, None) is not None:
            self.counts.coalesced += 1
        elif len(self._pending) >= self._max_pending:
            del self._pending[next(iter(self._pending))]
            self._drop("overflow", f"more than {self._max_pending} objects had events")
        self._pending[key] = hint
        self._arrived.set()

    def _drop(self, state: str, reason: str) -> None:
        """Counts a datagram that is lost, and says so once: who may send one may send many."""
        self.counts.dropped += 1
        if state not in self._complained:
            self._complained.add(state)
            structlog.get_logger("alerts").warning("alert dropped", state=state, reason=reason)


@contextlib.contextmanager
def _locked_directory(path: Path) -> Iterator[None]:
    """Makes a socket's directory if it is missing, and keeps other gateways from starting there meanwhile."""
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True)
        path.parent.chmod(0o755)  # whatever the umask: the agent has to get there
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(directory)


def _remove_stale(path: Path) -> None:
    """Removes what a gateway that was killed has left.

    Raises:
        OSError: it is something else.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise OSError(errno.EEXIST, "it is there and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(errno.EADDRINUSE, "another process listens there")


def _permit(path: Path, group: str) -> None:
    """Lets a group write to a socket; where there is none, or this user may not name it, only the owner may."""
    with contextlib.suppress(LookupError, PermissionError):
        shutil.chown(path, group=group)
        path.chmod(0o660)
