"""Messages of AgentX as they are on the wire (RFC 2741, section 6), both ways.

A message is a header of 20 bytes and a payload. ``decode_header`` reads the one, ``decode`` the other, in the byte
order that the header names; ``encode`` writes both, always in network byte order. A Response, which is what a subagent
sends most, has a function of its own, ``encode_response``.

Whatever is wrong raises ``DecodeError``. Where it is raised says what to do about it (section 7.2.2):

* by ``decode_header``: where the message ends is not known, so nothing after it can be read, and there is nothing to
  answer to. The connection has to be dropped.
* by ``decode``: the payload is bad, but its end is known. The answer is ``Error.PARSE_ERROR``, and the connection
  goes on.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from gateway.errors import DecodeError
from gateway.snmp.agentx.codes import Error, Flag, PduType
from gateway.snmp.agentx.encoding import Reader, encode_octets, encode_oid, encode_range, encode_varbind
from gateway.snmp.agentx.messages import (
    AddAgentCaps,
    CleanupSet,
    Close,
    CommitSet,
    Get,
    GetBulk,
    GetNext,
    IndexAllocate,
    IndexDeallocate,
    Notify,
    Open,
    Pdu,
    Ping,
    Register,
    RemoveAgentCaps,
    Response,
    TestSet,
    UndoSet,
    Unregister,
)

VERSION = 1
HEADER_SIZE = 20
MAX_PAYLOAD = 1024 * 1024
"""Bytes of the largest payload that is read or written; who announces more does not speak AgentX."""

_HEADER = struct.Struct(">BBBxIIII")
_HEADER_LITTLE_ENDIAN = struct.Struct("<BBBxIIII")
_RESPONSE = struct.Struct(">BBBxIIIIIHH")
_NETWORK_BYTE_ORDER = int(Flag.NETWORK_BYTE_ORDER)  # each operation of an IntFlag takes a microsecond


class Header(NamedTuple):
    """What comes before every payload (section 6.1).

    Attributes:
        version: always 1.
        type: a ``PduType``, or a number that is none.
        flags: bits of ``Flag``.
        session_id: what the master agent gave out in answer to Open; in Open itself it means nothing.
        transaction_id: the master agent's, the same for all messages of one SNMP request.
        packet_id: the sender's; a Response has that of the message that it answers.
        payload_length: bytes that follow.
    """

    version: int
    type: int
    flags: int
    session_id: int
    transaction_id: int
    packet_id: int
    payload_length: int


# --- Layouts ---------------------------------------------------------------------------------------------------------


class _Field(Protocol):
    """One or several attributes of a message, as they are on the wire."""

    def write(self, pdu: Any) -> bytes:
        """Returns what the message has there; ``struct.error`` is a number out of range."""
        ...

    def read(self, reader: Reader, flags: int, values: dict[str, Any]) -> None:
        """Adds the attributes that are there."""
        ...


class _Numbers(NamedTuple):
    """Numbers of less than 32 bits that fill them together with what is reserved; the form is that of ``struct``."""

    form: str
    names: tuple[str, ...]

    def write(self, pdu: Any) -> bytes:
        return struct.pack(f">{self.form}", *(getattr(pdu, name) for name in self.names))

    def read(self, reader: Reader, flags: int, values: dict[str, Any]) -> None:
        del flags
        numbers = reader.unpack(self.form, struct.calcsize(f">{self.form}"))
        values.update(zip(self.names, numbers, strict=True))


class _One(NamedTuple):
    """One attribute, with the functions of ``gateway.snmp.agentx.encoding`` that write and read it."""

    name: str
    encode: Callable[[Any], bytes]
    decode: Callable[[Reader], Any]

    def write(self, pdu: Any) -> bytes:
        return self.encode(getattr(pdu, self.name))

    def read(self, reader: Reader, flags: int, values: dict[str, Any]) -> None:
        del flags
        values[self.name] = self.decode(reader)


class _Context:
    """The context, which is there only if a flag says so (section 6.1.1)."""

    def write(self, pdu: Any) -> bytes:
        return encode_octets(pdu.context) if pdu.context else b""

    def read(self, reader: Reader, flags: int, values: dict[str, Any]) -> None:
        if flags & _NON_DEFAULT_CONTEXT:
            values["context"] = reader.octets()


class _Bound:
    """The last of several sub-identifiers, which is there only if there are several (section 6.2.3)."""

    def write(self, pdu: Any) -> bytes:
        return struct.pack(">I", pdu.upper_bound) if pdu.range_subid else b""

    def read(self, reader: Reader, flags: int, values: dict[str, Any]) -> None:
        del flags
        if values["range_subid"]:
            values["upper_bound"] = reader.uint32()


class _Bit(NamedTuple):
    """An attribute that is a flag of the header, and nothing in the payload."""

    name: str
    flag: Flag

    def write(self, pdu: Any) -> bytes:
        del pdu
        return b""

    def read(self, reader: Reader, flags: int, values: dict[str, Any]) -> None:
        del reader
        values[self.name] = bool(flags & self.flag)


def _oid(name: str) -> _One:
    return _One(name, encode_oid, lambda reader: reader.oid()[0])


_NON_DEFAULT_CONTEXT = int(Flag.NON_DEFAULT_CONTEXT)
_CONTEXT = _Context()
_DESCRIPTION = _One("description", encode_octets, Reader.octets)
_RANGES = _One("ranges", lambda ranges: b"".join(map(encode_range, ranges)), Reader.ranges)
_VARBINDS = _One("varbinds", lambda varbinds: b"".join(map(encode_varbind, varbinds)), Reader.varbinds)
_ENCODED = _One("varbinds", bytes, lambda reader: b"".join(map(encode_varbind, reader.varbinds())))
_REGION = _Numbers("BBBx", ("timeout", "priority", "range_subid"))

_LAYOUTS: dict[type[Pdu], tuple[_Field, ...]] = {
    Open: (_Numbers("Bxxx", ("timeout",)), _oid("id"), _DESCRIPTION),
    Close: (_Numbers("Bxxx", ("reason",)),),
    Register: (_Bit("instance", Flag.INSTANCE_REGISTRATION), _CONTEXT, _REGION, _oid("subtree"), _Bound()),
    Unregister: (_CONTEXT, _Numbers("xBBx", ("priority", "range_subid")), _oid("subtree"), _Bound()),
    Get: (_CONTEXT, _RANGES),
    GetNext: (_CONTEXT, _RANGES),
    GetBulk: (_CONTEXT, _Numbers("HH", ("non_repeaters", "max_repetitions")), _RANGES),
    TestSet: (_CONTEXT, _VARBINDS),
    CommitSet: (),
    UndoSet: (),
    CleanupSet: (),
    Notify: (_CONTEXT, _VARBINDS),
    Ping: (_CONTEXT,),
    IndexAllocate: (_Bit("new", Flag.NEW_INDEX), _Bit("any", Flag.ANY_INDEX), _CONTEXT, _VARBINDS),
    IndexDeallocate: (_CONTEXT, _VARBINDS),
    AddAgentCaps: (_CONTEXT, _oid("id"), _DESCRIPTION),
    RemoveAgentCaps: (_CONTEXT, _oid("id")),
    Response: (_Numbers("IHH", ("up_time", "error", "index")), _ENCODED),
}
_CLASSES: dict[int, type[Pdu]] = {int(kind.type): kind for kind in _LAYOUTS}


# --- Both ways -------------------------------------------------------------------------------------------------------


def encode(pdu: Pdu, *, session_id: int, transaction_id: int, packet_id: int) -> bytes:
    """Returns a message as on the wire.

    Raises:
        ValueError: a value is not one of its type's, or the payload would be larger than ``MAX_PAYLOAD``.
    """
    layout = _LAYOUTS[type(pdu)]
    flags = _NETWORK_BYTE_ORDER
    for field in layout:
        if isinstance(field, _Bit) and getattr(pdu, field.name):
            flags |= field.flag
    if getattr(pdu, "context", b""):
        flags |= _NON_DEFAULT_CONTEXT
    try:
        payload = b"".join([field.write(pdu) for field in layout])
    except struct.error as error:
        raise ValueError(f"{pdu}: {error}") from None
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"{pdu.type.name} of {len(payload)} bytes, at most {MAX_PAYLOAD} are allowed")
    return _HEADER.pack(VERSION, pdu.type, flags, session_id, transaction_id, packet_id, len(payload)) + payload


def encode_response(header: Header, varbinds: bytes = b"", *, error: int = Error.NO_ERROR, index: int = 0) -> bytes:
    """Returns the Response to a message, as on the wire.

    Args:
        header: that of the message: "an agentx-Response-PDU is created whose header fields are identical to the
            received request PDU except that h.type is set to Response" (section 7.2.2). The flags are those of the
            Response's own bytes.
        varbinds: as of ``Response``; one that cannot be sent for its size becomes ``Error.TOO_BIG``.
        error: as of ``Response``.
        index: as of ``Response``.
    """
    size = len(varbinds) + _RESPONSE.size - HEADER_SIZE
    if size > MAX_PAYLOAD:
        return encode_response(header, error=Error.TOO_BIG)
    _, _, _, session_id, transaction_id, packet_id, _ = header
    head = _RESPONSE.pack(
        VERSION, PduType.RESPONSE, _NETWORK_BYTE_ORDER, session_id, transaction_id, packet_id, size, 0, error, index
    )
    return head + varbinds


def decode_header(data: bytes | bytearray) -> Header:
    """Reads the header of a message, of which at least the first ``HEADER_SIZE`` bytes are there.

    Raises:
        DecodeError: it is not one of AgentX, version 1. What comes after it cannot be read either.
    """
    if data[0] != VERSION:
        raise DecodeError(f"AgentX version {data[0]}, expected {VERSION}")
    form = _HEADER if data[2] & _NETWORK_BYTE_ORDER else _HEADER_LITTLE_ENDIAN
    header = Header._make(form.unpack_from(data))
    size = header.payload_length
    if size > MAX_PAYLOAD:
        raise DecodeError(f"a payload of {size} bytes, at most {MAX_PAYLOAD} are expected")
    if size % 4:
        # "this value will always be either 0, or a multiple of 4" (section 6.1)
        raise DecodeError(f"a payload of {size} bytes, which is no multiple of 4")
    return header


def decode(header: Header, payload: bytes) -> Pdu:
    """Reads a payload, all of it.

    Raises:
        DecodeError: the type is unknown, or the payload is not one of that type.
    """
    kind = _CLASSES.get(header.type)
    if kind is None:
        raise DecodeError(f"a message of the unknown type {header.type}")
    flags = header.flags
    reader = Reader(payload, big_endian=flags & _NETWORK_BYTE_ORDER != 0)
    values: dict[str, Any] = {}
    for field in _LAYOUTS[kind]:
        field.read(reader, flags, values)
    if reader.rest:
        raise DecodeError(f"{reader.rest} bytes after the end of {kind.__name__}")
    return kind(**values)
