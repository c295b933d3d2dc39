"""Options, their typed values, and records: options whose value is an array of tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar, cast

from gateway.options.readers import (
    InvalidValueError,
    InvalidValuesError,
    Problem,
    format_value,
    is_no_secret,
    unknown_key,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Option(Generic[T]):
    """One option, whose value has the type ``T``.

    Attributes:
        key: the dotted key in the configuration file.
        default: the default as one would write it in the file; ``read`` turns it into the value.
        read: turns the content of the file or the flag into the value; raises ``InvalidValueError`` or
            ``InvalidValuesError``.
        help: one line for ``--help`` and the example configuration.
        flags: the flags that set the option, the preferred one first.
        reloadable: whether a running gateway takes over another value; otherwise it needs a restart.
        third_value: the word for a value of a truth value that is neither true nor false, such as ``auto``.
    """

    key: str
    default: Any
    read: Callable[[Any], T]
    help: str
    flags: tuple[str, ...] = ()
    reloadable: bool = False
    third_value: str = ""

    @property
    def is_boolean(self) -> bool:
        """Whether it is true or false, or has a third value; its flags need no value then, and can be negated."""
        return isinstance(self.default, bool) or bool(self.third_value)

    @property
    def description(self) -> str:
        """Its help, and whether a change needs a restart."""
        return self.help if self.reloadable else f"{self.help} Needs a restart."

    @property
    def repeatable(self) -> bool:
        """Whether the value is a list, and its flag may be repeated."""
        return isinstance(self.default, list)

    def holds_secret(self, value: Any) -> bool:
        """Returns whether a value, as it is written in the file, contains a password or a community."""
        return isinstance(self.read, Records) and self.read.holds_secret(value)


class OptionValues:
    """The typed value of every option; an option that is not set has its default.

    Args:
        values: the values that were set, by the keys of their options, as the options' readers returned them.
    """

    def __init__(self, values: Mapping[str, object] | None = None) -> None:
        self._values = dict(values or {})

    def __getitem__(self, option: Option[T]) -> T:
        if option.key in self._values:
            return cast("T", self._values[option.key])
        return option.read(option.default)

    def select(self, options: Iterable[Option[Any]]) -> OptionValues:
        """Returns the values of some options only, defaults included."""
        return OptionValues({option.key: self[option] for option in options})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OptionValues) and self._values == other._values

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key of the tables that ``Records`` reads.

    Attributes:
        name: the key within the table.
        read: as in ``Option``.
        help: one line for the example configuration.
        example: a value for the example configuration.
        default: the value if the key is not set; None if it has no default.
        required: whether the key must be set.
        instead_of: another field, whose value this one provides; only one of the two may be set.
        only_with: the values of the records' selector with which the field may be used; empty for all.
        secret: whether the value is a password or the like. In a table with such a field, messages show only values
            that are certainly no secrets: a password can be under the wrong key.
    """

    name: str
    read: Callable[[Any], Any]
    help: str
    example: Any
    default: Any = None
    required: bool = False
    instead_of: str = ""
    only_with: tuple[str, ...] = ()
    secret: bool = False


