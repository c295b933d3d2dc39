"""The dashboards for Grafana: their structure, and that a real Prometheus has data for every query."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.programs import ROOT, load_script
from tests.prometheus_server import query, running_demo, running_prometheus
from tests.promql import rule_problems, selector_problems, selectors
from tests.waiting import wait_until

FOLDER = ROOT / "dashboards"
DASHBOARDS: Mapping[str, Any] = {path.name: json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.json")}
UPSTREAM = ROOT.parent / "ha_cluster_exporter" / "dashboards"
"""Those of ha_cluster_exporter, if its repository lies beside this one."""


def panels(dashboard: Any) -> Iterator[Any]:
    for panel in (*dashboard.get("panels", ()), *(one for row in dashboard.get("rows", ()) for one in row["panels"])):
        yield panel
        yield from panels(panel)


def queries(dashboard: Any) -> list[str]:
    return [target["expr"] for panel in panels(dashboard) for target in panel.get("targets", ())]


# --- Structure -------------------------------------------------------------------------------------------------------


def test_the_files_are_up_to_date() -> None:
    files = load_script(FOLDER / "generate.py").files()
    assert {name: (FOLDER / name).read_text("utf-8") for name in files} == files, "run make regenerate"
    assert files.keys() == DASHBOARDS.keys()


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_can_be_imported_anywhere(name: str) -> None:
    dashboard = DASHBOARDS[name]
    assert dashboard["id"] is None
    assert dashboard["schemaVersion"] >= 36
    assert dashboard["templating"]["list"][0]["type"] == "datasource"
    parts = [*panels(dashboard), *(target for panel in panels(dashboard) for target in panel.get("targets", ()))]
    sources = [part["datasource"]["uid"] for part in parts if "datasource" in part]
    assert set(sources) == {"${datasource}"}
    numbers = [panel["id"] for panel in panels(dashboard)]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_do_not_overlap(name: str) -> None:
    cells: set[tuple[int, int]] = set()
    for panel in panels(DASHBOARDS[name]):
        place = panel["gridPos"]
        columns, rows = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        own = set(itertools.product(columns, rows))
        assert not cells & own, panel["title"]
        assert columns[-1] < 24, panel["title"]
        cells |= own


@pytest.mark.parametrize("name", DASHBOARDS)
def test_queries_use_existing_metrics_and_labels(name: str) -> None:
    problems = [
        (expression, problem)
        for expression in queries(DASHBOARDS[name])
        for metric, matchers in selectors(expression)
        for problem in selector_problems(metric, matchers)
    ]
    problems += [
        (expression, problem)
        for expression in queries(DASHBOARDS[name])
        for problem in rule_problems({"expr": expression, "annotations": {}})
    ]
    assert problems == []


_ARBITRATION = ("qdevice_vote", "qnetd_node_connected", "booth_ticket", "booth_peer", "remote_connection")


def test_the_subjects_of_an_operator_are_covered() -> None:
    used = {metric for one in DASHBOARDS.values() for text in queries(one) for metric, _ in selectors(text)}
    for subject in (
        "corosync_link",
        "fence_events",
        "gateway_alarms",
        "drbd_connection",
        "sbd_devices",
        "gateway_",
        *_ARBITRATION,
    ):
        assert any(subject in metric for metric in used), subject


# --- Data ------------------------------------------------------------------------------------------------------------

CONFIGURATION = """
global: {{scrape_interval: 250ms, scrape_timeout: 250ms}}
scrape_configs:
  - job_name: ha-cluster
    static_configs: [{{targets: ["127.0.0.1:{port}"], labels: {{cluster: demo}}}}]
"""

LAST = "ha_cluster_pacemaker_remote_connected"
"""A metric that only the last situation of the demo has."""


class Recorded:
    """What Prometheus has recorded of the demo's time line."""

    def __init__(self, port: int, instance: str, start: float) -> None:
        self._port = port
        self._start = start
        self._variables = {
            "$job": "ha-cluster",
            "$cluster": "demo",
            "$__rate_interval": "5s",
            "$dc_instance": instance,
        }

    def has_data(self, expression: str, **variables: str) -> bool:
        for name, value in {**self._variables, **variables}.items():
            expression = expression.replace(name, value)
        return bool(query(self._port, expression, start=f"{self._start}", end=f"{time.time()}", step="1"))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """Lets Prometheus record the demo, which passes through all its situations in some seconds."""
    start, folder = time.time(), tmp_path_factory.mktemp("prometheus")
    with (
        running_demo("--speed=20", "--corosync.statistics=true") as demo,
        running_prometheus(CONFIGURATION.format(port=demo), folder) as port,
    ):
        wait_until(lambda: query(port, f"last_over_time({LAST}[5m])"), seconds=90, what="the end of the demo")
        yield Recorded(port, f"127.0.0.1:{demo}", start)


WITHOUT_DATA = {
    "ha_cluster_gateway_notification_target_state": "the demo has no target",
}
"""Queries of the dashboards without data in the demo, by a part of them, and the reason."""


@pytest.mark.daemon
@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_query_has_data(name: str, recorded: Recorded) -> None:
    empty = [text for text in queries(DASHBOARDS[name]) if not any(part in text for part in WITHOUT_DATA)]

    def have_data() -> bool:
        empty[:] = [expression for expression in empty if not recorded.has_data(expression)]
        return not empty

    # the demo starts over: what a busy machine has missed of a short situation comes again
    with contextlib.suppress(TimeoutError):
        wait_until(have_data, seconds=90, what="data for every query")
    assert empty == []


@pytest.mark.daemon
@pytest.mark.parametrize("metric", WITHOUT_DATA)
def test_what_is_listed_as_missing_is_missing(metric: str, recorded: Recorded) -> None:
    assert not recorded.has_data(metric)


@pytest.mark.daemon
@pytest.mark.skipif(not UPSTREAM.is_dir(), reason="needs the repository of ha_cluster_exporter beside this one")
def test_every_query_of_the_dashboards_of_ha_cluster_exporter_has_data(recorded: Recorded) -> None:
    every = [text for path in sorted(UPSTREAM.glob("*.json")) for text in queries(json.loads(path.read_text("utf-8")))]
    assert len(every) > 30
    # the name of a job is the cluster there
    empty = [text for text in every if not recorded.has_data(text, **{"$cluster": "ha-cluster"})]
    foreign = re.compile(r"\bnode_(?!id)\w+|:9100")
    assert [text for text in empty if not foreign.search(text)] == []
    assert [text for text in every if foreign.search(text) and text not in empty] == []
