"""The command line of the program, as data: read from its parsers, for the manual page and the completions."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.cli import COMMANDS, build_parser, load_command
from gateway.commands.exit_status import Meanings, of_command


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument.

    Attributes:
        flags: its flags; none if it is positional.
        value: the placeholder of its value; empty if it has none.
        choices: the values that it may have; empty if there is no list.
        help: what it means.
        optional: whether it may be left out.
    """

    flags: tuple[str, ...]
    value: str
    choices: tuple[str, ...]
    help: str
    optional: bool = True

    @property
    def is_file(self) -> bool:
        """Whether its value is the path of a file."""
        return self.value == "FILE" or any(flag.endswith((".file", "-path")) for flag in self.flags)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A subcommand.

    Attributes:
        name: its name.
        help: what it does.
        arguments: its own arguments: not those that all commands have.
        exit_statuses: what its exit statuses mean.
    """

    name: str
    help: str
    arguments: tuple[Argument, ...]
    exit_statuses: Meanings


def arguments() -> tuple[Argument, ...]:
    """Returns the arguments that every command has, and those of the program."""
    return tuple(_read(build_parser()))


def commands() -> tuple[Command, ...]:
    """Returns the subcommands."""
    common = {argument.flags for argument in arguments() if argument.flags}
    found = []
    for name, text in COMMANDS.items():
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        command = load_command(name)
        command.add_arguments(parser)
        own = tuple(argument for argument in _read(parser) if argument.flags not in common)
        statuses = of_command(command.EXIT_STATUSES)
        found.append(Command(name=name, help=text, arguments=own, exit_statuses=statuses))
    return tuple(found)


def _read(parser: argparse.ArgumentParser) -> Iterator[Argument]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to list them
        if action.help == argparse.SUPPRESS or isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            continue
        takes_value = action.nargs != 0
        yield Argument(
            flags=tuple(action.option_strings),
            value=str(action.metavar or action.dest.upper()) if takes_value else "",
            choices=tuple(map(str, action.choices or ())),
            help=(action.help or "").replace("%%", "%"),
            optional=bool(action.option_strings) or action.nargs == "?",
        )
