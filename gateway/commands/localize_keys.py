"""The subcommand ``localize-keys``: prints the localized keys of an SNMPv3 user for one engine."""

from __future__ import annotations

import argparse
import getpass
import sys

from gateway.commands.console import print_line
from gateway.commands.exit_status import ExitStatus
from gateway.config.usm_options import read_engine_id
from gateway.errors import ConfigError
from gateway.options.readers import InvalidValueError
from gateway.snmp.credentials import MIN_PASSWORD, UsmUser
from gateway.snmp.usm_protocols import AUTH_PROTOCOLS, NONE, PRIV_PROTOCOLS

_MAX_LINE = 4096

EXIT_STATUSES = {
    ExitStatus.OK: "The keys were printed.",
    ExitStatus.USAGE: "The engine ID, a protocol or a password is not valid.",
}
"""The exit statuses that only this subcommand has, or to which it gives another meaning."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the engine ID and the protocols; the passwords are read from the terminal or from standard input."""
    parser.add_argument("engine_id", metavar="ENGINE_ID", help="Engine ID that the keys are valid for, in hexadecimal.")
    protocols = [name for name in AUTH_PROTOCOLS if name != NONE]
    parser.add_argument("auth", choices=protocols, metavar="AUTH", help=f"One of {', '.join(protocols)}.")
    parser.add_argument(
        "priv",
        choices=list(PRIV_PROTOCOLS),
        default=NONE,
        nargs="?",
        metavar="PRIV",
        help=f"One of {', '.join(PRIV_PROTOCOLS)}; {NONE} by default.",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the keys as lines of the configuration file.

    Raises:
        ConfigError: the engine ID or a password is not valid.
    """
    try:
        engine_id = read_engine_id(arguments.engine_id)
    except InvalidValueError as error:
        raise ConfigError([f"ENGINE_ID: expected {error}"]) from None
    auth_password = _read_password("authentication")
    priv_password = "" if arguments.priv == NONE else _read_password("privacy")
    user = UsmUser(
        name="",
        auth=arguments.auth,
        auth_password=auth_password,
        priv=arguments.priv,
        priv_password=priv_password,
    )
    from gateway.snmp.usm_security import UserSecurity  # noqa: PLC0415 - imports the ciphers

    keys = UserSecurity(user).localize_keys(engine_id)
    print_line(f'auth_key = "0x{keys.auth.hex()}"')
    if keys.priv:
        print_line(f'priv_key = "0x{keys.priv.hex()}"')
    return ExitStatus.OK


def _read_password(kind: str) -> str:
    """Reads a password from the terminal without showing it, or the next line of standard input."""
    prompt = f"{kind} password: "
    password = getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline(_MAX_LINE).rstrip("\n")
    if len(password) < MIN_PASSWORD:
        raise ConfigError([f"the {kind} password: expected at least {MIN_PASSWORD} characters"])
    return password
