"""The whole way of a damaged output: collector, samples, pages, tables, alarms, notifications."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from html.parser import HTMLParser

from prometheus_client.openmetrics.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from gateway.alarms.alarm_table import AlarmTable
from gateway.alarms.notification_builder import NotificationBuilder
from gateway.catalog import ACCUMULATORS
from gateway.conditions.view import ClusterView
from gateway.errors import ParseError
from gateway.frontends.prometheus import exposition, snapshot_document, targets
from gateway.frontends.snmp import tables
from gateway.frontends.snmp.notifications.compat import FORMS
from gateway.frontends.snmp.notifications.rendering import Renderer
from gateway.frontends.snmp.tables import Omission
from gateway.host.host import CommandResult
from gateway.host.replay import DEMO, Recording
from gateway.samples import Labels, Metric, SampleSet, Value
from gateway.snapshot import CollectorReport, CommandReport, Snapshot
from gateway.snmp import ber
from gateway.snmp.agentx.encoding import encode_varbind
from gateway.snmp.mib.module import mib
from gateway.subsystems import corosync_conf
from tests import series
from tests.fakes import MISSING, FakeClock, FakeHost, Result
from tests.fuzz.target import Target
from tests.fuzz.targets.parsers import seeds_of
from tests.http_server import NO_ALARMS
from tests.parsers.parser_samples import PARSERS, SBD_DEVICE
from tests.snmp.parity import differences
from tests.snmp.walked import walked
from tests.status_pages import render
from tests.subsystems import WITH_STATISTICS, WITHOUT_MODULE, make_collector

_ELEMENTS = {
    *("a", "body", "caption", "dd", "details", "div", "dl", "dt", "footer", "h1", "h2", "h3", "head", "header", "html"),
    *("li", "link", "main", "meta", "nav", "p", "section", "span", "strong", "summary", "table", "tbody", "td", "th"),
    *("thead", "time", "title", "tr", "ul"),
}
_ATTRIBUTES = {
    *("aria-label", "aria-labelledby", "charset", "class", "content", "datetime", "href", "id", "lang", "name", "open"),
    *("rel", "role", "scope", "tabindex"),
}
_HOUR = 3600.0
_DEVICE = "device"
_TOOLS: Mapping[str, tuple[str, str, str]] = {
    "crm_mon": ("pacemaker", "crm_mon", "crm_mon"),
    "cibadmin": ("pacemaker", "cibadmin", "cib"),
    "corosync-quorumtool": ("corosync", "corosync-quorumtool", "corosync-quorumtool"),
    "corosync-cfgtool": ("corosync", "corosync-cfgtool", "corosync-cfgtool, words"),
    "corosync-qdevice-tool": ("qdevice", "corosync-qdevice-tool", "corosync-qdevice-tool"),
    "corosync-qnetd-tool status": ("qnetd", "status", "corosync-qnetd-tool, status"),
    "corosync-qnetd-tool list": ("qnetd", "list", "corosync-qnetd-tool"),
    "corosync-cmapctl": ("corosync", "corosync-cmapctl", "corosync-cmapctl"),
    "corosync.conf": ("corosync", "", "corosync.conf"),
    "sbd dump": ("sbd", "dump", "sbd dump"),
    "sbd list": ("sbd", "list", "sbd list"),
    "sbd device": ("sbd", _DEVICE, "sbd device, slots"),
    "sbd configuration": ("sbd", "", "sbd configuration"),
    "drbdsetup": ("drbd", "drbdsetup", "drbdsetup"),
}
"""The subsystem, the beginning of the name of the probe (empty for the configuration file), and the parser."""


_SITUATIONS: Mapping[str, str] = {"qdevice": "arbitrated", "qnetd": "arbitrator"}
"""The situation of the demo in which a subsystem that the first one lacks is healthy."""


class _Subsystem:
    """A subsystem of a healthy cluster of the demo, with one output that is damaged.

    Args:
        subsystem: the name of the subsystem.
        probe: the beginning of the name of the probe whose output is damaged; empty for the configuration file.
    """

    def __init__(self, subsystem: str, probe: str) -> None:
        self._probe = probe
        self._recording = Recording.load(DEMO)
        situation = _SITUATIONS.get(subsystem, "healthy")
        (self._step,) = (step for step in self._recording.steps if step.situation == situation)
        self._collector = make_collector(subsystem, options={**WITH_STATISTICS, **WITHOUT_MODULE})
        self._mib = mib()
        self._healthy = self._snapshot(None)
        self._renderer = Renderer(self._mib, compat=tuple(FORMS))

    def seed(self) -> bytes:
        """Returns the output of the healthy cluster."""
        if not self._probe:
            return next(content for path, content in self._files().items() if path in self._collector.configurations)
        if self._probe == _DEVICE:
            return SBD_DEVICE.encode()
        plan = self._collector.plan(FakeHost(files=self._files()))
        assert plan is not None
        return next(
            self._recorded((probe.tool, *variant)).stdout
            for probe in plan.probes
            for variant in probe.variants
            if probe.name.startswith(self._probe)
        )

    def check(self, data: bytes) -> str:
        """Checks everything that is made of an output, when it follows a healthy state and is followed by one."""
        with capture_logs() as logs:
            snapshot = self._snapshot(data)
            self._check_pages(snapshot)
            self._check_document(snapshot)
            self._check_page_for_people(snapshot)
            self._check_targets(snapshot, data)
            omitted = self._check_tables(snapshot)
            events = self._check_alarms(snapshot)
        assert not [event for event in logs if event["log_level"] in {"error", "critical"}], logs
        states = [command.status for report in snapshot.collectors.values() for command in report.commands]
        return f"{states} {omitted > 0} {sorted(events)}"

    def _files(self) -> dict[str, bytes]:
        names = self._recording.files.items()
        return {path: self._recording.read(self._step, name) or b"" for path, name in names}

    def _recorded(self, command: tuple[str, ...]) -> CommandResult:
        name = self._recording.commands.get(command)
        output = self._recording.read(self._step, f"{name}.stdout") if name else None
        return series.ended(output or b"", 0 if name else 1)

    def _snapshot(self, data: bytes | None) -> Snapshot:
        files = self._files()
        if data is not None and not self._probe:
            files |= dict.fromkeys(self._collector.configurations, data)
        devices: dict[str, Result] = {"any": MISSING} if self._probe == _DEVICE else {}
        plan = self._collector.plan(FakeHost(files=files, devices=devices))
        if plan is None:
            return Snapshot(samples_by_metric={}, time=1e9)
        results = {probe.name: self._recorded((probe.tool, *probe.variants[0])) for probe in plan.probes}
        if self._probe == _DEVICE:
            results = dict.fromkeys(results, series.ended(SBD_DEVICE.encode() if data is None else data))
        elif data is not None and self._probe:
            results |= {name: _ended(data) for name in results if name.startswith(self._probe)}
        readings = {**plan.files, **series.readings(plan.probes, results)}
        commands = tuple(
            CommandReport(name=name, status=reading.status, unreadable=reading.unreadable)
            for name, reading in readings.items()
        )
        report = CollectorReport(name=self._collector.name, commands=commands)
        return Snapshot(
            samples_by_metric=self._collector.make_samples(readings).samples_by_metric,
            collectors={self._collector.name: report},
            time=1e9,
        )

    def _check_pages(self, snapshot: Snapshot) -> None:
        """Checks that ``prometheus_client`` finds the same series on both pages, each once."""
        samples = snapshot.samples_by_metric
        text = series.parse(exposition.encode_text(samples).decode())
        page = exposition.encode_openmetrics(samples).decode()
        families = text_string_to_metric_families(page)  # type: ignore[no-untyped-call]
        found = [(line.name, frozenset(line.labels.items())) for family in families for line in family.samples]
        assert len(found) == len(set(found))
        # the parser of the text format adds this ending to the names of counters that lack it
        assert {(name.removesuffix("_total"), labels) for name, labels in text} == {
            (name.removesuffix("_total"), labels) for name, labels in found
        }

    def _check_document(self, snapshot: Snapshot) -> None:
        """Checks that the document has as many samples as the snapshot, and shows the labels of each."""
        samples = snapshot.samples_by_metric
        encoded = snapshot_document.encode(snapshot, samples, alarms=None, on_error=_fail)
        assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", encoded)
        found = [tuple(entry["labels"].values()) for entry in json.loads(encoded)["samples"]]
        metrics = sorted(samples, key=lambda metric: metric.name)
        assert found == [labels for metric in metrics for labels in samples[metric]]

    def _check_page_for_people(self, snapshot: Snapshot) -> None:
        """Checks that no name becomes an element or an attribute."""
        page = _Elements()
        page.feed(render(snapshot, NO_ALARMS))
        page.close()
        assert page.elements <= _ELEMENTS, page.elements
        assert page.attributes <= _ATTRIBUTES, page.attributes

    def _check_targets(self, snapshot: Snapshot, data: bytes) -> None:
        """Checks that the targets for Prometheus are valid: one for each node, whose labels are texts."""
        try:
            configuration = None if self._probe else corosync_conf.parse(data).value
        except ParseError:
            configuration = None
        nodes = targets.known_nodes(snapshot, configuration, ())
        for link in (None, 0):
            settings = targets.TargetSettings(link=link, port=1, scheme="http", metrics_path="/")
            groups = json.loads(targets.encode(nodes, configuration, snapshot, settings=settings))
            assert len(groups) == len(nodes)
            for group in groups:
                assert len(group["targets"]) == 1
                assert all(isinstance(value, str) for value in group["labels"].values())

    def _check_tables(self, snapshot: Snapshot) -> int:
        """Checks that a walk is in order, and shows everything that the page shows; returns how much is omitted."""
        omissions: list[Omission] = []
        samples = snapshot.samples_by_metric
        table = tables.build(snapshot, samples, self._mib, age=lambda: 0.0, report=omissions.append)
        walk = walked(table, self._mib)
        if not omissions and not any(map(_has_values_without_object, samples, samples.values())):
            sample_set = SampleSet()
            for metric, values in samples.items():
                for labels, value in values.items():
                    sample_set.add(metric, value, *labels)
            assert not list(differences(sample_set, walk))
        return len(omissions)

    def _check_alarms(self, snapshot: Snapshot) -> set[str]:
        """Checks that alarms and notifications can be made of it; returns the names of the conditions."""
        alarms, clock, view = AlarmTable(), FakeClock(), None
        builder, names = NotificationBuilder(clock=clock), set()
        for each in (self._healthy, snapshot, self._healthy):
            view = ClusterView(each, view, accumulators=ACCUMULATORS)
            builder.update_names(view)
            events = alarms.evaluate(view, now=clock.now, time=clock.now)
            clock.advance(_HOUR)
            for event in (*events, *alarms.on_timer(now=clock.now)):
                names.add(event.alarm.condition.name)
                for varbinds in self._renderer.render(builder.alarm(event, view)):
                    for varbind in varbinds:
                        ber.varbind(varbind)
                        encode_varbind(varbind)
        return names


def _has_values_without_object(metric: Metric, values: Mapping[Labels, Value]) -> bool:
    """Returns whether a label has a value for which the MIB has no object, such as an unknown kind of timeout."""
    choice = metric.mib_choice
    if choice is None:
        return False
    position = metric.labels.index(choice.label)
    return any(labels[position] not in choice.objects for labels in values)


class _Elements(HTMLParser):
    """Collects the names of the elements of a page, and of their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}


def _ended(data: bytes) -> CommandResult:
    """Returns the result of a command that printed something, with an exit status and messages that depend on it."""
    number = zlib.crc32(data)
    status = (0, 0, 0, 1, 102)[number % 5]
    messages = (b"", data[:100], b"Permission denied", b"Could not connect", b"\xff\0\n\x1b[m")[number // 5 % 5]
    return series.ended(data, status, messages if status else b"")


def _fail(_name: str, error: Exception) -> None:
    raise error


def _target(name: str) -> Target:
    subsystem_name, probe, parser = _TOOLS[name]
    subsystem = _Subsystem(subsystem_name, probe)
    seeds = [subsystem.seed(), *seeds_of(parser, PARSERS[parser][1])[:40]]
    return Target(check=subsystem.check, seeds=seeds, max_size=24 * 1024, seconds=2.0, seconds_per_kib=0.2)


TARGETS: Mapping[str, Callable[[], Target]] = {f"cluster {name}": partial(_target, name) for name in _TOOLS}
