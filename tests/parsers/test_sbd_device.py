"""The header and the slots on an SBD device."""

from __future__ import annotations

import errno

import pytest

from gateway.errors import ParseError
from gateway.host.sectors import Sectors
from gateway.subsystems.sbd.sbd_device import (
    IncompleteSlotsError,
    header_request,
    parse_header,
    parse_slots,
    slots_request,
)
from gateway.subsystems.sbd.sbd_dump import SbdHeader
from gateway.subsystems.sbd.sbd_list import SbdSlot
from tests.sbd_image import header, image, mailbox, slot
from tests.unreadable import reasons

TWO_SLOTS = image(header(), slot(b"alpha"), mailbox(), slot(b"beta"), mailbox(2, b"alpha"))


def read(content: bytes, *, count: int = 511, sector_size: int = 512, error: int = 0) -> bytes:
    """Returns what the helper would send of a device with this content."""
    starts = range(0, min(len(content), count * sector_size), sector_size)
    sectors = tuple(content[start : start + 65].ljust(65, b"\0") for start in starts)
    return Sectors(sector_size=sector_size, sectors=sectors, error=error).encode()


def test_the_header_has_the_timeouts() -> None:
    expected = SbdHeader(timeouts={"watchdog": 5, "allocate": 2, "loop": 1, "msgwait": 10})
    assert parse_header(read(TWO_SLOTS, count=1)) == expected
    assert parse_header(read(TWO_SLOTS)) == expected
    big = parse_header(read(header(watchdog=2**32 - 1, minor=0), count=1))
    assert big.timeouts["watchdog"] == 2**32 - 1


def test_slots_have_node_message_and_sender() -> None:
    assert parse_slots(read(TWO_SLOTS)).value == (
        SbdSlot(node="alpha", message="clear", sender=""),
        SbdSlot(node="beta", message="reset", sender="alpha"),
    )


def test_requests_cover_the_whole_device() -> None:
    assert (header_request("/dev/x").count, slots_request("/dev/x").count) == (1, 511)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (bytes(4096), "not initialized for SBD: expected b'SBD_SBD_' at its beginning, found "),
        (b"SBD_SBD " + bytes(4088), "not initialized for SBD"),
        (header(version=1), "expected a header of version 2, found 1"),
        (header(version=3), "expected a header of version 2, found 3"),
        (header(sector_size=4096), "its header is for sectors of 4096 bytes, but the device has 512"),
        (b"", "its header cannot be read: the device ends"),
    ],
)
def test_a_header_that_sbd_rejects(content: bytes, reason: str) -> None:
    for parse in (parse_header, parse_slots):
        with pytest.raises(ParseError) as caught:
            parse(read(content))
        assert caught.value.reason.startswith(reason)


def test_a_device_with_an_error() -> None:
    with pytest.raises(ParseError, match="its header cannot be read: Input/output error"):
        parse_header(read(b"", error=errno.EIO))


@pytest.mark.parametrize(
    ("sectors", "nodes"),
    [(1, []), (2, []), (3, ["alpha"]), (4, ["alpha"]), (5, ["alpha", "beta"]), (9, ["alpha", "beta"])],
)
def test_the_slots_before_the_first_bad_sector_are_known(sectors: int, nodes: list[str]) -> None:
    with pytest.raises(IncompleteSlotsError) as caught:
        parse_slots(read(TWO_SLOTS[: sectors * 512], error=errno.EIO))
    assert [each.node for each in caught.value.slots] == nodes
    assert caught.value.reason == f"sector {sectors} cannot be read: Input/output error"


def test_the_last_mailbox_is_needed_only_if_its_slot_is_in_use() -> None:
    assert parse_slots(read(image(header())[: 510 * 512])).value == ()
    used = image(header(), *[bytes(512)] * 508, slot(b"last"))[: 510 * 512]
    with pytest.raises(IncompleteSlotsError):
        parse_slots(read(used))


def test_as_many_slots_as_the_header_says() -> None:
    assert parse_slots(read(image(header(slots=1), *[slot(b"a"), mailbox()] * 2))).value == (
        SbdSlot(node="a", message="clear", sender=""),
    )
    assert parse_slots(read(header(slots=0))).value == ()
    assert len(parse_slots(read(image(header(), *[slot(b"a"), mailbox()] * 255))).value) == 255


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (slot(b""), "expected the node of slot 0 as a name, found ''"),
        (slot(b"a b"), "expected the node of slot 0 as a name, found 'a b'"),
        (slot(b"a\xff"), "expected the node of slot 0 as a name, found 'a\N{REPLACEMENT CHARACTER}'"),
    ],
)
def test_a_name_that_cannot_be_read_costs_its_slot(node: bytes, reason: str) -> None:
    parsed = parse_slots(read(image(header(), node, mailbox(), slot(b"b"), mailbox())))
    assert [each.node for each in parsed.value] == ["b"]
    assert reasons(parsed) == [reason]


def test_names_end_at_a_zero_and_unknown_messages_are_undefined() -> None:
    content = image(
        header(),
        slot(b"a" * 64),
        mailbox(6, b"s" * 64),
        slot(b"b", in_use=0x80),
        mailbox(3),
        slot(b"c", in_use=0x7F),
        mailbox(0xFF),
        slot(b"d\0garbage"),
        mailbox(5, b"e\0garbage"),
    )
    assert parse_slots(read(content)).value == (
        SbdSlot(node="a" * 64, message="undefined", sender="s" * 64),
        SbdSlot(node="c", message="undefined", sender=""),
        SbdSlot(node="d", message="crashdump", sender="e"),
    )
