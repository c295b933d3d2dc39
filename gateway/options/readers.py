"""Readers of single values: what an option takes, and what is said about what it does not take."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from gateway.errors import GatewayError


class MistakeError(GatewayError):
    """A value is not what an option takes; the message says what it takes."""


class MistakesError(GatewayError):
    """Something within a value, or several things, are not as they should be.

    Attributes:
        problems: for each where it is within the value, such as ``[1].auth`` (empty: the value itself), and a sentence.
    """

    def __init__(self, *problems: tuple[str, str]) -> None:
        super().__init__("; ".join(f"{place}: {text}" for place, text in problems))
        self.problems = problems


# --- Messages --------------------------------------------------------------------------------------------------------


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Returns the message about a key that does not exist."""
    near = difflib.get_close_matches(key, known, n=1)
    return "unknown key" + (f", did you mean {near[0]}?" if near else "")


def shown(value: Any) -> str:
    """Returns a value as it stands in the file, near enough, and not longer than a line.

    What tables hold is left out: it may be a password.
    """
    text = _literal(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def _literal(value: Any) -> str:
    if isinstance(value, dict):
        return "{...}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(value, default=str, ensure_ascii=False)


# --- Readers: each returns the value that it is given as the option's own, or raises MistakeError --------------------


def absolute_path(value: Any) -> str:
    """Reads the path of a file that may be searched for instead."""
    if not isinstance(value, str) or (value and not value.startswith("/")) or not value.isprintable():
        raise MistakeError('an absolute path, or "" to search for it')
    return value


_URL_PATH = re.compile(r"(?:/[\w.~+:@,=-]+)+/?", re.ASCII)
_TAKEN_PATHS = ("/-/healthy", "/-/ready")


def url_path(value: Any) -> str:
    """Reads the path of a page."""
    if not isinstance(value, str) or not _URL_PATH.fullmatch(value) or value in _TAKEN_PATHS:
        raise MistakeError(
            'a path such as "/metrics", of letters, digits and ._~+:@,=-, other than /-/healthy, /-/ready'
        )
    return value


def one_of(*choices: str) -> Callable[[Any], str]:
    """Returns the reader of a word."""

    def read(value: Any) -> str:
        if value not in choices:
            raise MistakeError("one of " + ", ".join(f'"{choice}"' for choice in choices))
        return str(value)

    return read


def seconds(value: Any) -> float:
    """Reads a span of time."""
    try:
        number = 0.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = 0.0
    if not 0 < number <= 3600:
        raise MistakeError("seconds, more than 0 and at most 3600")
    return number


def count(value: Any) -> int:
    """Reads a whole number."""
    number = numeric(value)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise MistakeError("a whole number of at least 1")
    return number


def numeric(value: Any) -> Any:
    """Flags bring numbers as text."""
    try:
        return int(value) if isinstance(value, str) else value
    except ValueError:
        return value


def switch(value: Any) -> bool:
    """Reads a truth value."""
    truth = {"true": True, "false": False}.get(value) if isinstance(value, str) else value
    if not isinstance(truth, bool):
        raise MistakeError("true or false")
    return truth


def words(value: Any) -> tuple[str, ...]:
    """Reads a list of words."""
    if not isinstance(value, list) or not all(isinstance(word, str) and word and word.isprintable() for word in value):
        raise MistakeError('a list of words, such as ["sudo", "-n"]')
    return tuple(value)


def parse_address(text: str) -> tuple[str, int]:
    """Returns host and port of ``HOST:PORT``, ``[IPv6]:PORT`` or ``:PORT`` (all interfaces: an empty host).

    Raises:
        ValueError: it is none of these.
    """
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]") and ":" in host:
        host = host[1:-1]
    elif set(host) & set("[]:"):
        raise ValueError(f"{text}: an IPv6 address has to stand in brackets")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(f"{text}: no port")
    return host, int(port)


def addresses(value: Any) -> tuple[str, ...]:
    """Reads one address or several."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed or not all(map(is_address, listed)):
        raise MistakeError('"HOST:PORT", "[IPv6]:PORT" or ":PORT", or a list of these')
    return tuple(listed)


def is_address(value: Any) -> bool:
    """Returns whether ``parse_address`` takes it."""
    try:
        parse_address(value)
    except (ValueError, AttributeError):
        return False
    return bool(value.isprintable())


def addresses_if_any(value: Any) -> tuple[str, ...]:
    """Reads one address, several, or none."""
    return () if value == [] else addresses(value)


def given_path(value: Any) -> str:
    """Reads a path that cannot be left to a search."""
    if not isinstance(value, str) or not value.startswith("/") or not value.isprintable():
        raise MistakeError("an absolute path")
    return value


def octets(most: int) -> Callable[[Any], str]:
    """Returns the reader of a text, by its octets in UTF-8."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or not value.isprintable() or not 1 <= len(value.encode()) <= most:
            raise MistakeError(f"a text of 1 to {most} octets")
        return value

    return read
