"""Finds snmpd on this host, reads its configuration files, and finds the lines that they lack."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.commands import PROGRAM
from gateway.commands.check import snmpd_conf
from gateway.commands.check.check_result import CheckResult, Outcome, plural
from gateway.commands.check.snmpd_conf import Reader, SnmpdConfig
from gateway.files import read_file, user_name
from gateway.frontends.snmp.subagent.address import Address, UnixAddress
from gateway.host.programs import STANDARD_DIRECTORIES
from gateway.snmp import oid as oids
from gateway.snmp.oid import Oid

_MAX_FILE_SIZE = 1024 * 1024
_DEFAULT_PATH = "/etc/snmp:/usr/share/snmp:/var/lib/snmp:/var/lib/net-snmp"
_PROGRAM = "snmpd"
_NAMES = ("snmpd.conf", "snmpd.local.conf")
_DROP_IN = "ha-cluster-gateway.conf"
_GROUP = "haclient"
_AGENTX_PERMS = f"agentXPerms 0660 0710 root {_GROUP}"
_DEFAULT_SOCKET = "/var/agentx/master"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSnmpd:
    """The snmpd of this host.

    Attributes:
        installed: whether its program was found.
        running: whether a process of it was found.
        contents: the contents of the configuration files that could be read.
        unreadable: the path of each other one, and the reason.
        path_for_additions: the file to add lines to: one that belongs to no package.
    """

    installed: bool
    running: bool
    contents: tuple[bytes, ...]
    unreadable: tuple[str, ...]
    path_for_additions: str


def read() -> LocalSnmpd:
    """Looks for snmpd, and reads the files that it would read: along SNMPCONFPATH, and those that they include."""
    contents: list[bytes] = []
    unreadable: list[str] = []
    path_for_additions = ""
    directories = os.environ.get("SNMPCONFPATH", _DEFAULT_PATH).split(":")
    paths = [Path(directory, name) for directory in directories if directory for name in _NAMES]
    while paths:
        path = paths.pop(0)
        try:
            content = read_file(path, max_size=_MAX_FILE_SIZE)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            unreadable.append(f"{path}: {error.strerror or error}")
            continue
        contents.append(content)
        included = snmpd_conf.included_directories(content)
        drop_in = next((str(Path(directory, _DROP_IN)) for directory in included), "")
        path_for_additions = drop_in or path_for_additions or str(path.with_name("snmpd.local.conf"))
        paths[:0] = (file for directory in included for file in sorted(Path(directory).glob("*.conf")))
    return LocalSnmpd(
        installed=shutil.which(_PROGRAM, path=os.pathsep.join(STANDARD_DIRECTORIES)) is not None,
        running=_is_running(),
        contents=tuple(contents),
        unreadable=tuple(unreadable),
        path_for_additions=path_for_additions,
    )


def _is_running() -> bool:
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().strip() == _PROGRAM:
                return True
        except (OSError, UnicodeDecodeError):  # it has ended, or has another name
            continue
    return False


def missing_lines(snmpd: SnmpdConfig, address: Address, root: Oid, *, user_id: int) -> list[str]:
    """Returns the lines that the configuration of snmpd lacks.

    Args:
        snmpd: the configuration of snmpd.
        address: the address at which the gateway connects to snmpd.
        root: the subtree that the gateway serves.
        user_id: the user that the gateway runs as; root needs no permissions.
    """
    lines = []
    if not snmpd.master:
        lines.append("master agentx")
    socket = address.path if isinstance(address, UnixAddress) else str(address)
    if socket not in {text.removeprefix("unix:") for text in snmpd.sockets or (_DEFAULT_SOCKET,)}:
        lines.append(f"agentXSocket {socket}")
    if user_id != 0 and isinstance(address, UnixAddress) and _GROUP not in snmpd.permissions:
        lines.append(_AGENTX_PERMS)
    if snmpd.readers and not any(snmpd.is_visible(root, reader) for reader in snmpd.readers):
        lines += (f"view {name} included .{oids.dotted(root)}" for name in _view_names(snmpd.readers))
    if not snmpd.readers:
        lines.append(f"rocommunity public 127.0.0.1 .{oids.dotted(root)}")
    return lines


def _view_names(readers: Sequence[Reader]) -> list[str]:
    return list(dict.fromkeys(reader.view for reader in readers if reader.view))


def check_files(files: LocalSnmpd, lines: Sequence[str]) -> Iterator[CheckResult]:
    """Yields whether lines are missing; that is unknown if a file cannot be read, which may have them."""
    for problem in files.unreadable:
        yield CheckResult(
            outcome=Outcome.SKIP,
            subject="snmpd.conf",
            text=f"not checked: {problem}",
            advice=f"Run check as root, which reads it: sudo {PROGRAM} check --user {user_name(os.geteuid())}",
        )
    if files.unreadable or not files.contents:
        return
    if not lines:
        yield CheckResult(subject="snmpd.conf", text="complete")
        return
    pronoun = "it" if len(lines) == 1 else "them"
    if files.running:
        advice = f"Add {pronoun} to {files.path_for_additions}, then restart snmpd:"
    else:
        advice = f"Before you start snmpd, add {pronoun} to {files.path_for_additions}:"
    verb = "is" if len(lines) == 1 else "are"
    yield CheckResult(
        outcome=Outcome.FAIL if files.running else Outcome.DOWN,
        subject="snmpd.conf",
        text=f"{plural(len(lines), 'line')} {verb} missing",
        advice="\n      ".join([advice, *(f"    {line}" for line in lines)]),
    )
