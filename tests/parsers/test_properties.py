"""Every parser, for any bytes: returns a result or raises ``ParseError``, and does the same each time.

To add a parser, add it to ``parser_samples.py``.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import ParseError
from gateway.subsystems import SUBSYSTEMS
from tests.parsers.parser_samples import PARSERS, Parser

pytestmark = pytest.mark.no_cover  # thousands of similar inputs: four times as fast without

ROWS = pytest.mark.parametrize(("parse", "sample"), PARSERS.values(), ids=PARSERS)

HOSTILE = (
    b"",
    b"\n",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    "\u2028\x85\x1c٣Ⅷ\U0001f600".encode(),
    b"9" * 5000,
    b"[" * 200_000,
    b'{"a":' * 200_000,
    b"{\n" * 50_000,
    b" " * 200_000,
    b"\t:" * 100_000,
    b'"' * 100_001,
    b"\\" * 100_001,
    b"\n" * 200_000,
)


Mutation = Callable[[bytes, int, int, bytes], bytes]
"""Damages an output: takes the output, a position, a length, and bytes to insert there."""


def cut(output: bytes, start: int, _size: int, _insert: bytes) -> bytes:
    return output[:start]


def splice(output: bytes, start: int, size: int, insert: bytes) -> bytes:
    return output[:start] + insert + output[start + size :]


def drop_lines(output: bytes, start: int, size: int, insert: bytes, *, times: int = 0) -> bytes:
    lines = output.splitlines(keepends=True)
    first = output.count(b"\n", 0, start)
    last = first + size % 4 + 1
    return b"".join([*lines[:first], *lines[first:last] * times, *lines[last:]])


def repeat_lines(output: bytes, start: int, size: int, insert: bytes) -> bytes:
    return drop_lines(output, start, size, insert, times=2)


TOKENS = (
    *rb"""{ } [ ] : = ; , . - # " ' \ \" \ud800 (local) NR nan null true 0 -1 0x 0xFFFFFFFF 1_0 1e999""".split(),
    *b"4294967296 18446744073709551616 340282366920938463463374607431768211456".split(),
    *(b" ", b"\t", b"\n", b"\r\n", b"\n\n", b"\0", b"\xff", "٣".encode(), "\u2028".encode(), b"9" * 5000),
)

CHANGES = st.lists(
    st.tuples(
        st.sampled_from([cut, splice, drop_lines, repeat_lines]),
        st.integers(min_value=0, max_value=2000),
        st.integers(min_value=0, max_value=12),
        st.one_of(st.sampled_from(TOKENS), st.binary(max_size=4)),
    ),
    min_size=1,
    max_size=4,
)


def check(parse: Parser, output: bytes) -> None:
    """Checks that only ``ParseError`` is raised, and that the result can be printed and repeated."""
    try:
        result = parse(output)
    except ParseError as error:
        check_error(error, lines=output.count(b"\n") + 1)
    else:
        shown = repr(result)
        shown.encode()
        assert repr(parse(output)) == shown  # not the values, because NaN differs from itself


def check_error(error: ParseError, *, lines: int) -> None:
    assert error.reason
    assert "\n" not in error.reason
    assert error.line is None or 1 <= error.line <= lines
    str(error).encode()


def test_every_parser_has_a_row() -> None:
    modules = {parse.__module__ for parse, _ in PARSERS.values()}
    for subsystem in SUBSYSTEMS:
        folder = Path(inspect.getfile(importlib.import_module(f"gateway.subsystems.{subsystem.name}"))).parent
        for path in folder.glob("*.py"):
            if re.search(r"^def parse\(", path.read_text("utf-8"), re.MULTILINE):
                assert f"gateway.subsystems.{subsystem.name}.{path.stem}" in modules


@ROWS
def test_samples_are_accepted(parse: Parser, sample: str) -> None:
    parse(sample.encode())


@ROWS
@pytest.mark.parametrize("output", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_bytes_are_read_or_a_parse_error(parse: Parser, sample: str, output: bytes) -> None:
    check(parse, output)
    check(parse, sample.encode() + output)


@ROWS
def test_every_beginning_is_read_or_a_parse_error(parse: Parser, sample: str) -> None:
    output = sample.encode()
    for length in range(len(output)):
        check(parse, output[:length])


@ROWS
@settings(deadline=None)
@given(output=st.binary())
def test_any_bytes_are_read_or_a_parse_error(parse: Parser, sample: str, output: bytes) -> None:
    check(parse, output)


@ROWS
@settings(deadline=None)
@given(output=st.text())
def test_any_text_is_read_or_a_parse_error(parse: Parser, sample: str, output: str) -> None:
    check(parse, output.encode("utf-8", "surrogatepass"))


@ROWS
@settings(max_examples=300, deadline=None)
@given(changes=CHANGES)
def test_damaged_samples_are_read_or_a_parse_error(
    parse: Parser, sample: str, changes: list[tuple[Mutation, int, int, bytes]]
) -> None:
    output = sample.encode()
    for mutate, start, size, insert in changes:
        output = mutate(output, start % (len(output) + 1), size, insert)
    check(parse, output)
