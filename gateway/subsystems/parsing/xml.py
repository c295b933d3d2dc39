"""What the parsers of XML share: a hardened reader, and attributes as values.

Neither entities nor document types nor the network are of any use in what a cluster tool prints, so a document that
declares a type is refused before anything of it is expanded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from lxml import etree

from gateway.errors import ParseError

Element: TypeAlias = "etree._Element"  # noqa: SLF001 - lxml has no public name for its one element class

INFINITY_SCORE = 1_000_000
"""Pacemaker's INFINITY: scores and fail counts stop there."""


Attributes = Mapping[str, str]

_DOCTYPE = "declares a document type, which no cluster tool does"


class ElementReader:
    """Reads a document as it is parsed, element by element, without a tree of it in memory.

    Attributes:
        starts: what to call with an element's attributes at its beginning, by tag.
        ends: what to call at its end, by tag.
        others: the attributes of elements that ``starts`` does not name, by tag; the first of each.
    """

    def __init__(self, roots: tuple[str, ...]) -> None:
        self.starts: dict[str, Callable[[Attributes], object]] = {}
        self.ends: dict[str, Callable[[], object]] = {}
        self.others: dict[str, Attributes] = {}
        self._roots = roots
        # until the root has come, it is all that may come
        self._expected: dict[str, Callable[[Attributes], object]] = dict.fromkeys(roots, self._enter)

    def read(self, output: bytes) -> None:
        """Reads a whole document.

        Raises:
            ParseError: it is no well-formed XML, declares a document type, is nested deeper than libxml2 allows (256),
                or has another root.
        """
        _parse(output, target=self)

    def forget(self) -> None:
        """Lets go of all that was read; the reader is of no use after that.

        lxml keeps a parser and its target in a circle of references: what a large cluster's reader holds would wait
        for the collector of cycles.
        """
        vars(self).clear()

    def start(self, tag: str, attributes: Attributes) -> None:
        """Is called by lxml."""
        if start := self._expected.get(tag):
            start(attributes)
        elif self._expected is self.starts:
            self.others.setdefault(tag, attributes)
        else:
            raise ParseError(_strange_root(tag, self._roots))

    def end(self, tag: str) -> None:
        """Is called by lxml."""
        if end := self.ends.get(tag):
            end()

    def doctype(self, *_: object) -> None:
        """Is called by lxml."""
        raise ParseError(_DOCTYPE)

    def close(self) -> None:
        """Is called by lxml."""

    def _enter(self, _: Attributes) -> None:
        self._expected = self.starts


def parse_root(output: bytes, *, tags: tuple[str, ...]) -> Element:
    """Returns the root element of a document.

    Args:
        output: the whole document.
        tags: the tags that the root may have.

    Raises:
        ParseError: as ``ElementReader.read``.
    """
    root: Element = _parse(output)
    if root.getroottree().docinfo.internalDTD is not None:
        raise ParseError(_DOCTYPE)
    if root.tag not in tags:
        raise ParseError(_strange_root(str(root.tag), tags))
    return root


def _strange_root(tag: str, tags: tuple[str, ...]) -> str:
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
        return etree.fromstring(output, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        reason = " ".join(str(error).partition(", line ")[0].split()) or "no XML document"
        raise ParseError(f"not well-formed XML: {reason[:200]}", line=line or None) from None


@lru_cache(maxsize=4096)
def number(text: str) -> float:
    """Returns an integer attribute. Remembers: a cluster has few different numbers, and each many times.

    Pacemaker's INFINITY in words is infinite. What is no number at all becomes NaN, which costs that one sample.
    """
    sign, word = (-1.0, text[1:]) if text[:1] == "-" else (1.0, text.removeprefix("+"))
    if word.isascii() and word.isdigit():
        return sign * float(word[:400])
    return sign * math.inf if word.upper() == "INFINITY" else math.nan


def optional_number(text: str | None) -> float | None:
    """Returns an integer attribute, or None if it is absent."""
    return None if text is None else number(text)


def score(text: str | None) -> float | None:
    """Returns a Pacemaker score: what is beyond a million either way is infinite; None if it is absent."""
    value = optional_number(text)
    if value is None or abs(value) < INFINITY_SCORE:
        return value
    return math.copysign(math.inf, value) if not math.isnan(value) else value
