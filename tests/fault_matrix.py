"""What page, MIB, log and alarms show while a tool misbehaves: one cell for each tool and each kind of misbehavior."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote

from structlog.testing import capture_logs
from structlog.typing import EventDict

from gateway.alarms.notification import Notification
from gateway.alarms.service import AlarmService
from gateway.app.collection import build_local_host
from gateway.commands.collect import format_snapshot
from gateway.config.config import Config
from gateway.config.loader import load
from gateway.engine.engine import Engine
from gateway.snapshot import Snapshot
from gateway.status import Status
from gateway.subsystems import SUBSYSTEMS
from tests.config_values import alarm_settings
from tests.fakes import FakeClock
from tests.programs import (
    CFGTOOL,
    CIBADMIN,
    CMAPCTL,
    CRM_MON,
    DRBDSETUP,
    QUORUMTOOL,
    SBD_DUMP,
    SBD_LIST,
    TOOL_NAMES,
    FakeCluster,
)

_DEADLINE = 0.5
"""Seconds after which a tool that hangs is killed."""
_PATIENCE = 60.0
"""Seconds that the others may take, on a busy machine."""
_LONGER_THAN_ANY_HOLD = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command of a collector.

    Attributes:
        line: the command line.
        collector: the collector that runs it.
        name: its name in metrics and the log.
        sample: how the samples begin that only this command provides.
        variants: other command lines that are tried if it fails.
        required: whether the collector fails with it.
    """

    line: str
    collector: str
    name: str
    sample: str
    variants: tuple[str, ...] = ()
    required: bool = True

    @property
    def tool(self) -> str:
        """The tool that it runs."""
        return self.line.partition(" ")[0]

    def is_in(self, page: Iterable[str]) -> bool:
        """Returns whether a page has samples of this command."""
        return any(line.startswith(self.sample) for line in page)


