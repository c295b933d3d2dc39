"""Debian's Alertmanager as the receiver of the gateway's alarms."""

from __future__ import annotations

import re
import ssl
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest

from tests.alertmanager import Alertmanager, timestamp
from tests.ports import free_port
from tests.programs import CRM_MON, ROOT, FakeCluster, Gateway, gateway, installed
from tests.waiting import wait_until

pytestmark = pytest.mark.daemon

ALWAYS = "HaClusterFencingDisabled"
"""The alarm that is active in the demo's healthy cluster."""


@pytest.fixture
def cluster(tmp_path: Path) -> FakeCluster:
    (tmp_path / "cluster").mkdir()
    return FakeCluster(tmp_path / "cluster")


def configure(cluster: FakeCluster, *urls: str, repeat: float = 1.0, more: str = "") -> Path:
    text = cluster.config.read_text()
    listed = ", ".join(f'"{url}"' for url in urls)
    cluster.config.write_text(
        text.replace("[alarms]\n", f"[alarms]\ninterval = 1\nrepeat_interval = {repeat}\n")
        + f'[[alarms.target]]\nkind = "alertmanager"\nurl = [{listed}]\n{more}'
    )
    cluster.config.chmod(0o600)
    return cluster.config


def serve(cluster: FakeCluster, *urls: str, repeat: float = 1.0) -> Gateway:
    config = configure(cluster, *urls, repeat=repeat)
    return Gateway("--config", config, "serve", "--web.listen-address", "127.0.0.1:0", cwd=cluster.directory)


def set_maintenance(cluster: FakeCluster) -> None:
    healthy = cluster.printed(CRM_MON)
    assert b'maintenance-mode="false"' in healthy
    cluster.prints(CRM_MON, healthy.replace(b'maintenance-mode="false"', b'maintenance-mode="true"'))


def test_an_alarm_is_raised_repeated_and_resolved(cluster: FakeCluster, tmp_path: Path) -> None:
    with Alertmanager(tmp_path / "am", prefix="/prefix") as receiver, serve(cluster, receiver.url) as running:
        receiver.wait_for_names(ALWAYS)
        set_maintenance(cluster)
        receiver.wait_for_names(ALWAYS, "HaClusterMaintenanceMode")
        (raised,) = receiver.alerts(alertname="HaClusterMaintenanceMode")
        assert raised["labels"]["severity"] == "minor"
        assert "node" not in raised["labels"]

        def is_repeated() -> bool:
            (repeated,) = receiver.alerts(alertname="HaClusterMaintenanceMode")
            assert repeated["startsAt"] == raised["startsAt"]
            return timestamp(repeated["endsAt"]) > timestamp(raised["endsAt"])

        wait_until(is_repeated, what="a repetition")
        cluster.restore()
        receiver.wait_for_names(ALWAYS)
        page = running.get()
        assert f'state="ok",target="{receiver.url}"' in page.replace('kind="alertmanager",', "")
        assert running.stop() == 0


def test_alarms_survive_a_restart_and_expire_if_the_gateway_dies(cluster: FakeCluster, tmp_path: Path) -> None:
    with Alertmanager(tmp_path / "am") as receiver:
        with serve(cluster, receiver.url, repeat=0.5) as running:
            receiver.wait_for_names(ALWAYS)
            running.stop()
        (before,) = receiver.alerts()
        arguments = ("--config", cluster.config, "serve", "--web.listen-address", "127.0.0.1:0")
        with Gateway(*arguments, cwd=cluster.directory) as running:

            def is_sent_again() -> bool:
                return any(timestamp(alert["endsAt"]) > timestamp(before["endsAt"]) for alert in receiver.alerts())

            wait_until(is_sent_again, what="the alarm of the new process")
            assert receiver.names() == [ALWAYS]
            running.process.kill()
            running.process.wait()
        receiver.wait_for_names()  # 4 times 0.5 s after the last repetition


