"""The agent's counters of SNMP messages: their objects, and the outcome that each of them counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import NamedTuple

from gateway.frontends.snmp.agent.view import scalars
from gateway.frontends.snmp.variable_table import VariableTable
from gateway.snmp import oid as oids
from gateway.snmp.pysnmp_adapter.engine import Counter
from gateway.snmp.usm_stats import USM_STATS, UsmStatistic
from gateway.snmp.values import Type


class Outcome(Enum):
    """The outcome of a message that has incremented a counter."""

    UNSPECIFIED = auto()
    """The outcome is unknown."""
    REFUSED = auto()
    """The sender has no access, or used a wrong version or security level."""
    MALFORMED = auto()
    """The message is not valid SNMP."""
    DISCOVERY = auto()
    """The sender got the engine id or the time, like every manager that begins to send (RFC 3414, section 4)."""
    DROPPED = auto()
    """The message is valid, but the response did not fit into any message."""


class _Group(NamedTuple):
    """A group of counters.

    Attributes:
        module: the MIB module that defines them.
        root: the object identifier above all of them.
        counters: the outcome that each counter counts, by the name of the counter.
    """

    module: str
    root: oids.Oid
    counters: Mapping[str, Outcome]


_USM_OUTCOMES: Mapping[UsmStatistic, Outcome] = {
    UsmStatistic.UNKNOWN_ENGINE_IDS: Outcome.DISCOVERY,
    UsmStatistic.NOT_IN_TIME_WINDOWS: Outcome.DISCOVERY,
}
"""The outcomes of USM's counters, aside from ``REFUSED``."""

_GROUPS = (
    _Group(  # RFC 3418, without the obsolete counters
        "SNMPv2-MIB",
        oids.parse("1.3.6.1.2.1.11"),
        {
            "snmpInPkts": Outcome.UNSPECIFIED,
            "snmpInBadVersions": Outcome.REFUSED,
            "snmpInBadCommunityNames": Outcome.REFUSED,
            "snmpInBadCommunityUses": Outcome.REFUSED,
            "snmpInASNParseErrs": Outcome.MALFORMED,
            "snmpSilentDrops": Outcome.DROPPED,
            "snmpProxyDrops": Outcome.DROPPED,
        },
    ),
    _Group(  # RFC 3412
        "SNMP-MPD-MIB",
        oids.parse("1.3.6.1.6.3.11.2.1"),
        {
            "snmpUnknownSecurityModels": Outcome.REFUSED,
            "snmpInvalidMsgs": Outcome.MALFORMED,
            "snmpUnknownPDUHandlers": Outcome.REFUSED,
        },
    ),
    _Group(  # RFC 3413
        "SNMP-TARGET-MIB",
        oids.parse("1.3.6.1.6.3.12.1"),
        {"snmpUnknownContexts": Outcome.REFUSED},
    ),
    _Group(  # RFC 3414
        "SNMP-USER-BASED-SM-MIB",
        USM_STATS,
        {statistic.value: _USM_OUTCOMES.get(statistic, Outcome.REFUSED) for statistic in UsmStatistic},
    ),
)


class Counters:
    """All message counters of an SNMP engine.

    Args:
        find: returns the engine's counter for a MIB module and a name.
    """

    def __init__(self, find: Callable[[str, str], Counter]) -> None:
        self._by_name: Mapping[str, Counter] = {
            name: find(group.module, name) for group in _GROUPS for name in group.counters
        }
        outcomes = {name: outcome for group in _GROUPS for name, outcome in group.counters.items()}
        self._by_outcome: Mapping[Outcome, Sequence[Counter]] = {
            outcome: [counter for name, counter in self._by_name.items() if outcomes[name] is outcome]
            for outcome in Outcome
        }

    def __getitem__(self, name: str) -> int:
        return self._by_name[name].value

    def totals(self) -> Mapping[Outcome, int]:
        """Returns how many messages there were by outcome."""
        return {outcome: sum(counter.value for counter in self._by_outcome[outcome]) for outcome in Outcome}

    def increment(self, name: str) -> None:
        """Increments a counter."""
        self._by_name[name].increment()

    def wrap(self) -> None:
        """Sets counters with the largest value to 0, as a Counter32 wraps (RFC 2578, section 7.1.6)."""
        for counter in self._by_name.values():
            counter.wrap()

    def sources(self) -> list[VariableTable]:
        """Returns the groups as variables."""
        return [
            scalars(
                group.root,
                {
                    oids.encode(self._by_name[name].name[:-1]): (Type.COUNTER32, self._reader(name))
                    for name in group.counters
                },
            )
            for group in _GROUPS
        ]

    def _reader(self, name: str) -> Callable[[], int]:
        return lambda: self[name]
