"""Reads pages as series by name and labels, as a Prometheus server does."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from gateway.frontends.prometheus import exposition
from gateway.host.host import CommandResult, Host
from gateway.samples import SampleSet
from gateway.status import Status
from gateway.subsystems.probe import Collector, Probe, Reading, read_result

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parse(text: str) -> Series:
    """Returns the series of a page in text format; the same series twice is an error."""
    result: Series = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in result, f"twice on one page: {key}"
            assert sample.timestamp is None
            result[key] = sample.value
    return result


_VOLATILE = (
    "ha_cluster_gateway_",
    "ha_cluster_scrape_duration",
    "ha_cluster_corosync_knet_",
    "ha_cluster_corosync_totem_",
    "process_",
    "python_",
)
"""What differs from scrape to scrape."""


def facts(page: Series) -> Series:
    """Returns what a page says about the cluster."""
    return {key: value for key, value in page.items() if not key[0].startswith(_VOLATILE)}


def fact_lines(text: str) -> list[str]:
    """Returns the lines of a page in text format that ``facts`` has the series of; much faster than parsing it."""
    return [line for line in text.splitlines() if not line.startswith(("#", *_VOLATILE))]


def of(samples: SampleSet) -> Series:
    """Returns the series of a set of samples."""
    return parse(page(samples))


def page(samples: SampleSet) -> str:
    """Returns the page of a set of samples."""
    return exposition.encode_text(samples.samples_by_metric).decode()


def named(series: Series, name: str) -> dict[frozenset[tuple[str, str]], float]:
    """Returns the series of one name, by their labels."""
    return {labels: value for (series_name, labels), value in series.items() if series_name == name}


def key(name: str, /, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """Returns the key of one series; the prefix is added."""
    return f"ha_cluster_{name}", frozenset(labels.items())


def ended(stdout: bytes, exit_status: int = 0, stderr: bytes = b"") -> CommandResult:
    """Returns the result of a command that ended by itself."""
    status = Status.FAILED if exit_status else Status.OK
    return CommandResult(status=status, exit_status=exit_status, stdout=stdout, stderr=stderr)


def readings(probes: tuple[Probe, ...], results: Mapping[str, CommandResult]) -> dict[str, Reading]:
    """Returns the readings of a collector's probes; a command without a result was not installed."""
    missing = CommandResult(status=Status.NOT_INSTALLED)
    return {probe.name: read_result(probe, results.get(probe.name, missing)) for probe in probes}


def samples(collector: Collector, results: Mapping[str, CommandResult], host: Host) -> SampleSet:
    """Returns the samples that a collector derives from command results."""
    plan = collector.plan(host)
    assert plan is not None
    return collector.make_samples({**plan.files, **readings(plan.probes, results)})


def collected(collector: Collector, results: Mapping[str, CommandResult], host: Host) -> Series:
    """Returns the series that a collector derives from command results."""
    return of(samples(collector, results, host))
