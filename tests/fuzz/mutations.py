"""Damages inputs: bytes, numbers, lines, XML, JSON, and BER with correct lengths."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from gateway.snmp import ber
from tests.fuzz.target import Mutation

_NUMBERS = (
    *(b"0", b"-0", b"-1", b"1", b"127", b"128", b"255", b"256", b"32767", b"65535", b"65536", b"2147483647"),
    *(b"2147483648", b"-2147483648", b"4294967295", b"4294967296", b"9223372036854775807", b"18446744073709551615"),
    *(b"18446744073709551616", b"1e308", b"1e309", b"-1e309", b"0.1", b"00", b"0x10", b"1_0", b"+1", b"nan", b"inf"),
    *(b"INFINITY", b"-INFINITY", b"253402300800", b"1" * 30, b"9" * 310, b"9" * 4301, "٣".encode()),
)
_TOKENS = (
    *(
        b"\0",
        b"\n",
        b"\r",
        b"\r\n",
        b"\t",
        b"\x1b[",
        b"\x7f",
        b"\xff",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
    ),
    *(
        "\u2028".encode(),
        "\x85".encode(),
        "\ufeff".encode(),
        "\U0001f600".encode(),
        "é".encode(),
        b"",
        b" ",
        b"%s",
        b"%n",
    ),
    *(
        b'"',
        b"'",
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b"<",
        b">",
        b"&",
        b"=",
        b":",
        b",",
        b";",
        b"#",
        b"(",
        b")",
        b"{0}",
        b"../",
    ),
    *(
        b"null",
        b"true",
        b"false",
        b"&amp;",
        b"&#0;",
        b"&#x10ffff;",
        b"<!--",
        b"]]>",
        b"<![CDATA[",
        b"\\ud800",
        b"\\u0000",
    ),
)
_WINDOW = 2048
"""Bytes in which a structure is searched."""
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_WORD = re.compile(rb"[A-Za-z0-9_.:-]+")
_ATTRIBUTE = re.compile(rb"""\s[\w.:-]+=(?:"[^"]*"|'[^']*')""")
_ELEMENT = re.compile(rb"<([\w.:-]+)[^<>]*?(?:/>|>(?s:.*?)</\1\s*>)")
_MEMBER = re.compile(rb'"[^"]*"\s*:\s*(?:"[^"]*"|[^,{}\[\]]*)\s*,?')
_STRING = re.compile(rb'"[^"\n]*"')


def _span(source: random.Random, data: bytes) -> tuple[int, int]:
    """Returns the bounds of a part, mostly a short one."""
    start = source.randrange(len(data) + 1)
    longest = source.choice((1, 2, 4, 16, 64, 256, 4096))
    return start, min(len(data), start + source.randint(1, longest))


def _match(source: random.Random, pattern: re.Pattern[bytes], data: bytes) -> tuple[int, int]:
    """Returns the bounds of a match near a random place; the end twice if there is none.

    Only a part of the input is searched: some patterns take quadratic time.
    """
    place = source.randrange(len(data) + 1)
    found = pattern.search(data, place, place + _WINDOW) or pattern.search(data, 0, _WINDOW)
    return found.span() if found else (len(data), len(data))


# --- Bytes -----------------------------------------------------------------------------------------------------------


def flip_bit(source: random.Random, data: bytes) -> bytes:
    """Inverts one bit."""
    changed = bytearray(data or b"\0")
    changed[source.randrange(len(changed))] ^= 1 << source.randrange(8)
    return bytes(changed)


def set_bytes(source: random.Random, data: bytes) -> bytes:
    """Replaces a part by as many random or extreme bytes."""
    start, end = _span(source, data)
    fill = source.choice((b"\0", b"\xff", b"\x7f", b"\x80", b""))
    return data[:start] + (fill * (end - start) or source.randbytes(end - start)) + data[end:]


def insert_bytes(source: random.Random, data: bytes) -> bytes:
    """Inserts random bytes."""
    start = source.randrange(len(data) + 1)
    return data[:start] + source.randbytes(source.choice((1, 2, 4, 20))) + data[start:]


def remove(source: random.Random, data: bytes) -> bytes:
    """Removes a part."""
    start, end = _span(source, data)
    return data[:start] + data[end:]


