"""Parses ``snmpd.conf``: what Net-SNMP's daemon lets subagents and managers do.

The directives are those of snmpd.conf(5), Net-SNMP 5.7 to 5.9. Other directives are ignored: nothing in the file is an
error.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gateway.snmp import oid as oids
from gateway.snmp.oid import Oid

_EVERYTHING = oids.encode((1,))
_NAMES = {"iso": _EVERYTHING, "all": b"", "": b""}


@dataclass(frozen=True, slots=True, kw_only=True)
class VacmView:
    """``view NAME included|excluded OID``."""

    name: str
    included: bool
    subtree: Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A community, a user or a group that may read.

    Attributes:
        name: the name of the community, user or group.
        community: whether it is a community, with which ``check`` can query snmpd.
        view: the name of its view; empty if it has a subtree.
        subtree: the subtree that it sees if it has no view.
    """

    name: str
    community: bool
    view: str = ""
    subtree: Oid = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnmpdConfig:
    """The configuration of snmpd, as far as it matters to a subagent.

    Attributes:
        master: whether AgentX is enabled (``master agentx``).
        sockets: the AgentX addresses to listen on, as written; empty for the default.
        permissions: the words of ``agentXPerms``; empty if it is not set.
        addresses: the addresses to listen on for managers, as written; empty for the default.
        views: all lines of views.
        readers: all communities, users and groups that may read.
    """

    master: bool = False
    sockets: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    views: tuple[VacmView, ...] = ()
    readers: tuple[Reader, ...] = ()

    def is_visible(self, subtree: Oid, reader: Reader) -> bool:
        """Returns whether a reader sees a subtree: the longest matching line of its view decides."""
        if not reader.view:
            return subtree.startswith(reader.subtree)
        views = [view for view in self.views if view.name == reader.view and subtree.startswith(view.subtree)]
        return max(views, key=lambda view: len(view.subtree)).included if views else False


@dataclass(slots=True)
class _Directives:
    """The directives that were parsed so far."""

    master: bool = False
    sockets: list[str] = field(default_factory=list)
    permissions: tuple[str, ...] = ()
    addresses: list[str] = field(default_factory=list)
    views: list[VacmView] = field(default_factory=list)
    readers: list[Reader] = field(default_factory=list)


def parse(contents: Iterable[bytes]) -> SnmpdConfig:
    """Returns the configuration that the files add up to; a later file adds to an earlier one."""
    directives = _Directives()
    for words in _split_lines(contents):
        _parse_directive(directives, words[0].lower(), words[1:])
    return SnmpdConfig(
        master=directives.master,
        sockets=tuple(directives.sockets),
        permissions=directives.permissions,
        addresses=tuple(directives.addresses),
        views=tuple(directives.views),
        readers=tuple(directives.readers),
    )


def included_directories(content: bytes) -> tuple[str, ...]:
    """Returns the directories that a file includes (``includeDir``)."""
    return tuple(words[1] for words in _split_lines([content]) if words[0].lower() == "includedir" and len(words) > 1)


def _split_lines(contents: Iterable[bytes]) -> Iterator[list[str]]:
    for content in contents:
        for line in content.decode("utf-8", "replace").splitlines():
            if words := _split_words(line):
                yield words


def _split_words(line: str) -> list[str]:
    if line.lstrip().startswith("#"):
        return []
    try:
        return shlex.split(line, comments=True)
    except ValueError:  # an unclosed quote
        return line.split()


def _parse_directive(directives: _Directives, name: str, words: list[str]) -> None:
    if name == "master" and words:
        directives.master = words[0].lower() in {"agentx", "all", "yes", "on"}
    elif name == "agentxsocket":
        directives.sockets = [address for word in words for address in word.split(",")]  # the last line counts
    elif name == "agentxperms":
        directives.permissions = tuple(words)
    elif name == "agentaddress":
        directives.addresses += (address for word in words for address in word.split(","))
    elif name == "view" and len(words) > 2:
        subtree = _parse_oid(words[2])
        if subtree is not None:
            included = words[1].lower() in {"included", "include"}
            directives.views.append(VacmView(name=words[0], included=included, subtree=subtree))
    elif reader := _parse_reader(name, words):
        directives.readers.append(reader)


def _parse_reader(name: str, words: list[str]) -> Reader | None:
    """Returns the reader that a directive permits, or None if it permits none."""
    if name in {"rocommunity", "rwcommunity", "rocommunity6", "rwcommunity6"} and words:
        return _parse_access(words[0], words[2:], community=True)  # the word in between is the source
    if name in {"rouser", "rwuser"} and words:
        words = words[2:] if words[0] == "-s" else words
        # the word in between is the security level
        return _parse_access(words[0], words[2:], community=False) if words else None
    if name == "access" and len(words) > 5:
        return Reader(name=words[0], community=False, view=words[5])
    return None


def _parse_access(name: str, words: list[str], *, community: bool) -> Reader | None:
    if words[:1] == ["-V"]:
        return Reader(name=name, community=community, view=words[1]) if len(words) > 1 else None
    subtree = _parse_oid(words[0]) if words else b""
    return None if subtree is None else Reader(name=name, community=community, subtree=subtree)


def _parse_oid(text: str) -> Oid | None:
    """Returns a numeric OID, or one of the names for everything; None for other names."""
    plain = text.removeprefix(".")
    try:
        return _NAMES[plain] if plain in _NAMES else oids.parse(plain)
    except ValueError:
        return None
