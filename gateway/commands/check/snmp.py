"""What ``check`` finds out about SNMP: snmpd's socket, the registration, and what snmpd shows of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway import app
from gateway.commands.check import snmp_query as query
from gateway.commands.check import snmpd_conf
from gateway.commands.check.result import CheckResult
from gateway.commands.check.snmpd_conf import Reader, SnmpdConfig
from gateway.config.loader import Config
from gateway.frontends.snmp import tables
from gateway.frontends.snmp.static_source import StaticSource
from gateway.frontends.snmp.subagent.address import Address, Reason, UnixAddress, parse_agentx
from gateway.frontends.snmp.subagent.subagent import Subagent, SubagentState
from gateway.snapshot import Snapshot
from gateway.snmp import oid as oids
from gateway.snmp.mib.module import Mib, mib
from gateway.snmp.oid import Oid

_PATIENCE = 5.0
"""Seconds for a session."""
_MAX_FILE = 1024 * 1024
_DEFAULT_PATH = "/etc/snmp:/usr/share/snmp:/var/lib/snmp"
_DROP_IN = "ha-cluster-gateway.conf"
_GROUP = "haclient"
_AGENTX_PERMS = f"agentXPerms 0660 0755 root {_GROUP}"
_PERMISSIONS = f"If the gateway is not to run as root, snmpd.conf needs: {_AGENTX_PERMS}"
_DEFAULT_SOCKET = "/var/agentx/master"


def snmp(config: Config) -> Iterator[CheckResult]:
    """Yields what was found."""
    address = parse_agentx(config["snmp.agentx"])
    if address is None:
        yield CheckResult(good=True, subject="agentx", text="off")
        return
    module = mib(config["snmp.root"])
    files = _read_files()
    if not files.contents and not files.unreadable and isinstance(address, UnixAddress) and not _exists(address.path):
        yield CheckResult(
            good=True, subject="agentx", text="there is no snmpd on this host, nothing is served through it"
        )
        return
    found = snmpd_conf.parse(files.contents)
    attempt = app.run(_attempt(address, module, found))
    yield _session(address, attempt)
    yield from _configuration(files, missing(found, address, module.root, user=os.geteuid()))
    if os.geteuid() == 0 and isinstance(address, UnixAddress) and found.master and _GROUP not in found.permissions:
        yield CheckResult(good=True, subject="agentXPerms", text="only root may connect", advice=_PERMISSIONS)
    if attempt.asked:
        yield _visibility(attempt, module)


# --- The session -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """How a session went, and whether each community that was asked with has seen something of it."""

    registered: bool
    reason: Reason | None
    detail: str
    asked: dict[str, bool | None]


async def _attempt(address: Address, module: Mib, found: SnmpdConfig) -> _Attempt:
    """Tries a session, and asks snmpd as its communities would; where the gateway has one already, that is as good."""
    shown = tables.build(Snapshot(samples_by_metric={}), {}, module, age=lambda: 0.0)
    subagent = Subagent(
        answers=StaticSource(module.root, shown), address=address, description="ha-cluster-gateway check"
    )
    running = asyncio.create_task(subagent.run())
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await subagent.settled()
        registered = subagent.state is SubagentState.REGISTERED
        asked = {}
        if registered or subagent.reason is Reason.DUPLICATE:
            name = module["haClusterSnapshotAge"].oid + oids.encode((0,))
            host, port = _manager_address(found)
            for reader in {reader.name: reader for reader in found.readers if reader.community}.values():
                asked[reader.name] = await query.is_readable(host, port, reader.name, name)
        return _Attempt(registered=registered, reason=subagent.reason, detail=subagent.detail, asked=asked)
    finally:
        running.cancel()
        await asyncio.wait([running])


def _manager_address(found: SnmpdConfig) -> tuple[str, int]:
    """Returns where this host can ask its snmpd."""
    for address in found.addresses or ("127.0.0.1",):
        place = address.removeprefix("udp:")
        host, _, port = place.rpartition(":") if place.count(":") == 1 else (place, "", "")
        if ":" not in host and "[" not in host:
            if place.isdigit():
                return "127.0.0.1", int(place)
            return host or "127.0.0.1", int(port) if port.isdigit() else 161
    return "127.0.0.1", 161


def _session(address: Address, attempt: _Attempt) -> CheckResult:
    subject = f"agentx {address}"
    if attempt.registered:
        return CheckResult(good=True, subject=subject, text="a session was opened, and the subtree registered")
    if attempt.reason is Reason.DUPLICATE:
        return CheckResult(
            good=True, subject=subject, text="the subtree is registered already: by the gateway, if that is running"
        )
    return CheckResult(
        good=False,
        subject=subject,
        text=attempt.detail or "no answer",
        advice='Where nobody asks by SNMP, set agentx = "off" ([snmp]).',
    )


def _visibility(attempt: _Attempt, module: Mib) -> CheckResult:
    subject = "snmpd's view"
    seeing = [name for name, seen in attempt.asked.items() if seen]
    if seeing:
        return CheckResult(
            good=True, subject=subject, text=f"{len(seeing)} of {len(attempt.asked)} communities see the MIB"
        )
    silent = all(seen is None for seen in attempt.asked.values())
    text = "snmpd did not answer" if silent else "no community sees the MIB"
    advice = f'A line such as "view systemonly included .{oids.dotted(module.root)}" in snmpd.conf shows it.'
    return CheckResult(good=False, subject=subject, text=text, advice=advice)


# --- The configuration -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """The contents of snmpd's files, the paths of those that may not be read, and where further lines belong."""

    contents: tuple[bytes, ...]
    unreadable: tuple[str, ...]
    place: str


