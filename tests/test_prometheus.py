"""A real Prometheus server scrapes the demo cluster, and promtool checks the page."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.http_server import HASHES
from tests.programs import installed
from tests.prometheus_server import eventually, get, running_demo, running_prometheus, wait_for
from tests.promtool import ACCEPTED_WARNINGS
from tests.waiting import wait_until

pytestmark = pytest.mark.daemon

CONFIGURATION = """
global: {{scrape_interval: 500ms, scrape_timeout: 400ms}}
scrape_configs:
  - job_name: cluster
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@pytest.fixture(scope="module")
def demo() -> Iterator[int]:
    """Runs the demo cluster, which stays healthy during the tests, and returns its port."""
    with running_demo("--speed=0.01") as port:
        wait_for(f"http://127.0.0.1:{port}/-/ready")
        yield port


def test_promtool_only_warns_about_established_names(demo: int) -> None:
    page = get(f"http://127.0.0.1:{demo}/metrics")
    result = subprocess.run(
        [installed("promtool"), "check", "metrics"], input=page, capture_output=True, text=True, check=False
    )
    assert set((result.stdout + result.stderr).splitlines()) == ACCEPTED_WARNINGS


def test_prometheus_scrapes_every_series(demo: int, tmp_path: Path) -> None:
    with running_prometheus(CONFIGURATION.format(port=demo), tmp_path) as port:
        samples = eventually(port, "scrape_samples_scraped")
        page = get(f"http://127.0.0.1:{demo}/metrics")
        assert samples == sum(1 for line in page.splitlines() if not line.startswith("#"))
        assert eventually(port, "up") == 1
        assert eventually(port, "ha_cluster_corosync_quorate") == 1
        assert eventually(port, 'sum(ha_cluster_pacemaker_nodes{status="online"})') == 3


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
    with (
        running_demo("--speed=0.01", f"--web.config.file={tmp_path / 'web.yaml'}") as gateway,
        running_prometheus(SECURE.format(port=gateway), tmp_path) as port,
    ):
        wait_until(lambda: eventually(port, "up") == 1, what="a scrape")
        assert eventually(port, "ha_cluster_corosync_quorate") == 1
        assert eventually(port, "ha_cluster_gateway_web_config_last_reload_successful") == 1
        refused = 'sum(ha_cluster_gateway_http_refused_total{reason!="handshake"})'
        assert eventually(port, refused) == 0
