"""The command line: flags, subcommands, and errors that a person can act on."""

from __future__ import annotations

import argparse
import math
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import gateway
from gateway import log
from gateway.config.loader import Config, load
from gateway.config.options import OPTIONS
from gateway.errors import ConfigError, GatewayError

EXIT_PROBLEM = 1
EXIT_USAGE = 2

PROGRAM = "ha-cluster-gateway"

_NO_WEB_CONFIG = (
    "--web.config.file: TLS and authentication are not built in yet; "
    "leave the flag out, and put a reverse proxy in front if the network is not trusted"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        arguments: the command line without the program's name; None for the process's own.

    Returns:
        The exit status: 0, 1 where ``check`` or ``collect`` found a problem, 2 for a mistake of the user's.
    """
    given = vars(_parser().parse_args(arguments))
    command = _COMMANDS[given.pop("command", None) or "serve"]
    try:
        status = command.run(given)
        sys.stdout.flush()  # a reader that has gone is noticed here, not at the interpreter's end
    except ConfigError as error:
        for problem in error.problems:
            print(f"{PROGRAM}: {problem}", file=sys.stderr)
        return EXIT_USAGE
    except GatewayError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # whoever read the output has seen enough; what is still in the buffer goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PROBLEM
    return status


def _config(
    given: Mapping[str, Any],
    instead: Mapping[str, Any] | None = None,
    *,
    defaults: Mapping[str, Any] | None = None,
    search: bool = True,
) -> Config:
    """Returns the configuration of the file and of the flags, and sets up the log.

    Args:
        given: what stands on the command line.
        instead: values by option key for where there is no flag, whatever the file says.
        defaults: values by option key for where there is no flag and nothing in the file.
        search: whether to look for a file where none is given.

    Raises:
        ConfigError: either has mistakes.
    """
    flags = {key.removeprefix("option "): value for key, value in given.items() if key.startswith("option ")}
    deprecated = {
        key.removeprefix("deprecated "): value for key, value in given.items() if key.startswith("deprecated ")
    }
    if given.get("web_config_file"):
        raise ConfigError([_NO_WEB_CONFIG])
    config = load(
        given.get("config"), {**(instead or {}), **flags}, defaults=defaults, deprecated=deprecated, search=search
    )
    log.configure(level=config["log.level"], output=config["log.format"])
    return config


def _serve(given: Mapping[str, Any]) -> int:
    from gateway import app  # noqa: PLC0415 - --help and mistakes need none of the heavy imports

    config = _config(given)
    app.run(app.serve(config, app.local_host(config)))
    return 0


_DEMO = {
    "web.listen": ["127.0.0.1:9664"],
    "corosync.statistics": True,
    # an invented cluster has no business in the host's own agent
    "snmp.agentx": "off",
    "snmp.agent.listen": ["127.0.0.1:1161"],
    "snmp.agent.community": [{"name": "public"}],
    "alarms.socket": "",
}


def _demo(given: Mapping[str, Any]) -> int:
    from gateway import app  # noqa: PLC0415 - as above
    from gateway.alarms.sources.recorded_quorum import STREAMS  # noqa: PLC0415 - as above
    from gateway.host import replay  # noqa: PLC0415 - as above

    config = _config(given, defaults=_DEMO, search=False)
    recording = replay.Recording.load(replay.DEMO)

    def announce(listening: app.Listening) -> None:
        path, root = config["web.telemetry_path"], config["snmp.root"]
        print(f"The demo cluster's metrics are at http://{listening.http[0]}{path}")
        if listening.snmp:
            print(f"Over SNMP: snmpbulkwalk -v2c -c public {listening.snmp[0]} {root}", flush=True)
        for step in recording.steps:
            print(f"  {step.seconds * given['speed']:4.0f} s  {step.situation}: {step.description}", flush=True)

    app.run(app.serve(config, replay.ReplayHost(recording, streams=STREAMS, scale=given["speed"]), announce=announce))
    return 0


def _collect(given: Mapping[str, Any]) -> int:
    from gateway import app  # noqa: PLC0415 - as above
    from gateway.commands import collect as once  # noqa: PLC0415 - as above

    config = _config(given, {"log.level": "error"})
    return EXIT_PROBLEM if once.collect(config, app.local_host(config), output=given["format"]) else 0


def _check(given: Mapping[str, Any]) -> int:
    from gateway import app  # noqa: PLC0415 - as above
    from gateway.commands import check  # noqa: PLC0415 - as above

    config = _config(given, {"log.level": "error"})
    return EXIT_PROBLEM if check.check(config, app.local_host(config)) else 0


def _test_notification(given: Mapping[str, Any]) -> int:
    from gateway.commands import test_notification as send_test  # noqa: PLC0415 - as above

    config = _config(given, {"log.level": "error"})
    return EXIT_PROBLEM if send_test.send_test(config, given["condition"]) else 0


def _mib(given: Mapping[str, Any]) -> int:
    from gateway.snmp.mib import module  # noqa: PLC0415 - as above

    config = _config({**given, **({"option snmp.root": given["root"]} if given["root"] else {})})
    print(module.text(config["snmp.root"]), end="")
    return 0


def _migrate(given: Mapping[str, Any]) -> int:
    from gateway.commands import migrate  # noqa: PLC0415 - as above

    text, remarks = migrate.migrate(given["file"])
    print(text, end="")
    for remark in remarks:
        print(f"{PROGRAM}: {remark}", file=sys.stderr)
    return 0


def _factor(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError("expected a number above 0")
    return number


class _Command:
    """A subcommand: what it is for, what runs it, and the arguments of its own."""

    def __init__(
        self, run: Callable[[Mapping[str, Any]], int], text: str, *arguments: tuple[str, dict[str, Any]]
    ) -> None:
        self.run = run
        self.text = text
        self.arguments = arguments


_COMMANDS = {
    "serve": _Command(_serve, "Serve the metrics of this node (what happens without a command)."),
    "demo": _Command(
        _demo,
        "Serve the metrics of a recorded cluster that goes through a failover and back.",
        ("--speed", {"type": _factor, "default": 1.0, "metavar": "FACTOR", "help": "Stretch its time line by this."}),
    ),
    "collect": _Command(
        _collect,
        "Collect once, and print the samples.",
        (
            "--format",
            {"choices": ("prometheus", "json", "snmp"), "default": "prometheus", "help": "Form of the output."},
        ),
    ),
    "check": _Command(_check, "Find out what is missing for this node's metrics, and say what to do."),
    "test-notification": _Command(
        _test_notification,
        "Send a notification that says that it is a test, by every way, and tell what became of it.",
        ("condition", {"nargs": "?", "metavar": "CONDITION", "help": "Send that of a condition, such as quorum-lost."}),
    ),
    "mib": _Command(
        _mib,
        "Print HA-CLUSTER-MIB, for managers and for snmpwalk.",
        ("--root", {"metavar": "OID", "help": "Where it stands in the tree of OIDs, as --snmp.root."}),
    ),
    "migrate": _Command(
        _migrate,
        "Turn the configuration of ha_cluster_exporter (YAML, JSON or TOML) into a gateway.conf.",
        ("file", {"type": Path, "metavar": "FILE", "help": "Configuration of ha_cluster_exporter."}),
    ),
}


class _Parser(argparse.ArgumentParser):
    """Reports a mistake in one line: the usage, with some thirty flags, would bury it."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"{PROGRAM}: {message}; see {self.prog} --help\n")


def _flags() -> _Parser:
    """Returns the flags that stand before or after any command."""
    common = _Parser(add_help=False, argument_default=argparse.SUPPRESS, allow_abbrev=False)
    common.add_argument("--config", type=Path, metavar="FILE", help="Configuration file.")
    for option in OPTIONS:
        if option.flags:
            common.add_argument(
                *option.flags,
                dest=f"option {option.key}",
                action="append" if option.repeatable else "store",
                metavar="VALUE",
                help=_help(option.help),
            )
    common.add_argument("--web.config.file", dest="web_config_file", metavar="FILE", help="Refused until it is built.")
    for name, successor in (
        ("address", "--web.listen-address"),
        ("port", "--web.listen-address"),
        ("log-level", "--log.level"),
    ):
        common.add_argument(
            f"--{name}",
            dest=f"deprecated {name}",
            metavar="VALUE",
            help=f"Deprecated: use {successor}, which yields to this.",
        )
    common.add_argument(
        "--enable-timestamps", action="store_true", help="Deprecated and without effect: samples carry no time."
    )
    return common


def _parser() -> argparse.ArgumentParser:
    common = _flags()
    parser = _Parser(
        prog=PROGRAM,
        description="Prometheus and SNMP gateway for Pacemaker, Corosync, SBD and DRBD clusters.",
        parents=[common],
        allow_abbrev=False,
    )
    version = f"{PROGRAM} {gateway.__version__} (Python {platform.python_version()})"
    parser.add_argument("--version", action="version", version=version, help="Print the version.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, command in _COMMANDS.items():
        subparser = commands.add_parser(
            name, parents=[common], help=command.text, description=command.text, allow_abbrev=False
        )
        for argument, settings in command.arguments:
            subparser.add_argument(argument, **settings)
    return parser


def _help(text: str) -> str:
    return text.replace("%", "%%")
