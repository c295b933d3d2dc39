"""The subcommand ``check``: checks that this node can be monitored, and says what is missing."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import chain, groupby
from operator import attrgetter

from gateway.app.collection import build_local_host
from gateway.commands import PROGRAM
from gateway.commands.check import snmpd_files
from gateway.commands.check.alarms import check_alarms
from gateway.commands.check.check_result import CheckResult, Outcome
from gateway.commands.check.collectors import check_collectors
from gateway.commands.check.listen import Running, check_listen_addresses
from gateway.commands.check.service_user import check_program, check_user, choose_user
from gateway.commands.check.snmp import check_snmp
from gateway.commands.check.snmpd_files import LocalSnmpd
from gateway.commands.check.state_directory import check_state_directory
from gateway.commands.check.web_config import check_web_config
from gateway.commands.console import print_line, print_text
from gateway.commands.exit_status import ExitStatus
from gateway.commands.flags import QUIET, add_flags, load_config
from gateway.commands.listeners import read_processes
from gateway.config.config import Config
from gateway.errors import ConfigError
from gateway.host.host import Host
from gateway.host.local import LocalHost

_AS_ROOT = f"to check what the service may do, run check as root: sudo {PROGRAM} check"

EXIT_STATUSES = {
    ExitStatus.OK: "No line says FAIL.",
    ExitStatus.PROBLEM: "A line says FAIL.",
}
"""The exit statuses that only this subcommand has, or to which it gives another meaning."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the configuration, and the user that is checked."""
    add_flags(parser)
    parser.add_argument(
        "--user",
        metavar="NAME",
        help="Check what this user may do; needs root. (default: for root, the user of the systemd unit)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the results of all checks."""
    choice = choose_user(arguments.user, LocalHost())
    snmpd = snmpd_files.read()  # the service cannot read its files, and does not have to
    running = Running(processes=read_processes(), service=choice.process)
    if choice.user is not None:
        choice.user.become()
    if (status := print_results(chain(check_user(choice), check_program()))) is not ExitStatus.OK:
        return status  # it could not go on: not all of its modules are imported yet
    try:
        config = load_config(arguments, overrides=QUIET)
    except ConfigError as error:
        if choice.user is None and error.is_denied:
            raise ConfigError([*error.problems, _AS_ROOT]) from None
        raise
    return print_results(check(config, build_local_host(config), snmpd, running))


def check(config: Config, host: Host, snmpd: LocalSnmpd, running: Running) -> Iterator[CheckResult]:
    """Yields the results of all checks of what this user may do.

    Args:
        config: the configuration of the gateway.
        host: runs the tools.
        snmpd: what root has seen of snmpd.
        running: the processes that root has seen.
    """
    source = f"read from {config.source}" if config.source else "no file, every option has its default"
    yield CheckResult(subject="configuration", text=source)
    yield from check_listen_addresses(config, running)
    yield from check_web_config(config)
    yield from check_collectors(config, host)
    yield from check_snmp(config, snmpd)
    yield from check_state_directory(config)
    yield from check_alarms(config, host, snmpd)


def print_results(results: Iterator[CheckResult]) -> ExitStatus:
    """Prints results as they arrive, with the advice of several in a row once, and returns the exit status."""
    status = ExitStatus.OK
    for advice, group in groupby(results, key=attrgetter("advice")):
        for result in group:
            print_line(f"{result.label}  {result.subject}: {result.text}")
            if result.outcome is Outcome.FAIL:
                status = ExitStatus.PROBLEM
        if advice:
            print_text(f"      {advice}\n")  # our own text, some of it with several lines
    return status
