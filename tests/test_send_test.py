"""``test-notification``: every target gets a notification that is marked as a test, and its result is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.commands.test_notification import _master_address
from gateway.config.config import Config
from gateway.config.loader import load
from gateway.frontends.snmp.subagent.address import UnixAddress
from tests.conftest import closed
from tests.ports import free_port
from tests.programs import FakeCluster, Gateway, gateway
from tests.snmpd import ARC, Snmpd
from tests.snmptrapd import Snmptrapd

pytestmark = pytest.mark.daemon

TEST, QUORUM_LOST, QUORUM_REGAINED = f"{ARC}.0.3", f"{ARC}.0.4", f"{ARC}.0.5"
ENGINE = "0x80001f8805000102030405060708090a0b"


def config(tmp_path: Path, *targets: str, agentx: str = "off") -> Path:
    tables = "".join(f"[[alarms.target]]\n{target}\n" for target in targets)
    path = tmp_path / "gateway.conf"
    state = json.dumps(str(tmp_path / "state"))
    path.write_text(f'[snmp]\nagentx = "{agentx}"\nstate_directory = {state}\n[alarms]\nsocket = ""\n{tables}')
    return path


def community(port: int, kind: str) -> str:
    whom = f'address = "127.0.0.1:{port}"\nversion = "2c"\ncommunity = "public"\n'
    return f'{whom}kind = "{kind}"\ntimeout = 0.2\nretries = 1'


def test_every_target_gets_the_test_and_is_listed(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with Snmptrapd(tmp_path / "a") as first, Snmptrapd(tmp_path / "b") as second:
        sink = f"trap2sink 127.0.0.1:{first.port} public"
        with Snmpd(tmp_path_factory.mktemp("d"), extra=(sink,)) as snmpd:
            targets = (community(first.port, "trap"), community(second.port, "inform"))
            file = config(tmp_path, *targets, agentx=f"unix:{snmpd.agentx}")
            done = gateway("--config", file, "test-notification", cwd=tmp_path)
        assert done.stdout.splitlines() == [
            "ok    agentx (agentx): sent",
            f"ok    127.0.0.1:{first.port} (trap): sent",
            f"ok    127.0.0.1:{second.port} (inform): acknowledged",
        ]
        assert (done.returncode, done.stderr) == (0, "")
        received = [each for each in first.received if each.notification == TEST]
        assert len(received) == 2
        assert [each.notification for each in second.received] == [TEST]
        (_, text) = second.received[0].varbinds[f"{ARC}.1.8.12.0"]
        assert text == b"TEST: a notification was sent by hand (this is only a test)"


def test_a_condition_is_sent_as_a_test_and_cleared(tmp_path: Path) -> None:
    with Snmptrapd(tmp_path / "a") as receiver:
        file = config(tmp_path, community(receiver.port, "inform"))
        done = gateway("--config", file, "test-notification", "quorum-lost", cwd=tmp_path)
        assert done.returncode == 0
        received = receiver.received
    assert [each.notification for each in received] == [QUORUM_LOST, QUORUM_REGAINED]
    for each in received:
        assert each.varbinds[f"{ARC}.1.8.10.0"][1] == b"test-notification", "it would end a real alarm"
        text = each.varbinds[f"{ARC}.1.8.12.0"][1]
        assert isinstance(text, bytes)
        assert text.startswith(b"TEST: ")
        assert text.endswith(b" (this is only a test)")


def test_a_test_has_the_name_of_the_cluster(cluster: FakeCluster, tmp_path: Path) -> None:
    with Snmptrapd(tmp_path / "a") as receiver:
        file = config(tmp_path, community(receiver.port, "inform"))
        path = json.dumps(str(cluster.directory / "corosync.conf"))
        file.write_text(f"[corosync]\nconfig = {path}\n{file.read_text()}")
        assert gateway("--config", file, "test-notification", cwd=tmp_path).returncode == 0
        (received,) = receiver.received
    assert received.varbinds[f"{ARC}.1.1.1.0"][1] == b"demo"


def test_a_test_has_the_name_of_the_node_in_the_cluster(tmp_path: Path) -> None:
    """It is the one in corosync.conf, which a node recognizes by its addresses."""
    (tmp_path / "corosync.conf").write_text(
        "nodelist {\nnode {\nname: other\nring0_addr: 192.0.2.1\n}\nnode {\nname: alpha\nring0_addr: 127.0.0.1\n}\n}\n"
    )
    with Snmptrapd(tmp_path / "a") as receiver:
        file = config(tmp_path, community(receiver.port, "inform"))
        file.write_text(f"[corosync]\nconfig = {json.dumps(str(tmp_path / 'corosync.conf'))}\n{file.read_text()}")
        assert gateway("--config", file, "test-notification", cwd=tmp_path).returncode == 0
        (received,) = receiver.received
    assert b"alpha" in [value for _, value in received.varbinds.values()]


def test_an_unreachable_target_is_named(tmp_path: Path) -> None:
    port = free_port()
    done = gateway("--config", config(tmp_path, community(port, "inform")), "test-notification", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith(f"FAIL  127.0.0.1:{port} (inform): failed: ")
    assert done.stderr == ""


def test_a_running_gateway_keeps_its_session_and_its_snmpv3_engine(
    cluster: FakeCluster, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A second boot of the same engine would be the end of the first: receivers drop what comes from before it."""
    user = 'version = "3"\nkind = "inform"\nuser = "gw"\nauth = "SHA-256"\nauth_password = "authauth"\n'
    users = ("gw SHA-256 authauth",)
    with (
        Snmptrapd(tmp_path / "a", users=users, levels={"gw": "auth"}) as receiver,
        Snmpd(tmp_path_factory.mktemp("d")) as snmpd,
    ):
        target = f'address = "127.0.0.1:{receiver.port}"\n{user}'
        file = config(tmp_path, target, agentx=f"unix:{snmpd.agentx}")
        file.write_text(cluster.config.read_text().partition("[snmp]")[0] + file.read_text())
        with Gateway("--config", file, "--web.listen-address=127.0.0.1:0", cwd=tmp_path) as running:
            running.wait_for_logged("agentx registered")
            state = (tmp_path / "state" / "snmp-engine.json").read_text()
            done = gateway("--config", file, "test-notification", cwd=tmp_path)
            assert (done.returncode, done.stderr) == (0, ""), done.stdout
            assert (tmp_path / "state" / "snmp-engine.json").read_text() == state
            page = running.get()
        assert 'ha_cluster_gateway_agentx_state{state="registered"} 1' in page
        assert "ha_cluster_gateway_agentx_sessions_total 1" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("test-notification",), "nothing to send to: snmp.agentx is off, and there is no [[alarms.target]]"),
        (
            ("--snmp.agentx=unix:/nonexistent/master", "test-notification"),
            "nothing to send to: snmpd is not running (unix:/nonexistent/master does not exist), and there is no "
            "[[alarms.target]]",
        ),
        (("test-notification", "nonsense"), "no such condition: nonsense; there are: quorum-lost, "),
    ],
)
def test_an_error_names_its_cause(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = gateway("--config", config(tmp_path), *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_socket_in_a_closed_directory_is_tried(tmp_path: Path) -> None:
    """The attempt to connect then says what keeps this user out."""
    config: Config = load(None, {"snmp.agentx": f"unix:{tmp_path}/master"}, search=False)
    assert _master_address(config) is None
    with closed(tmp_path):
        assert _master_address(config) == UnixAddress(f"{tmp_path}/master")
