"""The subcommand ``migrate``: replaces ``ha_cluster_exporter``, its configuration or all of it."""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path

from gateway.commands import PROGRAM
from gateway.commands.console import print_error, print_line, print_text
from gateway.commands.exit_status import ExitStatus
from gateway.commands.listeners import find_listeners, listens
from gateway.commands.migrate import changes, systemd
from gateway.commands.migrate.conversion import convert
from gateway.commands.migrate.swap import Paths, Swap, find_configuration, plan_swap
from gateway.errors import GatewayError
from gateway.files import exists
from gateway.host.host import Host
from gateway.host.local import LocalHost
from gateway.runtime import event_loop
from gateway.waiting import completed_within

_START_TIMEOUT = 30.0
"""Seconds in which the gateway has to listen after its unit was started."""
_POLL_INTERVAL = 0.2

_CONVERT = """\
Convert the configuration of the exporter:
    install -d -m 750 {directory}
    {name} migrate {source} > {config}
"""
_REPLACE = """\
Stop ha_cluster_exporter, and whatever starts it again.
Where it was started, start this program instead, with the same arguments:
    {program}
"""

EXIT_STATUSES = {
    ExitStatus.OK: "The configuration was printed, or the exporter was replaced, or that was undone.",
    ExitStatus.PROBLEM: "A step of --install has failed and everything was undone, or systemd does not run.",
    ExitStatus.USAGE: "The file or the command line is invalid, or the exporter cannot be replaced on this host; "
    "nothing was changed. A step of --undo has failed; it can be repeated.",
}
"""The exit statuses that only this subcommand has, or to which it gives another meaning."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the file to migrate and what to do; the flags of the configuration have no effect here."""
    parser.usage = "%(prog)s [-h] FILE\n       %(prog)s [-h] {--install [--keep-unit],--undo} [--dry-run] [FILE]"
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        nargs="?",
        help="Configuration file of ha_cluster_exporter to convert; the result is printed.",
    )
    parser.add_argument(
        "--install",
        action="store_true",
        help="Replace the exporter on this node: write gateway.conf, carry over its arguments, and start the gateway "
        "instead of it. Without FILE, its configuration is searched for in /etc and /usr/etc.",
    )
    parser.add_argument(
        "--keep-unit",
        action="store_true",
        help="With --install: keep the unit of the exporter, and let a drop-in start the gateway in it, as root.",
    )
    parser.add_argument("--undo", action="store_true", help="Undo what --install has done on this node.")
    parser.add_argument(
        "--dry-run", action="store_true", help="Print the steps of --install or --undo, and do nothing."
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the migrated configuration, or replaces the exporter, or undoes that."""
    if arguments.install and arguments.undo:
        raise GatewayError("--install and --undo: use one of them")
    if arguments.undo or arguments.install:
        return _change_host(arguments)
    if arguments.keep_unit or arguments.dry_run:
        raise GatewayError("--keep-unit and --dry-run are used with --install or --undo only")
    if arguments.file is None:
        raise GatewayError("expected FILE, --install or --undo; see migrate --help")
    conversion = convert(arguments.file)
    print_text(conversion.text)
    for remark in conversion.remarks:
        print_error(remark)
    return ExitStatus.OK


def _change_host(arguments: argparse.Namespace) -> int:
    if os.geteuid() != 0 and not arguments.dry_run:
        raise GatewayError("only root can replace a service; --dry-run shows the steps to anybody")
    host, paths = LocalHost({"systemctl": systemd.SYSTEMCTL}), Paths()
    if arguments.undo:
        return event_loop.run(undo(host, paths, dry_run=arguments.dry_run))
    return event_loop.run(
        install(host, paths, arguments.file, keep_unit=arguments.keep_unit, dry_run=arguments.dry_run)
    )


async def install(
    host: Host,
    paths: Paths,
    file: Path | None,
    *,
    keep_unit: bool,
    dry_run: bool,
    patience: float = _START_TIMEOUT,
) -> int:
    """Prints the steps that replace the exporter and does them; if one fails, all of them are undone.

    Args:
        host: runs ``systemctl``.
        paths: where the files are.
        file: the exporter's configuration; None to search for it.
        keep_unit: whether the unit of the exporter stays, and only starts the gateway instead.
        dry_run: whether the steps are only printed.
        patience: seconds in which the gateway has to listen.

    Raises:
        GatewayError: the exporter cannot be replaced on this host, and nothing was changed.
    """
    if not exists(paths.systemd):
        print_error("systemd does not run on this host: no service was replaced, nothing was changed. By hand:")
        print_text(_explain_by_hand(paths, file))
        return ExitStatus.PROBLEM
    if exists(paths.record):
        raise GatewayError(
            f"{paths.record} exists: the exporter was replaced already; undo that first (migrate --undo)"
        )
    swap = await plan_swap(host, paths, file, keep_unit=keep_unit)
    for remark in swap.remarks:
        print_error(remark)
    for line in swap.plan.describe():
        print_line(line)
    return ExitStatus.OK if dry_run else await _replace(host, paths, swap, patience)


async def _replace(host: Host, paths: Paths, swap: Swap, patience: float) -> int:
    """Does the steps, and undoes them if one fails."""
    try:
        await changes.apply(host, swap.plan, paths.record)
        await _wait_until_it_listens(host, swap, patience)
    except (GatewayError, OSError) as error:
        print_error(str(error))
        print_error("undoing all steps")
        await changes.undo(host, changes.load_record(paths.record), paths.record)
        return ExitStatus.PROBLEM
    print_line(f"done; undo it with migrate --undo ({paths.record} has what was changed)")
    return ExitStatus.OK


async def undo(host: Host, paths: Paths, *, dry_run: bool) -> int:
    """Prints what undoes the replacement, and does it.

    Raises:
        GatewayError: nothing was replaced, or a step has failed; it may be repeated.
    """
    if not exists(paths.systemd):
        raise GatewayError("systemd does not run on this host: nothing was undone")
    record = changes.load_record(paths.record)
    for step in await changes.plan_undo(host, record):
        print_line(step.text)
    if not dry_run:
        await changes.undo(host, record, paths.record)
        print_line("done")
    return ExitStatus.OK


def _explain_by_hand(paths: Paths, file: Path | None) -> str:
    """Returns what an administrator does without systemd."""
    replace = _REPLACE.format(program=paths.program)
    source = find_configuration(paths, file)
    if source is None:
        return replace
    directory = paths.config.parent
    return _CONVERT.format(directory=directory, name=PROGRAM, source=source, config=paths.config) + replace


async def _wait_until_it_listens(host: Host, swap: Swap, patience: float) -> None:
    """Waits until the gateway, and not another program, listens.

    Raises:
        GatewayError: its unit has ended, or it does not listen in time.
    """
    address = swap.config.web.listen[0]
    if swap.unit and not await completed_within(_wait_for_socket(host, swap.unit, address.port), patience):
        others = " and ".join(map(str, find_listeners(address.port)))
        what = f"{others} listens there" if others else "nothing does"
        raise GatewayError(f"{swap.unit} does not listen on {address}: {what}; see journalctl -u {swap.unit}")


async def _wait_for_socket(host: Host, name: str, port: int) -> None:
    while True:
        unit = await systemd.read_unit(host, name)
        if not unit.active:
            raise GatewayError(f"{name} has ended; see journalctl -u {name}")
        if unit.process and listens(unit.process, port):
            return
        await asyncio.sleep(_POLL_INTERVAL)
