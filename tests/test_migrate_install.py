"""``migrate --install``: the exporter is replaced by the gateway on a host, and ``--undo`` restores what was there."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.commands.migrate import install, undo
from gateway.commands.migrate.swap import Paths
from gateway.config.loader import load
from gateway.errors import ConfigError, GatewayError
from gateway.host.host import CommandResult
from gateway.status import Status
from tests.fakes import FakeHost
from tests.ports import free_port

DEBIAN, SUSE, GATEWAY = (
    "ha_cluster_exporter.service",
    "prometheus-ha_cluster_exporter.service",
    "ha-cluster-gateway.service",
)


@dataclass
class Unit:
    command: str
    files: tuple[Path, ...] = ()
    active: bool = False
    enabled: bool = False
    failed: bool = False


@dataclass
class Systemd(FakeHost):
    """Systemd with some units. The one named ``broken`` does not start, and the one named ``ending`` ends at once.

    The main process of each unit is this one, or ``process``.
    """

    units: dict[str, Unit] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    broken: str = ""
    ending: str = ""
    process: int = field(default_factory=os.getpid)

    async def run(self, tool: str, *arguments: str) -> CommandResult:
        assert tool == "systemctl"
        verb, *rest = arguments
        if verb == "show":
            return CommandResult(status=Status.OK, exit_status=0, stdout=self._show(rest[0]).encode())
        self.calls.append(" ".join(arguments))
        name = rest[-1] if rest else ""
        if verb in ("enable", "disable"):
            self.units[name].enabled = verb == "enable"
        if verb in ("start", "stop", "restart") or "--now" in rest:
            starts = verb in ("start", "restart", "enable")
            if starts and name == self.broken:
                self.units[name].failed = True
                return CommandResult(status=Status.FAILED, exit_status=1, stderr=b"Job failed.\nSee the journal.\n")
            self.units[name].active = starts and name != self.ending
        if verb == "reset-failed":
            self.units[name].failed = False
        return CommandResult(status=Status.OK, exit_status=0)

    def _show(self, name: str) -> str:
        unit = self.units.get(name)
        if unit is None:
            return "LoadState=not-found\nActiveState=inactive\nUnitFileState=\n"
        return (
            f"LoadState=loaded\nMainPID={self.process if unit.active else 0}\n"
            f"ActiveState={'failed' if unit.failed else 'active' if unit.active else 'inactive'}\n"
            f"UnitFileState={'enabled' if unit.enabled else 'disabled'}\n"
            f"ExecStart={{ path=/usr/bin/x ; argv[]={unit.command} ; ignore_errors=no ; start_time=[n/a] }}\n"
        ) + "".join(f"EnvironmentFiles={path} (ignore_errors=yes)\n" for path in unit.files)

    @property
    def state(self) -> dict[str, tuple[bool, bool]]:
        assert not any(unit.failed for unit in self.units.values())
        return {name: (unit.enabled, unit.active) for name, unit in self.units.items()}


@dataclass
class Node:
    """A host on which the exporter runs."""

    directory: Path
    systemd: Systemd
    port: int

    def __post_init__(self) -> None:
        self.program.write_text("#!/bin/sh\n")
        self.program.chmod(0o755)
        for name in ("etc", "default", "units", "systemd"):
            (self.directory / name).mkdir()
        self.exporter_config.write_text('web:\n  listen-address: "0.0.0.0:9664"\nsbd-config-path: /etc/default/sbd\n')
        self.exporter_arguments.write_text(f"# arguments\nARGS='--web.listen-address=127.0.0.1:{self.port}'\n")

    @property
    def program(self) -> Path:
        return self.directory / "ha-cluster-gateway"

    @property
    def exporter_config(self) -> Path:
        return self.directory / "etc" / "ha_cluster_exporter.yaml"

    @property
    def exporter_arguments(self) -> Path:
        return self.directory / "default" / "exporter"

    @property
    def paths(self) -> Paths:
        return Paths(
            exporter=(self.directory / "etc" / "ha_cluster_exporter.json", self.exporter_config),
            config=self.directory / "etc" / "ha-cluster-gateway" / "gateway.conf",
            units=self.directory / "units",
            program=self.program,
            systemd=self.directory / "systemd",
        )

    def files(self) -> dict[str, str | None]:
        """Returns the content of every file, and None for every directory."""
        return {
            str(path.relative_to(self.directory)): path.read_text() if path.is_file() else None
            for path in self.directory.rglob("*")
        }

    async def install(self, *, keep_unit: bool = False, dry_run: bool = False, patience: float = 60.0) -> int:
        return await install(self.systemd, self.paths, None, keep_unit=keep_unit, dry_run=dry_run, patience=patience)

    async def undo(self) -> int:
        return await undo(self.systemd, self.paths, dry_run=False)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    """A node with the exporter of Debian and the gateway's unit; something listens where the gateway would."""
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    directory = tmp_path / "node"
    directory.mkdir()
    systemd = Systemd(
        units={
            DEBIAN: Unit(
                command="/usr/bin/ha_cluster_exporter $ARGS",
                files=(directory / "default" / "exporter",),
                active=True,
                enabled=True,
            ),
            GATEWAY: Unit(command="/opt/x/ha-cluster-gateway $ARGS", files=(directory / "default" / "gateway",)),
        }
    )
    yield Node(directory, systemd, server.sockets[0].getsockname()[1])
    server.close()


