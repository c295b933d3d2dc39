"""The PDUs of AgentX (RFC 2741, section 6.2), without their headers.

``gateway.snmp.agentx.pdu`` encodes and decodes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gateway.snmp.agentx.codes import CloseReason, ErrorCode, PduType
from gateway.snmp.oid import Oid
from gateway.snmp.values import SearchRange, VarBind


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdu:
    """A PDU without its header."""

    type: ClassVar[PduType]


@dataclass(frozen=True, slots=True, kw_only=True)
class _InContext(Pdu):
    """A PDU that may refer to a non-default context (section 6.1.1).

    Attributes:
        context: name of the context; empty for the default context.
    """

    context: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Open(Pdu):
    """Opens a session (section 6.2.1).

    Attributes:
        timeout: seconds that the master agent should wait for responses; 0 for its own default.
        id: object identifier of the subagent; may be empty.
        description: text that describes the subagent.
    """

    type = PduType.OPEN
    timeout: int = 0
    id: Oid = b""
    description: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Close(Pdu):
    """Closes a session (section 6.2.2) for a ``CloseReason``, or for a number that the RFC does not define."""

    type = PduType.CLOSE
    reason: int = CloseReason.OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class Unregister(_InContext):
    """Unregisters a region (section 6.2.4).

    Attributes:
        subtree: root of the region.
        priority: of overlapping regions, the one with the lowest priority is used.
        range_subid: position, from 1, of the sub-identifier of ``subtree`` that a range replaces; 0 without a range.
        upper_bound: last value of the range.
    """

    type = PduType.UNREGISTER
    subtree: Oid
    priority: int = 127
    range_subid: int = 0
    upper_bound: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Register(Unregister):
    """Registers a region (section 6.2.3).

    Attributes:
        timeout: seconds that the master agent should wait for responses about the region; 0 for those of the session.
        instance: whether ``subtree`` is the name of a single instance.
    """

    type = PduType.REGISTER
    timeout: int = 0
    instance: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Get(_InContext):
    """Requests variables by name: the starts of the ranges (section 6.2.5)."""

    type = PduType.GET
    ranges: tuple[SearchRange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetNext(_InContext):
    """Requests the first variable in each range (section 6.2.6)."""

    type = PduType.GET_NEXT
    ranges: tuple[SearchRange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBulk(_InContext):
    """Requests the first variables in each range (section 6.2.7).

    Attributes:
        ranges: where to search: the non-repeaters, then the repeaters.
        non_repeaters: number of ranges at the beginning from which one variable each is requested.
        max_repetitions: maximum number of variables from each of the other ranges.
    """

    type = PduType.GET_BULK
    ranges: tuple[SearchRange, ...]
    non_repeaters: int = 0
    max_repetitions: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _WithVarBinds(_InContext):
    varbinds: tuple[VarBind, ...]


class TestSet(_WithVarBinds):
    """Tests whether variables can be set (section 6.2.8)."""

    __slots__ = ()
    __test__ = False  # pytest would collect it because of its name
    type = PduType.TEST_SET


class CommitSet(Pdu):
    """Sets the variables of the last TestSet (section 6.2.9)."""

    __slots__ = ()
    type = PduType.COMMIT_SET


class UndoSet(Pdu):
    """Undoes the last CommitSet (section 6.2.9)."""

    __slots__ = ()
    type = PduType.UNDO_SET


class CleanupSet(Pdu):
    """Ends a set operation; the only request without a response (section 7.2.4.4)."""

    __slots__ = ()
    type = PduType.CLEANUP_SET


class Notify(_WithVarBinds):
    """Sends a notification (section 6.2.10): optionally sysUpTime.0, then snmpTrapOID.0, then further variables."""

    __slots__ = ()
    type = PduType.NOTIFY


class Ping(_InContext):
    """Checks whether the master agent responds (section 6.2.11)."""

    __slots__ = ()
    type = PduType.PING


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexAllocate(_WithVarBinds):
    """Allocates index values (section 6.2.12).

    Attributes:
        new: NEW_INDEX: whether the values must never have been allocated before.
        any: ANY_INDEX: whether any unallocated values are acceptable.
    """

    type = PduType.INDEX_ALLOCATE
    new: bool = False
    any: bool = False


class IndexDeallocate(_WithVarBinds):
    """Deallocates index values (section 6.2.13)."""

    __slots__ = ()
    type = PduType.INDEX_DEALLOCATE


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveAgentCaps(_InContext):
    """Removes the row with this sysORID from sysORTable (section 6.2.15)."""

    type = PduType.REMOVE_AGENT_CAPS
    id: Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class AddAgentCaps(_InContext):
    """Adds a row with this sysORID and sysORDescr to sysORTable (section 6.2.14)."""

    type = PduType.ADD_AGENT_CAPS
    id: Oid
    description: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Response(Pdu):
    """Responds to any other PDU (section 6.2.16).

    Attributes:
        up_time: sysUpTime of the master agent in hundredths of a second; 0 in the responses of a subagent.
        error: an ``ErrorCode``, or a number that the RFC does not define.
        index: position, from 1, of the variable or range that caused the error; 0 for none.
        varbinds: the variables, encoded by ``encode_varbind``; ``Reader(varbinds).varbinds()`` decodes them.
    """

    type = PduType.RESPONSE
    up_time: int = 0
    error: int = ErrorCode.NO_ERROR
    index: int = 0
    varbinds: bytes = b""
