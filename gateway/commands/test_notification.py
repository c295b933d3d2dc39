"""The subcommand ``test-notification``: sends a test notification to every target, and prints the results."""

from __future__ import annotations

import argparse
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from gateway import app, runtime
from gateway.alarms.conditions import BY_NAME
from gateway.alarms.notification import Change, Notification, NotificationKind
from gateway.alarms.notifier import TargetOutcome
from gateway.commands.exit_status import ExitStatus
from gateway.commands.flags import QUIET, load_config
from gateway.conditions.model import Severity
from gateway.config.config import Config
from gateway.errors import ConfigError
from gateway.frontends.snmp import engine_identity
from gateway.frontends.snmp.subagent.address import Address, UnixAddress
from gateway.frontends.snmp.subagent.subagent import NotifyError, Subagent
from gateway.frontends.snmp.variable_table import VariableTable
from gateway.snmp import oid as oids
from gateway.snmp.mib.module import Mib
from gateway.snmp.values import VarBind
from gateway.waiting import completed_within

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PATIENCE = 5.0
"""Seconds for a session with the master agent."""

_ARC = oids.encode((3,))
"""A branch of the MIB's root where nothing is: the gateway that runs has registered the root itself."""

_TEXT = "TEST: {}; nothing has happened"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the condition."""
    parser.add_argument(
        "condition",
        nargs="?",
        metavar="CONDITION",
        help="Send the notification of this condition, such as quorum-lost, instead of haClusterTest.",
    )


def run(arguments: argparse.Namespace) -> int:
    """Sends the test, and prints one line for each target; a target that cannot be reached is a problem.

    Raises:
        ConfigError: there is no such condition, or no target.
    """
    config = load_config(arguments, overrides=QUIET)
    notification = _notice(arguments.condition)
    outcomes = runtime.run(_send(config, _master_address(config), notification))
    if not outcomes:
        raise ConfigError(["no target is configured: set snmp.agentx, or add an [[alarms.target]]"])
    for line in _lines(outcomes):
        print(line)
    failed = any(outcome.result is None for outcome in outcomes)
    return ExitStatus.PROBLEM if failed else ExitStatus.OK


def _notice(condition: str | None) -> Notification:
    if condition is not None and condition not in BY_NAME:
        raise ConfigError([f"no such condition: {condition}; there are: {', '.join(BY_NAME)}"])
    tested = BY_NAME[condition] if condition is not None else None
    return Notification(
        kind=NotificationKind.TEST,
        sequence=0,  # it is not counted
        time=time.time(),
        uptime=0.0,
        condition=condition or "test",
        category=tested.category if tested else None,
        severity=tested.severity if tested else Severity.INFO,
        change=Change.RAISED if tested else Change.INFO,
        node=socket.gethostname(),
        cluster="",
        text=_TEXT.format(tested.meaning.rstrip(".") if tested else "a notification was sent by hand"),
    )


def _master_address(config: Config) -> Address | None:
    """Returns where the master agent is; None where it is not to be used, or where there is none to tell its sinks."""
    address = config.snmp.agentx if config.alarms.agentx else None
    return None if isinstance(address, UnixAddress) and not Path(address.path).exists() else address


async def _send(config: Config, address: Address | None, notice: Notification) -> tuple[TargetOutcome, ...]:
    users = any(target.user for target in config.alarms.targets)
    identity = engine_identity.load_current(config.snmp.state_directory) if users else engine_identity.ephemeral()
    async with _master(address, config.snmp.root) as master:
        notifier = app.notifier(config, identity, master, grace=0)
        await notifier.start()
        try:
            return await notifier.test(notice)
        finally:
            await notifier.close()


class _Session:
    """The way through the master agent, for as long as the command lasts."""

    def __init__(self, subagent: Subagent) -> None:
        self._subagent = subagent
        self.absent = False  # who asks for a test wants to know

    async def notify(self, varbinds: Sequence[VarBind]) -> None:
        if not await completed_within(self._subagent.wait_for_first_attempt(), _PATIENCE):
            raise NotifyError("the master agent does not answer")
        await self._subagent.notify(varbinds)


@asynccontextmanager
async def _master(address: Address | None, module: Mib) -> AsyncIterator[_Session | None]:
    """Keeps a session of its own, beside that of the gateway."""
    if address is None:
        yield None
        return
    empty = VariableTable(module.root + _ARC)
    subagent = Subagent(source=empty, address=address, description="ha-cluster-gateway test-notification")
    await subagent.start()
    try:
        yield _Session(subagent)
    finally:
        await subagent.close()


def _lines(outcomes: Sequence[TargetOutcome]) -> Iterator[str]:
    for outcome in outcomes:
        result = outcome.result.value if outcome.result is not None else f"failed: {outcome.error}"
        yield f"{'ok  ' if outcome.result is not None else 'FAIL'}  {outcome.target} ({outcome.kind}): {result}"
