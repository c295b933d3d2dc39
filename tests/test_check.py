"""``check``: the result and the advice for each collector, address and alert agent."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.app.collection import build_local_host
from gateway.commands.check import check, print_results
from gateway.commands.check.check_result import CheckResult, Outcome
from gateway.commands.check.collectors import check_collectors
from gateway.commands.check.listen import Running, check_listen_addresses
from gateway.commands.check.snmpd_files import LocalSnmpd
from gateway.commands.exit_status import ExitStatus
from gateway.commands.listeners import Process, find_listeners, read_processes
from gateway.config.config import BY_KEY, Config
from gateway.config.loader import load
from gateway.files import user_name
from gateway.frontends.snmp.engine_identity import FILE
from gateway.host.replay import DEMO, Recording, ReplayHost
from tests.conftest import NOBODY, needs_root
from tests.local_snmpd import NO_SNMPD
from tests.programs import CFGTOOL, CIBADMIN, COROSYNC, CRM_MON, DRBDSETUP, FakeCluster, check_result
from tests.situations import LAB, recorded

NOTHING = Running()
OLD_CRM_MON = "crm_mon -1 -X --inactive"


def checked(
    cluster: FakeCluster,
    capsys: pytest.CaptureFixture[str],
    snmpd: LocalSnmpd = NO_SNMPD,
    /,
    **flags: object,
) -> tuple[bool, str]:
    config = load(cluster.config, {"web.listen": ["127.0.0.1:0"], "alarms.socket": "/run/x/alert.sock", **flags})
    wrong = print_results(check(config, build_local_host(config), snmpd, NOTHING)) is ExitStatus.PROBLEM
    return wrong, capsys.readouterr().out


def test_a_healthy_cluster(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    wrong, output = checked(cluster, capsys)
    assert not wrong
    assert check_result(output, "listen 127.0.0.1:0") == ("ok    listen 127.0.0.1:0: free", "")
    assert check_result(output, "pacemaker: crm_mon") == ("ok    pacemaker: crm_mon: ok", "")
    assert "FAIL" not in output


def hang(cluster: FakeCluster) -> None:
    cluster.does(CIBADMIN, "sleep 1000")


def garbage(cluster: FakeCluster) -> None:
    cluster.prints(CFGTOOL, b"fine\n")


def refused(cluster: FakeCluster) -> None:
    cluster.does(CIBADMIN, "echo 'Could not connect: Permission denied' >&2; exit 1")


def without_sudo(cluster: FakeCluster) -> None:
    text = 'sudo: The \\"no new privileges\\" flag is set, which prevents sudo from running as root.'
    cluster.does(CIBADMIN, f'echo "{text}" >&2; exit 1')


def killed(cluster: FakeCluster) -> None:
    cluster.does(CIBADMIN, "kill -SEGV $$")


def loud(cluster: FakeCluster) -> None:
    cluster.does(CIBADMIN, "yes")


def missing(cluster: FakeCluster) -> None:
    cluster.path("cibadmin").unlink()


def forbidden(cluster: FakeCluster) -> None:
    cluster.path("cibadmin").chmod(0o644)


@pytest.mark.parametrize(
    ("breaks", "subject", "text", "advice"),
    [
        (hang, "pacemaker: cibadmin", "timed_out: killed at its deadline", "increase timeout ([tools.NAME])"),
        (garbage, "corosync: corosync-cfgtool", "unparsable: ", "please report it, with the output"),
        (refused, "pacemaker: cibadmin", "not_permitted: exit status 1: Could", "with haclient as its primary group"),
        (without_sudo, "pacemaker: cibadmin", "not_permitted: exit status 1: sudo: The", "so sudo cannot work"),
        (killed, "pacemaker: cibadmin", "killed: ended by signal 11", "the system log"),
        (loud, "pacemaker: cibadmin", "too_much_output: ", "increase max_output ([tools.NAME])"),
        (missing, "pacemaker: cibadmin", "not_installed: ", "Install it, set its path"),
        (forbidden, "pacemaker: cibadmin", "not_permitted: ", "with haclient as its primary group"),
    ],
)
def test_failures_come_with_advice(  # noqa: PLR0917
    breaks: object,
    subject: str,
    text: str,
    advice: str,
    cluster: FakeCluster,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert callable(breaks)
    breaks(cluster)
    timeout = 0.3 if breaks is hang else 60.0  # a busy machine starts the others late
    flags = {"tools.cibadmin.timeout": timeout, "tools.cibadmin.max_output": 1_000_000}
    wrong, output = checked(cluster, capsys, **flags)
    assert wrong
    line, shown_advice = check_result(output, subject)
    assert line.startswith(f"FAIL  {subject}: {text}")
    assert advice in shown_advice
    assert output.count("FAIL") == 1


@pytest.mark.parametrize(
    ("command", "output", "subject", "advice"),
    [
        (
            CRM_MON,
            "echo 'crm_mon: Connection to cluster failed: Connection refused' >&2; exit 102",
            "pacemaker: crm_mon",
            "Start the cluster on this node if it should run: systemctl start pacemaker, on a remote node "
            "pacemaker_remote.",
        ),
        (
            DRBDSETUP,
            "echo 'modprobe: FATAL: Module drbd not found' >&2; exit 20",
            "drbd: drbdsetup",
            "Load the module (modprobe drbd) if this node has DRBD resources. Otherwise nothing has to be done.",
        ),
    ],
)
def test_what_does_not_run_has_not_failed(  # noqa: PLR0917
    command: str, output: str, subject: str, advice: str, cluster: FakeCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.does(command, output)
    if command == CRM_MON:
        cluster.does(OLD_CRM_MON, output)
    wrong, printed = checked(cluster, capsys)
    assert not wrong
    line, shown_advice = check_result(printed, subject)
    assert line.startswith(f"down  {subject}: not_running: exit status ")
    assert shown_advice == advice
    assert printed.count("down") == 1
    assert "FAIL" not in printed


def test_a_missing_optional_tool_is_not_a_failure(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.does(COROSYNC, "exit 1")
    wrong, output = checked(cluster, capsys)
    assert not wrong
    assert check_result(output, "corosync: corosync")[0] == "skip  corosync: corosync: failed: exit status 1; optional"


def test_a_collector_that_is_off_is_not_checked(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    missing(cluster)
    wrong, output = checked(cluster, capsys, **{"collectors.pacemaker": "off"})
    assert not wrong
    assert "pacemaker" not in output


class Taken(NamedTuple):
    """An address that this process has."""

    address: str
    port: int
    process: Process


@pytest.fixture
def taken() -> Iterator[Taken]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        (process,) = find_listeners(port)
        yield Taken(f"127.0.0.1:{port}", port, process)


def listened(taken: Taken, running: Running) -> CheckResult:
    config = load(None, {"web.listen": ["127.0.0.1:0", taken.address]}, search=False)
    free, result = check_listen_addresses(config, running)
    assert (free.outcome, free.text) == (Outcome.OK, "free")
    assert result.subject == f"listen {taken.address}"
    return result


def test_the_service_has_the_address(taken: Taken) -> None:
    result = listened(taken, Running(processes=read_processes(), service=os.getpid()))
    assert (result.outcome, result.advice) == (Outcome.OK, "")
    assert result.text == f"in use by this service (process {os.getpid()})"


def test_another_program_has_the_address(taken: Taken) -> None:
    result = listened(taken, Running(processes=read_processes(), service=1))
    assert (result.outcome, result.text) == (Outcome.FAIL, f"in use by {taken.process.name} (process {os.getpid()})")
    assert "Stop that program (ss -ltnp shows it to root), or set web.listen." in result.advice


@pytest.mark.parametrize(
    ("service", "owner", "outcome", "text"),
    [
        (0, os.geteuid(), Outcome.OK, "in use by a running gateway (process {})"),
        (1, os.geteuid(), Outcome.FAIL, "in use by another gateway (process {}), not by ha-cluster-gateway.service"),
        (0, NOBODY, Outcome.FAIL, "in use by {name} (process "),  # anybody could have started it under this name
    ],
)
def test_a_gateway_outside_of_the_unit_has_the_address(
    service: int, owner: int, outcome: Outcome, text: str, taken: Taken
) -> None:
    process = replace(taken.process, is_gateway=True, user_id=owner)
    result = listened(taken, Running(processes=(process,), service=service))
    assert result.outcome is outcome
    assert result.text.startswith(text.format(process.number, name=process.name))


@pytest.mark.parametrize(
    ("is_gateway", "owner", "service", "may_be"),
    [
        (True, os.getuid(), 0, True),
        (False, os.getuid(), os.getpid(), True),
        (False, os.getuid(), 1, True),  # /proc shows nothing of it
        (False, os.getuid(), 0, False),
        (True, os.getuid() + 1, 0, False),
    ],
    ids=["gateway", "hidden", "gone", "no service", "another user"],
)
def test_a_user_who_does_not_see_the_process(
    *, is_gateway: bool, owner: int, service: int, may_be: bool, taken: Taken
) -> None:
    process = replace(taken.process, links=None, is_gateway=is_gateway, user_id=owner)
    result = listened(taken, Running(processes=(process,), service=service))
    who = f"in use by a process of {user_name(os.getuid())}, which this user may not see"
    if may_be:
        assert (result.outcome, result.text) == (Outcome.SKIP, f"{who}; it may be the gateway")
        assert result.advice == "Run check as root, who sees it: sudo ha-cluster-gateway check"
    else:
        assert (result.outcome, result.text) == (Outcome.FAIL, who)


@needs_root
def test_a_state_that_belongs_to_another_user(
    cluster: FakeCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after a start by root: the service could not start any more."""
    state = tmp_path / "state"
    subject = f"SNMPv3 state in {state}"
    assert subject not in checked(cluster, capsys, **{"snmp.state_directory": str(state)})[1]
    target = {"address": "manager", "version": "3", "user": "u", "auth": "SHA", "auth_password": "a password"}
    flags = {"snmp.state_directory": str(state), "alarms.target": [target]}
    _, output = checked(cluster, capsys, **flags)
    assert check_result(output, subject) == (f"ok    {subject}: usable", "")
    state.mkdir(mode=0o700)
    (state / FILE).touch()
    os.chown(state, NOBODY, -1)
    wrong, output = checked(cluster, capsys, **flags)
    assert wrong
    assert f"FAIL  {subject}: {FILE} belongs to root; run chown nobody {state / FILE}\n" in output


