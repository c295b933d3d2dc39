"""The encoding of fields, compared with bytes written by hand, and damaged fields."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import DecodeError
from gateway.snmp import oid as oids
from gateway.snmp.agentx.encoding import (
    MAX_VARIABLES,
    Reader,
    encode_octets,
    encode_oid,
    encode_range,
    encode_value,
    encode_varbind,
)
from gateway.snmp.values import SearchRange, Type, VarBind
from tests.protocol.agentx.strategies import OCTET_STRING, OID, RANGE, VARBIND

ENTERPRISES = oids.parse("1.3.6.1.4.1")

OIDS = [
    # as RFC 2741, section 5.1 shows them
    ("sysDescr.0", oids.parse("1.3.6.1.2.1.1.1.0"), "04 02 00 00  00000001 00000001 00000001 00000000"),
    ("1.2.3.4", oids.parse("1.2.3.4"), "04 00 00 00  00000001 00000002 00000003 00000004"),
    ("null", b"", "00 00 00 00"),
    ("no more than the prefix", oids.parse("1.3.6.1.4"), "00 04 00 00"),
    ("internet itself", oids.parse("1.3.6.1"), "04 00 00 00  00000001 00000003 00000006 00000001"),
    ("a prefix of 0", oids.parse("1.3.6.1.0"), "05 00 00 00  00000001 00000003 00000006 00000001 00000000"),
    ("a prefix of 255", oids.parse("1.3.6.1.255.7"), "01 ff 00 00  00000007"),
    ("no prefix of 256", oids.parse("1.3.6.1.256"), "05 00 00 00  00000001 00000003 00000006 00000001 00000100"),
]


@pytest.mark.parametrize(("oid", "wire"), [case[1:] for case in OIDS], ids=[case[0] for case in OIDS])
def test_object_identifiers_in_both_byte_orders(oid: oids.Oid, wire: str) -> None:
    data = bytes.fromhex(wire)
    assert encode_oid(oid) == data
    assert Reader(data).oid() == (oid, False)
    assert encode_oid(oid, include=True) == data[:2] + b"\1" + data[3:]
    assert Reader(data[:2] + b"\1" + data[3:]).oid() == (oid, True)
    assert Reader(swapped_oid(data), big_endian=False).oid() == (oid, False)


def swapped_oid(data: bytes) -> bytes:
    count = len(data) // 4 - 1
    return data[:4] + struct.pack(f"<{count}I", *struct.unpack(f">{count}I", data[4:]))


OCTETS = [
    (b"", "00000000"),
    (b"a", "00000001 61000000"),
    (b"abcd", "00000004 61626364"),
    (b"abcde", "00000005 61626364 65000000"),
]


@pytest.mark.parametrize(("octets", "wire"), OCTETS)
def test_octet_strings_in_both_byte_orders(octets: bytes, wire: str) -> None:
    data = bytes.fromhex(wire)
    assert encode_octets(octets) == data
    assert Reader(data).octets() == octets
    assert Reader(data[3::-1] + data[4:], big_endian=False).octets() == octets


NAME = "02 04 00 00  00000001 00000009"
NAME_LITTLE = "02 04 00 00  01000000 09000000"
VARBINDS = [
    (Type.INTEGER, -2, ("0002 0000", "fffffffe"), ("0200 0000", "feffffff")),
    (Type.OCTET_STRING, b"abc", ("0004 0000", "00000003 61626300"), ("0400 0000", "03000000 61626300")),
    (Type.NULL, None, ("0005 0000", ""), ("0500 0000", "")),
    (Type.OBJECT_IDENTIFIER, ENTERPRISES, ("0006 0000", "01040000 00000001"), ("0600 0000", "01040000 01000000")),
    (Type.IP_ADDRESS, b"\xc0\0\2\1", ("0040 0000", "00000004 c0000201"), ("4000 0000", "04000000 c0000201")),
    (Type.COUNTER32, 2**32 - 1, ("0041 0000", "ffffffff"), ("4100 0000", "ffffffff")),
    (Type.GAUGE32, 258, ("0042 0000", "00000102"), ("4200 0000", "02010000")),
    (Type.TIME_TICKS, 1, ("0043 0000", "00000001"), ("4300 0000", "01000000")),
    (Type.OPAQUE, b"\x9f", ("0044 0000", "00000001 9f000000"), ("4400 0000", "01000000 9f000000")),
    (Type.COUNTER64, 2**32 + 2, ("0046 0000", "00000001 00000002"), ("4600 0000", "02000000 01000000")),
    (Type.NO_SUCH_OBJECT, None, ("0080 0000", ""), ("8000 0000", "")),
    (Type.NO_SUCH_INSTANCE, None, ("0081 0000", ""), ("8100 0000", "")),
    (Type.END_OF_MIB_VIEW, None, ("0082 0000", ""), ("8200 0000", "")),
]


@pytest.mark.parametrize(("type_", "value", "big", "little"), VARBINDS)
def test_variables_in_both_byte_orders(
    type_: Type, value: int | bytes | None, big: tuple[str, str], little: tuple[str, str]
) -> None:
    varbind = VarBind(ENTERPRISES + oids.encode((9,)), type_, value)
    data = bytes.fromhex(NAME.join(big))
    assert encode_varbind(varbind) == data
    assert Reader(data).varbinds() == (varbind,)
    assert Reader(data + data).varbinds() == (varbind, varbind)
    assert Reader(bytes.fromhex(NAME_LITTLE.join(little)), big_endian=False).varbinds() == (varbind,)


def test_variables_cover_every_type() -> None:
    assert [case[0] for case in VARBINDS] == list(Type)


RANGES = [
    (SearchRange(ENTERPRISES, b"", include=True), "01 04 01 00 00000001  00 00 00 00"),
    (SearchRange(ENTERPRISES, oids.parse("1.3.6.1.4.2")), "01 04 00 00 00000001  01 04 00 00 00000002"),
    (SearchRange(b"", b""), "00 00 00 00  00 00 00 00"),
]


@pytest.mark.parametrize(("search_range", "wire"), RANGES)
def test_ranges_in_both_byte_orders(search_range: SearchRange, wire: str) -> None:
    data = bytes.fromhex(wire)
    assert encode_range(search_range) == data
    assert Reader(data).range() == search_range
    assert Reader(data + data).ranges() == (search_range, search_range)


def test_little_endian_ranges() -> None:
    data = bytes.fromhex("01 04 01 00 01000000  01 04 00 00 02000000")
    expected = SearchRange(ENTERPRISES, oids.parse("1.3.6.1.4.2"), include=True)
    assert Reader(data + data, big_endian=False).ranges() == (expected, expected)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (Type.INTEGER, 2**31),
        (Type.INTEGER, b"1"),
        (Type.INTEGER, None),
        (Type.GAUGE32, -1),
        (Type.COUNTER32, 2**32),
        (Type.COUNTER64, 2**64),
        (Type.COUNTER64, -1),
        (Type.OCTET_STRING, 1),
        (Type.OCTET_STRING, None),
        (Type.OBJECT_IDENTIFIER, 1),
        (Type.NULL, 0),
        (Type.END_OF_MIB_VIEW, b""),
    ],
)
def test_a_value_that_does_not_fit_its_type_is_refused(type_: Type, value: int | bytes | None) -> None:
    with pytest.raises(ValueError, match=type_.name):
        encode_value(type_, value)
    with pytest.raises(ValueError, match=type_.name):
        encode_varbind(VarBind(ENTERPRISES, type_, value))


# --- Damage ----------------------------------------------------------------------------------------------------------

TOO_LONG = "80 00 00 00" + "00000001" * 128
DAMAGED: list[tuple[Callable[[Reader], object], str, str]] = [
    (Reader.oid, "", "expected 4 bytes at 0, found 0"),
    (Reader.oid, "01 04 00", "expected 4 bytes at 0, found 3"),
    (Reader.oid, "02 04 00 00 00000001", "expected 8 bytes at 4, found 4"),
    (Reader.oid, "7c 04 00 00" + "00000001" * 124, "an object identifier has 129 sub-identifiers"),
    (Reader.oid, "ff 00 00 00" + "00000001" * 255, "an object identifier has 255 sub-identifiers"),
    (Reader.uint32, "000000", "expected 4 bytes at 0, found 3"),
    (Reader.octets, "00000002 61", "expected a string of 2 bytes, found 1"),
    (Reader.octets, "ffffffff 61616161", "expected a string of 4294967295 bytes, found 4"),
    (Reader.octets, "00000001 61 0000", "expected 3 bytes at 5, found 2"),
    (Reader.varbind, "0003 0000 00000000", "unknown value type 3"),
    (Reader.varbind, "0002 0000 00000000 0000", "expected 4 bytes at 8, found 2"),
    (Reader.ranges, "00", "expected search ranges, found an incomplete one at the end"),
    (Reader.ranges, "00000000", "expected search ranges, found an incomplete one at the end"),
    (Reader.ranges, "00000000 0000", "expected search ranges, found an incomplete one at the end"),
    (Reader.ranges, "02040000 00000001", "expected search ranges, found an incomplete one at the end"),
    (Reader.ranges, "00000000 02040000 00000001", "expected search ranges, found an incomplete one at the end"),
    (Reader.ranges, "00000000 00000000 01", "expected search ranges, found an incomplete one at the end"),
    (Reader.ranges, "81 00 00 00" + "00000001" * 129 + "00000000", "too many sub-identifiers"),
    (Reader.ranges, "00000000 7c 04 00 00" + "00000001" * 124, "too many sub-identifiers"),
]


@pytest.mark.parametrize(("read", "wire", "message"), DAMAGED)
def test_a_damaged_field_is_a_decode_error(read: Callable[[Reader], object], wire: str, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        read(Reader(bytes.fromhex(wire)))


def test_the_maximum_number_of_sub_identifiers() -> None:
    data = bytes.fromhex(TOO_LONG)
    assert Reader(data).oid() == (oids.encode([1] * 128), False)
    assert Reader(data + data).ranges() == (SearchRange(oids.encode([1] * 128), oids.encode([1] * 128)),)


READERS: list[Callable[[Reader], object]] = [
    Reader.oid,
    Reader.octets,
    Reader.ranges,
    Reader.varbinds,
]


@given(st.sampled_from(READERS), st.binary(max_size=200))
def test_random_bytes_raise_only_decode_errors(read: Callable[[Reader], object], data: bytes) -> None:
    for big_endian in (True, False):
        with contextlib.suppress(DecodeError):
            read(Reader(data, big_endian=big_endian))


@given(OID, OCTET_STRING, st.lists(RANGE, max_size=4).map(tuple), st.lists(VARBIND, max_size=4).map(tuple))
def test_decoding_reverses_encoding(
    oid: oids.Oid, octets: bytes, ranges: tuple[SearchRange, ...], varbinds: tuple[VarBind, ...]
) -> None:
    assert Reader(encode_oid(oid)).oid() == (oid, False)
    assert Reader(encode_octets(octets)).octets() == octets
    assert Reader(b"".join(map(encode_range, ranges))).ranges() == ranges
    assert Reader(b"".join(map(encode_varbind, varbinds))).varbinds() == varbinds


@given(st.binary(max_size=120))
def test_ranges_equals_repeated_range(data: bytes) -> None:
    def one_by_one() -> tuple[SearchRange, ...] | None:
        reader, ranges = Reader(data), []
        try:
            while reader.remaining:
                ranges.append(reader.range())
        except DecodeError:
            return None
        return tuple(ranges)

    def at_once() -> tuple[SearchRange, ...] | None:
        reader = Reader(data)
        try:
            ranges = reader.ranges()
        except DecodeError:
            return None
        assert reader.remaining == 0
        return ranges

    assert at_once() == one_by_one()


@pytest.mark.parametrize("big_endian", [True, False])
def test_a_message_has_a_limited_number_of_variables(big_endian: bool) -> None:  # noqa: FBT001 - a parameter of a test
    empty_range, null = bytes(8), struct.pack(">HH" if big_endian else "<HH", Type.NULL, 0) + bytes(4)
    for field, read in ((empty_range, Reader.ranges), (null, Reader.varbinds)):
        assert len(read(Reader(field * MAX_VARIABLES, big_endian=big_endian))) == MAX_VARIABLES
        with pytest.raises(DecodeError, match=f"at most {MAX_VARIABLES} variables"):
            read(Reader(field * (MAX_VARIABLES + 1), big_endian=big_endian))
