"""Checks that every collector gets what it needs from the tools and files of its subsystem."""

from __future__ import annotations

import grp
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain

from gateway.commands.check.check_result import CheckResult, Outcome
from gateway.commands.collect import collect_once
from gateway.conditions.view import ClusterView
from gateway.config.config import Config
from gateway.files import group_name, user_name
from gateway.host.host import Host
from gateway.runtime import event_loop
from gateway.snapshot import CollectorReport, CommandReport
from gateway.status import Cause, Status
from gateway.subsystems import SUBSYSTEMS
from gateway.subsystems.subsystem import Subsystem

_ADVICE: Mapping[Status, str] = {
    Status.NOT_INSTALLED: "Install it, set its path ([tools.NAME] path), or switch the collector off ([collectors]).",
    Status.NOT_PERMITTED: '{user} lacks the permission. Set prefix = ["sudo", "-n"] for the tool ([tools.NAME]).',
    Status.NOT_RUNNING: "Start its daemon if it should run on this host.",
    Status.TIMED_OUT: "Run the tool by hand to see why it hangs; increase timeout ([tools.NAME]) if it is only slow.",
    Status.TOO_MUCH_OUTPUT: "Run the tool by hand; increase max_output ([tools.NAME]) if its output is correct.",
    Status.KILLED: "Find the reason in the system log.",
    Status.FAILED: "Run the tool by hand to see more.",
    Status.UNPARSABLE: "Run the tool by hand; if its output is correct, this is a bug in the gateway: please report "
    "it, with the output and the version of the tool.",
}
"""What to do if a tool fails, unless the subsystem has better advice."""

_FILE_ADVICE: Mapping[Status, str] = {
    Status.NOT_PERMITTED: "",  # the detail names the owner and the command
    Status.FAILED: "",
    Status.UNPARSABLE: "Correct the file. If it is correct, this is a bug in the gateway: please report it, with "
    "the file.",
}
"""What to do if a file or a directory cannot be read."""

_NO_GROUP = (
    "{user} has {group} as its primary group. Run the gateway with {necessary} as its primary group: set "
    "Group={necessary} in the unit, or run usermod -g {necessary} {user}."
)
"""What to do if a group is necessary that this user does not have."""

_NO_SUDO = (
    'The unit has NoNewPrivileges=yes, or settings that imply it, so sudo cannot work. The section "Run a tool with '
    'sudo" of docs/install.md has the drop-in that permits it, and what it costs.'
)

_CAUSE_ADVICE: Mapping[Cause, str] = {
    Cause.BUG: "This is a bug in the gateway: please report it, with the gateway's log.",
    Cause.UNTRUSTED: "",  # the detail says what to do
    Cause.NO_NEW_PRIVILEGES: _NO_SUDO,
}
"""What to do if more than the status is known."""

_NO_SUBSYSTEM = (
    "Run the gateway on a cluster node, a remote node or an arbitrator that is set up{configurations}, or set the "
    "paths of the tools ([tools.NAME] path). To see what the gateway serves on a cluster node: ha-cluster-gateway demo"
)
"""What to do if there is nothing to collect."""


def check_collectors(config: Config, host: Host) -> Iterator[CheckResult]:
    """Collects once, and yields the result of every command and file."""
    snapshot = event_loop.run(collect_once(config, host))
    reports, view = snapshot.collectors, ClusterView(snapshot)
    roles = {subsystem.name: tuple(subsystem.describe_host(view)) for subsystem in SUBSYSTEMS}
    for role in chain.from_iterable(roles.values()):
        outcome = Outcome.DOWN if role.advice else Outcome.OK
        yield CheckResult(outcome=outcome, subject="this host", text=role.text, advice=role.advice)
    for subsystem in SUBSYSTEMS:
        report = reports.get(subsystem.name)  # the others are switched off
        if report is not None and report.unused:
            yield _skip_unused(subsystem, config)
        elif report is not None:
            is_explained = any(role.advice for role in roles[subsystem.name])
            for result in _check_collector(subsystem, report):
                yield replace(result, advice="") if is_explained and result.outcome is Outcome.DOWN else result
    if not any(report.present for report in reports.values()):
        yield _fail_without_subsystem(config, host)


