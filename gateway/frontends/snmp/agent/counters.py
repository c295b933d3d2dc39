"""The agent's counters of SNMP messages: their objects, and the outcome that each of them counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto

from gateway.frontends.snmp.agent.view import scalars
from gateway.frontends.snmp.variable_table import VariableTable
from gateway.snmp.oid import Oid
from gateway.snmp.statistics import MPD_STATS, SNMP, TARGET_OBJECTS, MessageStatistic, Statistic
from gateway.snmp.usm_stats import USM_STATS, UsmStatistic
from gateway.snmp.values import Type

_MAX_COUNTER32 = 2**32 - 1


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


_OUTCOMES: Mapping[Statistic, Outcome] = {
    MessageStatistic.IN_PACKETS: Outcome.UNSPECIFIED,
    MessageStatistic.ASN_PARSE_ERRORS: Outcome.MALFORMED,
    MessageStatistic.INVALID_MESSAGES: Outcome.MALFORMED,
    UsmStatistic.UNKNOWN_ENGINE_IDS: Outcome.DISCOVERY,
    UsmStatistic.NOT_IN_TIME_WINDOWS: Outcome.DISCOVERY,
}
"""The outcomes of counters, aside from ``REFUSED``."""

_GROUPS: Sequence[Oid] = (SNMP, MPD_STATS, TARGET_OBJECTS, USM_STATS)


class Counters:
    """All message counters of an SNMP engine: each a Counter32."""

    def __init__(self) -> None:
        self._values: dict[Statistic, int] = dict.fromkeys((*MessageStatistic, *UsmStatistic), 0)
        self._totals: Counter[Outcome] = Counter()

    def __getitem__(self, statistic: Statistic) -> int:
        return self._values[statistic]

    def total(self, outcome: Outcome) -> int:
        """Returns how many messages have had an outcome."""
        return self._totals[outcome]

    def increment(self, statistic: Statistic) -> int:
        """Adds one, and returns the new value; after the largest value comes 0 (RFC 2578, section 7.1.6)."""
        value = self._values[statistic] = (self._values[statistic] + 1) & _MAX_COUNTER32
        self._totals[_OUTCOMES.get(statistic, Outcome.REFUSED)] += 1
        return value

    def sources(self) -> list[VariableTable]:
        """Returns the groups as variables."""
        return [
            scalars(
                group,
                {
                    statistic.oid: (Type.COUNTER32, self._reader(statistic))
                    for statistic in self._values
                    if statistic.oid.startswith(group)
                },
            )
            for group in _GROUPS
        ]

    def _reader(self, statistic: Statistic) -> Callable[[], int]:
        return lambda: self[statistic]
