"""Reloads of a running gateway, as a user sees them: its page, its ports, its users and its targets."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import series
from tests.alarms.receivers import acknowledge
from tests.certificates import Authority
from tests.ports import free_port
from tests.programs import CRM_MON, FakeCluster, Gateway, environment, get, installed
from tests.series import Series
from tests.snmp_manager import Manager, connected
from tests.snmptrapd import COMMUNITY
from tests.waiting import wait_until

pytestmark = pytest.mark.daemon

SECRET = "a secret of tests"


class Reloaded:
    """A gateway whose configuration a test changes while it runs."""

    def __init__(self, directory: Path) -> None:
        self.cluster = FakeCluster(directory)
        self.file = self.cluster.config
        self._base = self.file.read_text()
        self.port = free_port()
        self.write()
        self.gateway = Gateway("--config", self.file, cwd=directory)

    def write(
        self, *, listen: str = "", web: str = "", collectors: str = "", snmp: str = "", alarms: str = "", more: str = ""
    ) -> None:
        """Writes a configuration; by default, the one that the gateway has started with."""
        listen = listen or f'"127.0.0.1:{self.port}"'
        text = self._base.replace("[snmp]\n", f"[snmp]\n{snmp}").replace("[alarms]\n", f"[alarms]\n{alarms}")
        self.file.write_text(f"[web]\nlisten = [{listen}]\n{web}[collectors]\n{collectors}{text}{more}")
        self.file.chmod(0o600)

    def reload(self, event: str = "configuration reloaded") -> str:
        """Sends SIGHUP, and returns the event about the reload."""
        self.gateway.process.send_signal(signal.SIGHUP)
        line = self.gateway.wait_for("configuration ")
        assert event in line
        return line

    def post(self, method: str = "POST") -> tuple[int, str]:
        """Requests a reload, and returns the status and the text of the response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, "/-/reload")
            response = connection.getresponse()
            return response.status, response.read().decode()

    def value(self, name: str, **labels: str) -> float | None:
        """Returns a value on the page."""
        page = series.parse(get(f"127.0.0.1:{self.port}"))
        return page.get((f"ha_cluster_{name}", frozenset(labels.items())))

    def alarms(self) -> set[str]:
        """Returns the conditions of the active alarms."""
        page = series.parse(get(f"127.0.0.1:{self.port}"))
        return {dict(labels)["condition"] for labels in series.named(page, "ha_cluster_gateway_alarms")}


@pytest.fixture
def reloaded(tmp_path: Path) -> Iterator[Reloaded]:
    program = Reloaded(tmp_path)
    with program.gateway:
        yield program


# --- what changes ----------------------------------------------------------------------------------------------------


def test_the_page_changes_and_listeners_move(reloaded: Reloaded) -> None:
    assert reloaded.value("scrape_success", collector="sbd") == 1
    other = free_port()
    # from one address of a port to all of them: the port is never closed
    reloaded.write(listen=f'":{reloaded.port}", "127.0.0.1:{other}"', collectors='sbd = "off"\n')
    line = reloaded.reload()
    assert "web.listen" in line
    assert "collectors.sbd" in line
    page = series.parse(get(f"127.0.0.1:{other}"))
    collectors = {dict(labels)["collector"] for labels in series.named(page, "ha_cluster_scrape_success")}
    assert collectors == {"corosync", "drbd", "pacemaker"}
    reloaded.write()
    reloaded.reload()
    assert reloaded.value("scrape_success", collector="sbd") == 1
    with pytest.raises(ConnectionRefusedError):
        get(f"127.0.0.1:{other}")


def test_tools_are_run_with_the_new_settings(reloaded: Reloaded) -> None:
    assert reloaded.value("gateway_collector_state", collector="pacemaker", state="ok") == 1
    reloaded.file.write_text(reloaded.file.read_text().replace("bin/crm_mon", "bin/missing"))
    reloaded.reload()
    # a scrape may still share a run that began before
    wait_until(
        lambda: reloaded.value("gateway_collector_state", collector="pacemaker", state="not_installed") == 1,
        what="a run with the new settings",
    )


