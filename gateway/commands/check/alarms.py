"""Checks that events are reported to the gateway's alert agent, and shows where notifications are sent."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from gateway.commands.check.check_result import CheckResult, Outcome
from gateway.commands.check.snmp import is_snmpd_there
from gateway.commands.check.snmpd_files import LocalSnmpd
from gateway.config.config import Config
from gateway.errors import ParseError
from gateway.files import find_obstacle, user_name
from gateway.host.host import Host
from gateway.runtime import event_loop
from gateway.subsystems import SUBSYSTEMS
from gateway.subsystems.subsystem import AlertAgents

ALERT_AGENT = "ha-cluster-gateway-alert"

_ADVICE = """\
Without it, changes are detected every {interval:g} s; with it, at once. {advice}"""


_NO_RECEIVER = (
    "Without a receiver, alarms are only in the metrics, the MIB, the log and on the page. To add one, write a table "
    "[[alarms.target]] with its address into gateway.conf, or let the gateway send through snmpd "
    '(snmp.agentx = "unix:/var/agentx/master").'
)


def check_alarms(config: Config, host: Host, snmpd: LocalSnmpd) -> Iterator[CheckResult]:
    """Yields the results; none of them is a failure, because the gateway also works without events and targets."""
    agents = [(each.title, each.alert_agents) for each in SUBSYSTEMS if each.alert_agents is not None]
    reporting = [(title, listed) for title, listed in agents if host.find(listed.tool)]
    if config.alarms.socket is not None and reporting:
        yield from (_check_alert_agent(title, listed, config, host) for title, listed in reporting)
        yield from _check_socket(config.alarms.socket)
    yield _describe_receivers(config, snmpd)


def _describe_receivers(config: Config, snmpd: LocalSnmpd) -> CheckResult:
    receivers = [f"{name} ({target.kind})" for target in config.alarms.targets for name in target.names]
    reason = _why_no_sinks(config, snmpd)
    if not reason:
        receivers.append("the sinks of snmpd")
    if receivers:
        text = f"sent to {', '.join(receivers)}"
        if config.alarms.burst:
            text += f"; more than {config.alarms.burst} alarms of one condition at once are sent as one summary"
        return CheckResult(subject="notifications", text=text)
    return CheckResult(
        outcome=Outcome.SKIP,
        subject="notifications",
        text=f"sent to nobody: there is no [[alarms.target]], and {reason}",
        advice=_NO_RECEIVER,
    )


def _why_no_sinks(config: Config, snmpd: LocalSnmpd) -> str:
    """Returns why nothing is sent through snmpd; empty if it is."""
    if config.snmp.agentx is None:
        return "snmp.agentx is off"
    if not config.alarms.agentx:
        return "alarms.agentx is false"
    return "" if is_snmpd_there(config.snmp.agentx, snmpd) else "snmpd is not installed"


def _check_socket(path: Path) -> Iterator[CheckResult]:
    """Yields a problem if the socket for alerts cannot be created. systemd creates its directory with the service."""
    obstacle = find_obstacle(path.parent, os.W_OK | os.X_OK)
    if obstacle is not None:
        text = f"cannot be created by {user_name(os.geteuid())}: {obstacle.reason}"
        advice = "Set RuntimeDirectory=ha-cluster-gateway in the unit, or alarms.socket to a path in another directory."
        yield CheckResult(outcome=Outcome.FAIL, subject=f"alert socket {path}", text=text, advice=advice)


def _check_alert_agent(title: str, agents: AlertAgents, config: Config, host: Host) -> CheckResult:
    result = event_loop.run(host.run(agents.tool, *agents.arguments))
    try:
        paths = agents.parse(result.stdout)
    except ParseError:
        paths = ()
    if any(Path(path).name == ALERT_AGENT for path in paths):
        return CheckResult(subject="alert agent", text=f"configured in {title}")
    path = shutil.which(ALERT_AGENT) or str(Path(sys.executable).with_name(ALERT_AGENT))
    return CheckResult(
        outcome=Outcome.SKIP,
        subject="alert agent",
        text="not configured, or not visible to this user; optional",
        advice=_ADVICE.format(interval=config.alarms.interval, advice=agents.advice.format(path=path)),
    )
