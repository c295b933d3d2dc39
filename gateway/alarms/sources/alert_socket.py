"""The alert socket: where the alert agent of this node hands over Pacemaker's alerts.

It is a unix datagram socket that only its owner and the group of the cluster's daemons may write to. An alert only
triggers a collection. It is checked, never executed, and nothing is concluded from it that the cluster's own tools do
not confirm. ``gateway/alert_agent.py`` has the format.

For each object only the last alert that was not dispatched yet is kept. A storm of events therefore costs no more
memory than there are objects, and in the end the last state of each object has been reported, in the order of arrival.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import grp
import os
import re
import socket
import stat
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

import structlog

from gateway.alert_agent import FIELDS, MAGIC, MAX_DATAGRAM, SOCKET
from gateway.backoff import Backoff
from gateway.errors import DecodeError, StartError
from gateway.files import make_directory, trusted_directory
from gateway.samples import SampleSet
from gateway.self_monitoring import self_metrics

GROUP = "haclient"
"""The group of Pacemaker's daemons, which run the alert agent as ``hacluster``."""

MAX_PENDING = 4096
"""Alerts that are kept until they are dispatched; one more drops the oldest."""

BACKOFF = Backoff(first=2.0, longest=60.0)
"""The pauses between attempts to open the socket."""

_BATCH = 32
"""Datagrams that are read in one turn of the event loop: about a millisecond of a storm."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class AlertKind(StrEnum):
    """The kinds of Pacemaker's alerts."""

    NODE = "node"
    FENCING = "fencing"
    RESOURCE = "resource"
    ATTRIBUTE = "attribute"


_OBJECT_FIELDS = {
    AlertKind.NODE: "node",
    AlertKind.FENCING: "node",
    AlertKind.RESOURCE: "rsc",
    AlertKind.ATTRIBUTE: "attribute_name",
}
"""The field that names the object of an alert."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert of Pacemaker: something happened to an object.

    Attributes:
        kind: the kind of the alert.
        object: the node, the fenced node, the resource or the attribute.
        fields: what the alert agent sent, by the names in ``gateway.alert_agent.FIELDS``; a field without a value is
            absent.
    """

    kind: AlertKind
    object: str
    fields: Mapping[str, str]


@dataclass(slots=True)
class AlertCounts:
    """Counts what became of the datagrams.

    Attributes:
        received: all datagrams.
        dropped: those that were malformed or found no room.
        coalesced: those that a later alert about the same object replaced before they were dispatched.
    """

    received: int = 0
    dropped: int = 0
    coalesced: int = 0


def parse_alert(datagram: bytes) -> Alert:
    """Returns the alert in a datagram. Unknown fields are ignored: the agent may be newer.

    Raises:
        DecodeError: the datagram is not from the alert agent.
    """
    if len(datagram) > MAX_DATAGRAM:
        raise DecodeError(f"longer than {MAX_DATAGRAM} bytes")
    if not datagram.startswith(MAGIC) or not datagram.endswith(b"\0"):
        raise DecodeError("not a message of ha-cluster-gateway-alert, or of an unknown version")
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
    return _alert(fields)


def _alert(fields: Mapping[str, str]) -> Alert:
    try:
        kind = AlertKind(fields.get("kind", ""))
    except ValueError:
        raise DecodeError(f"an alert of an unknown kind, {fields.get('kind', '')[:40]!r}") from None
    name = fields.get(_OBJECT_FIELDS[kind], "")
    if not name:
        raise DecodeError(f"a {kind} alert without {_OBJECT_FIELDS[kind]!r}")
    return Alert(kind=kind, object=name, fields=fields)


