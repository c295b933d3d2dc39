"""Hardened reading of XML, and conversion of attributes to numbers.

No cluster tool prints entities or document types, so a document with a document type declaration is rejected before
anything in it is expanded. Nothing is fetched from the network.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from lxml import etree

from gateway.errors import ParseError
from gateway.subsystems.parsing.text import MAX_LENGTH, shorten

Element: TypeAlias = "etree._Element"  # noqa: SLF001 - lxml has no public name for its one element class

INFINITY_SCORE = 1_000_000
"""Pacemaker's INFINITY, the limit of scores and fail counts."""


Attributes = Mapping[str, str]

# Without resolution of entities, libxml2 reports an ampersand in an attribute as a reference.
_AMPERSAND = re.compile(rb"&(?:amp|#0*38|#x0*26);")

# Pacemaker's tools print one element a line. Only a document with a long line can have a long attribute.
_LONG_LINE = re.compile(rb"\n[^\n]{%d}" % MAX_LENGTH)

_DOCTYPE = "has a document type declaration, which no cluster tool prints"


class ElementReader:
    """Processes a document element by element while it is parsed, without building a tree.

    Attributes:
        starts: the handlers of start tags, by tag; each receives the attributes.
        ends: the handlers of end tags, by tag.
        others: the attributes of elements without a handler in ``starts``, by tag; only the first element of each tag.
    """

    def __init__(self, roots: tuple[str, ...]) -> None:
        self.starts: dict[str, Callable[[Attributes], object]] = {}
        self.ends: dict[str, Callable[[], object]] = {}
        self.others: dict[str, Attributes] = {}
        self._roots = roots
        self._has_ampersands = self._has_long_lines = False
        # until the root element has started, no other element may start
        self._expected: dict[str, Callable[[Attributes], object]] = dict.fromkeys(roots, self._enter)

    def read(self, output: bytes) -> None:
        """Processes a complete document.

        Raises:
            ParseError: the document is not well-formed XML, has a document type declaration, is nested deeper than
                libxml2 allows (256 levels), or has another root element.
        """
        self._has_ampersands = _AMPERSAND.search(output) is not None
        self._has_long_lines = _has_long_lines(output)
        _parse(output, target=self)

    def release(self) -> None:
        """Releases everything that was read; the reader cannot be used afterwards.

        lxml keeps the parser and its target in a reference cycle. Without this call, the data of a large cluster would
        stay in memory until the next garbage collection.
        """
        vars(self).clear()

    def start(self, tag: str, attributes: Attributes) -> None:
        """Handles a start tag; called by lxml."""
        if self._has_ampersands:
            attributes = {name: value.replace("&#38;", "&") for name, value in attributes.items()}
        if self._has_long_lines:
            attributes = {name: shorten(value) for name, value in attributes.items()}
        if start := self._expected.get(tag):
            start(attributes)
        elif self._expected is self.starts:
            self.start_other(tag, attributes)
        else:
            raise ParseError(_unexpected_root(tag, self._roots))

    def start_other(self, tag: str, attributes: Attributes) -> None:
        """Handles an element without a handler in ``starts``."""
        self.others.setdefault(tag, attributes)

    def enter(self, attributes: Attributes) -> None:
        """Handles the root element; does nothing unless it is overridden."""

    def end(self, tag: str) -> None:
        """Handles an end tag; called by lxml."""
        if end := self.ends.get(tag):
            end()

    def doctype(self, *_: object) -> None:
        """Rejects a document type declaration; called by lxml."""
        raise ParseError(_DOCTYPE)

    def close(self) -> None:
        """Does nothing: lxml requires the method."""

    def _enter(self, attributes: Attributes) -> None:
        self._expected = self.starts
        self.enter(attributes)


def parse_root(output: bytes, *, tags: tuple[str, ...]) -> Element:
    """Returns the root element of a document.

    Args:
        output: the complete document.
        tags: the tags that the root element may have.

    Raises:
        ParseError: as ``ElementReader.read``.
    """
    root: Element = _parse(output)
    if root.getroottree().docinfo.internalDTD is not None:
        raise ParseError(_DOCTYPE)
    if root.tag not in tags:
        raise ParseError(_unexpected_root(str(root.tag), tags))
    if _has_long_lines(output):
        for element in root.iter():
            for name, value in element.items():
                element.set(name, shorten(value))
    return root


def _has_long_lines(output: bytes) -> bool:
    return not 0 <= output.find(b"\n") <= MAX_LENGTH or _LONG_LINE.search(output) is not None


def _unexpected_root(tag: str, tags: tuple[str, ...]) -> str:
    return f"expected <{'> or <'.join(tags)}> as root, found <{tag}>"


def _parse(output: bytes, **options: Any) -> Any:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_blank_text=True,
        remove_comments=True,
        remove_pis=True,
        **options,
    )
    try:
        return etree.fromstring(output[slice(*_document(output))], parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        reason = " ".join(str(error).partition(", line ")[0].split()) or "no XML document"
        raise ParseError(f"not well-formed XML: {reason[:200]}", line=line or None) from None


def _document(output: bytes) -> tuple[int, int]:
    """Returns where the document begins and ends: messages of the tool or of its wrapper may surround it."""
    begin = 0 if output.startswith(b"<") else output.find(b"\n<") + 1
    return begin, output.rfind(b">") + 1 or len(output)


@lru_cache(maxsize=4096)
def number_or_nan(text: str) -> float:
    """Converts text to a number, or to NaN; cached, because a cluster prints few different numbers, each often."""
    sign, word = (-1.0, text[1:]) if text[:1] == "-" else (1.0, text.removeprefix("+"))
    if word.isascii() and word.isdigit():
        return sign * float(word[:400])
    return sign * math.inf if word.upper() == "INFINITY" else math.nan


def number(text: str, *, what: str) -> float:
    """Parses an integer attribute; the word INFINITY becomes infinite.

    Args:
        text: the value of the attribute.
        what: what it is, for the error message.

    Raises:
        ParseError: the attribute is not a number.
    """
    value = number_or_nan(text)
    if math.isnan(value):
        raise ParseError(f"expected {what} as a number, found {text[:40]!r}")
    return value


def optional_number(text: str | None, *, what: str) -> float | None:
    """Parses an integer attribute like ``number``; returns None if it is absent."""
    return None if text is None else number(text, what=what)


def score(text: str | None, *, what: str) -> float | None:
    """Parses a Pacemaker score, infinite from a million up and from minus a million down; None if it is absent."""
    value = optional_number(text, what=what)
    return value if value is None or abs(value) < INFINITY_SCORE else math.copysign(math.inf, value)
