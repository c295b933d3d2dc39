from __future__ import annotations

from structlog.testing import capture_logs

import gateway
from gateway.publication import Publication
from gateway.samples import SampleSet
from gateway.self_monitoring import self_metrics
from gateway.snapshot import Snapshot
from tests.fakes import FakeClock


def snapshot(started: float = 0.0) -> Snapshot:
    samples = SampleSet()
    samples.add(self_metrics.RUNS, 7)
    return Snapshot(samples_by_metric=samples.samples_by_metric, started=started)


def test_a_snapshot_is_merged_with_the_gateways_own_samples() -> None:
    publication = Publication(clock=FakeClock(12.5))
    publication.add_source(lambda samples: samples.add(self_metrics.SCRAPES, 3))
    merged = publication.merge(snapshot(10.0))
    assert merged[self_metrics.RUNS] == {(): 7}
    assert merged[self_metrics.SCRAPES] == {(): 3}
    assert merged[self_metrics.SNAPSHOT_AGE] == {(): 2.5}
    ((version, _),) = merged[self_metrics.BUILD_INFO]
    assert version == gateway.__version__
    by_name = {metric.name: samples for metric, samples in merged.items()}
    assert by_name["process_open_fds"][()] > 0  # type: ignore[operator]


def test_the_snapshot_itself_does_not_change() -> None:
    original = snapshot()
    Publication().merge(original)
    assert list(original.samples_by_metric) == [self_metrics.RUNS]


def test_a_snapshot_is_never_younger_than_nothing() -> None:
    assert Publication(clock=FakeClock(1.0)).age(snapshot(2.0)) == 0.0


def test_a_source_that_fails_costs_its_own_samples_only() -> None:
    publication = Publication()

    def broken(samples: SampleSet) -> None:
        raise LookupError("odd")

    publication.add_source(broken)
    publication.add_source(lambda samples: samples.add(self_metrics.SCRAPES, 3))
    with capture_logs() as logs:
        first, second = publication.merge(snapshot()), publication.merge(snapshot())
    for number, merged in enumerate((first, second), 1):
        assert merged[self_metrics.RUNS] == {(): 7}
        assert merged[self_metrics.SCRAPES] == {(): 3}
        assert merged[self_metrics.PUBLICATION_FAILURES] == {(): number}
    (event,) = logs
    assert (event["log_level"], event["event"]) == ("error", "metrics not published")
    assert event["metric"].endswith("broken")
    assert isinstance(event["exc_info"], LookupError)
