"""``snmpd.conf``: what Net-SNMP's daemon lets subagents and managers do, as far as that matters to a subagent.

The directives are those of snmpd.conf(5), Net-SNMP 5.7 to 5.9. What is not among those that are read here is passed
over: nothing in the file is an error.
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
    """Somebody who may read: a community, a user, or a group.

    Attributes:
        name: whom.
        community: whether it is a community, which can be asked with.
        view: the name of the view that is seen; "" where ``subtree`` says it.
        subtree: all that is seen where there is no view.
    """

    name: str
    community: bool
    view: str = ""
    subtree: Oid = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnmpdConfig:
    """What the files say.

    Attributes:
        master: whether subagents are wanted: ``master agentx``.
        sockets: where they are waited for, as written; empty for the default.
        permissions: the words of ``agentXPerms``; empty where it is not set.
        addresses: where managers are waited for, as written; empty for the default.
        views: all views.
        readers: all who may read.
    """

    master: bool = False
    sockets: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    views: tuple[VacmView, ...] = ()
    readers: tuple[Reader, ...] = ()

    def sees(self, reader: Reader, subtree: Oid) -> bool:
        """Returns whether a reader sees a subtree: the longest view of a name that it is in decides."""
        if not reader.view:
            return subtree.startswith(reader.subtree)
        views = [view for view in self.views if view.name == reader.view and subtree.startswith(view.subtree)]
        return max(views, key=lambda view: len(view.subtree)).included if views else False


@dataclass(slots=True)
class _Found:
    master: bool = False
    sockets: list[str] = field(default_factory=list)
    permissions: tuple[str, ...] = ()
    addresses: list[str] = field(default_factory=list)
    views: list[VacmView] = field(default_factory=list)
    readers: list[Reader] = field(default_factory=list)


def parse(contents: Iterable[bytes]) -> SnmpdConfig:
    """Returns what the files say, together; a later one adds to an earlier one."""
    found = _Found()
    for words in _directives(contents):
        _take(found, words[0].lower(), words[1:])
    return SnmpdConfig(
        master=found.master,
        sockets=tuple(found.sockets),
        permissions=found.permissions,
        addresses=tuple(found.addresses),
        views=tuple(found.views),
        readers=tuple(found.readers),
    )


def includes(content: bytes) -> tuple[str, ...]:
    """Returns the directories that a file includes (``includeDir``)."""
    return tuple(words[1] for words in _directives([content]) if words[0].lower() == "includedir" and len(words) > 1)


def _directives(contents: Iterable[bytes]) -> Iterator[list[str]]:
    for content in contents:
        for line in content.decode("utf-8", "replace").splitlines():
            if words := _words(line):
                yield words


def _words(line: str) -> list[str]:
    if line.lstrip().startswith("#"):
        return []
    try:
        return shlex.split(line, comments=True)
    except ValueError:  # a quote that is not closed
        return line.split()


def _take(found: _Found, directive: str, words: list[str]) -> None:
    if directive == "master" and words:
        found.master = words[0].lower() in {"agentx", "all", "yes", "on"}
    elif directive == "agentxsocket":
        found.sockets += (address for word in words for address in word.split(","))
    elif directive == "agentxperms":
        found.permissions = tuple(words)
    elif directive == "agentaddress":
        found.addresses += (address for word in words for address in word.split(","))
    elif directive == "view" and len(words) > 2:
        subtree = _oid(words[2])
        if subtree is not None:
            found.views.append(
                VacmView(name=words[0], included=words[1].lower() in {"included", "include"}, subtree=subtree)
            )
    elif reader := _reader(directive, words):
        found.readers.append(reader)


def _reader(directive: str, words: list[str]) -> Reader | None:
    """Returns who may read by a directive, or None where it is about something else."""
    if directive in {"rocommunity", "rwcommunity", "rocommunity6", "rwcommunity6"} and words:
        return _seen(words[0], words[2:], community=True)  # the word between is the source
    if directive in {"rouser", "rwuser"} and words:
        words = words[2:] if words[0] == "-s" else words
        return _seen(words[0], words[2:], community=False) if words else None  # the word between is the level
    if directive == "access" and len(words) > 5:
        return Reader(name=words[0], community=False, view=words[5])
    return None


def _seen(name: str, words: list[str], *, community: bool) -> Reader | None:
    if words[:1] == ["-V"]:
        return Reader(name=name, community=community, view=words[1]) if len(words) > 1 else None
    subtree = _oid(words[0]) if words else b""
    return None if subtree is None else Reader(name=name, community=community, subtree=subtree)


def _oid(text: str) -> Oid | None:
    """Returns an OID that is written in numbers, or as one of the names that stand for all; None for other names."""
    plain = text.removeprefix(".")
    try:
        return _NAMES[plain] if plain in _NAMES else oids.parse(plain)
    except ValueError:
        return None