def test_level_and_format_of_the_log_change(reloaded: Reloaded) -> None:
    reloaded.write(more='[log]\nlevel = "debug"\nformat = "json"\n')
    assert json.loads(reloaded.reload())["changed"] == "log.level, log.format"
    get(f"127.0.0.1:{reloaded.port}")
    assert json.loads(reloaded.gateway.wait_for("scrape"))["level"] == "debug"
    time = reloaded.value("gateway_config_last_reload_success_timestamp_seconds")
    reloaded.write(more='[log]\nlevel = "error"\n')
    reloaded.gateway.process.send_signal(signal.SIGHUP)
    name = "gateway_config_last_reload_success_timestamp_seconds"
    wait_until(lambda: reloaded.value(name) != time, what="the reload")
    reloaded.file.write_text("x")
    # the success before it was not an error, and is not logged
    assert "level=error" in reloaded.reload("configuration not reloaded")


def test_alarms_of_what_is_no_longer_monitored_are_gone(reloaded: Reloaded) -> None:
    reloaded.gateway.wait_for_logged("alarms ready")  # what is wrong at the start is not raised
    reloaded.cluster.prints(CRM_MON, reloaded.cluster.printed(CRM_MON).replace(b'online="true"', b'online="false"', 1))
    reloaded.write(alarms="interval = 0.2\n")
    reloaded.reload()
    reloaded.gateway.wait_for_logged("alarm raised")
    assert "node-lost" in reloaded.alarms()
    reloaded.write(alarms="interval = 0.2\n", more="[alarms.disable]\nnode-lost = true\n")
    reloaded.reload()
    line = reloaded.gateway.wait_for_logged('event="alarm cleared"')
    assert "condition=node-lost" in line
    assert "reason=gone" in line
    assert "the configuration of the gateway has changed" in line
    assert "node-lost" not in reloaded.alarms()


# --- SNMP ------------------------------------------------------------------------------------------------------------


def _agent(port: int, *, user: str = "") -> str:
    table = (
        f'[[snmp.agent.user]]\nname = "{user}"\nauth = "SHA-256"\nauth_password = "{SECRET}"\n'
        f'priv = "AES"\npriv_password = "{SECRET}"\n'
    )
    community = f'[[snmp.agent.community]]\nname = "{COMMUNITY}"\n'
    return f'[snmp.agent]\nlisten = ["127.0.0.1:{port}"]\n{community}{table if user else ""}'


def test_the_built_in_agent_starts_moves_and_ends(reloaded: Reloaded, tmp_path: Path) -> None:
    first, second = free_port(), free_port()
    reloaded.write(more=_agent(first))
    reloaded.reload()
    with contextlib.closing(Manager(connected(first))) as manager:
        wait_until(lambda: manager.value("haClusterConfigReloadSuccessful") == 1, what="the tables")
    requests = reloaded.value("gateway_snmp_agent_requests_total")
    assert requests
    directory = f'state_directory = "{tmp_path}/state"\n'
    reloaded.write(more=_agent(second))
    reloaded.reload()
    with contextlib.closing(Manager(connected(second))) as manager:
        assert manager.value("haClusterConfigReloadSuccessful") == 1
    with contextlib.closing(Manager(connected(first, timeout=0.2))) as manager, pytest.raises(OSError):  # noqa: PT011 - refused
        manager.value("haClusterConfigReloadSuccessful")
    continued = reloaded.value("gateway_snmp_agent_requests_total")
    assert continued == requests + 1
    reloaded.write(snmp=directory)
    assert "needs_restart=snmp.state_directory" in reloaded.reload()
    assert reloaded.value("gateway_snmp_agent_requests_total") is None


