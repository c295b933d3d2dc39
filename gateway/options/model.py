"""What the table of options is made of: options, records of several fields, and rules between options."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.options.readers import MistakeError, MistakesError, shown, unknown_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option.

    Attributes:
        key: the dotted key in the file.
        default: its value where it is not set.
        read: turns the value of the file or the flag into the option's; raises ``MistakeError`` or ``MistakesError``.
        flags: the flags that set it, the first being the one to use.
        help: one line for ``--help`` and the example.
    """

    key: str
    default: Any
    read: Callable[[Any], Any]
    help: str
    flags: tuple[str, ...] = ()


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
