"""Checks that the host's snmpd lets the gateway register and managers see the MIB."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.commands.check import snmp_query as query
from gateway.commands.check import snmpd_conf
from gateway.commands.check.check_result import CheckResult, Outcome
from gateway.commands.check.snmpd_conf import SnmpdConfig
from gateway.commands.check.snmpd_files import LocalSnmpd, check_files, missing_lines
from gateway.config.config import Config
from gateway.frontends.snmp import tables
from gateway.frontends.snmp.subagent.address import Address, SessionFailure, UnixAddress
from gateway.frontends.snmp.subagent.subagent import Subagent, SubagentState
from gateway.runtime import event_loop
from gateway.snapshot import Snapshot
from gateway.snmp import oid as oids
from gateway.snmp.mib.module import Mib
from gateway.waiting import completed_within

_START_SNMPD = (
    "Start it (systemctl enable --now snmpd) if managers should query this node through it. Otherwise nothing has to "
    "be done."
)
_RESTART_SNMPD = "snmpd is running, but has not read its present configuration: run systemctl restart snmpd. "
_OFF = 'If SNMP is not used, set agentx = "off" ([snmp]).'

_SESSION_TIMEOUT = 5.0
_DEFAULT_MANAGER_ADDRESS = ("127.0.0.1", 161)


def check_snmp(config: Config, local: LocalSnmpd) -> Iterator[CheckResult]:
    """Yields the results: the session with snmpd, its configuration, and its view."""
    address = config.snmp.agentx
    if address is None:
        yield CheckResult(outcome=Outcome.SKIP, subject="agentx", text="off")
        return
    if not is_snmpd_there(address, local):
        text = f"not used: snmpd is not installed, and there is no {address}"
        yield CheckResult(outcome=Outcome.SKIP, subject="agentx", text=text)
        return
    snmpd = snmpd_conf.parse(local.contents)
    attempt = event_loop.run(_attempt_session(address, config.snmp.root, snmpd))
    lines = missing_lines(snmpd, address, config.snmp.root.root, user_id=os.geteuid())
    yield _check_session(address, attempt, local, is_complete=not lines)
    yield from check_files(local, lines)
    if attempt.visibility:
        yield _check_view(attempt.visibility, config.snmp.root)


def is_snmpd_there(address: Address, local: LocalSnmpd) -> bool:
    """Returns whether there is an snmpd to serve through, or may be: one on another host, or in a container."""
    return local.installed or not isinstance(address, UnixAddress) or _exists(address.path)


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


_NOBODY_LISTENS = {SessionFailure.NO_SOCKET, SessionFailure.CONNECTION_REFUSED}


def _check_session(address: Address, attempt: _Attempt, local: LocalSnmpd, *, is_complete: bool) -> CheckResult:
    subject = f"agentx {address}"
    if attempt.registered:
        return CheckResult(subject=subject, text="session opened, subtree registered")
    if attempt.failure is SessionFailure.DUPLICATE:
        return CheckResult(subject=subject, text="the subtree is already registered, by the gateway if it is running")
    nobody_listens = attempt.failure in _NOBODY_LISTENS and isinstance(address, UnixAddress)
    if nobody_listens and local.installed and not local.running:
        return CheckResult(
            outcome=Outcome.DOWN, subject=subject, text="snmpd is installed, but does not run", advice=_START_SNMPD
        )
    restart = nobody_listens and local.running and is_complete
    return CheckResult(
        outcome=Outcome.FAIL,
        subject=subject,
        text=attempt.detail or "no response",
        advice=f"{_RESTART_SNMPD if restart else ''}{_OFF}",
    )


def _check_view(visibility: Mapping[str, bool | None], module: Mib) -> CheckResult:
    subject = "snmpd's view"
    number, total = sum(visible is True for visible in visibility.values()), len(visibility)
    if number:
        communities = "community sees" if total == 1 else "communities see"
        return CheckResult(subject=subject, text=f"{number} of {total} {communities} the MIB")
    silent = all(visible is None for visible in visibility.values())
    return CheckResult(
        outcome=Outcome.FAIL,
        subject=subject,
        text="snmpd did not respond" if silent else "no community sees the MIB",
        advice=f'Add a line such as "view systemonly included .{oids.dotted(module.root)}" to snmpd.conf.',
    )


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:
        return True  # a path in an unreadable directory may exist