def test_a_user_is_added(tmp_path: Path) -> None:
    snmpget = installed("snmpget")
    cluster = FakeCluster(tmp_path)
    base = cluster.config.read_text().replace("[snmp]\n", f'[snmp]\nstate_directory = "{tmp_path / "state"}"\n')
    port = free_port()

    def write(user: str) -> None:
        cluster.config.write_text(base + _agent(port, user=user))
        cluster.config.chmod(0o600)

    def read(user: str) -> subprocess.CompletedProcess[str]:
        options = ["-v3", "-u", user, "-l", "authPriv", "-a", "SHA-256", "-A", SECRET, "-x", "AES", "-X", SECRET]
        argv = [snmpget, *options, "-r0", "-t5", "-On", f"127.0.0.1:{port}", "1.3.6.1.2.1.1.3.0"]
        env = {"PATH": os.environ["PATH"], "MIBS": "", "SNMP_PERSISTENT_DIR": str(tmp_path / "net-snmp")}
        return subprocess.run(argv, capture_output=True, text=True, check=False, env=env)

    write("")
    with Gateway("--config", cluster.config, "--web.listen-address=127.0.0.1:0", cwd=tmp_path) as gateway:
        assert not (tmp_path / "state").exists()
        for user in ("first", "second"):
            write(user)
            gateway.process.send_signal(signal.SIGHUP)
            line = gateway.wait_for("configuration reloaded")
            assert "changed=snmp.agent.user" in line
            result = read(user)
            assert "Timeticks" in result.stdout, result.stderr
        assert read("first").returncode != 0
        assert json.loads((tmp_path / "state" / "snmp-engine.json").read_text())["boots"] == 1
        assert not any(SECRET in line for line in gateway.lines)


def _target(port: int, community: str = COMMUNITY) -> str:
    return (
        f'[[alarms.target]]\naddress = "127.0.0.1:{port}"\nversion = "2c"\ncommunity = "{community}"\n'
        'kind = "inform"\ntimeout = 0.2\nretries = 0\n'
    )


def test_targets_come_and_go_while_notifications_are_queued(reloaded: Reloaded) -> None:
    silent, other = free_port(), free_port()
    name = f"127.0.0.1:{silent}"
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.bind(("127.0.0.1", silent))
        fast = "interval = 0.2\n"
        reloaded.write(alarms=f"{fast}heartbeat = 0.2\n", more=_target(silent))
        reloaded.reload()
        wait_until(lambda: (reloaded.value("gateway_notifications_queued", target=name) or 0) >= 3, what="heartbeats")
        reloaded.write(alarms=fast, more=_target(silent) + _target(other))
        reloaded.reload()
        queued = reloaded.value("gateway_notifications_queued", target=name)
        sequence = reloaded.value("gateway_notification_sequence")
        assert queued is not None
        assert queued >= 3
        assert reloaded.value("gateway_notifications_queued", target=f"127.0.0.1:{other}") == 1  # its introduction
        reloaded.write(alarms=fast, more=_target(silent, "another"))
        reloaded.reload()
        assert reloaded.value("gateway_notifications_queued", target=name) == queued
        assert reloaded.value("gateway_notifications_queued", target=f"127.0.0.1:{other}") is None
        assert reloaded.value("gateway_notification_sequence") == sequence
        sock.settimeout(0.01)
        wait_until(lambda: _has_answered(sock, reloaded, name), what="the acknowledgements")
    assert reloaded.value("gateway_notifications_acknowledged_total", target=name) == queued
    assert reloaded.value("gateway_notifications_dropped_total", target=name) == 0


def _has_answered(sock: socket.socket, reloaded: Reloaded, name: str) -> bool:
    """Acknowledges an inform, and returns whether all have been."""
    with contextlib.suppress(TimeoutError):
        message, sender = sock.recvfrom(65536)
        for answer in acknowledge(message):
            sock.sendto(answer, sender)
    return reloaded.value("gateway_notifications_queued", target=name) == 0


# --- what is refused -------------------------------------------------------------------------------------------------


