"""Builds HTML. Text is escaped in one place, and there is no other way to put it into a document. Pure.

``tag`` returns ``Markup``; a child that is a string is text, whatever it contains. Only this module makes ``Markup``.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from gateway.printable import printable

MAX_TEXT = 500
"""The number of characters of a text that are shown; the metrics have all of them."""

_VOID = frozenset({"meta", "link"})
_INLINE = frozenset({"a", "code", "span", "strong", "td", "th", "time"})
"""The elements after which no line ends: there, it would be a blank in the text, or only make the page larger."""


@dataclass(frozen=True, slots=True)
class Markup:
    """A piece of a document.

    Attributes:
        source: its HTML.
    """

    source: str


Child: TypeAlias = "Markup | str | Iterable[Child] | None"
"""Text, an element, several of these, or nothing."""


def escape(text: str) -> str:
    """Returns text as HTML: shortened, with control characters and marks of direction in a visible form."""
    shown = text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
    return html.escape(printable(shown))


def tag(name: str, /, *children: Child, **attributes: str | bool | None) -> Markup:
    """Returns an element.

    Args:
        name: its name.
        children: its content.
        attributes: its attributes; an underscore at the end of a name is left out, and others become dashes. True is an
            attribute without a value; None and False leave it out.
    """
    parts = [f"<{name}", *(_attribute(key, value) for key, value in attributes.items()), ">"]
    if name not in _VOID:
        _add(parts, children)
        parts.append(f"</{name}>")
    if name not in _INLINE:
        parts.append("\n")
    return Markup("".join(parts))


def document(*children: Child, lang: str = "en") -> str:
    """Returns a complete document."""
    return f"<!DOCTYPE html>\n{tag('html', *children, lang=lang).source}"


def _attribute(name: str, value: str | bool | None) -> str:  # noqa: FBT001 - the value of an attribute
    if value is None or value is False:
        return ""
    key = name.rstrip("_").replace("_", "-")
    return f" {key}" if value is True else f' {key}="{escape(value)}"'


def _add(parts: list[str], children: Iterable[Child]) -> None:
    for child in children:
        if isinstance(child, Markup):
            parts.append(child.source)
        elif isinstance(child, str):
            parts.append(escape(child))
        elif child is not None:
            _add(parts, child)
