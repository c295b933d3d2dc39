"""``sbd dump``."""

from __future__ import annotations

import pytest

from gateway.errors import ParseError
from gateway.subsystems.sbd import sbd_dump
from gateway.subsystems.sbd.sbd_dump import SbdHeader
from tests.corpus import names, needs_corpus, outcomes, unexpected_errors
from tests.unreadable import reasons

HEADER = """\
==Dumping header on disk /dev/disk/by-path/pci-0000:00:1f.2-ata-1
Header version     : 2.1
UUID               : 6d2f4f6c-2d0e-4c8e-9a53-1b7f0a9d6e11
Number of slots    : 255
Sector size        : 4096
Timeout (watchdog) : 15
Timeout (allocate) : 2
Timeout (loop)     : 1
Timeout (msgwait)  : 30
==Header on disk /dev/disk/by-path/pci-0000:00:1f.2-ata-1 is dumped
"""


def parse(output: bytes) -> SbdHeader:
    return sbd_dump.parse(output).value


def unreadable(output: bytes) -> list[str]:
    return reasons(sbd_dump.parse(output))


def test_every_timeout_is_read() -> None:
    assert parse(HEADER.encode()) == SbdHeader(timeouts={"watchdog": 15, "allocate": 2, "loop": 1, "msgwait": 30})


def test_timeouts_are_read_only() -> None:
    assert not hasattr(parse(HEADER.encode()).timeouts, "__setitem__")


def test_required_items_only() -> None:
    assert parse(b"\n  Timeout (watchdog) : 5\n\tTimeout (msgwait):10\r\n   ") == SbdHeader(
        timeouts={"watchdog": 5, "msgwait": 10}
    )


def test_unknown_items_are_accepted() -> None:
    header = parse(HEADER.replace("Sector size", "Colour : red\nTimeout (sleep) : 7\nSector size").encode())
    assert header.timeouts == {"watchdog": 15, "allocate": 2, "sleep": 7, "loop": 1, "msgwait": 30}


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (b"", "found no timeouts"),
        (b"Header version     : 2.1\n", "found no timeouts"),
        (b"== disk /dev/a unreadable!\n", "line 1: expected one header, found '== disk /dev/a unreadable!'"),
        (b"==Dumping header on disk /dev/a\n", "cut off"),
        (b"==Dumping header on disk /dev/a\n==Header on disk /dev/a NOT dumped\n", "line 2: expected one header"),
        (b"==Dumping header on disk /dev/a:1\n==Header on disk /dev/a:1 NOT dumped\n", "line 2: expected one header"),
        (HEADER.replace("UUID", "== disk /dev/a unreadable!\nUUID").encode(), "line 3: expected one header"),
        (HEADER.encode() * 2, "line 11: expected one header"),
        (HEADER.replace("ata-1 is", "ata-2 is").encode(), "cut off"),
    ],
)
def test_anything_but_one_complete_header_is_an_error(output: bytes, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        parse(output)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("(watchdog)", "(dog)", "found no 'Timeout (watchdog)'"),
        (": 15", ": 15s", "line 6: expected Timeout (watchdog) as a number, found '15s'"),
        (": 15", ":", "line 6: expected Timeout (watchdog) as a number, found ''"),
        (": 15", ": 4294967296", "line 6: expected Timeout (watchdog) as a number, found '4294967296'"),
        (": 15", ": -1", "line 6: expected Timeout (watchdog) as a number, found '-1'"),
    ],
)
def test_a_bad_timeout_costs_that_timeout(old: str, new: str, reason: str) -> None:
    output = HEADER.replace(old, new).encode()
    timeouts = parse(output).timeouts
    assert "watchdog" not in timeouts
    assert [timeouts[name] for name in ("allocate", "loop", "msgwait")] == [2, 1, 30]
    assert unreadable(output) == [reason]


@pytest.mark.parametrize("line", ["what is this", "== what is this", "UUID: x\nUUID: x"])
def test_other_lines_cost_nothing(line: str) -> None:
    output = HEADER.replace("UUID", f"{line}\nUUID").encode()
    assert parse(output) == parse(HEADER.encode())
    assert unreadable(output)[0].startswith(
        f"line {3 + line.count('UUID') // 2}: expected an item of the header, found"
    )


def test_every_truncated_output_is_rejected() -> None:
    output = HEADER.encode()
    for length in range(len(output) - 1):
        with pytest.raises(ParseError):
            parse(output[:length])


EXPECTED = {
    "dump.crmsh-test_sbd-0.txt": "watchdog=5 msgwait=10",
    "dump.crmsh-test_sbd-s0.txt": "watchdog=5 msgwait=10",
    "dump.hce-fake.txt": "watchdog=9 allocate=2 loop=1 msgwait=10",
    "dump.man-v2.txt": "watchdog=15 allocate=2 loop=1 msgwait=30",
    "dump.pcp-001.txt": "watchdog=9 allocate=2 loop=1 msgwait=10",
    "dump.q-suse-azure.txt": "watchdog=60 allocate=2 loop=1 msgwait=120",
    "dump.q-trento-byid.txt": "watchdog=5 allocate=2 loop=1 msgwait=10",
    "dump.trento-dev.vdb.sbddump.output.txt": "watchdog=60 allocate=2 loop=3 msgwait=120",
    "dump.trento-dev.vdc.sbddump.output.txt": "watchdog=5 allocate=2 loop=1 msgwait=10",
    "dump.trento-sbd_test-0.txt": "watchdog=5 allocate=2 loop=1 msgwait=10",
    "live.dump-custom.txt": "watchdog=60 allocate=3 loop=2 msgwait=120",
    "live.dump-default.txt": "watchdog=5 allocate=2 loop=1 msgwait=10",
}

BROKEN = {
    "live.dump-corrupt.txt": "cut off",
    "live.dump-missing-device.txt": "cut off",
    "live.dump-regular-file.txt": "cut off",
    "live.dump-uninitialised.txt": "cut off",
    "live.dump-with-missing-second.txt": "expected one header",
    "unreadable.q-pr40.txt": "expected one header",
}
"""Devices that sbd could not read, and two devices in one command, which the gateway never runs."""


@needs_corpus
def test_corpus_is_complete() -> None:
    assert names("sbd", "*dump*.txt", "unreadable*.txt") == EXPECTED.keys() | BROKEN.keys()


def summary(output: bytes) -> str:
    assert unreadable(output) == []
    return " ".join(f"{key}={value}" for key, value in parse(output).timeouts.items())


@needs_corpus
def test_each_output_of_the_corpus_is_read() -> None:
    assert outcomes("sbd", EXPECTED, summary) == EXPECTED


@needs_corpus
def test_each_broken_output_has_its_error() -> None:
    assert unexpected_errors("sbd", BROKEN, parse) == {}


def test_a_line_that_is_damaged() -> None:
    output = HEADER.replace("UUID", "UUID\0").encode()
    assert parse(output) == parse(HEADER.encode())
    (reason,) = unreadable(output)
    assert reason.startswith("line 3: not UTF-8 text: ")