def only_with(values: tuple[str, ...], fields: Iterable[Field]) -> tuple[Field, ...]:
    """Returns fields that may be used with some values of the records' selector only."""
    return tuple(replace(field, only_with=values) for field in fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Records(Generic[T]):
    """Reads an array of tables, such as ``[[snmp.agent.user]]``.

    Attributes:
        key: the dotted key in the configuration file.
        fields: the keys that each table may have.
        make: makes a record of the values of one table, by field name; raises ``InvalidValuesError`` if they do not
            fit together.
        unique: the field in which no two tables may be equal; empty if there is none.
        selector: the field whose value decides which other fields a table may have (``Field.only_with``); empty if all
            tables have the same. Two fields for different values may have the same name.
    """

    key: str
    fields: tuple[Field, ...]
    make: Callable[[Mapping[str, Any]], T]
    unique: str = ""
    selector: str = ""

    def __call__(self, value: Any) -> tuple[T, ...]:
        """Returns the records.

        Raises:
            InvalidValuesError: with the problems of all tables; the first table is ``[1]``.
        """
        if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
            raise InvalidValuesError(
                Problem("", f"expected tables that begin with [[{self.key}]], found another value")
            )
        records: list[T] = []
        problems: list[Problem] = []
        for number, table in enumerate(value, 1):
            try:
                records.append(self._make_record(table))
            except InvalidValuesError as error:
                problems += (problem.within(f"[{number}]") for problem in error.problems)
        problems += self._find_duplicates(value)
        if problems:
            raise InvalidValuesError(*problems)
        return tuple(records)

    def holds_secret(self, value: Any) -> bool:
        """Returns whether one of the tables has a value in a secret field."""
        tables = [table for table in value if isinstance(table, dict)] if isinstance(value, list) else []
        return any(field.secret and field.name in table for table in tables for field in self.fields)

    @property
    def variants(self) -> tuple[tuple[str, tuple[Field, ...]], ...]:
        """For each kind of table: the value of the selector, or an empty text without one, and the fields."""
        chosen = dict.fromkeys(field.only_with[0] for field in self.fields if field.only_with)
        return tuple((value, self._fields_with(value)) for value in chosen or ("",))

    def _fields_with(self, value: object) -> tuple[Field, ...]:
        """Returns the fields that a table with a value of the selector may have."""
        return tuple(field for field in self.fields if not field.only_with or value in field.only_with)

    @property
    def _is_secret(self) -> bool:
        return any(field.secret for field in self.fields)

    def _make_record(self, table: Mapping[str, Any]) -> T:
        selected = self._select(table)
        fields = self._fields_with(selected)
        values = {field.name: field.default for field in fields}
        problems = [*self._find_unused(table, values, selected)]
        for field in fields:
            if field.instead_of in table and field.name in table:
                problems.append(Problem(f".{field.name}", f"set together with {field.instead_of}: remove one of them"))
            elif field.name in table:
                try:
                    values[field.instead_of or field.name] = field.read(table[field.name])
                except InvalidValueError as error:
                    found = self._format_found(field, table[field.name], error)
                    problems.append(Problem(f".{field.name}", f"expected {error}, found {found}"))
                except InvalidValuesError as error:
                    problems += (problem.within(f".{field.name}") for problem in error.problems)
            elif field.required and table.get(self.selector, selected) == selected:
                problems += self._find_missing(field, table)
        if problems:
            raise InvalidValuesError(*problems)
        return self.make(values)

    def _format_found(self, field: Field, value: Any, error: InvalidValueError) -> str:
        """Returns a value for a message, or that it is another one if it may be a secret."""
        hidden = field.secret or (self._is_secret and not is_no_secret(value, error.words))
        return "another value" if hidden else format_value(value)

    def _select(self, table: Mapping[str, Any]) -> Any:
        """Returns the value of the selector in a table; its default if the value is invalid, which is reported."""
        default = next((field.default for field in self.fields if field.name == self.selector), None)
        value = table.get(self.selector, default)
        return value if any(value in field.only_with for field in self.fields) else default

    def _find_unused(self, table: Mapping[str, Any], used: Mapping[str, Any], selected: Any) -> Iterator[Problem]:
        """Yields the keys that no table has, and those that a table with this value of the selector does not have."""
        names = {field.name for field in self.fields}
        for name in table:
            if name not in names:
                yield Problem(f".{name}", unknown_key(name, used))
            elif name not in used and table.get(self.selector, selected) == selected:
                yield Problem(f".{name}", f'not used with {self.selector} = "{selected}"')

    def _find_missing(self, field: Field, table: Mapping[str, Any]) -> Iterator[Problem]:
        alternatives = [other.name for other in self.fields if other.instead_of == field.name]
        if not any(name in table for name in alternatives):
            yield Problem(f".{field.name}", ", or ".join(["missing", *alternatives]))

    def _find_duplicates(self, tables: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
        numbers: dict[str, int] = {}
        for number, table in enumerate(tables, 1):
            name = table.get(self.unique)
            if isinstance(name, str) and numbers.setdefault(name, number) != number:
                yield Problem(f"[{number}].{self.unique}", f"the same as in [{numbers[name]}]")
