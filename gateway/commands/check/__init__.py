"""The command ``check``: finds out what is missing for this node's metrics, and says what to do."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator

from gateway import app
from gateway.commands import collect as once
from gateway.commands.check.alarms import alarms
from gateway.commands.check.result import CheckResult
from gateway.commands.check.snmp import snmp
from gateway.config.loader import Config
from gateway.config.options import parse_address
from gateway.errors import StartError
from gateway.host.host import Host
from gateway.network import bind
from gateway.snapshot import CollectorReport
from gateway.status import Status
from gateway.subsystems import SUBSYSTEMS
from gateway.subsystems.subsystem import Subsystem


def check(config: Config, host: Host) -> bool:
    """Prints all findings.

    Returns:
        Whether something is wrong.
    """
    findings = list(_findings(config, host))
    for finding in findings:
        print(f"{'ok  ' if finding.good else 'FAIL'}  {finding.subject}: {finding.text}")  # noqa: T201 - for people
        if finding.advice:
            print(f"      {finding.advice}")  # noqa: T201 - for people
    return not all(finding.good for finding in findings)


def _findings(config: Config, host: Host) -> Iterator[CheckResult]:
    source = f"read from {config.source}" if config.source else "none found, every option has its default"
    yield CheckResult(good=True, subject="configuration", text=source)
    yield from _ports(config)
    reports = once.take(config, host).collectors
    for subsystem in SUBSYSTEMS:
        if subsystem.name in reports:  # not off
            yield from _collector(subsystem, reports[subsystem.name])
    if not any(report.present for report in reports.values()):
        yield CheckResult(
            good=False,
            subject="cluster",
            text="no tool of any subsystem was found on this host",
            advice="Run the gateway on a cluster's node, or set the tools' paths ([tools.NAME] path). "
            "To see what it would show: ha-cluster-gateway demo",
        )
    yield from snmp(config)
    yield from alarms(config, host)


def _ports(config: Config) -> Iterator[CheckResult]:
    for address in config["web.listen"]:
        try:
            for sock in app.run(bind(*parse_address(address))):
                sock.close()
            yield CheckResult(good=True, subject=f"listen {address}", text="free")
        except StartError as error:
            yield CheckResult(
                good=False,
                subject=f"listen {address}",
                text=str(error),
                advice="If the gateway is running already, this is it. Else stop what listens there "
                "(ss -ltnp shows it), or set web.listen.",
            )


_ADVICE = {
    Status.NOT_INSTALLED: "Install it, set its path ([tools.NAME] path), or switch the collector off ([collectors]).",
    Status.NOT_PERMITTED: "User {user} may not do this. Run the gateway as root, or with haclient as its primary "
    'group, or set prefix = ["sudo", "-n"] for the tool ([tools.NAME]).',
    Status.NOT_RUNNING: "Start the cluster on this node (systemctl start pacemaker), if it should run.",
    Status.TIMED_OUT: "Run it by hand to see why it hangs; raise timeout ([tools.NAME]) if it is only slow.",
    Status.TOO_MUCH_OUTPUT: "Run it by hand; raise max_output ([tools]) if that much is right.",
    Status.KILLED: "Look for the reason in the system's log.",
    Status.FAILED: "Run it by hand to see more.",
    Status.UNPARSABLE: "Run it by hand; if what it prints is right, this is a bug of the gateway: please report it, "
    "with the output and the tool's version.",
}


_BUG = "This is a bug of the gateway: please report it, with what it logs."


def _collector(subsystem: Subsystem, report: CollectorReport) -> Iterator[CheckResult]:
    name, advice_by_status = subsystem.name, {**_ADVICE, **subsystem.advice}
    if not report.present:
        yield CheckResult(good=True, subject=name, text="not set up on this host, nothing to collect")
        return
    if not report.commands:
        yield CheckResult(good=True, subject=name, text="nothing to run")
    for command in report.commands:
        good = not command.failed
        line = f" (line {command.line})" if command.line is not None else ""
        text = (
            command.status.value if command.status is Status.OK else f"{command.status.value}: {command.detail}{line}"
        )
        if command.status is not Status.OK and good:
            text += "; optional"
        advice = "" if good else advice_by_status[command.status].format(user=_user())
        if command.detail.startswith("internal error: "):
            advice = _BUG
        yield CheckResult(good=good, subject=f"{name}: {command.name}", text=text, advice=advice)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # containers often run as a user without a name
        return str(os.getuid())
