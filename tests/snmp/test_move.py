"""The module at another root: managers that read the old one get the same variables, and every file has the new one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gateway.frontends.snmp.alias import Alias
from gateway.frontends.snmp.bulk import get_bulk
from gateway.frontends.snmp.variable import Variable
from gateway.frontends.snmp.variable_table import VariableTable
from gateway.snmp import oid as oids
from gateway.snmp.mib.module import DEFAULT_ROOT
from gateway.snmp.values import SearchRange, Type, VarBind
from tests.ports import free_port
from tests.programs import ROOT, FakeCluster, Gateway
from tests.protocol.agentx.variables import table
from tests.snmpd import Snmpd

MOVED = "1.3.6.1.4.1.99999.1"
FOLDERS = ("gateway", "mibs", "docs", "packaging", "integrations")
FILES = ("README.md", "gateway.conf.example", "pyproject.toml")

HERE, THERE = oids.parse("1.3.6.1.4.1.5.1"), oids.parse("1.3.6.1.4.1.4")


def read(variables: Sequence[Variable]) -> list[VarBind]:
    return [variable.varbind for variable in variables]


def translated(variables: Sequence[Variable]) -> list[VarBind]:
    return [VarBind(THERE + each.oid.removeprefix(HERE), *each.cell) for each in variables]


@pytest.fixture
def source() -> VariableTable:
    return table(HERE)


@pytest.fixture
def alias(source: VariableTable) -> Alias:
    return Alias(source, THERE)


def test_get_translates_names(source: VariableTable, alias: Alias) -> None:
    suffixes = [oids.encode(numbers) for numbers in ((1, 2, 1, 3, 4), (1, 2, 1, 3, 99), (7,))]
    found = alias.get([THERE + suffix for suffix in suffixes])
    assert read(found) == translated(source.get([HERE + suffix for suffix in suffixes]))
    assert [each.cell.type for each in found] == [Type.INTEGER, Type.NO_SUCH_INSTANCE, Type.NO_SUCH_INSTANCE]


@pytest.mark.parametrize("start", [THERE, oids.parse("1.3.6.1"), oids.parse("1.3.6.1.4.1.3.9")])
@pytest.mark.parametrize("end", [b"", oids.after_subtree(THERE), oids.parse("1.3.6.1.4.1.6")])
def test_a_walk_returns_every_variable_and_ends_under_the_name_of_its_start(
    start: bytes, end: bytes, source: VariableTable, alias: Alias
) -> None:
    walked = []
    while True:
        (variable,) = alias.get_next([SearchRange(start, end)])
        if variable.cell.type is Type.END_OF_MIB_VIEW:
            assert variable.oid == start
            break
        walked.append(variable)
        start = variable.oid
    assert read(walked) == translated(list(source))


def test_a_range_may_end_within_the_subtree(alias: Alias) -> None:
    first, second = (THERE + oids.encode((1, 2, 1, 1, row)) for row in (1, 2))
    assert [each.oid for each in alias.get_next([SearchRange(first, include=True)])] == [first]
    (variable,) = alias.get_next([SearchRange(first, second)])
    assert (variable.oid, variable.cell.type) == (first, Type.END_OF_MIB_VIEW)


def test_getbulk_returns_rows(source: VariableTable, alias: Alias) -> None:
    columns = [oids.encode((1, 2, 1, column)) for column in (1, 8)]
    of_alias, of_source = (
        get_bulk(
            each.rows([SearchRange(each.root + column) for column in columns], non_repeaters=1), max_repetitions=50
        )
        for each in (alias, source)
    )
    assert len(of_alias) > 20
    assert read(of_alias) == translated(of_source)


# --- A copy of the project at another root ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project whose module was moved."""
    tree = tmp_path_factory.mktemp("moved")
    ignore = shutil.ignore_patterns("__pycache__")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tree / folder, symlinks=True, ignore=ignore)
    for name in FILES:
        shutil.copy(ROOT / name, tree / name)
    for script, *arguments in (("mibs/move.py", MOVED), ("mibs/compile.py",)):
        subprocess.run([sys.executable, script, *arguments], cwd=tree, env=in_tree(tree), check=True, timeout=120)
    return tree


def in_tree(tree: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(tree)}


def test_no_file_has_the_old_root_except_the_constant(moved: Path) -> None:
    found = [
        f"{path.relative_to(moved)}: {line}"
        for path in moved.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
        for line in path.read_bytes().decode("utf-8", "replace").splitlines()
        if DEFAULT_ROOT in line
    ]
    assert found == [f'gateway/snmp/mib/module.py: FORMER_ROOTS: tuple[str, ...] = ("{DEFAULT_ROOT}",)']


def test_generated_pages_are_up_to_date_after_the_move(moved: Path) -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py"],
        cwd=moved,
        env=in_tree(moved),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout == "", "the generator has changed these pages"


@pytest.fixture(scope="module")
def snmpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    with Snmpd(tmp_path_factory.mktemp("d"), view=(DEFAULT_ROOT, MOVED)) as daemon:
        yield daemon


async def walk(snmpd: Snmpd, root: str, port: int) -> list[str]:
    """Returns a line for each variable; the last one of a walk may say that there are no more."""
    lines = (await snmpd.ask("snmpbulkwalk", "-Oq", "-Cr50", root, timeout=30, port=port)).lines
    return [line for line in lines if "No more variables" not in line]


@pytest.mark.daemon
async def test_both_agents_serve_the_old_root_as_an_alias(moved: Path, snmpd: Snmpd, tmp_path: Path) -> None:
    cluster, port = FakeCluster(tmp_path), free_port()
    cluster.config.write_text(cluster.config.read_text() + '\n[[snmp.agent.community]]\nname = "public"\n')
    arguments = (
        f"--snmp.agentx=unix:{snmpd.agentx}",
        f"--snmp.agent.listen=127.0.0.1:{port}",
        "--web.listen-address=127.0.0.1:0",
    )
    with Gateway("--config", cluster.config, *arguments, cwd=moved) as running:
        running.wait_for_logged(f"root={MOVED}")
        running.wait_for_logged(f"root={DEFAULT_ROOT}")
        snmpd.wait_for_snapshot(MOVED)
        for agent in (snmpd.port, port):
            new, old = [await walk(snmpd, root, agent) for root in (MOVED, DEFAULT_ROOT)]
            names = [line.partition(" ")[0].replace(MOVED, DEFAULT_ROOT) for line in new]
            assert [line.partition(" ")[0] for line in old] == names
            assert len(names) > 100
            assert f'.{DEFAULT_ROOT}.1.1.1.0 "demo"' in old
