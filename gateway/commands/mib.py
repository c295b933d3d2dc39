"""The subcommand ``mib``: prints HA-CLUSTER-MIB."""

from __future__ import annotations

import argparse

from gateway.commands.console import print_text
from gateway.commands.exit_status import ExitStatus
from gateway.commands.flags import add_flags, load_config, option_attribute
from gateway.snmp import oid as oids
from gateway.snmp.mib import module

EXIT_STATUSES = {
    ExitStatus.OK: "The MIB was printed.",
}
"""The exit statuses that only this subcommand has, or to which it gives another meaning."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags, and a short form of ``--snmp.root``."""
    add_flags(parser)
    parser.add_argument(
        "--root",
        dest=option_attribute("snmp.root"),
        default=argparse.SUPPRESS,  # None would hide --snmp.root
        metavar="OID",
        help="OID below which the MIB is placed; the same as --snmp.root.",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the text of the MIB below the configured root."""
    config = load_config(arguments)
    print_text(module.text(oids.dotted(config.snmp.root.root)))
    return ExitStatus.OK
