"""Readers of single values: each turns the content of a file or a flag into the value of an option, or rejects it.

Flags are text; files have the types of TOML. A reader accepts both.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from gateway.errors import GatewayError
from gateway.network import Address, Network

E = TypeVar("E", bound=Enum)


class InvalidValueError(GatewayError):
    """A value is not one that an option accepts; the message completes "expected ...".

    Attributes:
        words: the words that the option accepts; empty if it accepts anything else.
    """

    def __init__(self, message: str, *, words: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.words = words


class Problem(NamedTuple):
    """One problem within a value.

    Attributes:
        path: where it is within the value, such as ``[1].auth``; empty for the value itself.
        message: what is wrong, in one sentence.
        is_denied: whether it is that this user may not read a file.
    """

    path: str
    message: str
    is_denied: bool = False

    def within(self, path: str) -> Problem:
        """Returns the problem of the value that contains this one at a path."""
        return self._replace(path=f"{path}{self.path}")


class InvalidValuesError(GatewayError):
    """A value has problems that "expected ..., found ..." does not describe, or several of them.

    Attributes:
        problems: all of them.
    """

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in problems))
        self.problems = problems


# --- Messages --------------------------------------------------------------------------------------------------------


def unknown_key(key: str, keys: Iterable[str]) -> str:
    """Returns the message about a key that does not exist, with the most similar one that does."""
    similar = difflib.get_close_matches(key, keys, n=1)
    return "unknown key" + (f", did you mean {similar[0]}?" if similar else "")


def format_value(value: Any) -> str:
    """Returns a value approximately as it is written in the file, cut to the length of a line.

    The contents of tables are left out, because they may be passwords.
    """
    text = _literal(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def is_no_secret(value: Any, words: Iterable[str]) -> bool:
    """Returns whether a value is certainly no password that is under the wrong key.

    It is a number of a few digits, very short, or similar to one of the words that are accepted there.
    """
    if not isinstance(value, str):
        return isinstance(value, int | float) and -_LARGE < value < _LARGE
    similar = difflib.get_close_matches(value.lower(), [word.lower() for word in words], n=1)
    return len(value) <= _SHORT or bool(similar)


_SHORT = 3
"""Characters of a word that protects nothing, even if it is a password."""
_LARGE = 100_000
"""A number that may be a password; ports, versions and seconds are smaller."""


def _literal(value: Any) -> str:
    if isinstance(value, dict):
        return "{...}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(value, default=str, ensure_ascii=False)


# --- Words and numbers -----------------------------------------------------------------------------------------------


def one_of(*choices: str) -> Callable[[Any], str]:
    """Returns a reader that accepts some words."""

    def read(value: Any) -> str:
        if value not in choices:
            expected = ", ".join(f'"{choice}"' for choice in choices)
            raise InvalidValueError(f"one of {expected}", words=choices)
        return str(value)

    return read


def member_of(members: type[E] | Iterable[E]) -> Callable[[Any], E]:
    """Returns a reader that accepts the values of members of an enumeration."""
    by_value = {member.value: member for member in members}
    read_word = one_of(*by_value)
    return lambda value: by_value[read_word(value)]


def seconds(value: Any) -> float:
    """Reads a duration."""
    try:
        duration = 0.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        duration = 0.0
    if not 0 < duration <= 3600:
        raise InvalidValueError("a number of seconds, more than 0 and at most 3600")
    return duration


def seconds_or_zero(value: Any) -> float:
    """Reads a duration, or 0 for never."""
    if not isinstance(value, bool) and parse_number(value) == 0:
        return 0.0
    try:
        return seconds(value)
    except InvalidValueError as error:
        raise InvalidValueError(f"0 for never, or {error}") from None


def whole_number(least: int, most: int | None = None) -> Callable[[Any], int]:
    """Returns a reader that accepts the whole numbers of a range."""
    expected = f"a whole number of at least {least}" if most is None else f"a whole number from {least} to {most}"

    def read(value: Any) -> int:
        number = parse_number(value)
        if isinstance(number, bool) or not isinstance(number, int):
            raise InvalidValueError(expected)
        if number < least or (most is not None and number > most):
            raise InvalidValueError(expected)
        return number

    return read


def parse_number(value: Any) -> Any:
    """Converts the text of a whole number to an int, and returns anything else unchanged."""
    try:
        return int(value) if isinstance(value, str) else value
    except ValueError:
        return value


def boolean(value: Any) -> bool:
    """Reads a truth value."""
    truth = {"true": True, "false": False}.get(value) if isinstance(value, str) else value
    if not isinstance(truth, bool):
        raise InvalidValueError("true or false")
    return truth


def arguments(value: Any) -> tuple[str, ...]:
    """Reads a list of words for a command line."""
    if not isinstance(value, list) or not all(isinstance(word, str) and word and word.isprintable() for word in value):
        raise InvalidValueError('a list of words, such as ["sudo", "-n"]')
    return tuple(value)


def subset_of(*choices: str) -> Callable[[Any], tuple[str, ...]]:
    """Returns a reader that accepts a list of some words, and drops repetitions."""

    def read(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(word, str) and word in choices for word in value):
            raise InvalidValueError("a list of " + ", ".join(f'"{choice}"' for choice in choices))
        return tuple(dict.fromkeys(value))

    return read


def text(max_octets: int) -> Callable[[Any], str]:
    """Returns a reader that accepts text of at least one octet in UTF-8."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or not value.isprintable() or not 1 <= len(value.encode()) <= max_octets:
            raise InvalidValueError(f"a text of 1 to {max_octets} octets")
        return value

    return read