def _read_files() -> _Files:
    """Reads what snmpd would: along SNMPCONFPATH, and what is included."""
    contents: list[bytes] = []
    unreadable: list[str] = []
    place = ""
    folders = os.environ.get("SNMPCONFPATH", _DEFAULT_PATH).split(":")
    paths = [Path(folder, "snmpd.conf") for folder in folders if folder]
    while paths:
        path = paths.pop(0)
        try:
            with path.open("rb") as file:
                content = file.read(_MAX_FILE)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            unreadable.append(f"{path}: {error.strerror or error}")
            continue
        contents.append(content)
        included = snmpd_conf.includes(content)
        place = next((str(Path(folder, _DROP_IN)) for folder in included), place or str(path))
        paths += (found for folder in included for found in sorted(Path(folder).glob("*.conf")))
    return _Files(contents=tuple(contents), unreadable=tuple(unreadable), place=place)


def missing(found: SnmpdConfig, address: Address, root: Oid, *, user: int) -> list[str]:
    """Returns the lines that snmpd's configuration lacks.

    Args:
        found: what it says.
        address: where the gateway looks for snmpd.
        root: what the gateway serves.
        user: the gateway's user id; root needs no permissions.
    """
    lines = []
    if not found.master:
        lines.append("master agentx")
    socket = address.path if isinstance(address, UnixAddress) else str(address)
    if socket not in {place.removeprefix("unix:") for place in found.sockets or (_DEFAULT_SOCKET,)}:
        lines.append(f"agentXSocket {socket}")
    if user != 0 and isinstance(address, UnixAddress) and _GROUP not in found.permissions:
        lines.append(_AGENTX_PERMS)
    if found.readers and not any(found.sees(reader, root) for reader in found.readers):
        lines += (f"view {name} included .{oids.dotted(root)}" for name in _views(found.readers))
    if not found.readers:
        lines.append(f"rocommunity public 127.0.0.1 .{oids.dotted(root)}")
    return lines


def _views(readers: Sequence[Reader]) -> list[str]:
    return list(dict.fromkeys(reader.view for reader in readers if reader.view))


def _configuration(files: _Files, lines: Sequence[str]) -> Iterator[CheckResult]:
    for problem in files.unreadable:
        yield CheckResult(good=True, subject="snmpd.conf", text=f"{problem}; run check as root to have it looked at")
    if not files.contents:
        return
    if not lines:
        yield CheckResult(good=True, subject="snmpd.conf", text="has all that is needed")
        return
    advice = "\n      ".join(
        [f"In {files.place}, for example; then restart snmpd:", *(f"    {line}" for line in lines)]
    )
    yield CheckResult(good=False, subject="snmpd.conf", text=f"lacks {len(lines)} lines", advice=advice)


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:
        return True  # what may not be looked at may be there