COMMANDS = (
    Command(
        line=CRM_MON,
        collector="pacemaker",
        name="crm_mon",
        sample="ha_cluster_pacemaker_nodes{",
        variants=("crm_mon -1 -X --inactive",),
    ),
    Command(
        line=CIBADMIN,
        collector="pacemaker",
        name="cibadmin",
        sample="ha_cluster_pacemaker_location_constraints{",
        variants=("cibadmin --query --local",),
    ),
    Command(
        line=QUORUMTOOL,
        collector="corosync",
        name="corosync-quorumtool",
        sample="ha_cluster_corosync_quorum_votes{",
    ),
    Command(line=CFGTOOL, collector="corosync", name="corosync-cfgtool", sample="ha_cluster_corosync_rings{"),
    Command(
        line=CMAPCTL,
        collector="corosync",
        name="corosync-cmapctl",
        sample="ha_cluster_corosync_totem_retransmits_total",
        required=False,
    ),
    Command(
        line=SBD_DUMP,
        collector="sbd",
        name="dump /dev/loop0",
        sample='ha_cluster_sbd_timeouts{device="/dev/loop0"',
    ),
    Command(
        line=SBD_LIST,
        collector="sbd",
        name="list /dev/loop0",
        sample='ha_cluster_sbd_slots{device="/dev/loop0"',
        required=False,
    ),
    Command(line=DRBDSETUP, collector="drbd", name="drbdsetup", sample="ha_cluster_drbd_resources{"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Misbehavior:
    """A way in which a tool misbehaves.

    Attributes:
        kind: what it does, for people.
        body: a shell script in its place; ``{good}`` is the file with its valid output, ``{other}`` one with the
            invalid output ``output``.
        output: makes invalid output of the valid one.
        mode: the permissions of its file; 0 if it is not installed.
        hangs: whether only its deadline ends it.
    """

    kind: str
    body: str = "exec cat {other}"
    output: str = ""
    mode: int = 0o755
    hangs: bool = False

    @property
    def affects_tool(self) -> bool:
        """Whether all commands of the tool are affected."""
        return self.mode != 0o755


_FOREVER = "sleep 1000"

MISBEHAVIORS = (
    Misbehavior(kind="is not installed", mode=0),
    Misbehavior(kind="is not executable", mode=0o644),
    Misbehavior(kind="hangs", body=f"exec {_FOREVER}", hangs=True),
    Misbehavior(kind="hangs after its answer", body=f"cat {{good}}; exec {_FOREVER}", hangs=True),
    Misbehavior(kind="ignores SIGTERM", body=f"trap '' TERM INT HUP; {_FOREVER}; {_FOREVER}", hangs=True),
    Misbehavior(kind="leaves a child that holds the pipe", body=f"cat {{good}}; {_FOREVER} &"),
    Misbehavior(kind="leaves a child in its own session", body="cat {good}; setsid sleep 60 &"),  # nobody kills it
    Misbehavior(kind="is slow", body="sleep 0.3; exec cat {good}"),
    Misbehavior(kind="is killed after its answer", body="cat {good}; kill -KILL $$"),
    Misbehavior(kind="exits with 1 after its answer", body="cat {good}; exit 1"),
    Misbehavior(kind="exits with 1 and a message", body="echo oh no >&2; exit 1"),
    Misbehavior(kind="is refused", body="echo 'Permission denied' >&2; exit 1"),
    Misbehavior(kind="exits with 0 without an answer", body="exit 0"),
    Misbehavior(kind="prints half its answer", output="half"),
    Misbehavior(kind="prints 100 MB", body="head -c 100000000 /dev/zero"),
    Misbehavior(kind="prints without end", body="exec yes"),
    Misbehavior(kind="prints noise", output="noise"),
    Misbehavior(kind="prints another document", output="other"),
    Misbehavior(kind="nests 20,000 levels deep", output="deep"),
    Misbehavior(kind="prints a name of 200,000 characters", output="huge"),
)


def _invalid(kind: str, good: bytes) -> bytes:
    """Returns invalid output of a tool."""
    is_xml, is_json = good.startswith(b"<"), good.startswith(b"[")
    if kind == "half":
        return good[: len(good) // 2]
    if kind == "noise":
        return bytes(range(256)) * 40
    if kind == "other":
        return b"<html><body/></html>" if is_xml else b'{"error": 1}' if is_json else b"Lorem ipsum dolor\nsit: amet\n"
    if kind == "deep":
        return b"<a>" * 20_000 if is_xml else b"[" * 20_000 if is_json else b"(" * 20_000
    name = b"x" * 200_000
    return b'<pacemaker-result a="%s"/>' % name if is_xml else b'[{"name": "%s"}]' % name if is_json else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one snapshot shows.

    Attributes:
        snapshot: the snapshot.
        page: the samples of the metrics page, except those of the gateway itself.
        failures: how many commands have failed since the start, by command and state.
        mib: the variables of a walk.
        log: the warnings in the log, in structured form.
        alarms: the notifications, after the longest hold-down.
    """

    snapshot: Snapshot
    page: Mapping[str, str]
    failures: Mapping[tuple[str, str], int]
    mib: Mapping[str, str]
    log: Sequence[EventDict]
    alarms: Sequence[Notification]

    def state(self, command: Command) -> Status:
        """Returns how a command has ended, or its whole collector."""
        report = self.snapshot.collectors[command.collector]
        if not report.present:
            return report.status
        return next((run.status for run in report.commands if run.name == command.name), report.status)

    def unreadable(self, command: Command) -> Sequence[object]:
        """Returns the values of a command that could not be read."""
        runs = self.snapshot.collectors[command.collector].commands
        return next((run.unreadable for run in runs if run.name == command.name), ())

    def page_of(self, collector: str) -> Mapping[str, str]:
        """Returns the samples of a collector's subsystem."""
        return {line: value for line, value in self.page.items() if line.startswith(f"ha_cluster_{collector}_")}

    def page_without(self, collector: str) -> Mapping[str, str]:
        """Returns the samples of the other subsystems, and the result of each other collector."""
        prefix, label = f"ha_cluster_{collector}_", f'collector="{collector}"'
        return {line: value for line, value in self.page.items() if not line.startswith(prefix) and label not in line}

    def mib_without(self, collector: str) -> Mapping[str, str]:
        """Returns the variables of the other subsystems."""
        objects: frozenset[str] = frozenset().union(*(names for name, names in _OBJECTS.items() if name != collector))
        return {name: value for name, value in self.mib.items() if name.partition(".")[0] in objects}


_OBJECTS = {
    subsystem.name: frozenset(name for metric in subsystem.metrics for name in metric.mib) for subsystem in SUBSYSTEMS
}
"""The objects of each subsystem, except those that only repeat an index."""

_FAILURES = re.compile(r'command_failures_total{collector="\w+",command="([^"]+)",reason="(\w+)"} (\d+)')
_VOLATILE = re.compile(r"ha_cluster_gateway_|process_|python_|ha_cluster_scrape_duration")


class MatrixRun:
    """One gateway without its network: it looks at a fake cluster again and again.

    Args:
        cluster: the fake cluster.
    """

    def __init__(self, cluster: FakeCluster) -> None:
        patient = {f"tools.{tool}.timeout": _PATIENCE for tool in TOOL_NAMES}
        self._config: Config = load(cluster.config, patient)
        self._clock = FakeClock()
        collectors = [subsystem.make_collector(self._config.subsystems) for subsystem in SUBSYSTEMS]
        self._host = build_local_host(self._config)
        self._engine = Engine(self._host, collectors, modes=self._config.collectors.modes)
        self._published: list[Notification] = []
        self._alarms = AlarmService(self._engine, self._published.append, alarm_settings(), clock=self._clock)

    async def look(self, *, hanging: str = "") -> Shown:
        """Collects once, and returns what is shown then.

        Args:
            hanging: the tool that hangs, which gets a short deadline; empty for none.
        """
        self._published.clear()
        tools = self._config.tools.by_name
        short = {hanging: replace(tools[hanging], timeout=_DEADLINE)} if hanging else {}
        self._host.configure({**tools, **short}, nice=self._config.tools.nice)
        with capture_logs() as events:
            snapshot = await self._engine.collect()
        self._alarms.on_snapshot(snapshot)
        self._clock.advance(_LONGER_THAN_ANY_HOLD)
        self._alarms._on_timer(self._clock.monotonic())
        page = format_snapshot(snapshot, "prometheus", self._config.snmp.root).decode()
        return Shown(
            snapshot=snapshot,
            page=dict(_samples(page)),
            failures=Counter({(command, state): int(number) for command, state, number in _FAILURES.findall(page)}),
            mib=dict(_variables(format_snapshot(snapshot, "snmp", self._config.snmp.root).decode())),
            log=[event for event in events if event["log_level"] in {"warning", "error", "critical"}],
            alarms=[each for each in self._published if each.category is not None],
        )

    async def close(self) -> None:
        """Ends it."""
        await self._engine.close()


def _samples(page: str) -> Iterable[tuple[str, str]]:
    for line in page.splitlines():
        name, _, value = line.rpartition(" ")
        if not line.startswith("#") and not _VOLATILE.match(line):
            yield name, value


def _variables(walk: str) -> Iterable[tuple[str, str]]:
    for line in walk.splitlines():
        name, _, value = line.partition(" = ")
        name = name.partition("::")[2]
        yield name, value


def misbehave(cluster: FakeCluster, command: Command, misbehavior: Misbehavior) -> None:
    """Makes a command misbehave."""
    good, other = cluster.directory / "good", cluster.directory / "other"
    good.write_bytes(cluster.printed(command.line))
    other.write_bytes(_invalid(misbehavior.output, good.read_bytes()))
    body = misbehavior.body.format(good=quote(str(good)), other=quote(str(other)))
    for line in (command.line, *command.variants):
        cluster.does(line, body)
    path = cluster.path(command.tool)
    if misbehavior.mode:
        path.chmod(misbehavior.mode)
    else:
        path.unlink()


def fake_cluster(directory: Path, command: Command) -> FakeCluster:
    """Returns a fake cluster in a directory of its own."""
    path = directory / json.dumps(command.name).replace("/", "_")
    path.mkdir(parents=True)
    return FakeCluster(path)
