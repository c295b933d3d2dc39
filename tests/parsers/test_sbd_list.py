"""``sbd list``."""

from __future__ import annotations

import pytest

from gateway.errors import ParseError
from gateway.subsystems.sbd.sbd_list import MESSAGES, SbdSlot, parse
from tests.corpus import names, needs_corpus, outcomes


def test_slots() -> None:
    output = b"0\ta-long-name.example.org\tclear\t\n1\tb\treset\ta-long-name.example.org\n254\tc\toff\tb\n"
    assert parse(output) == (
        SbdSlot(node="a-long-name.example.org", message="clear", sender=""),
        SbdSlot(node="b", message="reset", sender="a-long-name.example.org"),
        SbdSlot(node="c", message="off", sender="b"),
    )


def test_no_slots() -> None:
    assert parse(b"") == ()
    assert parse(b"\n") == ()


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("line", ["0\tn\t{}\t\n", "  0  n {}\n", "0 n\t\t{} \r\n"])
def test_blanks_and_messages(line: str, message: str) -> None:
    assert parse(line.format(message).encode()) == (SbdSlot(node="n", message=message, sender=""),)


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (b"0\tn\tclear", 1),
        (b"0\tn\tclear\t\n1\tm\tclear\n2\to\tcle\n", 3),
        (b"x\tn\tclear\t\n", 1),
        (b"0\tclear\t\n", 1),
        (b"0\t\tclear\t\n", 1),
        (b"0\tn\tclear\tm\tmore\n", 1),
        (b"0\tn\tsleep\tm\n", 1),
        (b"== disk /dev/a unreadable!\n", 1),
        (b"\n0\t\xff\tclear\t\n", 2),
    ],
)
def test_malformed(output: bytes, line: int) -> None:
    with pytest.raises(ParseError) as caught:
        parse(output)
    assert caught.value.line == line


EXPECTED = {
    "live.list.txt": (),
    "live.list-message.txt": (SbdSlot(node="nodeA", message="test", sender="vm"),),
}


@needs_corpus
def test_corpus_is_complete() -> None:
    assert names("sbd", "*list*.txt") == EXPECTED.keys()


@needs_corpus
def test_corpus() -> None:
    assert outcomes("sbd", EXPECTED, parse) == EXPECTED