def _write(file: Path, text: str) -> None:
    file.write_text(text)


def test_a_bad_configuration_is_refused_as_a_whole(reloaded: Reloaded) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        free = free_port()
        bad: dict[str, Callable[[], None]] = {
            "not TOML": lambda: _write(reloaded.file, "[web\n"),
            "expected": lambda: reloaded.write(web="max_connections = 0\n", collectors='sbd = "off"\n'),
            "Address already in use": lambda: reloaded.write(
                listen=f'"127.0.0.1:{free}", "127.0.0.1:{port}"', collectors='sbd = "off"\n'
            ),
            "can write": lambda: reloaded.file.chmod(0o666),
            "No such file": reloaded.file.unlink,
        }
        for problem, spoil in bad.items():
            reloaded.write()
            spoil()
            line = reloaded.reload("configuration not reloaded")
            assert problem in line
            assert reloaded.value("gateway_config_last_reload_successful") == 0
            assert reloaded.value("scrape_success", collector="sbd") == 1
            with pytest.raises(ConnectionRefusedError):
                get(f"127.0.0.1:{free}")
    reloaded.write()
    before = reloaded.value("gateway_config_last_reload_success_timestamp_seconds")
    assert "changed=nothing" in reloaded.reload()
    after = reloaded.value("gateway_config_last_reload_success_timestamp_seconds")
    assert before is not None
    assert after is not None
    assert after > before
    assert reloaded.value("gateway_config_last_reload_successful") == 1


def test_an_invalid_web_configuration_refuses_the_reload(tmp_path: Path) -> None:
    cluster = FakeCluster(tmp_path)
    web_config = tmp_path / "web.yaml"
    web_config.write_text("http_server_config: {headers: {X-Frame-Options: deny}}\n")
    cluster.config.write_text(f'[web]\nconfig_file = "{web_config}"\n{cluster.config.read_text()}')
    text = cluster.config.read_text()
    with Gateway("--config", cluster.config, "--web.listen-address=127.0.0.1:0", cwd=tmp_path) as gateway:

        def reload() -> str:
            gateway.process.send_signal(signal.SIGHUP)
            return gateway.wait_for('event="configuration ')

        def value(name: str) -> float | None:
            return series.parse(gateway.get()).get((f"ha_cluster_gateway_{name}", frozenset()))

        web_config.write_text("http_server_confg: {}\n")
        cluster.config.write_text(f'[collectors]\nsbd = "off"\n{text}')
        for _ in range(2):  # the second time, the problem is known already
            line = reload()
            assert "configuration not reloaded" in line
            problem = f"{web_config}: http_server_confg: unknown key, did you mean http_server_config?"
            assert line.endswith(f'problems="{problem}"\n')
            assert value("config_last_reload_successful") == value("web_config_last_reload_successful") == 0
        assert 'scrape_success{collector="sbd"} 1' in gateway.get()
        web_config.unlink()
        assert f"{web_config}: No such file or directory" in reload()
        web_config.write_text("http_server_config: {headers: {X-Frame-Options: sameorigin}}\n")
        assert "changed=collectors.sbd" in reload()
        assert value("config_last_reload_successful") == value("web_config_last_reload_successful") == 1


WEB_CONFIG = """tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_ca_file: authority.crt
  client_auth_type: VerifyClientCertIfGiven
"""


