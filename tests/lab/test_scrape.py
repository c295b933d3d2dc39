"""The Prometheus of each release scrapes the gateway in every format that it can ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.cluster import Cluster
from tests.lab.gateways import PORT, NodeGateway, configuration
from tests.lab.prometheus import HOME, api, prometheus
from tests.promtool import ACCEPTED_WARNINGS
from tests.series import Series

pytestmark = pytest.mark.lab

_NEWER = pytest.mark.not_on("bullseye", "bookworm", reason="scrape_protocols is new in Prometheus 2.49")
_NEWEST = pytest.mark.not_on("bullseye", "bookworm", "trixie", reason="this format is new in Prometheus 3")
PROTOCOLS = [
    pytest.param("", id="default"),
    *(pytest.param(name, marks=_NEWER) for name in ("PrometheusText0.0.4", "OpenMetricsText0.0.1")),
    *(pytest.param(name, marks=_NEWER) for name in ("OpenMetricsText1.0.0", "PrometheusProto")),
    pytest.param("PrometheusText1.0.0", marks=_NEWEST),
]


TRAFFIC = ("ha_cluster_corosync_knet_", "ha_cluster_corosync_totem_")
"""The statistics of Corosync, which count messages and so change all the time."""


def comparable(page: Series) -> Series:
    """Returns the series that are the same in each scrape of an idle cluster, as Prometheus stores them.

    It stores no empty label. A counter has the suffix ``_total`` in OpenMetrics, whatever its name in the text format.
    """
    return {
        (name.removesuffix("_total"), frozenset((label, text) for label, text in labels if text)): value
        for (name, labels), value in page.items()
        if name.startswith(("ha_cluster_pacemaker", "ha_cluster_corosync")) and not name.startswith(TRAFFIC)
    }


def stored(cluster: Cluster) -> Series:
    """Returns the series of the last scrape, without the labels that Prometheus adds."""
    results = api(cluster, "query", query='{job="cluster", __name__=~"ha_cluster_.+"}')["result"]
    found: Series = {}
    for result in results:
        labels = {name: text for name, text in result["metric"].items() if name not in {"job", "instance"}}
        found[labels.pop("__name__"), frozenset(labels.items())] = float(result["value"][1])
    return comparable(found)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_prometheus_stores_what_the_page_shows(cluster: Cluster, tmp_path: Path, protocol: str) -> None:
    chosen = f"\n    scrape_protocols: [{protocol}]" if protocol else ""
    config = (
        "global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: cluster\n"
        f'    static_configs: [{{targets: ["127.0.0.1:{PORT}"]}}]{chosen}\n'
    )
    with (
        NodeGateway(cluster, HOME, configuration(tmp_path, alarms='socket = ""')) as gateway,
        prometheus(cluster, tmp_path, config),
    ):
        cluster.wait_for(lambda: stored(cluster), 60, what="the first scrape")
        (target,) = api(cluster, "targets", state="active")["activeTargets"]
        assert (target["health"], target["lastError"]) == ("up", "")
        assert stored(cluster) == comparable(gateway.page())


def test_promtool_accepts_the_page(cluster: Cluster, tmp_path: Path) -> None:
    with NodeGateway(cluster, HOME, configuration(tmp_path, alarms='socket = ""')) as gateway:
        page = gateway.text()
    checked = cluster.run(HOME, "promtool", "check", "metrics", input=page, check=False)
    lines = (checked.stdout + checked.stderr).splitlines()
    assert {line for line in lines if line not in ACCEPTED_WARNINGS} == set()
