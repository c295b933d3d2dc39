"""What the parsers of XML share: a hardened reader, and attributes as values.

Neither entities nor document types nor the network are of any use in what a cluster tool prints, so a document that
declares a type is refused before anything of it is expanded.
"""

from __future__ import annotations

import math
from typing import TypeAlias

from lxml import etree

from gateway.errors import ParseError

Element: TypeAlias = "etree._Element"  # noqa: SLF001 - lxml has no public name for its one element class

INFINITY_SCORE = 1_000_000
"""Pacemaker's INFINITY: scores and fail counts stop there."""


def parse_root(output: bytes, *, tags: tuple[str, ...]) -> Element:
    """Returns the root element of a document.

    Args:
        output: the whole document.
        tags: the tags that the root may have.

    Raises:
        ParseError: it is no well-formed XML, declares a document type, is nested deeper than libxml2 allows (256), or
            has another root.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(output, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        reason = (str(error) or "no XML document").partition(", line ")[0]
        raise ParseError(f"not well-formed XML: {reason}", line=line or None) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise ParseError("declares a document type, which no cluster tool does", line=1)
    if root.tag not in tags:
        raise ParseError(f"expected <{'> or <'.join(tags)}> as root, found <{root.tag!s}>", line=root.sourceline)
    return root


def boolean(element: Element, name: str) -> bool:
    """Returns whether an attribute is ``true``, as the tools print it; False if it is absent."""
    return element.get(name) == "true"


def optional_boolean(element: Element, name: str) -> bool | None:
    """Returns whether an attribute is ``true``; None if it is absent."""
    text = element.get(name)
    return None if text is None else text == "true"


def number(text: str | None) -> float | None:
    """Returns an integer attribute, or None if it is absent.

    Pacemaker's INFINITY in words is infinite. What is no number at all becomes NaN, which costs that one sample.
    """
    if text is None:
        return None
    sign, word = (-1.0, text[1:]) if text[:1] == "-" else (1.0, text.removeprefix("+"))
    if word.isascii() and word.isdigit():
        return sign * float(word[:400])
    return sign * math.inf if word.upper() == "INFINITY" else math.nan


def score(text: str | None) -> float | None:
    """Returns a Pacemaker score: what is beyond a million either way is infinite; None if it is absent."""
    value = number(text)
    if value is None or abs(value) < INFINITY_SCORE:
        return value
    return math.copysign(math.inf, value) if not math.isnan(value) else value
