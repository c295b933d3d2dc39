"""Reads the configuration files of snmpd, and finds the lines that they lack."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.commands import PROGRAM
from gateway.commands.check import snmpd_conf
from gateway.commands.check.check_result import CheckResult, plural
from gateway.commands.check.snmpd_conf import Reader, SnmpdConfig
from gateway.files import read_file, user_name
from gateway.frontends.snmp.subagent.address import Address, UnixAddress
from gateway.snmp import oid as oids
from gateway.snmp.oid import Oid

_MAX_FILE_SIZE = 1024 * 1024
_DEFAULT_PATH = "/etc/snmp:/usr/share/snmp:/var/lib/snmp:/var/lib/net-snmp"
_NAMES = ("snmpd.conf", "snmpd.local.conf")
_DROP_IN = "ha-cluster-gateway.conf"
_GROUP = "haclient"
_AGENTX_PERMS = f"agentXPerms 0660 0710 root {_GROUP}"
_DEFAULT_SOCKET = "/var/agentx/master"


@dataclass(frozen=True, slots=True, kw_only=True)
class SnmpdFiles:
    """The configuration files of snmpd.

    Attributes:
        contents: the contents of those that could be read.
        unreadable: the path of each other one, and the reason.
        path_for_additions: the file to add lines to: one that belongs to no package.
    """

    contents: tuple[bytes, ...]
    unreadable: tuple[str, ...]
    path_for_additions: str


def read() -> SnmpdFiles:
    """Reads the files that snmpd would read: along SNMPCONFPATH, and those that they include."""
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
    return SnmpdFiles(contents=tuple(contents), unreadable=tuple(unreadable), path_for_additions=path_for_additions)


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


def check_files(files: SnmpdFiles, lines: Sequence[str]) -> Iterator[CheckResult]:
    """Yields whether lines are missing; that is unknown if a file cannot be read, which may have them."""
    for problem in files.unreadable:
        yield CheckResult(
            good=True,
            subject="snmpd.conf",
            text=f"not checked: {problem}",
            advice=f"Run check as root, which reads it: sudo {PROGRAM} check --user {user_name(os.geteuid())}",
        )
    if files.unreadable or not files.contents:
        return
    if not lines:
        yield CheckResult(good=True, subject="snmpd.conf", text="complete")
        return
    advice = "\n      ".join(
        [f"Add to {files.path_for_additions}, then restart snmpd:", *(f"    {line}" for line in lines)]
    )
    verb = "is" if len(lines) == 1 else "are"
    yield CheckResult(
        good=False, subject="snmpd.conf", text=f"{plural(len(lines), 'line')} {verb} missing", advice=advice
    )
