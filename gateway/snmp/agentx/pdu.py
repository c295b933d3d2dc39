"""The encoding of AgentX messages (RFC 2741, section 6).

A message is a header of 20 bytes and a payload. ``encode`` encodes both, always in network byte order;
``encode_response`` does it for a Response, which a subagent sends most often. ``decode_header`` and ``decode`` decode
header and payload, in the byte order that the header specifies.

A damaged message raises ``DecodeError``. The function that raises it determines the consequence (section 7.2.2):

* ``decode_header``: the end of the message is unknown. Nothing after it can be decoded, and no response is possible;
  the connection has to be closed.
* ``decode``: the payload is damaged, but its end is known. The response is ``ErrorCode.PARSE_ERROR``, and the
  connection stays open.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from gateway.errors import DecodeError
from gateway.snmp.agentx.codes import ErrorCode, HeaderFlag, PduType
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
"""Maximum bytes of a payload in both directions; a longer one is taken as a sign that the peer does not use AgentX."""

_HEADER = struct.Struct(">BBBxIIII")
_HEADER_LITTLE_ENDIAN = struct.Struct("<BBBxIIII")
_RESPONSE = struct.Struct(">BBBxIIIIIHH")
_NETWORK_BYTE_ORDER = int(HeaderFlag.NETWORK_BYTE_ORDER)  # an operation on an IntFlag takes a microsecond


class Header(NamedTuple):
    """The header of a message (section 6.1).

    Attributes:
        version: always 1.
        type: a ``PduType``, or a number that the RFC does not define.
        flags: bits of ``HeaderFlag``.
        session_id: assigned by the master agent in its response to Open; ignored in Open itself.
        transaction_id: assigned by the master agent; the same for all messages of one SNMP request.
        packet_id: assigned by the sender; a Response has the packet id of its request.
        payload_length: bytes of the payload.
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
    """The encoding of one or several attributes of a PDU."""

    def encode(self, pdu: Any) -> bytes:
        """Encodes the attributes; raises ``struct.error`` if a number is out of range."""
        ...

    def decode(self, reader: Reader, flags: int, values: dict[str, Any]) -> None:
        """Decodes the attributes and adds them to ``values``."""
        ...


class _Numbers(NamedTuple):
    """Numbers and reserved bytes; ``layout`` is a format of ``struct`` without the byte order."""

    layout: str
    names: tuple[str, ...]

    def encode(self, pdu: Any) -> bytes:
        return struct.pack(f">{self.layout}", *(getattr(pdu, name) for name in self.names))

    def decode(self, reader: Reader, flags: int, values: dict[str, Any]) -> None:
        del flags
        numbers = reader.unpack(self.layout, struct.calcsize(f">{self.layout}"))
        values.update(zip(self.names, numbers, strict=True))


class _Attribute(NamedTuple):
    """One attribute, with functions of ``gateway.snmp.agentx.encoding`` that encode and decode it."""

    name: str
    encoder: Callable[[Any], bytes]
    decoder: Callable[[Reader], Any]

    def encode(self, pdu: Any) -> bytes:
        return self.encoder(getattr(pdu, self.name))

    def decode(self, reader: Reader, flags: int, values: dict[str, Any]) -> None:
        del flags
        values[self.name] = self.decoder(reader)


class _Context:
    """The context, which is present only if a header flag is set (section 6.1.1)."""

    def encode(self, pdu: Any) -> bytes:
        return encode_octets(pdu.context) if pdu.context else b""

    def decode(self, reader: Reader, flags: int, values: dict[str, Any]) -> None:
        if flags & _NON_DEFAULT_CONTEXT:
            values["context"] = reader.octets()


class _UpperBound:
    """The upper bound of a range, which is present only if there is a range (section 6.2.3)."""

    def encode(self, pdu: Any) -> bytes:
        return struct.pack(">I", pdu.upper_bound) if pdu.range_subid else b""

    def decode(self, reader: Reader, flags: int, values: dict[str, Any]) -> None:
        del flags
        if values["range_subid"]:
            values["upper_bound"] = reader.uint32()


class _FlagAttribute(NamedTuple):
    """An attribute that is encoded as a flag of the header, not in the payload."""

    name: str
    flag: HeaderFlag

    def encode(self, pdu: Any) -> bytes:
        del pdu
        return b""

    def decode(self, reader: Reader, flags: int, values: dict[str, Any]) -> None:
        del reader
        values[self.name] = bool(flags & self.flag)


def _oid(name: str) -> _Attribute:
    return _Attribute(name, encode_oid, lambda reader: reader.oid()[0])


_NON_DEFAULT_CONTEXT = int(HeaderFlag.NON_DEFAULT_CONTEXT)
_CONTEXT = _Context()
_DESCRIPTION = _Attribute("description", encode_octets, Reader.octets)
_RANGES = _Attribute("ranges", lambda ranges: b"".join(map(encode_range, ranges)), Reader.ranges)
_VARBINDS = _Attribute("varbinds", lambda varbinds: b"".join(map(encode_varbind, varbinds)), Reader.varbinds)
_ENCODED = _Attribute("varbinds", bytes, lambda reader: b"".join(map(encode_varbind, reader.varbinds())))
_REGION = _Numbers("BBBx", ("timeout", "priority", "range_subid"))

