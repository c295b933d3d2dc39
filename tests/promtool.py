"""Pages of gateways over time as series for ``promtool test rules``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from tests import series
from tests.programs import installed

STEP = 60
"""Seconds between two scrapes, and between two evaluations of the rules."""

ACCEPTED_WARNINGS = {
    'ha_cluster_pacemaker_config_last_change counter metrics should have "_total" suffix',
    'ha_cluster_pacemaker_fail_count non-histogram and non-summary metrics should not have "_count" suffix',
}
"""What ``promtool check metrics`` says about the names of ha_cluster_exporter's metrics."""

Pages = Sequence[str | None]
"""The pages of a target, one for each scrape; None if the scrape fails."""


def promtool(*arguments: str | Path) -> None:
    """Runs promtool, and fails with its output if it does."""
    done = subprocess.run([installed("promtool"), *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def selector(labels: Mapping[str, str]) -> str:
    """Returns labels as they are written after the name of a metric."""
    escaped = ((name, value.replace("\\", "\\\\").replace('"', '\\"')) for name, value in labels.items())
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}"


def input_series(pages: Pages, target: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yields the series that Prometheus has after it has scraped a target at regular intervals.

    Args:
        pages: what the target served.
        target: the labels that Prometheus adds.
    """
    parsed = {page: series.parse(page) for page in set(pages) if page is not None}
    scrapes = [None if page is None else parsed[page] for page in pages]
    up = (None if page is None else 1.0 for page in pages)
    yield {"series": f"up{selector(target)}", "values": _values(value or 0.0 for value in up)}
    for key in sorted({key for scrape in parsed.values() for key in scrape}, key=lambda key: (key[0], sorted(key[1]))):
        name, labels = key
        values = (None if scrape is None else scrape.get(key) for scrape in scrapes)
        yield {"series": name + selector({**dict(labels), **target}), "values": _values(values)}


def _values(values: Iterable[float | None]) -> str:
    """Returns values in the notation of promtool: a series that ends is marked as stale, as Prometheus does."""
    words: list[str] = []
    for value, group in groupby(values):
        count = len(list(group))
        if value is None:
            words += ["stale"] if words else ["_"]
            words += [f"_x{count - 1}"] if count > 1 else []
        else:
            finite = min(max(value, -1e12), 1e12)  # promtool reads no infinity
            words.append(f"{finite:.17g}x{count - 1}" if count > 1 else f"{finite:.17g}")
    return " ".join(words)


def run_tests(folder: Path, rules: Path, tests: Sequence[Mapping[str, Any]], *, step: int = STEP) -> None:
    """Runs unit tests of rules.

    Args:
        folder: for the file of the tests.
        rules: the file with the rules.
        tests: the tests, without their interval.
        step: seconds between two samples, and between two evaluations.
    """
    interval = {"interval": f"{step}s"}
    document = {
        "rule_files": [str(rules)],
        "evaluation_interval": f"{step}s",
        "tests": [{**interval, **test} for test in tests],
    }
    path = folder / "tests.yml"
    path.write_text(json.dumps(document), "utf-8")  # JSON is YAML
    promtool("test", "rules", path)


def alerts(state: str, *, during: str = "") -> str:
    """Returns an expression for the names of the alerts in a state, now or at some time."""
    selected = f'ALERTS{{alertstate="{state}"}}'
    return f"group by (alertname) ({f'max_over_time({selected}[{during}])' if during else selected})"


def expectation(expression: str, time: str, names: Iterable[str]) -> dict[str, Any]:
    """Returns the expectation that an expression for names of alerts has this result."""
    samples = [{"labels": selector({"alertname": name}), "value": 1} for name in sorted(names)]
    return {"expr": expression, "eval_time": time, "exp_samples": samples}
