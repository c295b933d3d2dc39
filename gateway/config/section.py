"""Sections of the configuration: frozen dataclasses whose fields declare the options that they are built from.

A field gets its default from its options, so that a section without arguments has the defaults, and every default
exists once:

    @dataclass(frozen=True, slots=True, kw_only=True)
    class LogConfig:
        level: LogLevel = from_option(Option(key="log.level", default="info", ...))
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from gateway.options.model import Option, OptionValues

T = TypeVar("T")

_OPTIONS, _MAKE = "options", "make"


def from_option(option: Option[T]) -> T:
    """Declares a field with the value of one option."""
    return from_options([option], lambda values: values[option])


def from_section(section: type[T]) -> T:
    """Declares a field that is another section."""
    return from_options(section_options(section), partial(build_section, section))


def from_options(options: Iterable[Option[Any]], make: Callable[[OptionValues], T]) -> T:
    """Declares a field whose value is made from the values of several options."""
    metadata = {_OPTIONS: tuple(options), _MAKE: make}
    field: T = dataclasses.field(default_factory=lambda: make(OptionValues()), metadata=metadata)
    return field


def section_options(section: type[Any]) -> tuple[Option[Any], ...]:
    """Returns the options of all fields of a section, in their order."""
    return tuple(option for field in dataclasses.fields(section) for option in field.metadata.get(_OPTIONS, ()))


def build_section(section: type[T], values: OptionValues, **others: Any) -> T:
    """Returns a section with the values of its options.

    Args:
        section: the class of the section.
        values: the values of the options.
        others: the values of fields that declare no option.
    """
    fields = dataclasses.fields(section)  # type: ignore[arg-type]  # a section is a dataclass
    made = {field.name: field.metadata[_MAKE](values) for field in fields if _MAKE in field.metadata}
    return section(**made, **others)
