"""The messages of AgentX (RFC 2741, section 6.2), without their headers.

How they are on the wire is said in ``gateway.snmp.agentx.pdu``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gateway.snmp.agentx.codes import CloseReason, Error, PduType
from gateway.snmp.oid import Oid
from gateway.snmp.values import SearchRange, VarBind


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdu:
    """A message without its header."""

    type: ClassVar[PduType]


@dataclass(frozen=True, slots=True, kw_only=True)
class _InContext(Pdu):
    """A message that may be about another context than the default one (section 6.1.1).

    Attributes:
        context: its name; empty for the default context.
    """

    context: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Open(Pdu):
    """Asks for a session (section 6.2.1).

    Attributes:
        timeout: seconds that the master agent is to wait for answers; 0 leaves it to the master agent.
        id: what identifies the subagent; may be empty.
        description: of the subagent, for people.
    """

    type = PduType.OPEN
    timeout: int = 0
    id: Oid = b""
    description: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Close(Pdu):
    """Ends a session (section 6.2.2), because of a ``CloseReason`` or a number that is none."""

    type = PduType.CLOSE
    reason: int = CloseReason.OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class Unregister(_InContext):
    """Gives a region back (section 6.2.4).

    Attributes:
        subtree: where it begins.
        priority: who wins where regions overlap: the lowest.
        range_subid: which of the subtree's sub-identifiers, from 1, is only the first of several; 0 for none.
        upper_bound: the last of these.
    """

    type = PduType.UNREGISTER
    subtree: Oid
    priority: int = 127
    range_subid: int = 0
    upper_bound: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Register(Unregister):
    """Takes over a region (section 6.2.3).

    Attributes:
        timeout: seconds that the master agent is to wait for answers about it; 0 for those of the session.
        instance: whether the region is a single instance, fully named.
    """

    type = PduType.REGISTER
    timeout: int = 0
    instance: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Get(_InContext):
    """Asks for variables by their names, which are the ranges' starts (section 6.2.5)."""

    type = PduType.GET
    ranges: tuple[SearchRange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetNext(_InContext):
    """Asks for the first variable of each range (section 6.2.6)."""

    type = PduType.GET_NEXT
    ranges: tuple[SearchRange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBulk(_InContext):
    """Asks for the first variables of each range (section 6.2.7).

    Attributes:
        ranges: the ranges.
        non_repeaters: of how many of them, from the first, one variable is wanted.
        max_repetitions: how many are wanted at most of each other.
    """

    type = PduType.GET_BULK
    ranges: tuple[SearchRange, ...]
    non_repeaters: int = 0
    max_repetitions: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _WithVarBinds(_InContext):
    varbinds: tuple[VarBind, ...]


class TestSet(_WithVarBinds):
    """Asks whether variables could be set (section 6.2.8)."""

    __slots__ = ()
    __test__ = False  # whatever pytest thinks of its name
    type = PduType.TEST_SET


class CommitSet(Pdu):
    """Sets what was tested (section 6.2.9)."""

    __slots__ = ()
    type = PduType.COMMIT_SET


class UndoSet(Pdu):
    """Takes back what was set (section 6.2.9)."""

    __slots__ = ()
    type = PduType.UNDO_SET


class CleanupSet(Pdu):
    """Says that setting is over; the one request that is not answered (section 7.2.4.4)."""

    __slots__ = ()
    type = PduType.CLEANUP_SET


class Notify(_WithVarBinds):
    """Sends a notification (section 6.2.10): perhaps sysUpTime.0, then snmpTrapOID.0, then its own variables."""

    __slots__ = ()
    type = PduType.NOTIFY


class Ping(_InContext):
    """Asks whether the master agent is there (section 6.2.11)."""

    __slots__ = ()
    type = PduType.PING


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexAllocate(_WithVarBinds):
    """Asks for values of indexes (section 6.2.12).

    Attributes:
        new: whether they have to be values that were never given out.
        any: whether they may be any values that are not given out.
    """

    type = PduType.INDEX_ALLOCATE
    new: bool = False
    any: bool = False


class IndexDeallocate(_WithVarBinds):
    """Gives values of indexes back (section 6.2.13)."""

    __slots__ = ()
    type = PduType.INDEX_DEALLOCATE


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveAgentCaps(_InContext):
    """Removes the row of this sysORID from sysORTable (section 6.2.15)."""

    type = PduType.REMOVE_AGENT_CAPS
    id: Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class AddAgentCaps(_InContext):
    """Adds a row to sysORTable: its sysORID and sysORDescr (section 6.2.14)."""

    type = PduType.ADD_AGENT_CAPS
    id: Oid
    description: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Response(Pdu):
    """Answers (section 6.2.16).

    Attributes:
        up_time: the master agent's sysUpTime, in hundredths of a second; a subagent's answers have 0.
        error: an ``Error``, or a number that is none.
        index: which variable or range the error is about, from 1; 0 for none.
        varbinds: the variables, as ``encode_varbind`` makes them; ``Reader(varbinds).varbinds()`` takes them apart.
    """

    type = PduType.RESPONSE
    up_time: int = 0
    error: int = Error.NO_ERROR
    index: int = 0
    varbinds: bytes = b""
