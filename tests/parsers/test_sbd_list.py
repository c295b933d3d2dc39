"""``sbd list``."""

from __future__ import annotations

import pytest

from gateway.errors import ParseError
from gateway.subsystems.sbd import sbd_list
from gateway.subsystems.sbd.sbd_list import MESSAGES, SbdSlot
from tests.corpus import names, needs_corpus, outcomes
from tests.unreadable import reasons


def parse(output: bytes) -> tuple[SbdSlot, ...]:
    return sbd_list.parse(output).value


def unreadable(output: bytes) -> list[str]:
    return reasons(sbd_list.parse(output))


def test_slots_have_node_message_and_sender() -> None:
    output = b"0\ta-long-name.example.org\tclear\t\n1\tb\treset\ta-long-name.example.org\n254\tc\toff\tb\n"
    assert parse(output) == (
        SbdSlot(node="a-long-name.example.org", message="clear", sender=""),
        SbdSlot(node="b", message="reset", sender="a-long-name.example.org"),
        SbdSlot(node="c", message="off", sender="b"),
    )


def test_an_empty_output_is_no_slots() -> None:
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
        (b"x\tn\tclear\t\n", 1),
        (b"\nx\tn\tclear\t\n", 2),
        (b"== disk /dev/a unreadable!\n", 1),
        (b"\n0\t\xff\tclear\t\n", 2),
    ],
)
def test_an_unknown_line_is_an_error_with_its_number(output: bytes, line: int) -> None:
    with pytest.raises(ParseError) as caught:
        parse(output)
    assert caught.value.line == line


@pytest.mark.parametrize(
    "line", ["x\tn\tclear\t", "1\tclear\t", "1\t\tclear\t", "1\tn\tclear\tm\tmore", "1\tn\tsleep\tm", "2\to\tcle"]
)
def test_a_bad_line_costs_that_line(line: str) -> None:
    output = f"0\ta\tclear\t\n{line}\n2\tb\toff\ta\n".encode()
    assert [slot.node for slot in parse(output)] == ["a", "b"]
    assert unreadable(output) == [f"line 2: expected slot, node, message and sender, found {line!r}"]


@pytest.mark.parametrize(("line", "damage"), [("2\to\tcle", "cut off"), ("2\t\0\tclear\t\n", "not UTF-8 text")])
def test_a_line_that_is_damaged(line: str, damage: str) -> None:
    output = f"0\ta\tclear\t\n{line}".encode()
    assert [slot.node for slot in parse(output)] == ["a"]
    (reason,) = unreadable(output)
    assert reason.startswith(f"line 2: {damage}: ")


EXPECTED = {
    "live.list.txt": (),
    "live.list-message.txt": (SbdSlot(node="nodeA", message="test", sender="vm"),),
}


@needs_corpus
def test_corpus_is_complete() -> None:
    assert names("sbd", "*list*.txt") == EXPECTED.keys()


@needs_corpus
def test_each_output_of_the_corpus_is_read() -> None:
    assert outcomes("sbd", EXPECTED, parse) == EXPECTED