def duplicate(source: random.Random, data: bytes) -> bytes:
    """Inserts a copy of a part somewhere else."""
    start, end = _span(source, data)
    place = source.randrange(len(data) + 1)
    return data[:place] + data[start:end] + data[place:]


def repeat(source: random.Random, data: bytes) -> bytes:
    """Repeats a part very often."""
    start, end = _span(source, data)
    return data[:end] + data[start:end] * source.choice((2, 8, 50, 300, 2000)) + data[end:]


def truncate(source: random.Random, data: bytes) -> bytes:
    """Cuts off the end, or the beginning."""
    place = source.randrange(len(data) + 1)
    return data[:place] if source.random() < 0.8 else data[place:]


# --- Text ------------------------------------------------------------------------------------------------------------


def change_number(source: random.Random, data: bytes) -> bytes:
    """Replaces a number by one at a limit of some type."""
    start, end = _match(source, _NUMBER, data)
    return data[:start] + source.choice(_NUMBERS) + data[end:]


def change_word(source: random.Random, data: bytes) -> bytes:
    """Replaces a word by another one of the same input."""
    (start, end), (first, last) = _match(source, _WORD, data), _match(source, _WORD, data)
    return data[:start] + data[first:last] + data[end:]


def lengthen_word(source: random.Random, data: bytes) -> bytes:
    """Makes a word long."""
    start, end = _match(source, _WORD, data)
    return data[:start] + data[start:end] * source.choice((2, 20, 70, 300, 3000)) + data[end:]


def change_lines(source: random.Random, data: bytes) -> bytes:
    """Removes, repeats, exchanges or shuffles lines."""
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    start = source.randrange(len(lines))
    end = start + source.randint(1, 4)
    some = lines[start:end]
    choice = source.randrange(5)
    if choice == 0:
        some = []
    elif choice == 1:
        some *= source.choice((2, 2, 3, 200))
    elif choice == 2:
        some.reverse()
    elif choice == 3:
        other = source.randrange(len(lines))
        some, lines[other : other + 1] = lines[other : other + 1], some[:1]
    else:
        source.shuffle(lines)
        return b"".join(lines)
    return b"".join((*lines[:start], *some, *lines[end:]))


def remove_structure(source: random.Random, data: bytes) -> bytes:
    """Removes an attribute, an element, a member of an object or the content of a string."""
    pattern = source.choice((_ATTRIBUTE, _ELEMENT, _MEMBER, _STRING))
    start, end = _match(source, pattern, data)
    return data[:start] + (b'""' if pattern is _STRING else b"") + data[end:]


def move_structure(source: random.Random, data: bytes) -> bytes:
    """Copies an attribute, an element or a member of an object to the place of another one."""
    pattern = source.choice((_ATTRIBUTE, _ELEMENT, _MEMBER, _STRING))
    (start, end), (first, last) = _match(source, pattern, data), _match(source, pattern, data)
    return data[:start] + data[first:last] + (data[start:end] if source.random() < 0.5 else b"") + data[end:]


def nest(source: random.Random, data: bytes) -> bytes:
    """Puts many levels of brackets or elements around a part."""
    start, end = _match(source, source.choice((_ELEMENT, _MEMBER, _STRING)), data)
    depth = source.choice((2, 10, 100, 300, 1000))
    before, after = source.choice(
        ((b"[", b"]"), (b'{"a":', b"}"), (b"<group>", b"</group>"), (b"(", b")"), (b"{", b"}"), (b"", b"}"))
    )
    return data[:start] + before * depth + data[start:end] + after * depth + data[end:]


_MUTATIONS: tuple[Mutation, ...] = (
    *(flip_bit, set_bytes, insert_bytes, remove, duplicate, repeat, truncate),
    *(change_number, change_number, change_word, lengthen_word, change_lines, change_lines),
    *(remove_structure, remove_structure, move_structure, nest),
)


