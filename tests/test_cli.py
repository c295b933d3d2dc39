"""The command line, as people and service managers use it."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

import gateway as package
from gateway import cli
from gateway.commands.exit_status import ExitStatus, of_command
from gateway.commands.flags import load_config
from gateway.config.config import BY_KEY, OPTIONS
from gateway.runtime import event_loop
from tests.config_values import plain_values
from tests.programs import COLLECTORS, CRM_MON, ROOT, FakeCluster, Gateway, environment, gateway

FLAGS = [
    (["--web.listen-address", "127.0.0.1:1"], "web.listen", ("127.0.0.1:1",)),
    (["--web.listen-address=:1", "--web.listen-address=[::1]:2"], "web.listen", (":1", "[::1]:2")),
    (["--web.telemetry-path", "/m"], "web.telemetry_path", "/m"),
    (["--web.config.file", "web.yaml"], "web.config_file", "web.yaml"),
    (["--web.config.file="], "web.config_file", ""),
    (["--web.enable-lifecycle=true"], "web.enable_lifecycle", True),
    (["--web.enable-lifecycle"], "web.enable_lifecycle", True),
    (["--web.enable-lifecycle", "true"], "web.enable_lifecycle", True),
    (["--no-web.enable-lifecycle"], "web.enable_lifecycle", False),
    (["--corosync.statistics", "--no-corosync.statistics"], "corosync.statistics", "false"),
    (["--corosync.statistics=false", "--corosync.statistics"], "corosync.statistics", "true"),
    (["--log.level", "error"], "log.level", "error"),
    (["--log.format=json"], "log.format", "json"),
    (["--crm-mon-path", "/x"], "tools.crm_mon.path", "/x"),
    (["--cibadmin-path", "/x"], "tools.cibadmin.path", "/x"),
    (["--crm-node-path", "/x"], "tools.crm_node.path", "/x"),
    (["--crmadmin-path", "/x"], "tools.crmadmin.path", "/x"),
    (["--corosync-cfgtoolpath-path", "/x"], "tools.corosync-cfgtool.path", "/x"),
    (["--corosync-quorumtool-path", "/x"], "tools.corosync-quorumtool.path", "/x"),
    (["--sbd-path", "/x"], "tools.sbd.path", "/x"),
    (["--booth-path", "/x"], "tools.booth.path", "/x"),
    (["--sbd-config-path", "/x"], "sbd.config", "/x"),
    (["--drbdsetup-path", "/x"], "tools.drbdsetup.path", "/x"),
    (["--drbdsplitbrain-path", "/x"], "drbd.split_brain_directory", "/x"),
    (["--address", "10.1.2.3"], "web.listen", ("10.1.2.3:9664",)),
    (["--port", "1234"], "web.listen", ("0.0.0.0:1234",)),
    (["--address=::1", "--port=1234"], "web.listen", ("[::1]:1234",)),
    (["--port", "1234", "--web.listen-address", ":1"], "web.listen", ("0.0.0.0:1234",)),
    (["--port", "9664", "--web.listen-address", ":1"], "web.listen", (":1",)),
    (["--log-level", "debug"], "log.level", "debug"),
    (["--log-level", "debug", "--log.level", "error"], "log.level", "debug"),
    (["--log-level", "info", "--log.level", "error"], "log.level", "error"),
    (["--enable-timestamps"], "log.level", "info"),
    (["--no-enable-timestamps"], "log.level", "info"),
    (["--collector.sbd", "off"], "collectors.sbd", "off"),
    (["--corosync.statistics=true"], "corosync.statistics", "true"),
    (["--corosync.statistics=auto"], "corosync.statistics", "auto"),
    (["--snmp.agentx", "tcp:127.0.0.1:705"], "snmp.agentx", "tcp:127.0.0.1:705"),
    (["--snmp.agentx=off"], "snmp.agentx", "off"),
    (["--snmp.root", ".1.3.6.1.4.1.4711"], "snmp.root", "1.3.6.1.4.1.4711"),
    (["--snmp.max-age", "5"], "snmp.max_age", 5.0),
]


@pytest.fixture
def _logging() -> Iterator[None]:
    """In-process runs set up the log of the whole process."""
    handlers = list(logging.getLogger().handlers)
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


def configured(*arguments: str) -> dict[str, Any]:
    return plain_values(load_config(cli.build_parser().parse_args(arguments), search=False))


# --- Flags -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_logging")
@pytest.mark.parametrize("command", [[], ["serve"], ["check"], ["collect"]])
@pytest.mark.parametrize(("flags", "key", "value"), FLAGS)
def test_a_flag_works_before_and_after_the_subcommand(
    command: list[str], flags: list[str], key: str, value: object
) -> None:
    assert configured(*command, *flags)[key] == value
    assert configured(*flags, *command)[key] == value


@pytest.mark.usefixtures("_logging")
def test_every_flag_is_tested_here_or_resembles_a_tested_one() -> None:
    tested = {flag.partition("=")[0] for flags, _, _ in FLAGS for flag in flags if flag.startswith("--")}
    others = {flag for option in OPTIONS for flag in option.flags} - tested
    assert {flag for flag in others if not flag.startswith(("--collector.", "--corosync", "--snmp.agent."))} == set()
    for option in OPTIONS:
        for flag in others & set(option.flags):
            value = {"auto": "off", "": "/x", False: "true"}.get(
                str(option.default) if option.repeatable else option.default
            )
            if value is not None:  # an option that needs others is tested with these
                assert configured(flag, value)[option.key] != option.default


@pytest.mark.daemon
def test_the_version_names_that_of_python(tmp_path: Path) -> None:
    done = gateway("--version", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith(f"ha-cluster-gateway {package.__version__} (Python {sys.version_info.major}.")
    assert done.stderr == ""


@pytest.mark.daemon
def test_the_help_names_every_command_and_flag(tmp_path: Path) -> None:
    done = gateway("--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    words = set(re.findall(r"[\w.-]+", done.stdout))
    assert cli.COMMANDS.keys() <= words
    assert {flag for option in OPTIONS for flag in option.flags} <= words
    for command in cli.COMMANDS:
        assert gateway(command, "--help", cwd=tmp_path).returncode == 0


def test_the_help_shows_defaults() -> None:
    text = " ".join(cli.build_parser().format_help().split())
    defaults = {
        "web.listen": ":9664",
        "log.format": "logfmt",
        "corosync.statistics": "auto",
        "snmp.max_age": "15",
        "snmp.agent.listen": "empty",
    }
    for key, default in defaults.items():
        assert f"{BY_KEY[key].help} (default: {default})" in text


@pytest.mark.daemon
def test_the_help_of_the_demo_shows_its_own_defaults(tmp_path: Path) -> None:
    text = " ".join(gateway("demo", "--help", cwd=tmp_path).stdout.split())
    defaults = {
        "web.listen": "127.0.0.1:9664",
        "corosync.statistics": "true",
        "snmp.agentx": "off",
        "snmp.agent.listen": "127.0.0.1:1161",
        "snmp.max_age": "15",
    }
    for key, default in defaults.items():
        assert f"{BY_KEY[key].help} (default: {default})" in text


@pytest.mark.parametrize(
    ("command", "usage", "first"),
    [
        ("collect", "[-h] [--format {prometheus,json,snmp}]", "--format"),
        ("migrate", "[-h] FILE", "FILE"),
        ("test-notification", "[-h] [CONDITION]", "CONDITION"),
    ],
)
def test_the_help_of_a_subcommand_begins_with_its_own_arguments(
    command: str, usage: str, first: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    text = capsys.readouterr().out
    assert text.splitlines()[0] == f"usage: ha-cluster-gateway {command} {usage}"
    assert text.index(f"\n  {first}") < (text + "\n  --config").index("\n  --config")


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_the_help_of_a_subcommand_ends_with_its_exit_statuses(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    statuses = " ".join(capsys.readouterr().out.partition("\nexit status:\n")[2].split())
    meanings = of_command(cli.load_command(command).EXIT_STATUSES)
    assert statuses == " ".join(f"{status:d} {meaning}" for status, meaning in meanings.items())
    assert {ExitStatus.OK, ExitStatus.USAGE} <= meanings.keys()


def test_the_documented_exit_statuses_of_the_service() -> None:
    text = (ROOT / "docs" / "install.md").read_text("utf-8").partition("\nExit statuses:\n\n")[2]
    documented = {int(number) for number in re.findall(r"^\| (\d+) \|", text.partition("\n\n")[0], re.MULTILINE)}
    own = of_command(cli.load_command("serve").EXIT_STATUSES)
    assert documented == {status.value for status in own} - {ExitStatus.INTERRUPTED}
    assert ExitStatus.OUT_OF_MEMORY == event_loop.EX_OUT_OF_MEMORY


def test_no_flags_at_all() -> None:
    assert cli.build_parser().parse_args([]).command is None


# --- Errors ----------------------------------------------------------------------------------------------------------

ERRORS: list[tuple[list[str], str]] = [
    (["srve"], "argument COMMAND: invalid choice (choose from "),
    (["--no-log.level"], "unrecognized arguments: --no-log.level"),
    (["--web.enable-lifecycle=yes"], '--web.enable-lifecycle: expected true or false, found "yes"'),
    (["--nonsense"], "unrecognized arguments: --nonsense"),
    (["--web.listen"], "unrecognized arguments: --web.listen"),
    (["--crm-mon=/x"], "unrecognized arguments: --crm-mon; see "),
    (["--community", "S3cret"], "argument COMMAND: invalid choice (choose from "),
    (["collect", "--community", "S3cret"], "unrecognized arguments: --community ...; see "),
    (["--port"], "argument --port: expected one argument"),
    (["serve", "extra"], "unrecognized arguments: ...; see "),
    (["--port", "http"], '--port: expected a port from 0 to 65535, found "http"'),
    (["--web.listen-address", "nowhere"], '--web.listen-address: expected "HOST:PORT"'),
    (["--log.level", "loud"], '--log.level: expected one of "debug", "info", "warn", "error", found "loud"'),
    (["--log-level", "loud"], '--log-level: expected one of "debug", "info", "warn", "error", found "loud"'),
    (["--crm-mon-path", "crm_mon"], "--crm-mon-path: expected an absolute path"),
    (["--web.config.file", "missing.yaml"], "missing.yaml: No such file or directory"),
    (["--config", "missing.conf"], "missing.conf: No such file or directory"),
    (["collect", "--config", "/"], "/: Is a directory"),
    (["collect", "--format", "xml"], "argument --format: invalid choice (choose from "),
    (["demo", "--speed", "0"], "argument --speed: expected a number above 0"),
    (["demo", "--speed", "nan"], "argument --speed: expected a number above 0"),
    (["demo", "--speed", "fast"], "argument --speed: invalid"),
    (["mib", "--root", "1.2.3"], "--snmp.root: expected an OID below 1.3.6.1.4.1"),
    (["--snmp.agentx", "/var/agentx/master"], "--snmp.agentx: expected "),
    (["migrate"], "expected FILE, --install or --undo; see migrate --help"),
    (["migrate", "--install", "--undo"], "--install and --undo: use one of them"),
    (["migrate", "--dry-run"], "--keep-unit and --dry-run are used with --install or --undo only"),
    (["migrate", "missing.yaml"], "missing.yaml: No such file or directory"),
]


@pytest.mark.usefixtures("_logging")
@pytest.mark.parametrize(("arguments", "cause"), ERRORS)
def test_an_error_is_one_line_and_status_two(
    arguments: list[str],
    cause: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        status: Any = cli.main(arguments)
    except SystemExit as end:
        status = end.code
    output = capsys.readouterr()
    assert status == 2
    assert output.out == ""
    (line,) = output.err.splitlines()
    assert line.startswith(f"ha-cluster-gateway: {cause}")
    assert "S3cret" not in line


@pytest.mark.daemon
def test_an_error_in_the_configuration_shows_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "gateway.conf").write_text('[web]\nlisten = 1\n[log]\nlevl = "info"\n')
    done = gateway("--config", "gateway.conf", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        'ha-cluster-gateway: gateway.conf: web.listen: expected "HOST:PORT", "[IPv6]:PORT" or ":PORT", '
        "or a list of these, found 1",
        "ha-cluster-gateway: gateway.conf: log.levl: unknown key, did you mean log.level?",
    ]


# --- Serving ---------------------------------------------------------------------------------------------------------


@pytest.mark.daemon
@pytest.mark.parametrize(("command", "number"), [([], signal.SIGTERM), (["serve"], signal.SIGINT)])
def test_flags_alone_serve_until_a_signal(
    command: list[str], number: signal.Signals, cluster: FakeCluster, tmp_path: Path
) -> None:
    with Gateway("--config", cluster.config, *command, "--web.listen-address", "127.0.0.1:0", cwd=tmp_path) as running:
        assert running.get("/-/healthy") == "healthy\n"
        assert "ha_cluster_pacemaker_up 1\n" in running.get()
        assert running.stop(number) == 0
    assert "event=stopping" in running.lines[-1]


@pytest.mark.daemon
def test_a_configuration_with_a_relative_path_and_a_log_in_json(tmp_path: Path) -> None:
    (tmp_path / "gateway.conf").write_text(
        '[web]\nlisten = "127.0.0.1:0"\ntelemetry_path = "/m"\n[log]\nformat = "json"\n'
        '[snmp]\nagentx = "off"\n[alarms]\nsocket = ""\n'
    )
    with Gateway("--config", "gateway.conf", cwd=tmp_path) as running:
        assert "ha_cluster_gateway_build_info" in running.get("/m")
        assert running.stop() == 0
    events = [json.loads(line) for line in running.lines]
    (started,) = [event for event in events if event["event"] == "started"]
    assert started["config"] == "gateway.conf"
    assert all({"ts", "level", "event"} <= event.keys() for event in events)


@pytest.mark.daemon
def test_a_gateway_without_tls_and_passwords_loads_no_cryptography(cluster: FakeCluster, tmp_path: Path) -> None:
    with Gateway("--config", cluster.config, "--web.listen-address", "127.0.0.1:0", cwd=tmp_path) as running:
        running.get()
        running.get("/")
        loaded = Path(f"/proc/{running.process.pid}/maps").read_text()
        assert running.stop() == 0
    assert "lxml/etree" in loaded
    assert not re.search(r"cryptography/|bcrypt/|/_yaml|pysnmp", loaded)


@pytest.mark.daemon
def test_scrapes_are_logged_at_level_debug_only(cluster: FakeCluster, tmp_path: Path) -> None:
    for level, times in (("debug", 2), ("info", 0)):
        flags = ("--web.listen-address", "127.0.0.1:0", "--log.level", level)
        with Gateway("--config", cluster.config, *flags, cwd=tmp_path) as running:
            running.get()
            running.get()
            running.get("/")
            running.stop()
        assert sum("event=scrape" in line for line in running.lines) == times


@pytest.mark.daemon
def test_a_file_overrides_the_defaults_of_the_demo(tmp_path: Path) -> None:
    (tmp_path / "demo.conf").write_text('[web]\nlisten = ["127.0.0.1:0"]\n[snmp.agent]\nlisten = []\n')
    with Gateway("demo", "--config", "demo.conf", "--log.level=info", cwd=tmp_path) as running:
        (started,) = [line for line in running.lines if "event=started" in line]
        assert "snmp=" not in started
        assert running.stop() == 0
    with Gateway("demo", *FREE_PORTS, "--log.level=info", cwd=tmp_path) as running:
        (started,) = [line for line in running.lines if "event=started" in line]
        assert "snmp=127.0.0.1:" in started
        assert running.stop() == 0


FREE_PORTS = ("--web.listen-address=127.0.0.1:0", "--snmp.agent.listen=127.0.0.1:0")


@pytest.mark.daemon
def test_the_demo_prints_what_happens_and_its_alarms(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "gateway", "demo", "--speed=30", *FREE_PORTS]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment()
    ) as demo:
        assert demo.stdout is not None
        lines: list[str] = []
        for line in demo.stdout:
            lines.append(line)
            if "cleared critical  quorum-lost: " in line:
                break
        demo.send_signal(signal.SIGINT)
        rest, errors = demo.communicate()
    assert (demo.returncode, errors) == (0, "")
    first = next(number for number, line in enumerate(lines) if "healthy: three nodes" in line)
    commands = [line.split()[1:] for line in lines[:first] if "127.0.0.1:" in line]
    assert [command[0] for command in commands][1:] == ["curl", "snmpbulkwalk"]
    step = next(number for number, line in enumerate(lines) if "  quorum-lost: node2 is offline" in line)
    assert any("raised  critical  quorum-lost: " in line for line in lines[step:])
    assert "ts=" not in "".join(lines) + rest


@pytest.mark.daemon
@pytest.mark.parametrize("flag", ["--web.listen-address", "--snmp.agent.listen"])
def test_a_demo_whose_port_is_taken_says_how_to_choose_another(flag: str, tmp_path: Path) -> None:
    """The demo ends; test_service_manager.py shows that ``serve`` goes on."""
    kind = socket.SOCK_STREAM if flag == "--web.listen-address" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = gateway("demo", *FREE_PORTS, f"{flag}={address}", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (os.EX_UNAVAILABLE, "", 1)
    assert f"{address}: Address already in use; to choose free ports: {' '.join(FREE_PORTS)} " in done.stderr


# --- collect and check -----------------------------------------------------------------------------------------------


@pytest.mark.daemon
def test_collect_prints_the_page(cluster: FakeCluster, tmp_path: Path) -> None:
    done = gateway("--config", cluster.config, "collect", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "# TYPE ha_cluster_pacemaker_nodes gauge\n" in done.stdout
    assert re.findall(r'^ha_cluster_scrape_success{collector="(.*)"} 1$', done.stdout, re.MULTILINE) == list(COLLECTORS)


@pytest.mark.daemon
def test_collect_prints_json(cluster: FakeCluster, tmp_path: Path) -> None:
    document = cluster.printed(CRM_MON).decode()
    history = (
        '<node_history><node name="n1"><resource_history id="r" migration-threshold="1000000" fail-count="1000000"/>'
        "</node></node_history>"
    )
    cluster.prints(CRM_MON, re.sub("<node_history.*</node_history>", history, document, flags=re.DOTALL).encode())
    done = gateway("collect", "--format=json", "--config", cluster.config, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    snapshot = json.loads(done.stdout)
    assert snapshot["collectors"]["pacemaker"]["state"] == "ok"
    assert {command["name"] for command in snapshot["collectors"]["drbd"]["commands"]} >= {"drbdsetup"}
    fail_counts = [s for s in snapshot["samples"] if s["name"] == "ha_cluster_pacemaker_fail_count"]
    assert fail_counts == [
        {"name": "ha_cluster_pacemaker_fail_count", "labels": {"node": "n1", "resource": "r"}, "value": "+Inf"}
    ]
    nodes = [s for s in snapshot["samples"] if s["name"] == "ha_cluster_pacemaker_nodes"]
    assert all(set(node) == {"name", "labels", "states"} and len(node["states"]) == 9 for node in nodes)


@pytest.mark.daemon
def test_collect_prints_the_lines_of_a_walk(cluster: FakeCluster, tmp_path: Path) -> None:
    done = gateway("collect", "--format=snmp", "--snmp.root=1.3.6.1.4.1.4711", "--config", cluster.config, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert (
        '.1.3.6.1.4.1.4711.1.2.1.1.4.5.110.111.100.101.49 HA-CLUSTER-MIB::haClusterNodeOnline."node1" '
        "= INTEGER: true(1)"
    ) in lines
    assert ".1.3.6.1.4.1.4711.1.4.4.0 HA-CLUSTER-MIB::haClusterQuorate.0 = INTEGER: true(1)" in lines


@pytest.mark.daemon
def test_mib_prints_the_module(tmp_path: Path) -> None:
    own = gateway("mib", cwd=tmp_path)
    assert (own.returncode, own.stderr) == (0, "")
    assert own.stdout == (ROOT / "mibs" / "HA-CLUSTER-MIB.txt").read_text()
    other = gateway("mib", "--root", "1.3.6.1.4.1.4711", cwd=tmp_path)
    assert "    ::= { enterprises 4711 }\n" in other.stdout
    assert gateway("mib", "--snmp.root=1.3.6.1.4.1.4711", cwd=tmp_path).stdout == other.stdout


@pytest.mark.daemon
def test_collect_reports_failure_in_its_exit_status(cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.does(CRM_MON, "echo garbage")
    cluster.does("crm_mon -1 -X --inactive", "echo garbage")
    done = gateway("--config", cluster.config, "collect", cwd=tmp_path)
    assert done.returncode == 1
    assert 'ha_cluster_scrape_success{collector="pacemaker"} 0\n' in done.stdout
    assert 'ha_cluster_scrape_success{collector="corosync"} 1\n' in done.stdout


@pytest.mark.daemon
@pytest.mark.parametrize(("output", "text"), [("prometheus", "é?"), ("json", r"é\udcff"), ("snmp", "é?")])
def test_collect_writes_utf8_whatever_the_locale(output: str, text: str, cluster: FakeCluster, tmp_path: Path) -> None:
    name = os.fsdecode("drbd-split-brain-detected-é".encode() + b"\xff-0")
    (cluster.directory / "splitbrain" / name).touch()
    argv = [sys.executable, "-m", "gateway", "collect", "--format", output, "--config", str(cluster.config)]
    env = {**environment(), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(argv, capture_output=True, timeout=60, check=False, cwd=tmp_path, env=env)
    assert (done.returncode, done.stderr) == (0, b"")
    assert text.encode() in done.stdout


@pytest.mark.daemon
def test_a_closed_pipe_is_not_an_error(cluster: FakeCluster, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "gateway", "collect", "--config", str(cluster.config)]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 1


@pytest.mark.daemon
@pytest.mark.parametrize("order", ["before", "after"])
def test_check_finds_everything_in_order(order: str, cluster: FakeCluster, tmp_path: Path) -> None:
    config: list[str | Path] = ["--config", cluster.config, "--web.listen-address=127.0.0.1:0"]
    target = '[[alarms.target]]\naddress = "127.0.0.1:162"\nversion = "2c"\ncommunity = "public"\n'
    cluster.config.write_text(cluster.config.read_text() + target)
    cluster.config.chmod(0o600)
    done = gateway(*([*config, "check"] if order == "before" else ["check", *config]), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert {line[:6] for line in done.stdout.splitlines()} == {"ok    ", "skip  "}
    assert f"ok    configuration: read from {cluster.config}" in done.stdout


@pytest.mark.daemon
def test_the_program_needs_nothing_of_the_working_directory() -> None:
    assert gateway("--version", cwd=Path("/")).returncode == 0
    assert (ROOT / "gateway" / "__main__.py").is_file()