async def test_the_gateway_takes_over_with_the_same_configuration_and_arguments(node: Node) -> None:
    assert await node.install() == 0
    assert node.systemd.state == {DEBIAN: (False, False), GATEWAY: (True, True)}
    assert (
        node.directory / "default" / "gateway"
    ).read_text() == f'ARGS="--web.listen-address=127.0.0.1:{node.port}"\n'
    assert load(node.paths.config, {}).web.listen[0].port == 9664
    assert not node.paths.config.stat().st_mode & 0o007


@pytest.mark.parametrize("keep_unit", [False, True])
async def test_undo_restores_exactly_what_was_there(node: Node, *, keep_unit: bool) -> None:
    (node.directory / "default" / "gateway").write_text("# mine\nARGS=\nOTHER=1\n")
    files, state = node.files(), node.systemd.state
    await node.install(keep_unit=keep_unit)
    assert node.files() != files
    assert await node.undo() == 0
    assert (node.files(), node.systemd.state) == (files, state)
    with pytest.raises(GatewayError, match="nothing to undo"):
        await node.undo()


async def test_with_the_units_kept_only_a_drop_in_changes_what_the_exporters_unit_starts(
    node: Node,
) -> None:
    node.systemd.units[SUSE] = node.systemd.units.pop(DEBIAN)
    del node.systemd.units[GATEWAY]
    await node.install(keep_unit=True)
    text = (node.paths.units / f"{SUSE}.d" / "ha-cluster-gateway.conf").read_text()
    assert text.splitlines()[1:] == ["[Service]", "ExecStart=", f"ExecStart={node.program} $ARGS"]
    assert node.systemd.calls == ["daemon-reload", f"restart {SUSE}"]


async def test_with_the_units_kept_the_gateways_own_unit_is_stopped(node: Node) -> None:
    """A package has started it; two gateways would send every notification twice."""
    own = node.systemd.units[GATEWAY]
    own.active = own.enabled = True
    await node.install(keep_unit=True)
    assert node.systemd.state == {DEBIAN: (True, True), GATEWAY: (False, False)}
    await node.undo()
    assert node.systemd.state == {DEBIAN: (True, True), GATEWAY: (True, True)}


async def test_a_unit_that_does_not_run_is_not_started(node: Node) -> None:
    node.systemd.units[DEBIAN].active = False
    await node.install(keep_unit=True)
    await node.undo()
    assert node.systemd.calls == ["daemon-reload", "daemon-reload"]