STATUS, LIST = "corosync-qnetd-tool -s -v", "corosync-qnetd-tool -l -v"
DOWN = "corosync-qnetd-tool: Can't connect to qnetd socket (is QNetd running?): "


def arbitrator(cluster: FakeCluster) -> None:
    """Leaves corosync-qnetd-tool as the only tool of the host."""
    for path in (cluster.directory / "bin").iterdir():
        path.unlink()
    for name in ("corosync.conf", "sbd.conf"):
        (cluster.directory / name).unlink()
    for command, name in ((STATUS, "corosync-qnetd-tool-s-v"), (LIST, "corosync-qnetd-tool-l-v")):
        cluster.prints(command, (LAB / "arbitrator" / "healthy" / f"{name}.stdout").read_bytes())


def test_an_arbitrator_is_in_order_without_a_cluster(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    arbitrator(cluster)
    wrong, output = checked(cluster, capsys)
    assert not wrong
    assert "FAIL" not in output
    assert "down" not in output
    for subsystem in ("pacemaker", "corosync", "qdevice", "sbd", "drbd"):
        line, _ = check_result(output, subsystem)
        assert line.startswith("skip ")
        assert line.endswith("nothing to collect")
    assert check_result(output, "qnetd: list")[0] == "ok    qnetd: list: ok"


@pytest.mark.parametrize(
    ("reason", "word", "advice"),
    [
        ("Connection refused", "down", "systemctl start corosync-qnetd"),
        ("No such file or directory", "down", "systemctl start corosync-qnetd"),
        ("Permission denied", "FAIL", "the drop-in corosync-qnetd.conf"),
    ],
)
def test_an_arbitrator_whose_daemon_does_not_answer(
    reason: str, word: str, advice: str, cluster: FakeCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    arbitrator(cluster)
    for command in (STATUS, LIST):
        cluster.does(command, f'echo "{DOWN}{reason}" >&2; exit 3')
    wrong, output = checked(cluster, capsys)
    assert wrong == (word == "FAIL")
    for command in ("status", "list"):
        line, found = check_result(output, f"qnetd: {command}")
        assert line.startswith(word)
        assert reason in line
        assert advice in found
    assert output.count(advice) == 1


def test_a_remote_node_to_which_the_cluster_is_not_connected(capsys: pytest.CaptureFixture[str]) -> None:
    config: Config = load(None, {}, search=False)
    host = ReplayHost(recorded("remote/stopped-on-remote"))
    assert print_results(check_collectors(config, host)) is ExitStatus.OK
    output = capsys.readouterr().out
    line, advice = check_result(output, "this host")
    assert line == "down  this host: remote or guest node, not connected to the cluster"
    assert "Run crm_mon -1 -r on a cluster node" in advice
    assert check_result(output, "pacemaker: crm_mon")[0].startswith("down ")
    assert "systemctl start pacemaker" not in output


@pytest.mark.parametrize(
    ("situation", "roles"),
    [
        ("healthy", ["node node1 of the cluster demo"]),
        ("geo", ["node node1 of the cluster geo", "booth site 10.61.0.1"]),
        ("arbitrator", ["quorum arbitrator of 1 cluster"]),
        ("remote-node", ["remote or guest node edge1, connected to the cluster"]),
    ],
)
def test_every_subsystem_says_what_this_host_is(situation: str, roles: list[str]) -> None:
    recording = Recording.load(DEMO)
    steps = [step for step in recording.steps if step.situation == situation]
    host = ReplayHost(replace(recording, steps=steps))
    results = [result for result in check_collectors(load(None, {}, search=False), host) if not result.advice]
    assert [result.text for result in results if result.subject == "this host"] == roles


def test_what_is_merely_installed_is_not_set_up(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.stop_daemons()
    _, output = checked(cluster, capsys)
    assert "down  corosync: corosync-quorumtool: not_running: " in output
    path = cluster.directory / "corosync.conf"
    path.unlink()
    wrong, output = checked(cluster, capsys)
    assert not wrong
    reason = f"installed, but it does not run, and there is no {path}: not set up on this host"
    assert check_result(output, "corosync") == (f"skip  corosync: {reason}", "")
    _, output = checked(cluster, capsys, **{"collectors.corosync": "on"})
    assert "down  corosync: corosync-quorumtool: not_running: " in output
    # to a user without the permission, corosync-quorumtool prints the same
    cluster.does(CFGTOOL, "echo 'Could not initialize corosync configuration API error 11' >&2; exit 1")
    wrong, output = checked(cluster, capsys)
    assert wrong
    assert "FAIL  corosync: corosync-quorumtool: not_permitted: " in output


def test_a_damaged_corosync_conf_has_to_be_corrected(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    (cluster.directory / "corosync.conf").write_text("totem {\n  version: 2\n")
    wrong, output = checked(cluster, capsys)
    assert wrong
    line, advice = check_result(output, "corosync: corosync.conf")
    assert line.startswith("FAIL  corosync: corosync.conf: unparsable: ")
    assert line.endswith("section 'totem' is not closed (line 3)")
    assert advice.startswith("Correct the file.")


def test_a_host_without_a_cluster_gets_advice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = {option: f"{tmp_path}/none" for option in BY_KEY if option.endswith(".path") or option == "sbd.config"}
    config: Config = load(None, {"web.listen": ["127.0.0.1:0"], **flags}, search=False)
    assert print_results(check(config, build_local_host(config), NO_SNMPD, NOTHING)) is ExitStatus.PROBLEM
    output = capsys.readouterr().out
    assert check_result(output, "configuration")[0].endswith("no file, every option has its default")
    assert check_result(output, "sbd")[0] == "skip  sbd: not set up on this host, nothing to collect"
    line, advice = check_result(output, "cluster")
    assert line == "FAIL  cluster: no subsystem is set up on this host"
    assert "ha-cluster-gateway demo" in advice


def test_a_subsystem_that_is_configured_but_not_installed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sbd").write_text("SBD_DEVICE=/dev/sdb\n")
    flags = {option: f"{tmp_path}/none" for option in BY_KEY if option.endswith(".path")}
    config: Config = load(None, {"web.listen": ["127.0.0.1:0"], "sbd.config": f"{tmp_path}/sbd", **flags}, search=False)
    print_results(check(config, build_local_host(config), NO_SNMPD, NOTHING))
    (line, *_) = check_result(capsys.readouterr().out, "sbd")
    assert line == "skip  sbd: configured, but its tools are not installed, nothing to collect"


@pytest.mark.parametrize(
    ("snmpd", "flags", "text", "advice"),
    [
        (
            NO_SNMPD,
            {},
            "sent to nobody: there is no [[alarms.target]], and snmp.agentx is off",
            "write a table [[alarms.target]]",
        ),
        (
            replace(NO_SNMPD, installed=True),
            {"snmp.agentx": "unix:/nonexistent/master", "alarms.agentx": False},
            "sent to nobody: there is no [[alarms.target]], and alarms.agentx is false",
            "write a table [[alarms.target]]",
        ),
        (
            NO_SNMPD,
            {"snmp.agentx": "unix:/nonexistent/master"},
            "sent to nobody: there is no [[alarms.target]], and snmpd is not installed",
            "write a table [[alarms.target]]",
        ),
        (NO_SNMPD, {"snmp.agentx": "tcp:127.0.0.1:1"}, "sent to the sinks of snmpd", ""),
        (
            NO_SNMPD,
            {"snmp.agentx": "tcp:127.0.0.1:1", "alarms.burst": 20},
            "sent to the sinks of snmpd; more than 20 alarms of one condition at once are sent as one summary",
            "",
        ),
        (
            replace(NO_SNMPD, installed=True),
            {"snmp.agentx": "unix:/nonexistent/master"},
            "sent to the sinks of snmpd",
            "",
        ),
        (
            NO_SNMPD,
            {"alarms.target": [{"address": "192.0.2.1:162", "version": "2c", "community": "x"}]},
            "sent to 192.0.2.1:162 (inform)",
            "",
        ),
    ],
)
def test_who_gets_the_notifications(  # noqa: PLR0917
    snmpd: LocalSnmpd,
    flags: dict[str, object],
    text: str,
    advice: str,
    cluster: FakeCluster,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, output = checked(cluster, capsys, snmpd, **flags)
    line, shown_advice = check_result(output, "notifications")
    assert line == f"{'skip' if advice else 'ok  '}  notifications: {text}"
    assert advice in shown_advice
    assert bool(advice) == bool(shown_advice)


ALERTS = "cibadmin --query --local --scope alerts"


def test_the_alert_agent_is_configured(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.prints(ALERTS, b'<alerts><alert id="a" path="/usr/bin/ha-cluster-gateway-alert"/></alerts>')
    wrong, output = checked(cluster, capsys)
    assert not wrong
    assert check_result(output, "alert agent") == ("ok    alert agent: configured in Pacemaker", "")


def test_the_alert_agent_is_not_configured(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.prints(ALERTS, b'<alerts><alert id="a" path="/usr/bin/another"/></alerts>')
    wrong, output = checked(cluster, capsys)
    assert not wrong
    assert check_result(output, "alert agent")[0].startswith("skip  alert agent: not configured, or not visible")
    assert "pcs alert create path=/" in output
    assert "ha-cluster-gateway-alert id=ha-cluster-gateway-alert\n" in output
    assert "crm configure alert ha-cluster-gateway-alert /" in output
