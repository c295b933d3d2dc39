"""``check`` on snmpd: the session, the view, and missing lines of snmpd.conf."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.app.collection import build_local_host
from gateway.commands.check import check, print_results, snmpd_conf, snmpd_files
from gateway.commands.check.listen import Running
from gateway.commands.check.snmp import check_snmp
from gateway.commands.check.snmpd_files import missing_lines
from gateway.commands.exit_status import ExitStatus
from gateway.config.config import Config
from gateway.config.loader import load
from gateway.frontends.snmp.subagent.address import TcpAddress, UnixAddress
from gateway.snmp import oid as oids
from tests.conftest import closed
from tests.programs import FakeCluster, Gateway, check_result
from tests.snmpd import ARC, Snmpd

ROOT = oids.parse(ARC)
SOCKET = UnixAddress("/var/agentx/master")


def checked(
    cluster: FakeCluster,
    capsys: pytest.CaptureFixture[str],
    agentx: str,
    *,
    installed: bool = True,
    running: bool = True,
) -> tuple[bool, str]:
    """Runs all checks with the configuration files of the test, whatever snmpd this machine has."""
    config = load(cluster.config, {"web.listen": ["127.0.0.1:0"], "snmp.agentx": agentx})
    snmpd = replace(snmpd_files.read(), installed=installed, running=running)
    wrong = print_results(check(config, build_local_host(config), snmpd, Running())) is ExitStatus.PROBLEM
    return wrong, capsys.readouterr().out


@pytest.fixture(autouse=True)
def _no_snmpd_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SNMPCONFPATH", str(tmp_path))


def test_a_host_without_snmpd(cluster: FakeCluster, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "snmpd.conf").write_text("rocommunity public\n")  # a package that was removed leaves it behind
    wrong, output = checked(cluster, capsys, f"unix:{tmp_path}/none", installed=False, running=False)
    assert not wrong
    text = f"not used: snmpd is not installed, and there is no unix:{tmp_path}/none"
    assert check_result(output, "agentx") == (f"skip  agentx: {text}", "")
    assert "snmpd.conf" not in output


def test_agentx_that_is_off_is_skipped(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    wrong, output = checked(cluster, capsys, "off")
    assert not wrong
    assert check_result(output, "agentx")[0] == "skip  agentx: off"


@pytest.mark.daemon
def test_everything_in_order(
    cluster: FakeCluster,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Snmpd(tmp_path_factory.mktemp("d")) as snmpd:
        monkeypatch.setenv("SNMPCONFPATH", str(snmpd.directory))
        wrong, output = checked(cluster, capsys, f"unix:{snmpd.agentx}")
        assert not wrong, output
        address = f"agentx unix:{snmpd.agentx}"
        assert check_result(output, address)[0].endswith("session opened, subtree registered")
        assert check_result(output, "snmpd.conf")[0] == "ok    snmpd.conf: complete"
        assert check_result(output, "snmpd's view")[0] == "ok    snmpd's view: 2 of 2 communities see the MIB"


@pytest.mark.daemon
def test_beside_a_running_gateway(
    cluster: FakeCluster,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Snmpd(tmp_path_factory.mktemp("d")) as snmpd:
        arguments = (f"--snmp.agentx=unix:{snmpd.agentx}", "--web.listen-address=127.0.0.1:0")
        with Gateway("--config", cluster.config, *arguments, cwd=tmp_path) as running:
            running.wait_for_logged("agentx registered")
            snmpd.wait_for_snapshot()
            monkeypatch.setenv("SNMPCONFPATH", str(snmpd.directory))
            _, output = checked(cluster, capsys, f"unix:{snmpd.agentx}")
        assert "the subtree is already registered, by the gateway" in output
        assert "ok    snmpd's view: 2 of 2 communities see the MIB" in output


@pytest.mark.daemon
def test_a_view_without_the_mib(
    cluster: FakeCluster,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Snmpd(tmp_path_factory.mktemp("d"), view=("1.3.6.1.2.1.1",)) as snmpd:
        monkeypatch.setenv("SNMPCONFPATH", str(snmpd.directory))
        wrong, output = checked(cluster, capsys, f"unix:{snmpd.agentx}")
        assert wrong
        assert check_result(output, "snmpd's view")[0] == "FAIL  snmpd's view: no community sees the MIB"
        assert f"          view tested included .{ARC}\n" in output


@pytest.mark.parametrize("left_behind", [False, True])
def test_snmpd_is_not_running(
    cluster: FakeCluster, capsys: pytest.CaptureFixture[str], tmp_path: Path, *, left_behind: bool
) -> None:
    (tmp_path / "snmpd.conf").write_text("rocommunity public default -V systemonly\n")
    if left_behind:
        with socket.socket(socket.AF_UNIX) as master:
            master.bind(f"{tmp_path}/none")
    wrong, output = checked(cluster, capsys, f"unix:{tmp_path}/none", running=False)
    assert not wrong
    line, advice = check_result(output, f"agentx unix:{tmp_path}/none")
    assert line == f"down  agentx unix:{tmp_path}/none: snmpd is installed, but does not run"
    assert advice.startswith("Start it (systemctl enable --now snmpd) if ")
    line, advice = check_result(output, "snmpd.conf")
    assert line.startswith("down  snmpd.conf: ")
    assert advice.startswith("Before you start snmpd, add them to ")


def test_snmpd_has_not_read_its_present_configuration(
    cluster: FakeCluster, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    address = f"unix:{tmp_path}/none"
    lines = f"master agentx\nagentXSocket {tmp_path}/none\nagentXPerms 0660 0710 root haclient\nrocommunity public\n"
    (tmp_path / "snmpd.conf").write_text(lines)
    wrong, output = checked(cluster, capsys, address)
    assert wrong
    line, advice = check_result(output, f"agentx {address}")
    assert line.startswith(f"FAIL  agentx {address}: ")
    assert advice.startswith("snmpd is running, but has not read its present configuration: run systemctl restart")


def test_snmpd_runs_without_agentx(cluster: FakeCluster, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "snmpd.conf").write_text("rocommunity public default -V systemonly\n")
    wrong, output = checked(cluster, capsys, f"unix:{tmp_path}/none")
    assert wrong
    subject = f"agentx unix:{tmp_path}/none"
    line, advice = check_result(output, subject)
    assert 'is snmpd running, with "master agentx" in its configuration?' in line
    assert "systemctl" not in advice
    assert "          master agentx\n" in output
    assert f"          agentXSocket {tmp_path}/none\n" in output
    assert f"          view systemonly included .{ARC}\n" in output


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_an_unreadable_socket_and_unreadable_files(cluster: FakeCluster, tmp_path: Path) -> None:
    (tmp_path / "snmpd.conf").write_text("master agentx\n")
    config = load(cluster.config, {"snmp.agentx": f"unix:{tmp_path}/master"})
    with closed(tmp_path):
        results = list(check_snmp(config, snmpd_files.read()))
    texts = [result.text for result in results]
    assert any(
        re.search(r"Permission denied; /\S+ has mode 0\d00 and belongs to \w+:\w+; the drop", text) for text in texts
    )
    unread = [result for result in results if result.subject == "snmpd.conf"]
    assert f"not checked: {tmp_path}/snmpd.conf: Permission denied" in [result.text for result in unread]
    assert unread[0].advice.startswith("Run check as root, which reads it: sudo ha-cluster-gateway check --user ")


def test_the_advice_names_the_file_to_add_lines_to(cluster: FakeCluster, tmp_path: Path) -> None:
    config = load(cluster.config, {"snmp.agentx": f"unix:{tmp_path}/master"})
    main = tmp_path / "snmpd.conf"
    main.write_text("rocommunity public\n")
    assert f"Add them to {tmp_path}/snmpd.local.conf, then restart snmpd" in snmpd_conf_advice(config)
    (tmp_path / "conf.d").mkdir()
    main.write_text(f"rocommunity public\nincludeDir {tmp_path}/conf.d\n")
    assert f"Add them to {tmp_path}/conf.d/ha-cluster-gateway.conf, then" in snmpd_conf_advice(config)


def snmpd_conf_advice(config: Config) -> str:
    snmpd = replace(snmpd_files.read(), running=True)
    (result,) = [result for result in check_snmp(config, snmpd) if result.subject == "snmpd.conf"]
    return result.advice


@pytest.mark.daemon
def test_a_process_of_snmpd_is_found(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Snmpd(tmp_path_factory.mktemp("d")):
        assert (snmpd_files.read().installed, snmpd_files.read().running) == (True, True)


@pytest.mark.parametrize(
    ("content", "address", "user", "lines"),
    [
        (b"master agentx\nrocommunity c default .1\n", SOCKET, 0, []),
        (b"master agentx\nrocommunity c default .1\n", SOCKET, 1, ["agentXPerms 0660 0710 root haclient"]),
        (b"rocommunity c default .1\n", TcpAddress("::1", 705), 1, ["master agentx", "agentXSocket tcp:[::1]:705"]),
        (b"master agentx\n", SOCKET, 0, [f"rocommunity public 127.0.0.1 .{ARC}"]),
        (
            b"master agentx\nrouser u priv -V a\nrocommunity c default -V b\n",
            SOCKET,
            0,
            [f"view a included .{ARC}", f"view b included .{ARC}"],
        ),
    ],
)
def test_the_lines_that_snmpd_conf_lacks_are_named(
    content: bytes, address: TcpAddress | UnixAddress, user: int, lines: list[str]
) -> None:
    assert missing_lines(snmpd_conf.parse([content]), address, ROOT, user_id=user) == lines
