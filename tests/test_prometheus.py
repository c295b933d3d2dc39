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

from tests.certificates import Authority
from tests.http_server import HASHES
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


SECURE = """
global: {{scrape_interval: 500ms, scrape_timeout: 400ms}}
scrape_configs:
  - job_name: cluster
    scheme: https
    tls_config: {{ca_file: authority.crt, cert_file: prometheus.crt, key_file: prometheus.key}}
    basic_auth: {{username: admin, password: secret}}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def test_prometheus_scrapes_over_tls_with_a_certificate_and_a_password(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.sign("server")
    authority.sign("prometheus", ["prometheus.example.org"])
    (tmp_path / "web.yaml").write_text(
        "tls_server_config: {cert_file: server.crt, key_file: server.key, client_ca_file: authority.crt, "
        "client_auth_type: RequireAndVerifyClientCert, client_allowed_sans: [prometheus.example.org]}\n"
        f"basic_auth_users: {{admin: '{HASHES['secret']}'}}\n"
    )
    gateway_port, port = free_port(), free_port()
    (tmp_path / "prometheus.yml").write_text(SECURE.format(port=gateway_port))
    gateway = [
        sys.executable,
        "-m",
        "gateway",
        "demo",
        f"--web.listen-address=127.0.0.1:{gateway_port}",
        f"--web.config.file={tmp_path / 'web.yaml'}",
        "--snmp.agent.listen=127.0.0.1:0",
        "--speed=100",
    ]
    prometheus = [
        installed("prometheus"),
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(gateway, **quiet) as demo, subprocess.Popen(prometheus, **quiet) as server:  # type: ignore[call-overload]
        try:
            wait_for(f"http://127.0.0.1:{port}/-/ready")
            wait_until(lambda: eventually(port, "up") == 1, what="a scrape")
            assert eventually(port, "ha_cluster_corosync_quorate") == 1
            assert eventually(port, "ha_cluster_gateway_web_config_last_reload_successful") == 1
            refused = 'sum(ha_cluster_gateway_http_refused_total{reason!="handshake"})'
            assert eventually(port, refused) == 0
        finally:
            server.terminate()
            demo.terminate()


def eventually(port: int, expression: str) -> float:
    """Returns the value of an expression as soon as it has one."""
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    results: list[Any] = []

    def has_value() -> bool:
        results[:] = json.loads(get(url))["data"]["result"]
        return bool(results)

    wait_until(has_value, what=f"a value of {expression}")
    return float(results[0]["value"][1])
