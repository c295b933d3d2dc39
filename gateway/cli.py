"""The command line: parses it, runs the subcommand, and turns errors into messages."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, Protocol, cast

import gateway
from gateway.commands import PROGRAM
from gateway.commands.console import print_error
from gateway.commands.exit_status import MEANINGS, ExitStatus, Meanings, of_command
from gateway.commands.flags import add_flags, expand_boolean_flags, is_configuration_flag
from gateway.errors import ConfigError, GatewayError, StartError
from gateway.printable import printable
from gateway.runtime import hangup

COMMANDS: Mapping[str, str] = {
    "serve": "Serve the metrics of this node (the default command).",
    "demo": "Serve the metrics of a recorded cluster that goes through a failover and back.",
    "collect": "Collect once, and print the samples.",
    "check": "Check that this node can be monitored, and say what is missing.",
    "test-notification": "Send a test notification to every target, and print the results.",
    "localize-keys": "Turn the passwords of an SNMPv3 user into keys that are valid for one engine only.",
    "mib": "Print HA-CLUSTER-MIB, for SNMP managers and for snmpwalk.",
    "migrate": "Print the configuration of ha_cluster_exporter as a gateway.conf, or replace its service on this node.",
}
"""The help of each subcommand, by its name."""


_SERVING = (None, "serve", "demo")
"""The subcommands that reload their configuration on SIGHUP; it ends all others."""


class Command(Protocol):
    """What the module of a subcommand provides.

    Attributes:
        EXIT_STATUSES: the exit statuses that only this subcommand has, or to which it gives another meaning.
    """

    EXIT_STATUSES: Meanings

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds the arguments of this subcommand, including the flags of the configuration."""
        ...

    def run(self, arguments: argparse.Namespace) -> int:
        """Runs the subcommand and returns the exit status.

        Raises:
            GatewayError: an error to report to the user.
        """
        ...


def load_command(name: str) -> Command:
    """Imports the module of a subcommand: only this one, because some import large libraries."""
    return cast("Command", importlib.import_module(f"gateway.commands.{name.replace('-', '_')}"))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        argv: the command line without the name of the program; None for that of the process.

    Returns:
        The exit status.
    """
    hangup.catch()
    arguments = build_parser().parse_args(argv)
    if arguments.command not in _SERVING:
        hangup.release()
    try:
        status = load_command(arguments.command or "serve").run(arguments)
        sys.stdout.flush()  # reports a closed pipe here, and not when the interpreter exits
    except ConfigError as error:
        for problem in error.problems:
            print_error(problem)
        return ExitStatus.USAGE
    except StartError as error:
        print_error(str(error))
        return ExitStatus.UNAVAILABLE
    except GatewayError as error:
        print_error(str(error))
        return ExitStatus.USAGE
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:
        # the reader has closed the pipe; the rest of the buffer is discarded
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.PROBLEM
    return status


_INVALID_CHOICE = re.compile(r"(invalid choice): .*?(?= \(choose from )", re.DOTALL)


class _Formatter(argparse.HelpFormatter):
    """Shows a usage without the flags of the configuration: about thirty flags would hide everything else."""

    def add_usage(
        self, usage: str | None, actions: Iterable[argparse.Action], groups: Iterable[Any], prefix: str | None = None
    ) -> None:
        """Adds the usage."""
        super().add_usage(usage, [action for action in actions if not is_configuration_flag(action)], groups, prefix)


class _Parser(argparse.ArgumentParser):
    """A parser that reports a usage error in one line: the usage would hide it.

    Args:
        command: the subcommand whose arguments are added as soon as it is selected.
        settings: as for ``ArgumentParser``.
    """

    def __init__(self, *, command: str = "", **settings: Any) -> None:
        super().__init__(**settings)
        self._command = command
        self._exit_statuses = MEANINGS

    def error(self, message: str) -> NoReturn:
        # without the word that is not the name of a command: it may be the value of a misspelt flag, and a secret
        text = _INVALID_CHOICE.sub(r"\1", message)
        self.exit(ExitStatus.USAGE, f"{PROGRAM}: {text}; see {self.prog} --help\n")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses the command line; the message about unknown arguments has the names of flags, but no values."""
        words = sys.argv[1:] if args is None else args
        arguments, unknown = self.parse_known_args(list(expand_boolean_flags(words)), namespace)
        if unknown:
            names = (word.partition("=")[0] if word.startswith("-") else "..." for word in unknown)
            self.error(f"unrecognized arguments: {' '.join(names)}")
        return arguments

    def format_help(self) -> str:
        """Returns the help, with the exit statuses at the end."""
        width = shutil.get_terminal_size().columns - 2  # as argparse
        lines = [
            textwrap.fill(meaning, width, initial_indent=f"  {status:<6d}", subsequent_indent=" " * 8)
            for status, meaning in self._exit_statuses.items()
        ]
        return "\n".join((super().format_help(), "exit status:", *lines, ""))

    def _print_message(self, message: str, file: Any = None) -> None:
        super()._print_message(printable(message, multiline=True), file)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._command:
            command = load_command(self._command)
            command.add_arguments(self)
            self._exit_statuses = of_command(command.EXIT_STATUSES)
            self._command = ""
        return super().parse_known_args(args, namespace)


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line; flags may be before or after the subcommand."""
    parser = _Parser(
        prog=PROGRAM,
        description="Prometheus and SNMP gateway for Pacemaker, Corosync, SBD and DRBD clusters.",
        allow_abbrev=False,
        formatter_class=_Formatter,
    )
    version = f"{PROGRAM} {gateway.__version__} (Python {platform.python_version()})"
    parser.add_argument("--version", action="version", version=version, help="Print the version.")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, text in COMMANDS.items():
        subparsers.add_parser(
            name, command=name, help=text, description=text, allow_abbrev=False, formatter_class=_Formatter
        )
    add_flags(parser)
    return parser