def _fail_without_subsystem(config: Config, host: Host) -> CheckResult:
    collectors = [subsystem.make_collector(config.subsystems) for subsystem in SUBSYSTEMS]
    missing = [
        f"{collector.name} needs {' or '.join(collector.configurations)}"
        for collector in collectors
        if collector.configurations and any(map(host.find, collector.presence_tools))
    ]
    configurations = f" ({', '.join(missing)})" if missing else ""
    return CheckResult(
        outcome=Outcome.FAIL,
        subject="cluster",
        text="no subsystem is set up on this host",
        advice=_NO_SUBSYSTEM.format(configurations=configurations),
    )


def _skip_unused(subsystem: Subsystem, config: Config) -> CheckResult:
    configurations = subsystem.make_collector(config.subsystems).configurations
    return CheckResult(
        outcome=Outcome.SKIP,
        subject=subsystem.name,
        text=f"installed, but it does not run, and there is no {' or '.join(configurations)}: not set up on this host",
    )


def _check_collector(subsystem: Subsystem, report: CollectorReport) -> Iterator[CheckResult]:
    if not report.present:
        text = "configured, but its tools are not installed" if report.configured else "not set up on this host"
        yield CheckResult(outcome=Outcome.SKIP, subject=subsystem.name, text=f"{text}, nothing to collect")
    elif not report.commands:
        yield CheckResult(outcome=Outcome.SKIP, subject=subsystem.name, text="nothing to run")
    denied = any(command.tool and command.status is Status.NOT_PERMITTED for command in report.commands)
    for command in report.commands:
        if denied and command.tool and command.status is Status.NOT_RUNNING:
            # to a user without the permission, some tools report that the daemon is not running
            yield _check_command(subsystem, replace(command, status=Status.NOT_PERMITTED))
        else:
            yield _check_command(subsystem, command)


def _check_command(subsystem: Subsystem, command: CommandReport) -> CheckResult:
    return CheckResult(
        outcome=_judge(command),
        subject=f"{subsystem.name}: {command.name}",
        text=_describe(command),
        advice=_choose_advice(subsystem, command),
    )


def _judge(command: CommandReport) -> Outcome:
    if command.status is Status.OK:
        return Outcome.OK
    if _is_optional(command):
        return Outcome.SKIP
    return Outcome.DOWN if command.status is Status.NOT_RUNNING else Outcome.FAIL


def _is_optional(command: CommandReport) -> bool:
    """Returns whether nothing has to be done about a failure. A damaged file is a mistake, whoever needs it."""
    return not command.failed and (bool(command.tool) or command.status is not Status.UNPARSABLE)


def _describe(command: CommandReport) -> str:
    if command.status is Status.OK:
        return f"{command.status.value}{_describe_source(command)}"
    line = f" (line {command.line})" if command.line is not None else ""
    optional = "; optional" if _is_optional(command) else ""
    return f"{command.status.value}: {command.detail}{line}{optional}"


def _describe_source(command: CommandReport) -> str:
    """Returns which library has answered, or why none has."""
    if command.library:
        return f" ({command.library})"
    return f" (the tool, not a library: {command.library_failure})" if command.library_failure else ""


def _choose_advice(subsystem: Subsystem, command: CommandReport) -> str:
    if command.cause in _CAUSE_ADVICE:
        return _CAUSE_ADVICE[command.cause]
    if _is_optional(command):
        return ""
    if not command.tool and command.status in _FILE_ADVICE:
        return _FILE_ADVICE[command.status]
    user = user_name(os.geteuid())
    if command.status is Status.NOT_PERMITTED and subsystem.group and not _is_primary(subsystem.group):
        return _NO_GROUP.format(user=user, group=group_name(os.getegid()), necessary=subsystem.group)
    advice = subsystem.advice.get(command.status) or _ADVICE[command.status]
    return advice.format(user=user)


def _is_primary(group: str) -> bool:
    try:
        return os.getegid() == grp.getgrnam(group).gr_gid
    except KeyError:
        return False