class AlertSocket:
    """Receives alerts. A service.

    Args:
        on_alert: called with each alert that was not replaced by a later one.
        path: where to listen; the directory is created if it is missing. One that others can change is refused.
        group: the group that may write to the socket, if it exists.
        max_pending: alerts that are kept until they are dispatched.
        sleep: waits for some seconds.

    Attributes:
        path: where it listens.
        counts: what became of the datagrams.
    """

    def __init__(
        self,
        on_alert: Callable[[Alert], None],
        path: Path = Path(SOCKET),
        *,
        group: str = GROUP,
        max_pending: int = MAX_PENDING,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.path = path
        self.counts = AlertCounts()
        self._on_alert = on_alert
        self._group = group
        self._max_pending = max_pending
        self._sleep = sleep
        self._socket: socket.socket | None = None
        self._identity = (0, 0)
        self._pending: dict[tuple[str, ...], Alert] = {}
        self._arrived = asyncio.Event()
        self._logged_drops: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("alerts")

    async def start(self) -> None:
        """Starts to listen. Without the socket the gateway works, too, so a failure is only logged, and retried."""
        failure = self._try_to_open()
        if failure:
            self._log.warning("alerts not received", reason=failure)
        self._task = asyncio.create_task(self._run(), name="alerts")

    async def close(self) -> None:
        """Stops listening, and removes the socket unless another process has replaced it. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.close_socket()

    def add_samples(self, samples: SampleSet) -> None:
        """Adds the samples about alerts to a set, if the socket was opened."""
        if self._socket is not None:
            samples.add(self_metrics.ALERTS_RECEIVED, self.counts.received)
            samples.add(self_metrics.ALERTS_DROPPED, self.counts.dropped)
            samples.add(self_metrics.ALERTS_COALESCED, self.counts.coalesced)

    # --- the socket --------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Opens the socket, within the running event loop.

        Raises:
            StartError: another process listens there, something else is in the way, or this user lacks the permission.
        """
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            with _locked_directory(self.path):
                _remove_stale(self.path)
                # Linux gives the file these permissions: at no time may others write to it
                os.fchmod(receiver.fileno(), 0o600)
                receiver.bind(str(self.path))
                status = _permit(self.path, self._group)
            asyncio.get_running_loop().add_reader(receiver, self._on_readable, receiver)
        except OSError as error:
            receiver.close()
            raise StartError(f"cannot listen for alerts on {self.path}: {error.strerror or error}") from error
        self._socket, self._identity = receiver, (status.st_dev, status.st_ino)

    def close_socket(self) -> None:
        """Closes the socket, and removes it unless another process has replaced it. Idempotent."""
        if self._socket is None:
            return
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        with contextlib.suppress(OSError):
            status = self.path.lstat()
            if (status.st_dev, status.st_ino) == self._identity:
                self.path.unlink()

    def _on_readable(self, receiver: socket.socket) -> None:
        """Reads what has arrived, up to a limit: other tasks must have their turn."""
        with contextlib.suppress(BlockingIOError, InterruptedError):
            for _ in range(_BATCH):
                self._on_datagram(receiver.recv(MAX_DATAGRAM + 1))

    # --- alerts ------------------------------------------------------------------------------------------------------

    async def next_alert(self) -> Alert:
        """Waits for an alert, and returns the oldest that was not replaced. Only one task at a time may wait."""
        while not self._pending:
            self._arrived.clear()
            await self._arrived.wait()
        return self._pending.pop(next(iter(self._pending)))

    def _try_to_open(self) -> str:
        """Opens the socket, and returns why that failed; empty if it did not."""
        try:
            self.open()
        except StartError as error:
            return str(error)
        return ""

    async def _run(self) -> NoReturn:
        """Opens the socket as soon as that is possible, for example once the disk is no longer full, and dispatches."""
        if self._socket is None:
            retries = 0
            while True:
                await self._sleep(BACKOFF.pause(retries))
                if not self._try_to_open():
                    break
                retries += 1
            self._log.info("alerts received", path=str(self.path))
        await self._dispatch()

    async def _dispatch(self) -> NoReturn:
        while True:
            self._on_alert(await self.next_alert())
            await asyncio.sleep(0)  # one in each turn of the event loop: in a storm, later ones replace those that wait

    def _on_datagram(self, datagram: bytes) -> None:
        self.counts.received += 1
        try:
            alert = parse_alert(datagram)
        except DecodeError as error:
            self._drop("malformed", str(error))
            return
        key = (alert.kind, alert.object, alert.fields.get("node", ""))
        if self._pending.pop(key, None) is not None:
            self.counts.coalesced += 1
        elif len(self._pending) >= self._max_pending:
            del self._pending[next(iter(self._pending))]
            self._drop("overflow", f"more than {self._max_pending} objects had alerts")
        self._pending[key] = alert
        self._arrived.set()

    def _drop(self, state: str, reason: str) -> None:
        """Counts a datagram that is dropped, and logs the first one for each state: there may be many."""
        self.counts.dropped += 1
        if state not in self._logged_drops:
            self._logged_drops.add(state)
            self._log.warning("alert dropped", state=state, reason=reason)


@contextlib.contextmanager
def _locked_directory(path: Path) -> Iterator[None]:
    """Creates the directory of a socket if it is missing, and locks it against other gateways until the block ends.

    Only root and the user of this process can change what is in it, so its entries may be used by their names.
    """
    make_directory(path.parent, 0o755)  # the alert agent needs access
    with trusted_directory(path.parent) as directory:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _remove_stale(path: Path) -> None:
    """Removes the socket of a gateway that was killed.

    Raises:
        OSError: the path is something else, or another process listens there.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise OSError(errno.EEXIST, "the path exists and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(errno.EADDRINUSE, "another process listens there")


def _permit(path: Path, group: str) -> os.stat_result:
    """Lets a group write to a new socket, and returns the status of its file.

    If the group does not exist or may not be set, only the owner may write to it. The file gets its mode from the
    socket, but not its group, so both are set afterwards, the group first: at no time may any other group write. They
    are set by a descriptor, which refers to this file, whatever else might get its name.
    """
    file = os.open(path, os.O_PATH | os.O_NOFOLLOW)
    try:
        status = os.fstat(file)
        if not stat.S_ISSOCK(status.st_mode):
            raise OSError(errno.EEXIST, "another file has taken its name")
        with contextlib.suppress(LookupError, PermissionError):
            group_id = grp.getgrnam(group).gr_gid
            if status.st_gid != group_id:  # the systemd unit does not permit chown, and does not need it
                os.chown(f"/proc/self/fd/{file}", -1, group_id)
            Path(f"/proc/self/fd/{file}").chmod(0o660)
        return status
    finally:
        os.close(file)