# --- Paths -----------------------------------------------------------------------------------------------------------


def absolute_path(value: Any) -> Path:
    """Reads an absolute path."""
    if not _is_absolute_path(value):
        raise InvalidValueError("an absolute path")
    return Path(value)


def path_or_none(meaning: str) -> Callable[[Any], Path | None]:
    """Returns a reader that accepts an absolute path, or "" with the given meaning, such as "to search for it"."""

    def read(value: Any) -> Path | None:
        if value == "":
            return None
        if not _is_absolute_path(value):
            raise InvalidValueError(f'an absolute path, or "" {meaning}')
        return Path(value)

    return read


def file_or_none(value: Any) -> Path | None:
    """Reads the path of a file, which may be relative to the working directory; or "" for no file."""
    if not isinstance(value, str) or not value.isprintable():
        raise InvalidValueError('a path, or "" for no file')
    return Path(value) if value else None


def host_path(value: Any) -> str:
    """Reads the path of a file that a ``Host`` reads or runs; may be empty."""
    if value != "" and not _is_absolute_path(value):
        raise InvalidValueError('an absolute path, or "" to search for it')
    return str(value)


def _is_absolute_path(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("/") and value.isprintable()


_URL_PATH = re.compile(r"(?:/[\w.~+:@,=-]+)+/?", re.ASCII)
_RESERVED_PATHS = ("/-/healthy", "/-/ready", "/-/status.css")


def url_path(value: Any) -> str:
    """Reads the path of a page."""
    if not isinstance(value, str) or not _URL_PATH.fullmatch(value) or value in _RESERVED_PATHS:
        raise InvalidValueError(
            f'a path such as "/metrics", of letters, digits and ._~+:@,=-, other than {", ".join(_RESERVED_PATHS)}'
        )
    return value


# --- Addresses -------------------------------------------------------------------------------------------------------


def addresses(value: Any) -> tuple[Address, ...]:
    """Reads one address or several."""
    texts = [value] if isinstance(value, str) else value
    expected = InvalidValueError('"HOST:PORT", "[IPv6]:PORT" or ":PORT", or a list of these')
    if not isinstance(texts, list) or not texts:
        raise expected
    try:
        return tuple(map(parse_printable_address, texts))
    except ValueError:
        raise expected from None


def addresses_or_none(value: Any) -> tuple[Address, ...]:
    """Reads one address, several, or none."""
    return () if value == [] else addresses(value)


def networks(value: Any) -> tuple[Network, ...]:
    """Reads a list of IP addresses and networks."""
    try:
        if isinstance(value, list) and all(isinstance(text, str) for text in value):
            return tuple(map(ipaddress.ip_network, value))
    except ValueError:
        pass
    raise InvalidValueError('a list of IP addresses and networks, such as ["10.0.0.0/24", "2001:db8::1"]')


def parse_printable_address(value: Any) -> Address:
    """Reads an address from a file or a flag.

    Raises:
        ValueError: it is not the text of an address.
    """
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("an address is printable text")
    return Address.parse(value)
