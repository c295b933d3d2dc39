"""The metrics of the process, compared with those of ``prometheus_client``."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import ProcessCollector

from gateway.samples import SampleSet
from gateway.self_monitoring.process_metrics import add_process_metrics


def test_the_metrics_are_those_of_the_reference() -> None:
    samples = SampleSet()
    add_process_metrics(samples)
    ours = {metric.name: (metric, values[()]) for metric, values in samples.samples_by_metric.items()}
    theirs = {
        sample.name: (family, sample.value)
        for family in ProcessCollector(registry=None).collect()
        for sample in family.samples
    }
    assert ours.keys() == theirs.keys()
    for name, (family, value) in theirs.items():
        metric, own = ours[name]
        assert (metric.help, metric.kind.value) == (family.documentation, family.type)
        assert own == pytest.approx(value, rel=0.5, abs=1)


def test_what_cannot_be_read_is_absent(tmp_path: Path) -> None:
    samples = SampleSet()
    add_process_metrics(samples, proc=tmp_path)
    assert not samples.samples_by_metric
    (tmp_path / "self/fd").mkdir(parents=True)
    (tmp_path / "self/stat").write_text("1 (a b) c) S 1 2")
    (tmp_path / "self/limits").write_text("Max open files            unlimited            unlimited            files\n")
    add_process_metrics(samples, proc=tmp_path)
    assert {metric.name: values for metric, values in samples.samples_by_metric.items()} == {
        "process_open_fds": {(): 0},
        "process_max_fds": {(): float("inf")},
    }
