"""What both ways into SNMP ask: the values of HA-CLUSTER-MIB, as variables in AgentX's wire form.

All answers come from memory, at once. A variable is the bytes that ``gateway.snmp.agentx.encoding.encode_varbind``
makes, in network byte order; ``Reader(variable).varbind()`` takes it apart again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.snmp.oid import Oid
from gateway.snmp.values import SearchRange


class VariableSource(Protocol):
    """Answers requests."""

    @property
    def root(self) -> Oid:
        """The subtree that all answers are from."""
        ...

    def get(self, names: Sequence[Oid]) -> list[bytes]:
        """Returns one variable for each name; noSuchObject or noSuchInstance where there is no value."""
        ...

    def get_next(self, ranges: Sequence[SearchRange]) -> list[bytes]:
        """Returns one variable for each range: the first in it, or endOfMibView with the range's start."""
        ...

    def get_bulk(self, ranges: Sequence[SearchRange], *, non_repeaters: int, max_repetitions: int) -> list[bytes]:
        """Returns one variable for each of the first ranges, then repetitions of the rest, row by row.

        As RFC 3416, section 4.2.3 orders them. Fewer repetitions than asked for may come, and come where all of a
        repetition would be endOfMibView.
        """
        ...
