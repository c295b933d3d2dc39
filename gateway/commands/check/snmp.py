"""Checks that the host's snmpd lets the gateway register and managers see the MIB."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway import runtime
from gateway.commands.check import snmp_query as query
from gateway.commands.check import snmpd_conf
from gateway.commands.check.check_result import CheckResult, plural
from gateway.commands.check.snmpd_conf import Reader, SnmpdConfig
from gateway.config.config import Config
from gateway.files import read_file
from gateway.frontends.snmp import tables
from gateway.frontends.snmp.subagent.address import Address, SessionFailure, UnixAddress
from gateway.frontends.snmp.subagent.subagent import Subagent, SubagentState
from gateway.snapshot import Snapshot
from gateway.snmp import oid as oids
from gateway.snmp.mib.module import Mib
from gateway.snmp.oid import Oid
from gateway.waiting import completed_within

_SESSION_TIMEOUT = 5.0
_MAX_FILE_SIZE = 1024 * 1024
_DEFAULT_PATH = "/etc/snmp:/usr/share/snmp:/var/lib/snmp"
_DROP_IN = "ha-cluster-gateway.conf"
_GROUP = "haclient"
_AGENTX_PERMS = f"agentXPerms 0660 0755 root {_GROUP}"
_DEFAULT_SOCKET = "/var/agentx/master"
_DEFAULT_MANAGER_ADDRESS = ("127.0.0.1", 161)


def check_snmp(config: Config) -> Iterator[CheckResult]:
    """Yields the results: the session with snmpd, its configuration, and its view."""
    address = config.snmp.agentx
    if address is None:
        yield CheckResult(good=True, subject="agentx", text="off")
        return
    files = _read_files()
    if not files.contents and not files.unreadable and isinstance(address, UnixAddress) and not _exists(address.path):
        yield CheckResult(good=True, subject="agentx", text="there is no snmpd on this host to serve through")
        return
    snmpd = snmpd_conf.parse(files.contents)
    attempt = runtime.run(_attempt_session(address, config.snmp.root, snmpd))
    yield _check_session(address, attempt)
    yield from _check_files(files, missing_lines(snmpd, address, config.snmp.root.root, user_id=os.geteuid()))
    if os.geteuid() == 0 and isinstance(address, UnixAddress) and snmpd.master and _GROUP not in snmpd.permissions:
        yield CheckResult(
            good=True,
            subject="agentXPerms",
            text="only root may connect",
            advice=f"To run the gateway as another user, add to snmpd.conf: {_AGENTX_PERMS}",
        )
    if attempt.visibility:
        yield _check_view(attempt.visibility, config.snmp.root)


# --- The session -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """The result of an AgentX session.

    Attributes:
        registered: whether the subtree was registered.
        failure: why it was not.
        detail: the reason in words.
        visibility: for each community whether it sees the MIB; None if snmpd did not respond.
    """

    registered: bool
    failure: SessionFailure | None
    detail: str
    visibility: Mapping[str, bool | None]


async def _attempt_session(address: Address, module: Mib, snmpd: SnmpdConfig) -> _Attempt:
    """Registers the subtree, and queries snmpd; a gateway that has registered it counts as success."""
    empty = tables.build(Snapshot(samples_by_metric={}), {}, module, age=lambda: 0.0)
    subagent = Subagent(source=empty, address=address, description="ha-cluster-gateway check")
    await subagent.start()
    try:
        await completed_within(subagent.wait_for_first_attempt(), _SESSION_TIMEOUT)
        registered = subagent.state is SubagentState.REGISTERED
        visibility = {}
        if registered or subagent.failure is SessionFailure.DUPLICATE:
            visibility = await _query_communities(module, snmpd)
        return _Attempt(registered=registered, failure=subagent.failure, detail=subagent.detail, visibility=visibility)
    finally:
        await subagent.close()


async def _query_communities(module: Mib, snmpd: SnmpdConfig) -> dict[str, bool | None]:
    name = module["haClusterSnapshotAge"].oid + oids.encode((0,))
    host, port = _manager_address(snmpd)
    communities = dict.fromkeys(reader.name for reader in snmpd.readers if reader.community)
    return {community: await query.is_readable(host, port, community, name) for community in communities}


def _manager_address(snmpd: SnmpdConfig) -> tuple[str, int]:
    """Returns an IPv4 address at which this host can query its snmpd."""
    default_host, default_port = _DEFAULT_MANAGER_ADDRESS
    for address in snmpd.addresses:
        text = address.removeprefix("udp:")
        host, _, port = text.rpartition(":") if text.count(":") == 1 else (text, "", "")
        if ":" not in host and "[" not in host:
            if text.isdigit():
                return default_host, int(text)
            return host or default_host, int(port) if port.isdigit() else default_port
    return _DEFAULT_MANAGER_ADDRESS


def _check_session(address: Address, attempt: _Attempt) -> CheckResult:
    subject = f"agentx {address}"
    if attempt.registered:
        return CheckResult(good=True, subject=subject, text="session opened, subtree registered")
    if attempt.failure is SessionFailure.DUPLICATE:
        return CheckResult(
            good=True, subject=subject, text="the subtree is already registered, by the gateway if it is running"
        )
    return CheckResult(
        good=False,
        subject=subject,
        text=attempt.detail or "no response",
        advice='If SNMP is not used, set agentx = "off" ([snmp]).',
    )


def _check_view(visibility: Mapping[str, bool | None], module: Mib) -> CheckResult:
    subject = "snmpd's view"
    number, total = sum(visible is True for visible in visibility.values()), len(visibility)
    if number:
        communities = "community sees" if total == 1 else "communities see"
        return CheckResult(good=True, subject=subject, text=f"{number} of {total} {communities} the MIB")
    silent = all(visible is None for visible in visibility.values())
    return CheckResult(
        good=False,
        subject=subject,
        text="snmpd did not respond" if silent else "no community sees the MIB",
        advice=f'Add a line such as "view systemonly included .{oids.dotted(module.root)}" to snmpd.conf.',
    )


# --- The configuration -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """The configuration files of snmpd.

    Attributes:
        contents: the contents of those that could be read.
        unreadable: the path of each other one, and the reason.
        path_for_additions: the file to add lines to.
    """

    contents: tuple[bytes, ...]
    unreadable: tuple[str, ...]
    path_for_additions: str


def _read_files() -> _Files:
    """Reads the files that snmpd would read: along SNMPCONFPATH, and those that they include."""
    contents: list[bytes] = []
    unreadable: list[str] = []
    path_for_additions = ""
    directories = os.environ.get("SNMPCONFPATH", _DEFAULT_PATH).split(":")
    paths = [Path(directory, "snmpd.conf") for directory in directories if directory]
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
        path_for_additions = drop_in or path_for_additions or str(path)
        paths += (file for directory in included for file in sorted(Path(directory).glob("*.conf")))
    return _Files(contents=tuple(contents), unreadable=tuple(unreadable), path_for_additions=path_for_additions)


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


def _check_files(files: _Files, lines: Sequence[str]) -> Iterator[CheckResult]:
    for problem in files.unreadable:
        yield CheckResult(good=True, subject="snmpd.conf", text=f"{problem}; run check as root to include it")
    if not files.contents:
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


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:
        return True  # a path in an unreadable directory may exist
