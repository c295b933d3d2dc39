r"""``corosync-qdevice-tool -s -v``: the quorum device of this node, corosync-qdevice 3.0.

Two sections of items, with tabs between name and value. The second one exists for the model ``Net``, the only one::

    Qdevice information
    -------------------
    Model:\t\t\tNet
    HB interval:\t\t10000ms
    Configured node list:
        0\tNode ID = 1
    Heuristics:\t\tDisabled
    Last poll call:\t\t2026-11-28T04:42:50 (cast vote)

    Qdevice-net information
    ----------------------
    Cluster name:\t\tgeo
    QNetd host:\t\t192.0.2.3:5403
    TLS:\t\t\tSupported
    Algorithm:\t\tFifty-Fifty split
    Tie-breaker:\t\tNode with lowest node ID
    Poll timer running:\tYes (cast vote)
    State:\t\t\tConnected
    Heuristics result:\tPass (regular: Pass, membership: Undefined, connect: Pass)
    TLS active:\t\tYes (client certificate sent)
    Connected since:\t2026-11-28T04:42:45
    Echo reply received:\t2026-11-28T04:42:53

``Last poll call`` can be ``Never``. ``Heuristics result`` is absent while heuristics are disabled; ``TLS active`` and
the two times after it while the device is not connected. All times are local, without a time zone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from gateway.errors import ParseError
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.quorum_device import RESULTS, algorithm_name, tie_breaker_name
from gateway.subsystems.parsing.text import Line, one_of, split_lines
from gateway.subsystems.parsing.timestamps import unix_time

STATES = ("connected", "connecting", "connect_failed", "disconnected")
"""The states of the connection to the arbitrator."""

_T = TypeVar("_T")

_SECTION = "Qdevice information"
_NET_SECTION = "Qdevice-net information"
_ITEM = re.compile(r"(?P<name>[A-Z][A-Za-z -]*):[ \t]*(?P<value>.*)")
_NESTED = re.compile(r"[ \t]+[0-9]+[ \t]+Node ID = .*|-+|")


@dataclass(frozen=True, slots=True, kw_only=True)
class QdeviceStatus:
    """The state of corosync-qdevice.

    Attributes:
        model: the model, in lower case.
        heuristics: the mode of heuristics, in lower case.
        last_poll: when the device last reported its vote to Corosync, in Unix seconds; None if never or unknown.
        net: the connection to the arbitrator; None if the device has none.
    """

    model: str
    heuristics: str
    last_poll: float | None
    net: NetStatus | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetStatus:
    """The connection to the arbitrator; what is unknown is None or empty.

    Attributes:
        cluster_name: the name under which the arbitrator knows the cluster.
        host: the address of the arbitrator, with its port.
        tls: whether the device is configured to use TLS: ``unsupported``, ``supported`` or ``required``.
        algorithm: the algorithm of the arbitrator, as in corosync.conf.
        tie_breaker: ``lowest``, ``highest``, or the ID of a node.
        votes: whether the device casts its vote for the partition of this node.
        state: one of ``STATES``.
        result: one of ``RESULTS``; None if heuristics are disabled.
        tls_active: whether the connection is encrypted.
        connected_since: when the connection was made, in Unix seconds.
        last_reply: when the arbitrator last answered, in Unix seconds.
    """

    cluster_name: str
    host: str
    tls: str
    algorithm: str
    tie_breaker: str
    votes: bool | None
    state: str | None
    result: str | None
    tls_active: bool | None
    connected_since: float | None
    last_reply: float | None


def parse(output: bytes) -> Parsed[QdeviceStatus]:
    """Parses the output of the tool. A value that cannot be read is absent.

    Raises:
        ParseError: the output does not begin with the section of the device.
    """
    unreadable = UnreadableValues()
    items = _Items(unreadable)
    for line in split_lines(output):
        items.add(line)
    if not items.has_device:
        raise ParseError(f"expected {_SECTION!r}, found {output[:60]!r}", line=1)
    model = items.word("Model", net=False).lower()
    if model == "net" and not items.has_net:
        unreadable.add(f"found no {_NET_SECTION!r}")
    last_poll = items.text("Last poll call", net=False).removesuffix("(cast vote)").strip()
    status = QdeviceStatus(
        model=model,
        heuristics=items.word("Heuristics", net=False).lower(),
        last_poll=None if last_poll == "Never" else unreadable.read(unix_time, last_poll, what="Last poll call"),
        net=_net(items, unreadable) if items.has_net else None,
    )
    return unreadable.parsed(status)


def _net(items: _Items, unreadable: UnreadableValues) -> NetStatus:
    def read(name: str, function: Callable[..., _T]) -> _T | None:
        return unreadable.read(function, text, what=name) if (text := items.text(name)) else None

    return NetStatus(
        cluster_name=items.word("Cluster name"),
        host=items.word("QNetd host"),
        tls=items.word("TLS").lower(),
        algorithm=algorithm_name(items.word("Algorithm")),
        tie_breaker=tie_breaker_name(items.word("Tie-breaker")),
        votes=unreadable.read(_votes, items.word("Poll timer running")),
        state=unreadable.read(one_of, _word(items.word("State")), STATES, what="State"),
        result=read("Heuristics result", _result),
        tls_active=read("TLS active", _flag),
        connected_since=read("Connected since", unix_time),
        last_reply=read("Echo reply received", unix_time),
    )


def _votes(text: str) -> bool:
    return one_of(text, ("Yes (cast vote)", "Yes", "No"), what="Poll timer running") == "Yes (cast vote)"


def _flag(text: str, *, what: str) -> bool:
    return one_of(_word(text.split(" ", maxsplit=1)[0]), ("yes", "no"), what=what) == "yes"


def _result(text: str, *, what: str) -> str:
    return one_of(_word(text.partition(" (")[0]), RESULTS, what=what)


def _word(text: str) -> str:
    """Returns a value in the form of a label."""
    return text.lower().replace(" ", "_")


class _Items:
    """The items of both sections.

    Args:
        unreadable: receives the lines that cannot be read, and the items that are missing.
    """

    def __init__(self, unreadable: UnreadableValues) -> None:
        self.has_device = False
        self.has_net = False
        self._unreadable = unreadable
        self._items: dict[tuple[bool, str], str] = {}

    def add(self, line: Line) -> None:
        """Adds a line."""
        self._unreadable.read(self._add, line)

    def text(self, name: str, *, net: bool = True) -> str:
        """Returns the value of an item, or an empty text."""
        return self._items.get((net, name), "")

    def word(self, name: str, *, net: bool = True) -> str:
        """Returns the value of an item that is never absent."""
        if not (text := self.text(name, net=net)):
            self._unreadable.add(f"found no {name!r}")
        return text

    def _add(self, line: Line) -> None:
        line.check()
        text = line.text.rstrip()
        if text == _SECTION:
            self.has_device = True
        elif text == _NET_SECTION:
            self.has_net = True
        elif self.has_device and (match := _ITEM.fullmatch(text)):
            self._items.setdefault((self.has_net, match["name"]), match["value"].strip())
        elif not _NESTED.fullmatch(text):
            raise ParseError(f"expected an item, found {text[:100]!r}", line=line.number)
