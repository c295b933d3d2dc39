"""What the table of options is made of: options, records of several fields, and rules between options."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from gateway.options.readers import MistakeError, MistakesError, shown, unknown_key

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Option(Generic[T]):
    """One option, whose value has the type ``T``.

    Attributes:
        key: the dotted key in the configuration file.
        default: the default as one would write it in the file; ``read`` turns it into the value.
        read: turns what the file or the flag holds into the value; raises ``MistakeError`` or ``MistakesError``.
        help: one line for ``--help`` and the example configuration.
        flags: the flags that set the option, the preferred one first.
    """

    key: str
    default: Any
    read: Callable[[Any], T]
    help: str
    flags: tuple[str, ...] = ()

    @property
    def repeatable(self) -> bool:
        """Whether the value is a list, and its flag may be repeated."""
        return isinstance(self.default, list)


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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OptionValues) and self._values == other._values

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key of the tables that a ``Records`` reads.

    Attributes:
        name: the key.
        read: as an option's.
        help: one line for the example.
        example: a value for it.
        default: its value where it is not set; None where that depends on the others.
        required: whether it has to be set.
        secret: whether what was found must not be shown.
    """

    name: str
    read: Callable[[Any], Any]
    help: str
    example: Any
    default: Any = None
    required: bool = False
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Reads an array of tables, such as ``[[snmp.agent.user]]``.

    Attributes:
        key: the dotted key in the file.
        fields: what each of its tables may hold.
        make: turns the values of a table, by name, into what stands for it; raises ``MistakesError`` where they do not
            go together.
        unique: the field that no two tables may have alike, if any.
    """

    key: str
    fields: tuple[Field, ...]
    make: Callable[[Mapping[str, Any]], Any]
    unique: str = ""

    def __call__(self, value: Any) -> tuple[Any, ...]:
        """Returns the records.

        Raises:
            MistakesError: with the mistakes of all tables; the first table is ``[1]``.
        """
        if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
            raise MistakesError(("", f"expected tables that begin with [[{self.key}]], found something else"))
        problems: list[tuple[str, str]] = []
        records = []
        for index, table in enumerate(value, 1):
            record, found = self._record(table)
            records.append(record)
            problems += [(f"[{index}]{place}", text) for place, text in found]
        problems += self._repeated(value)
        if problems:
            raise MistakesError(*problems)
        return tuple(records)

    def _record(self, table: Mapping[str, Any]) -> tuple[Any, list[tuple[str, str]]]:
        """Returns what stands for a table, or the mistakes in it."""
        values = {field.name: field.default for field in self.fields}
        problems = [(f".{name}", unknown_key(name, values)) for name in table if name not in values]
        for field in self.fields:
            if field.name in table:
                try:
                    values[field.name] = field.read(table[field.name])
                except MistakeError as mistake:
                    found = "something else" if field.secret else shown(table[field.name])
                    problems.append((f".{field.name}", f"expected {mistake}, found {found}"))
                except MistakesError as mistakes:
                    problems += [(f".{field.name}{place}", text) for place, text in mistakes.problems]
            elif field.required:
                problems.append((f".{field.name}", "missing"))
        if not problems:
            try:
                return self.make(values), []
            except MistakesError as mistakes:
                problems = list(mistakes.problems)
        return None, problems

    def _repeated(self, tables: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
        first: dict[str, int] = {}
        for index, table in enumerate(tables, 1):
            name = table.get(self.unique)
            if isinstance(name, str) and first.setdefault(name, index) != index:
                yield f"[{index}].{self.unique}", f"the same as that of [{first[name]}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What has to hold between options.

    Attributes:
        keys: the options that it looks at; it is not asked while one of them has a mistake of its own.
        check: yields the key of the option that is to be changed, and a sentence that says why.
    """

    keys: tuple[str, ...]
    check: Callable[[Mapping[str, Any]], Iterator[tuple[str, str]]]
