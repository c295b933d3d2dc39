"""A real Prometheus server scrapes the demo cluster, and promtool checks the page."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.programs import installed
from tests.waiting import wait_until

pytestmark = pytest.mark.daemon

# established names of ha_cluster_exporter
ACCEPTED_WARNINGS = {
    'ha_cluster_pacemaker_config_last_change counter metrics should have "_total" suffix',
    'ha_cluster_pacemaker_fail_count non-histogram and non-summary metrics should not have "_count" suffix',
}

CONFIGURATION = """
global: {{scrape_interval: 500ms, scrape_timeout: 400ms}}
scrape_configs:
  - job_name: cluster
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        return str(response.read().decode())


def answers(url: str) -> bool:
    try:
        get(url)
    except OSError:
        return False
    return True


def wait_for(url: str) -> None:
    wait_until(lambda: answers(url), what=url)


@pytest.fixture(scope="module")
def demo() -> Iterator[int]:
    """Runs the demo cluster, which stays healthy during the tests, and returns its port."""
    port = free_port()
    argv = [sys.executable, "-m", "gateway", "demo", f"--web.listen-address=127.0.0.1:{port}", "--speed=100"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/-/ready")
            yield port
        finally:
            process.terminate()


def test_promtool_only_warns_about_established_names(demo: int) -> None:
    page = get(f"http://127.0.0.1:{demo}/metrics")
    result = subprocess.run(
        [installed("promtool"), "check", "metrics"], input=page, capture_output=True, text=True, check=False
    )
    assert set((result.stdout + result.stderr).splitlines()) == ACCEPTED_WARNINGS


def test_prometheus_scrapes_every_series(demo: int, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "prometheus.yml").write_text(CONFIGURATION.format(port=demo))
    argv = [
        installed("prometheus"),
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/-/ready")
            samples = eventually(port, "scrape_samples_scraped")
            page = get(f"http://127.0.0.1:{demo}/metrics")
            assert samples == sum(1 for line in page.splitlines() if not line.startswith("#"))
            assert eventually(port, "up") == 1
            assert eventually(port, "ha_cluster_corosync_quorate") == 1
            assert eventually(port, 'sum(ha_cluster_pacemaker_nodes{status="online"})') == 3
        finally:
            process.terminate()


def eventually(port: int, expression: str) -> float:
    """Returns the value of an expression as soon as it has one."""
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    results: list[Any] = []

    def has_value() -> bool:
        results[:] = json.loads(get(url))["data"]["result"]
        return bool(results)

    wait_until(has_value, what=f"a value of {expression}")
    return float(results[0]["value"][1])