def test_an_invalid_file_that_the_web_configuration_names_refuses_the_reload(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.sign("server")
    context = ssl.create_default_context(cafile=authority.certificate)
    (tmp_path / "web.yaml").write_text(WEB_CONFIG)
    cluster = FakeCluster(tmp_path)
    text = cluster.config.read_text()
    cluster.config.write_text(f'[web]\nconfig_file = "{tmp_path / "web.yaml"}"\n{text}')
    old = cluster.config.read_text()
    with Gateway("--config", cluster.config, "--web.listen-address=127.0.0.1:0", cwd=tmp_path) as gateway:

        def reload() -> str:
            gateway.process.send_signal(signal.SIGHUP)
            return gateway.wait_for('event="configuration ')

        def page() -> Series:
            host, _, port = gateway.address.rpartition(":")
            connection = http.client.HTTPSConnection(host, int(port), timeout=60, context=context)
            with contextlib.closing(connection):
                connection.request("GET", "/metrics")
                return series.parse(connection.getresponse().read().decode())

        cluster.config.write_text(f'[collectors]\nsbd = "off"\n{old}')
        for name, key in (("server.crt", "cert_file"), ("server.key", "key_file"), ("authority.crt", "client_ca_file")):
            content = (tmp_path / name).read_bytes()
            (tmp_path / name).write_bytes(b"half")
            line = reload()
            assert "configuration not reloaded" in line
            assert f"tls_server_config.{key}: " in line
            after = page()  # over TLS, with the certificate that was valid before
            for metric in ("config_last_reload_successful", "web_config_last_reload_successful"):
                assert after[series.key(f"gateway_{metric}")] == 0, (name, metric)
            assert after[series.key("scrape_success", collector="sbd")] == 1
            (tmp_path / name).write_bytes(content)
        assert "changed=collectors.sbd" in reload()
        assert page()[series.key("gateway_config_last_reload_successful")] == 1


def test_post_reloads_only_if_it_is_enabled(reloaded: Reloaded) -> None:
    reloaded.write(collectors='sbd = "off"\n')
    assert reloaded.post() == (403, "forbidden: web.enable_lifecycle is not set\n")
    assert reloaded.post("GET")[0] == 405
    assert reloaded.value("scrape_success", collector="sbd") == 1
    reloaded.write(web="enable_lifecycle = true\n")
    reloaded.reload()
    reloaded.write(web="enable_lifecycle = true\n", collectors='sbd = "off"\n', snmp='root = "1.3.6.1.4.1.4711"\n')
    assert reloaded.post() == (
        200,
        "configuration reloaded\nchanged: collectors.sbd\n"
        "snmp.root: unchanged, because the new value needs a restart\n",
    )
    assert reloaded.value("scrape_success", collector="sbd") is None
    reloaded.write(web="enable_lifecycle = true\n", more=_agent(free_port()).replace(COMMUNITY, f"{SECRET}\\u0000"))
    status, text = reloaded.post("PUT")
    assert status == 500
    assert "configuration not reloaded" in text
    assert SECRET not in text


# --- the signal ------------------------------------------------------------------------------------------------------

_SIGHUP_MASK = 1 << (signal.SIGHUP - 1)


def _catches_sighup(process: subprocess.Popen[str]) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    (caught,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")]
    return bool(int(caught, 16) & _SIGHUP_MASK)


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_sighup_before_the_start_is_not_lost(command: str, tmp_path: Path) -> None:
    config = FakeCluster(tmp_path).config
    flags = ["--config", str(config), "--web.listen-address=127.0.0.1:0", "--snmp.agentx=off"]
    if command == "demo":
        flags += [f"--snmp.agent.listen=127.0.0.1:{free_port()}", "--log.level=info"]
    argv = [sys.executable, "-m", "gateway", command, *flags]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment()) as run:
        wait_until(lambda: _catches_sighup(run), what="the handler")
        run.send_signal(signal.SIGHUP)
        assert run.stderr is not None
        events = iter(run.stderr)
        started = next(line for line in events if "started" in line or "configuration" in line)
        assert "event=started" in started
        assert "configuration reloaded" in next(line for line in events if "configuration" in line)
        run.send_signal(signal.SIGTERM)
        assert run.wait(20) == 0


def test_a_storm_of_signals_does_not_delay_the_end(reloaded: Reloaded) -> None:
    for number in range(200):
        reloaded.write(collectors=f"min_interval = {number}.0\n")
        reloaded.gateway.process.send_signal(signal.SIGHUP)
    assert reloaded.gateway.stop(timeout=60) == 0