def test_the_cluster_has_its_name_while_its_daemons_do_not_run(cluster: FakeCluster, tmp_path: Path) -> None:
    """Alerts of Prometheus are inhibited by this label; an alert that changes its labels is another alert."""
    cluster.stop_daemons()
    more = "raise_at_start = true\n"
    with Alertmanager(tmp_path / "am") as receiver:
        config = configure(cluster, receiver.url, repeat=0.5)
        config.write_text(config.read_text().replace("[alarms]\n", f"[alarms]\n{more}"))
        with Gateway("--config", config, "--web.listen-address", "127.0.0.1:0", cwd=cluster.directory) as running:
            receiver.wait_for_names("HaClusterCorosyncDown", "HaClusterPacemakerDown")
            assert {alert["labels"].get("cluster") for alert in receiver.alerts()} == {"demo"}
            assert "Cluster demo" in running.get("/")
            assert '"cluster_name": "demo"' in running.get("/api/v1/snapshot")
            assert '"__meta_ha_cluster_name": "demo"' in running.get("/sd")
            cluster.restore()
            receiver.wait_for_names(ALWAYS)


def test_every_member_of_a_cluster_gets_every_alert_and_one_that_was_down_the_active_ones(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    ports = free_port(), free_port()
    first = Alertmanager(tmp_path / "a", peers=[f"127.0.0.1:{ports[1]}"], cluster_port=ports[0])
    second = Alertmanager(tmp_path / "b", peers=[f"127.0.0.1:{ports[0]}"], cluster_port=ports[1])
    with first, second, serve(cluster, first.url, second.url) as running:
        for member in (first, second):
            member.wait_for_names(ALWAYS)
        first.stop()
        running.wait_for_logged("notifications not delivered")
        set_maintenance(cluster)
        second.wait_for_names(ALWAYS, "HaClusterMaintenanceMode")
        first.start()
        first.wait_for_names(ALWAYS, "HaClusterMaintenanceMode")
        running.wait_for_logged("notifications delivered again")
        cluster.restore()
        for member in (first, second):
            member.wait_for_names(ALWAYS)
        lines = [line for line in running.lines if "notifications not delivered" in line]
        assert len(lines) == 1


def test_what_two_nodes_report_about_the_cluster_is_one_alert(tmp_path: Path) -> None:
    clusters = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        clusters.append(FakeCluster(tmp_path / name))
    receiver = Alertmanager(tmp_path / "am")
    with receiver, serve(clusters[0], receiver.url) as first, serve(clusters[1], receiver.url) as second:
        for running in (first, second):
            running.wait_for_logged("alarms ready")
        for cluster in clusters:
            set_maintenance(cluster)
        for running in (first, second):
            running.wait_for_logged("alarm raised")
        receiver.wait_for_names(ALWAYS, "HaClusterMaintenanceMode")


def test_the_documented_inhibition_suppresses_the_alert_of_prometheus(cluster: FakeCluster, tmp_path: Path) -> None:
    example = re.search(r"# alertmanager.yml\n(.*?)```", (ROOT / "docs/notifications.md").read_text(), re.DOTALL)
    assert example
    receiver = Alertmanager(tmp_path / "am", config=textwrap.dedent(example[1]))
    checked = subprocess.run(
        [installed("amtool"), "check-config", tmp_path / "am/alertmanager.yml"], capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    with receiver, serve(cluster, receiver.url):
        receiver.wait_for_names(ALWAYS)
        (ours,) = receiver.alerts()
        for name in (ALWAYS, "HaClusterGatewayDown"):
            labels = [f"cluster={ours['labels']['cluster']}", "instance=node1:9664", "severity=warning"]
            argv = [installed("amtool"), f"--alertmanager.url={receiver.url}", "alert", "add", name, *labels]
            subprocess.run(argv, check=True)

        def states() -> list[tuple[str, str]]:
            alerts = receiver.alerts(instance="node1:9664")
            return sorted((alert["labels"]["alertname"], alert["status"]["state"]) for alert in alerts)

        expected = [(ALWAYS, "suppressed"), ("HaClusterGatewayDown", "active")]
        wait_until(lambda: states() == expected, what="the inhibition")
        (ours,) = receiver.alerts(sender="ha-cluster-gateway")
        assert ours["status"]["state"] == "active"


# --- TLS and passwords -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a directory with a certificate for ``alertmanager.test``, and its key."""
    directory = tmp_path_factory.mktemp("certificate")
    argv = [installed("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    argv += ["-subj", "/CN=alertmanager.test", "-addext", "subjectAltName=DNS:alertmanager.test"]
    argv += ["-keyout", str(directory / "key"), "-out", str(directory / "cert")]
    subprocess.run(argv, check=True, capture_output=True)
    (directory / "key").chmod(0o600)
    return directory


@pytest.fixture
def secure(certificate: Path, tmp_path: Path) -> Iterator[Alertmanager]:
    """Yields an Alertmanager that requires TLS, a certificate and a password."""
    hashed = bcrypt.hashpw(b"a password", bcrypt.gensalt(4)).decode()
    web_config = (
        f"tls_server_config:\n  cert_file: {certificate / 'cert'}\n  key_file: {certificate / 'key'}\n"
        f"  client_ca_file: {certificate / 'cert'}\n  client_auth_type: RequireAndVerifyClientCert\n"
        f"basic_auth_users:\n  gateway: {hashed}\n"
    )
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(certificate / "cert", certificate / "key")
    with Alertmanager(
        tmp_path / "secure", web_config=web_config, client=(context, "gateway:a password")
    ) as alertmanager:
        yield alertmanager


def outcome(cluster: FakeCluster, alertmanager: Alertmanager, more: str) -> str:
    config = configure(cluster, alertmanager.url, more=more)
    done = gateway("--config", config, "test-notification", "quorum-lost", cwd=cluster.directory)
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    return line.replace(alertmanager.url, "URL")


def test_tls_with_a_client_certificate_and_a_password(
    cluster: FakeCluster, secure: Alertmanager, certificate: Path
) -> None:
    user = 'user = "gateway"\npassword = "a password"\n'
    files = f'cert_file = "{certificate / "cert"}"\nkey_file = "{certificate / "key"}"\n'
    trust = f'ca_file = "{certificate / "cert"}"\nserver_name = "alertmanager.test"\n'
    assert outcome(cluster, secure, user + files + trust) == "ok    URL (alertmanager): acknowledged"
    (alert,) = secure.alerts(alertname="HaClusterQuorumLost", test="true")
    assert alert["annotations"]["description"].startswith("TEST: ")


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ('user = "gateway"\npassword = "wrong"\n{files}{trust}', "401 Unauthorized"),
        ("{files}{trust}", "401 Unauthorized"),
        ('user = "gateway"\npassword = "a password"\n{trust}', "certificate"),
        ('user = "gateway"\npassword = "a password"\n{files}', "self-signed certificate"),
        ('user = "gateway"\npassword = "a password"\n{files}ca_file = "{cert}"\n', "IP address mismatch"),
    ],
)
def test_what_a_server_or_the_gateway_does_not_accept(
    more: str, error: str, cluster: FakeCluster, secure: Alertmanager, certificate: Path
) -> None:
    files = f'cert_file = "{certificate / "cert"}"\nkey_file = "{certificate / "key"}"\n'
    trust = f'ca_file = "{certificate / "cert"}"\nserver_name = "alertmanager.test"\n'
    line = outcome(cluster, secure, more.format(files=files, trust=trust, cert=certificate / "cert"))
    assert line.startswith("FAIL  URL (alertmanager): failed: ")
    assert error in line
    assert secure.alerts() == []
