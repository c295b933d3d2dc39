"""The counters of SNMP itself, which pysnmp keeps: what they mean for a message, and where they are served."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, NamedTuple

from gateway.frontends.snmp.agent.view import Scalars
from gateway.snmp import oid as oids
from gateway.snmp.values import Type

_MAX_COUNTER32 = 2**32 - 1


class Fate(Enum):
    """What has become of a message that made a counter grow."""

    ANY = auto()
    """The counter does not tell."""
    REFUSED = auto()
    """Its sender may not ask, or not so."""
    GARBLED = auto()
    """It is no message."""
    DISCOVERED = auto()
    """Its sender was told engine id or time, as everybody is who begins to ask (RFC 3414, section 4)."""
    DROPPED = auto()
    """It was good, but there was no room for the answer."""


class Counter(NamedTuple):
    """A counter: its name, and what it means."""

    name: str
    fate: Fate = Fate.ANY


class _Group(NamedTuple):
    module: str
    root: str
    counters: Sequence[Counter]


_GROUPS = (
    _Group(  # RFC 3418; those that it calls obsolete are left out
        "__SNMPv2-MIB",
        "1.3.6.1.2.1.11",
        (
            Counter("snmpInPkts"),
            Counter("snmpInBadVersions", Fate.REFUSED),
            Counter("snmpInBadCommunityNames", Fate.REFUSED),
            Counter("snmpInBadCommunityUses", Fate.REFUSED),
            Counter("snmpInASNParseErrs", Fate.GARBLED),
            Counter("snmpSilentDrops", Fate.DROPPED),
            Counter("snmpProxyDrops", Fate.DROPPED),
        ),
    ),
    _Group(  # RFC 3412
        "__SNMP-MPD-MIB",
        "1.3.6.1.6.3.11.2.1",
        (
            Counter("snmpUnknownSecurityModels", Fate.REFUSED),
            Counter("snmpInvalidMsgs", Fate.GARBLED),
            Counter("snmpUnknownPDUHandlers", Fate.REFUSED),
        ),
    ),
    _Group("__SNMP-TARGET-MIB", "1.3.6.1.6.3.12.1", (Counter("snmpUnknownContexts", Fate.REFUSED),)),  # RFC 3413
    _Group(  # RFC 3414
        "__SNMP-USER-BASED-SM-MIB",
        "1.3.6.1.6.3.15.1.1",
        (
            Counter("usmStatsUnsupportedSecLevels", Fate.REFUSED),
            Counter("usmStatsNotInTimeWindows", Fate.DISCOVERED),
            Counter("usmStatsUnknownUserNames", Fate.REFUSED),
            Counter("usmStatsUnknownEngineIDs", Fate.DISCOVERED),
            Counter("usmStatsWrongDigests", Fate.REFUSED),
            Counter("usmStatsDecryptionErrors", Fate.REFUSED),
        ),
    ),
)


class Counters:
    """All counters of one engine.

    Args:
        symbol: returns pysnmp's object for a module and a name: ``name`` is its identifier, ``syntax`` its value.
    """

    def __init__(self, symbol: Callable[[str, str], Any]) -> None:
        self._symbols: Mapping[str, Any] = {
            counter.name: symbol(group.module, counter.name) for group in _GROUPS for counter in group.counters
        }
        self._by_fate: Mapping[Fate, Sequence[Any]] = {
            fate: [
                self._symbols[counter.name] for group in _GROUPS for counter in group.counters if counter.fate is fate
            ]
            for fate in Fate
        }

    def __getitem__(self, name: str) -> int:
        return int(self._symbols[name].syntax)

    def of(self, fate: Fate) -> int:
        """Returns how many messages have had this fate."""
        return sum(int(symbol.syntax) for symbol in self._by_fate[fate])

    def count(self, name: str) -> tuple[Any, Any]:
        """Makes a counter grow; returns its identifier and its value, as a Report carries them."""
        symbol = self._symbols[name]
        symbol.syntax = symbol.syntax.clone((int(symbol.syntax) + 1) & _MAX_COUNTER32)
        return symbol.name, symbol.syntax

    def wrap(self) -> None:
        """Begins again with those that are full, as a Counter32 does (RFC 2578, section 7.1.6); pysnmp raises then."""
        for symbol in self._symbols.values():
            if int(symbol.syntax) >= _MAX_COUNTER32:
                symbol.syntax = symbol.syntax.clone(0)

    def sources(self) -> list[Scalars]:
        """Returns the groups that serve them."""
        return [
            Scalars(
                oids.parse(group.root),
                {
                    oids.encode(self._symbols[counter.name].name[:-1]): (Type.COUNTER32, self._reader(counter.name))
                    for counter in group.counters
                },
            )
            for group in _GROUPS
        ]

    def _reader(self, name: str) -> Callable[[], int]:
        return lambda: self[name]