@pytest.mark.parametrize("keep_unit", [False, True])
async def test_a_dry_run_shows_every_step_and_changes_nothing(
    node: Node, *, keep_unit: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    files = node.files()
    await node.install(keep_unit=keep_unit, dry_run=True)
    assert (node.files(), node.systemd.calls) == (files, [])
    shown = capsys.readouterr().out
    await node.install(keep_unit=keep_unit)
    assert [line.removeprefix("systemctl ") for line in shown.splitlines() if line.startswith("systemctl")] == (
        node.systemd.calls
    )
    assert all(f"write {node.directory / path}:" in shown for path in node.files() if path.endswith(".conf"))


async def test_a_gateway_that_does_not_start_leaves_the_exporter_running(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    files, state = node.files(), node.systemd.state
    node.systemd.broken = GATEWAY
    assert await node.install() == 1
    assert (node.files(), node.systemd.state) == (files, state)
    assert "Job failed. See the journal." in capsys.readouterr().err


async def test_a_gateway_that_ends_at_once_leaves_the_exporter_running(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    files, state = node.files(), node.systemd.state
    node.systemd.ending = GATEWAY
    assert await node.install() == 1
    assert (node.files(), node.systemd.state) == (files, state)
    assert f"{GATEWAY} has ended; see journalctl -u {GATEWAY}" in capsys.readouterr().err


async def test_another_program_on_the_port_is_not_taken_for_the_gateway(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    files, state = node.files(), node.systemd.state
    node.systemd.process = os.getppid()
    assert await node.install(patience=0.01) == 1
    assert (node.files(), node.systemd.state) == (files, state)
    error = capsys.readouterr().err
    assert re.search(
        rf"{GATEWAY} does not listen on 127.0.0.1:{node.port}: \S+ \(process {os.getpid()}\) listens", error
    )
    assert f" listens there; see journalctl -u {GATEWAY}\n" in error


async def test_nothing_listens_on_the_port(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    node.exporter_arguments.write_text(f"ARGS='--web.listen-address=127.0.0.1:{port}'\n")
    assert await node.install(patience=0.01) == 1
    assert f"{GATEWAY} does not listen on 127.0.0.1:{port}: nothing does; see" in capsys.readouterr().err


async def test_a_unit_that_had_failed_before_stays_failed(node: Node) -> None:
    """``systemctl --failed`` shows afterwards what it has shown before."""
    node.systemd.units[GATEWAY].failed = True
    node.systemd.broken = GATEWAY
    assert await node.install() == 1
    assert node.systemd.units[GATEWAY].failed
    assert not any(call.startswith("reset-failed") for call in node.systemd.calls)


async def test_without_systemd_the_steps_are_explained(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    node.paths.systemd.rmdir()
    files = node.files()
    assert await node.install() == 1
    assert (node.files(), node.systemd.calls) == (files, [])
    printed = capsys.readouterr()
    assert "systemd does not run on this host: no service was replaced, nothing was changed. By hand:\n" in printed.err
    assert f"    ha-cluster-gateway migrate {node.exporter_config} > {node.paths.config}\n" in printed.out
    assert printed.out.endswith(f"with the same arguments:\n    {node.program}\n")
    node.exporter_config.unlink()
    await node.install()
    assert capsys.readouterr().out.startswith("Stop ha_cluster_exporter")
    with pytest.raises(GatewayError, match="systemd does not run on this host: nothing was undone"):
        await node.undo()


async def test_what_was_changed_since_is_left_as_it_is(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    await node.install()
    node.paths.config.write_text("[log]\n")
    await node.undo()
    assert node.paths.config.read_text() == "[log]\n"
    assert f"leave {node.paths.config}: it was changed since" in capsys.readouterr().out
    assert node.systemd.state == {DEBIAN: (True, True), GATEWAY: (False, False)}


async def test_a_gateway_conf_that_exists_is_left_as_it_is(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    node.paths.config.parent.mkdir()
    node.paths.config.write_text("[log]\n")
    await node.install()
    assert node.paths.config.read_text() == "[log]\n"
    assert "is left as it is" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("ARGS=--nonsense=1", "unrecognized arguments"),
        ("ARGS='--log.level \"info'", "No closing quotation"),
        ("ARGS=--log.level=loud", "expected one of"),
    ],
)
async def test_arguments_that_the_gateway_does_not_know_change_nothing(
    node: Node, arguments: str, message: str
) -> None:
    node.exporter_arguments.write_text(f"{arguments}\n")
    files = node.files()
    with pytest.raises((GatewayError, ConfigError), match=message):
        await node.install()
    assert (node.files(), node.systemd.calls) == (files, [])


@pytest.mark.parametrize(
    ("present", "message"), [("ARGS=--log.level=debug\n", "sets other ARGS already"), (None, "reads no ARGS")]
)
async def test_arguments_are_never_lost(node: Node, present: str | None, message: str) -> None:
    if present is None:
        node.systemd.units[GATEWAY].files = ()
    else:
        (node.directory / "default" / "gateway").write_text(present)
    with pytest.raises(GatewayError, match=message):
        await node.install()


async def test_a_gateway_that_runs_already_gets_the_configuration(node: Node) -> None:
    node.systemd.units[GATEWAY].active = node.systemd.units[GATEWAY].enabled = True
    await node.install()
    assert node.systemd.calls[-1] == f"restart {GATEWAY}"
    await node.undo()
    assert node.systemd.calls[-1] == f"restart {GATEWAY}"
    assert node.systemd.state == {DEBIAN: (True, True), GATEWAY: (True, True)}


async def test_what_is_missing_is_named(node: Node) -> None:
    del node.systemd.units[GATEWAY]
    with pytest.raises(GatewayError, match="--keep-unit"):
        await node.install()
    del node.systemd.units[DEBIAN]
    with pytest.raises(GatewayError, match=f"neither {SUSE} nor {DEBIAN} exists"):
        await node.install()


async def test_it_is_installed_once(node: Node) -> None:
    await node.install()
    with pytest.raises(GatewayError, match="migrate --undo"):
        await node.install()