_LAYOUTS: dict[type[Pdu], tuple[_Field, ...]] = {
    Open: (_Numbers("Bxxx", ("timeout",)), _oid("id"), _DESCRIPTION),
    Close: (_Numbers("Bxxx", ("reason",)),),
    Register: (
        _FlagAttribute("instance", HeaderFlag.INSTANCE_REGISTRATION),
        _CONTEXT,
        _REGION,
        _oid("subtree"),
        _UpperBound(),
    ),
    Unregister: (_CONTEXT, _Numbers("xBBx", ("priority", "range_subid")), _oid("subtree"), _UpperBound()),
    Get: (_CONTEXT, _RANGES),
    GetNext: (_CONTEXT, _RANGES),
    GetBulk: (_CONTEXT, _Numbers("HH", ("non_repeaters", "max_repetitions")), _RANGES),
    TestSet: (_CONTEXT, _VARBINDS),
    CommitSet: (),
    UndoSet: (),
    CleanupSet: (),
    Notify: (_CONTEXT, _VARBINDS),
    Ping: (_CONTEXT,),
    IndexAllocate: (
        _FlagAttribute("new", HeaderFlag.NEW_INDEX),
        _FlagAttribute("any", HeaderFlag.ANY_INDEX),
        _CONTEXT,
        _VARBINDS,
    ),
    IndexDeallocate: (_CONTEXT, _VARBINDS),
    AddAgentCaps: (_CONTEXT, _oid("id"), _DESCRIPTION),
    RemoveAgentCaps: (_CONTEXT, _oid("id")),
    Response: (_Numbers("IHH", ("up_time", "error", "index")), _ENCODED),
}
_CLASSES: dict[int, type[Pdu]] = {int(pdu_class.type): pdu_class for pdu_class in _LAYOUTS}


# --- Encoding and decoding -------------------------------------------------------------------------------------------


def encode(pdu: Pdu, *, session_id: int, transaction_id: int, packet_id: int) -> bytes:
    """Encodes a message.

    Raises:
        ValueError: a value is out of range, or the payload is larger than ``MAX_PAYLOAD``.
    """
    layout = _LAYOUTS[type(pdu)]
    flags = _NETWORK_BYTE_ORDER
    for field in layout:
        if isinstance(field, _FlagAttribute) and getattr(pdu, field.name):
            flags |= field.flag
    if getattr(pdu, "context", b""):
        flags |= _NON_DEFAULT_CONTEXT
    try:
        payload = b"".join([field.encode(pdu) for field in layout])
    except struct.error as error:
        raise ValueError(f"{pdu}: {error}") from None
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"the payload of {pdu.type.name} has {len(payload)} bytes, at most {MAX_PAYLOAD} are allowed")
    return _HEADER.pack(VERSION, pdu.type, flags, session_id, transaction_id, packet_id, len(payload)) + payload


def encode_response(header: Header, varbinds: bytes = b"", *, error: int = ErrorCode.NO_ERROR, index: int = 0) -> bytes:
    """Encodes the Response to a request.

    Args:
        header: header of the request: "an agentx-Response-PDU is created whose header fields are identical to the
            received request PDU except that h.type is set to Response" (section 7.2.2). Only the flags differ: they are
            those of the Response.
        varbinds: as in ``Response``; if they are too large, the response is ``ErrorCode.TOO_BIG``.
        error: as in ``Response``.
        index: as in ``Response``.
    """
    size = len(varbinds) + _RESPONSE.size - HEADER_SIZE
    if size > MAX_PAYLOAD:
        return encode_response(header, error=ErrorCode.TOO_BIG)
    _, _, _, session_id, transaction_id, packet_id, _ = header
    head = _RESPONSE.pack(
        VERSION, PduType.RESPONSE, _NETWORK_BYTE_ORDER, session_id, transaction_id, packet_id, size, 0, error, index
    )
    return head + varbinds


def decode_header(data: bytes | bytearray) -> Header:
    """Decodes the header of a message.

    Args:
        data: at least the first ``HEADER_SIZE`` bytes of the message.

    Raises:
        DecodeError: the header is not one of AgentX version 1; nothing after it can be decoded.
    """
    if data[0] != VERSION:
        raise DecodeError(f"AgentX version {data[0]}, expected {VERSION}")
    layout = _HEADER if data[2] & _NETWORK_BYTE_ORDER else _HEADER_LITTLE_ENDIAN
    header = Header._make(layout.unpack_from(data))
    size = header.payload_length
    if size > MAX_PAYLOAD:
        raise DecodeError(f"the payload has {size} bytes, at most {MAX_PAYLOAD} are allowed")
    if size % 4:
        # "this value will always be either 0, or a multiple of 4" (section 6.1)
        raise DecodeError(f"the payload has {size} bytes, which is not a multiple of 4")
    return header


def decode(header: Header, payload: bytes) -> Pdu:
    """Decodes a whole payload.

    Raises:
        DecodeError: the type of the PDU is unknown, or the payload does not have the form of this type.
    """
    pdu_class = _CLASSES.get(header.type)
    if pdu_class is None:
        raise DecodeError(f"unknown PDU type {header.type}")
    flags = header.flags
    reader = Reader(payload, big_endian=flags & _NETWORK_BYTE_ORDER != 0)
    values: dict[str, Any] = {}
    for field in _LAYOUTS[pdu_class]:
        field.decode(reader, flags, values)
    if reader.remaining:
        raise DecodeError(f"{reader.remaining} bytes after the end of {pdu_class.__name__}")
    return pdu_class(**values)