class Mutator:
    """Makes inputs from inputs.

    Args:
        source: the source of randomness.
        tokens: words of the format.
        mutations: mutations that know the format.
    """

    def __init__(
        self, source: random.Random, *, tokens: Sequence[bytes] = (), mutations: Sequence[Mutation] = ()
    ) -> None:
        self._source = source
        self._tokens = (*_TOKENS, *_NUMBERS, *tuple(tokens) * 8)
        self._mutations: tuple[Mutation, ...] = (
            *_MUTATIONS,
            *tuple(mutations) * 6,
            *(self._insert_token, self._replace_by_token) * 2,
        )

    def mutate(self, data: bytes, other: Callable[[], bytes]) -> bytes:
        """Returns a damaged input.

        Args:
            data: an input.
            other: returns another input, to combine them.
        """
        source = self._source
        if source.random() < 0.15:
            data = self._splice(data, other())
        for _ in range(source.choice((1, 1, 1, 2, 3, 6))):
            data = source.choice(self._mutations)(source, data)
        return data

    def _splice(self, data: bytes, other: bytes) -> bytes:
        start, _ = _span(self._source, data)
        first, last = _span(self._source, other)
        if self._source.random() < 0.5:
            return data[:start] + other[first:]
        return data[:start] + other[first:last] + data[start:]

    def _insert_token(self, source: random.Random, data: bytes) -> bytes:
        start = source.randrange(len(data) + 1)
        return data[:start] + source.choice(self._tokens) + data[start:]

    def _replace_by_token(self, source: random.Random, data: bytes) -> bytes:
        start, end = _match(source, _WORD, data) if source.random() < 0.6 else _span(source, data)
        return data[:start] + source.choice(self._tokens) + data[end:]


# --- BER -------------------------------------------------------------------------------------------------------------

_Node = tuple[int, "bytes | list[_Node]"]
"""A tag, and the contents or the values in them."""

_VALUES = (
    *(
        b"",
        b"\0",
        b"\x01",
        b"\x7f",
        b"\x80",
        b"\xff",
        b"\0\x80",
        b"\x7f\xff\xff\xff",
        b"\x80\0\0\0",
        b"\0\xff\xff\xff\xff",
    ),
    *(b"\x01\0\0\0\0", b"\0" + b"\xff" * 8, b"\x01" + b"\0" * 8, b"\xff" * 9, b"\x2b\x06\x01\x02\x01\x01\x01\0"),
    *(b"\x2b" + b"\x8f\xff\xff\xff\x7f" * 20, b"\x2b" * 128, b"\x2b" * 129, b"\x8f\xff\xff\xff\x7f", b"\x80\x80\x01"),
    *(b"a" * 32, b"a" * 33, b"a" * 255, b"a" * 256, b"public"),
)


def change_ber(source: random.Random, data: bytes) -> bytes:
    """Changes one value in BER, and keeps the lengths around it correct."""
    nodes = _parse_ber(data)
    if not nodes:
        return data
    siblings = nodes
    index = source.randrange(len(siblings))
    while isinstance(content := siblings[index][1], list) and content and source.random() < 0.85:
        siblings = content
        index = source.randrange(len(siblings))
    tag, content = siblings[index]
    choice = source.randrange(6)
    if choice == 0:
        siblings[index] = (tag, source.choice(_VALUES))
    elif choice == 1:
        siblings[index] = (
            source.choice((2, 4, 5, 6, 0x30, *range(0x40, 0x48), *range(0x80, 0x83), *range(0xA0, 0xA9))),
            content,
        )
    elif choice == 2:
        del siblings[index]
    elif choice == 3:
        siblings[index:index] = [siblings[index]] * source.choice((1, 2, 20, 300))
    elif choice == 4:
        for _ in range(source.choice((1, 10, 200))):
            content = [(0x30, content)]
        siblings[index] = (tag, content)
    else:
        siblings[index] = (tag, flip_bit(source, _encode_ber(content)))
    return _encode_ber(nodes)


def _parse_ber(data: bytes, depth: int = 0) -> list[_Node]:
    """Returns the values in BER; none if the data is something else."""
    nodes: list[_Node] = []
    position = 0
    while position + 2 <= len(data):
        tag, length = data[position], data[position + 1]
        position += 2
        if length >= 0x80:
            count = length - 0x80
            length = int.from_bytes(data[position : position + count], "big")
            position += count
        content = data[position : position + length]
        if len(content) < length or depth > 20:
            return []
        position += length
        inner = _parse_ber(content, depth + 1) if tag & 0x20 or content[:1] == b"\x30" else []
        nodes.append((tag, inner or content))
    return nodes if position == len(data) else []


def _encode_ber(content: bytes | list[_Node]) -> bytes:
    if isinstance(content, bytes):
        return content
    return b"".join(ber.tagged(tag, _encode_ber(inner)) for tag, inner in content)
