"""The subcommand ``test-notification``: sends a test notification to every target, and prints the results."""

from __future__ import annotations

import argparse
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from gateway import log
from gateway.alarms.notification import Change, Notification, NotificationKind, Sender
from gateway.alarms.notifier import TargetOutcome
from gateway.app.builders import build_notifier
from gateway.app.collection import build_local_host
from gateway.catalog import CONDITION_BY_NAME
from gateway.commands.console import print_line
from gateway.commands.exit_status import ExitStatus
from gateway.commands.flags import QUIET, add_flags, load_config
from gateway.conditions.model import Reason, Severity
from gateway.config.config import Config
from gateway.errors import ConfigError
from gateway.files import exists
from gateway.frontends.snmp import engine_identity
from gateway.frontends.snmp.subagent.address import Address, UnixAddress
from gateway.frontends.snmp.subagent.subagent import NotifyError, Subagent
from gateway.frontends.snmp.variable_table import VariableTable
from gateway.log import LogLevel
from gateway.runtime import event_loop
from gateway.snmp import oid as oids
from gateway.snmp.mib.module import Mib
from gateway.snmp.values import VarBind
from gateway.subsystems.identity import configured_names
from gateway.waiting import completed_within

_SESSION_TIMEOUT = 5.0
"""Seconds to wait for a session with the master agent."""

_UNUSED_BRANCH = oids.encode((3,))
"""An unused branch below the root of the MIB: a running gateway has registered the root itself."""

_TEXT = "TEST: {} (this is only a test)"

_OBJECT = "test-notification"
"""The object of the test of a condition. The clear must not end an alarm about a real object."""

EXIT_STATUSES = {
    ExitStatus.OK: "The test was sent to every target, and acknowledged where the target does that.",
    ExitStatus.PROBLEM: "A target has failed.",
    ExitStatus.USAGE: "There is no target or no such condition, or the configuration is invalid.",
    ExitStatus.UNAVAILABLE: "The identity of the SNMPv3 engine cannot be read from the state directory.",
}
"""The exit statuses that only this subcommand has, or to which it gives another meaning."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags, and the condition to test."""
    add_flags(parser)
    parser.add_argument(
        "condition",
        nargs="?",
        metavar="CONDITION",
        help="Send the notification of this condition, such as quorum-lost, instead of haClusterTest.",
    )


def run(arguments: argparse.Namespace) -> int:
    """Sends the test, and prints one line for each target; a target that cannot be reached is a problem.

    Raises:
        ConfigError: the condition does not exist, or there is no target.
    """
    config = load_config(arguments, overrides=QUIET)
    if config.log.level is LogLevel.ERROR:
        log.disable()  # every error is part of an outcome
    notifications = _build_notifications(arguments.condition, _read_sender(config))
    outcomes = event_loop.run(_send(config, _master_address(config), notifications))
    if not outcomes:
        raise ConfigError([f"nothing to send to: {_why_no_master(config)}, and there is no [[alarms.target]]"])
    for line in _format_outcomes(outcomes):
        print_line(line)
    failed = any(outcome.result is None for outcome in outcomes)
    return ExitStatus.PROBLEM if failed else ExitStatus.OK


def _read_sender(config: Config) -> Sender:
    """Returns the names of the node and the cluster, as in the notifications of a running gateway."""
    host = build_local_host(config)
    names = configured_names(host, config.subsystems)
    return Sender(node=names.node or host.hostname, cluster=names.cluster)


def _build_notifications(condition_name: str | None, sender: Sender) -> Sequence[Notification]:
    """Returns the test: one notification, or the raise and the clear of a condition, so that no manager keeps it."""
    if condition_name is not None and condition_name not in CONDITION_BY_NAME:
        raise ConfigError([f"no such condition: {condition_name}; there are: {', '.join(CONDITION_BY_NAME)}"])
    condition = CONDITION_BY_NAME[condition_name] if condition_name is not None else None
    test = Notification(
        kind=NotificationKind.TEST,
        sequence=0,  # tests are not counted
        time=time.time(),
        uptime=0.0,
        condition=condition_name or "test",
        category=condition.category if condition else None,
        severity=condition.severity if condition else Severity.INFO,
        change=Change.RAISED if condition else Change.INFO,
        object=_OBJECT if condition else "",
        node=sender.node,
        cluster=sender.cluster,
        text=_TEXT.format(condition.meaning.rstrip(".") if condition else "a notification was sent by hand"),
    )
    if condition is None:
        return (test,)
    text = _TEXT.format(f"{condition.name} is cleared")
    return test, replace(test, change=Change.CLEARED, reason=Reason.RECOVERED, text=text)


def _master_address(config: Config) -> Address | None:
    """Returns the address of the master agent, or None if it is not used or does not run on this host."""
    address = config.snmp.agentx if config.alarms.agentx else None
    return None if isinstance(address, UnixAddress) and not exists(Path(address.path)) else address


def _why_no_master(config: Config) -> str:
    """Returns why ``_master_address`` returns None."""
    if config.snmp.agentx is None:
        return "snmp.agentx is off"
    if not config.alarms.agentx:
        return "alarms.agentx is false"
    return f"snmpd is not running ({config.snmp.agentx} does not exist)"


async def _send(
    config: Config, address: Address | None, notifications: Sequence[Notification]
) -> tuple[TargetOutcome, ...]:
    uses_snmpv3 = any(target.user for target in config.alarms.snmp_targets)
    identity = engine_identity.load_current(config.snmp.state_directory) if uses_snmpv3 else engine_identity.ephemeral()
    async with _open_session(address, config.snmp.root) as session:
        notifier = build_notifier(config, identity, session, grace=0)
        await notifier.start()
        try:
            return await notifier.test(*notifications)
        finally:
            await notifier.close()


class _Session:
    """A session with the master agent that exists as long as the command runs."""

    def __init__(self, subagent: Subagent) -> None:
        self._subagent = subagent
        self.absent = False  # a missing master agent is an error here

    async def notify(self, varbinds: Sequence[VarBind]) -> None:
        if not await completed_within(self._subagent.wait_for_first_attempt(), _SESSION_TIMEOUT):
            raise NotifyError("the master agent does not respond")
        await self._subagent.notify(varbinds)


@asynccontextmanager
async def _open_session(address: Address | None, module: Mib) -> AsyncIterator[_Session | None]:
    """Opens a session that does not disturb the session of a running gateway."""
    if address is None:
        yield None
        return
    empty = VariableTable(module.root + _UNUSED_BRANCH)
    subagent = Subagent(source=empty, address=address, description="ha-cluster-gateway test-notification")
    await subagent.start()
    try:
        yield _Session(subagent)
    finally:
        await subagent.close()


def _format_outcomes(outcomes: Sequence[TargetOutcome]) -> Iterator[str]:
    for outcome in outcomes:
        result = outcome.result.value if outcome.result is not None else f"failed: {outcome.error}"
        yield f"{'ok  ' if outcome.result is not None else 'FAIL'}  {outcome.target} ({outcome.kind}): {result}"
