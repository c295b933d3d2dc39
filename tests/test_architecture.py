"""The rules of who may import whom: import-linter's contracts, and what they cannot say."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import ROOT

PACKAGE = ROOT / "gateway"
MODULES = sorted(PACKAGE.rglob("*.py"))

STARTS_PROCESSES = {
    "create_subprocess_exec",
    "create_subprocess_shell",
    "subprocess_exec",
    "subprocess_shell",
    "Popen",
    "system",
    "popen",
    "fork",
    "forkpty",
    "posix_spawn",
    "posix_spawnp",
}


def contracts() -> dict[str, dict[str, list[str]]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {contract["id"]: contract for contract in settings["tool"]["importlinter"]["contracts"]}


def names(path: Path) -> Iterator[str]:
    """Yields the attributes that a module uses, and what it imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield str(node.module)
            yield from (alias.name for alias in node.names)


def test_the_contracts_are_kept() -> None:
    # a process of its own: within ours it would set up logging, and switch off every logger that there is
    check = "import sys, importlinter.cli; sys.exit(importlinter.cli.lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Contracts: {len(contracts())} kept, 0 broken." in done.stdout


@pytest.mark.parametrize("path", MODULES, ids=[str(path.relative_to(PACKAGE)) for path in MODULES])
def test_only_one_module_starts_processes(path: Path) -> None:
    used = set(names(path)) & STARTS_PROCESSES
    assert used == ({"subprocess_exec"} if path == PACKAGE / "host" / "process.py" else set())


def test_only_the_frontend_knows_prometheus_and_http() -> None:
    found = {str(path.relative_to(PACKAGE)) for path in MODULES for name in names(path) if name == "prometheus_client"}
    assert found == {"publication.py"}
    found = {str(path.relative_to(PACKAGE)) for path in MODULES for name in names(path) if name == "aiohttp"}
    assert all(module.startswith(("frontends/prometheus/", "alarms/")) for module in found)


def test_only_the_adapter_may_import_pysnmp() -> None:
    contract = contracts()["pysnmp"]
    assert contract["source_modules"] == ["gateway"]  # every module, present and future
    assert contract["forbidden_modules"] == ["pysnmp", "pyasn1"]
    assert {rule.split(" -> ")[0] for rule in contract["ignore_imports"]} == {"gateway.snmp.pysnmp_adapter.*"}


def test_only_the_adapter_imports_pysnmp() -> None:
    importers = {
        path.relative_to(PACKAGE).parent.as_posix()
        for path in MODULES
        for name in names(path)
        if name.partition(".")[0] in {"pysnmp", "pyasn1"}
    }
    assert importers == {"snmp/pysnmp_adapter"}
