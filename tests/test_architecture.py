"""The import rules: the contracts in ``pyproject.toml``, and what import-linter cannot check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gateway.subsystems import SUBSYSTEMS
from tests.programs import ROOT

PACKAGE = ROOT / "gateway"

MAX_MODULE, MAX_FUNCTION = 400, 40
"""The number of lines that no module and no function reaches."""

STARTS_PROCESSES = {
    "ProcessPoolExecutor",
    "Popen",
    "create_subprocess_exec",
    "create_subprocess_shell",
    "execv",
    "execve",
    "execvp",
    "execvpe",
    "fork",
    "forkpty",
    "popen",
    "posix_spawn",
    "posix_spawnp",
    "spawnv",
    "spawnve",
    "spawnvp",
    "spawnvpe",
    "subprocess_exec",
    "subprocess_shell",
    "system",
}
"""The functions and classes of the standard library that start a process."""


NAMES_SUBSYSTEMS = {
    "demo.py": "an option that the recording needs",
    "migrate/conversion.py": "the flags of ha_cluster_exporter",
}
"""The subcommands in which subsystems or tools have names, and the reason."""


def contracts() -> Sequence[dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return list(settings["tool"]["importlinter"]["contracts"])


def names(path: Path) -> Iterator[str]:
    """Yields the attributes that a module uses, and the names that it imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)


def test_the_contracts_are_kept() -> None:
    # in its own process: in this one it would configure logging, and disable all existing loggers
    check = "import sys, importlinter.cli; sys.exit(importlinter.cli.lint_imports(no_cache=True))"
    result = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"Contracts: {len(contracts())} kept, 0 broken." in result.stdout


def test_prohibitions_apply_to_the_whole_package() -> None:
    """A new module is subject to every prohibition until it is listed as an exception.

    A prohibition for some packages only has no exceptions.
    """
    for contract in contracts():
        if contract["type"] == "forbidden" and "ignore_imports" in contract:
            assert contract["source_modules"] == ["gateway"], contract["name"]


def test_one_module_starts_processes() -> None:
    users = {
        path.relative_to(PACKAGE).as_posix(): used
        for path in PACKAGE.rglob("*.py")
        if (used := STARTS_PROCESSES.intersection(names(path)))
    }
    assert users == {"host/process.py": {"subprocess_exec"}}


def texts(path: Path) -> Iterator[str]:
    """Yields the texts in the code of a module, without docstrings, and the modules that it imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Constant) and isinstance(child.value, str) and not isinstance(node, ast.Expr):
                yield child.value


def test_subcommands_treat_all_subsystems_alike() -> None:
    """What they need of a subsystem is in its declaration."""
    subsystem_names = {name for subsystem in SUBSYSTEMS for name in (subsystem.name, subsystem.title)}
    tools = {tool.name for subsystem in SUBSYSTEMS for tool in subsystem.tools}
    word = re.compile(rf"\b({'|'.join(map(re.escape, sorted(subsystem_names | tools)))})(?![\w-])")
    users = {
        path.relative_to(PACKAGE / "commands").as_posix(): sorted(named)
        for path in (PACKAGE / "commands").rglob("*.py")
        if (named := {match for text in texts(path) for match in word.findall(text)})
    }
    assert {path: named for path, named in users.items() if path not in NAMES_SUBSYSTEMS} == {}


def test_modules_and_functions_are_short() -> None:
    too_long = {}
    for path in PACKAGE.rglob("*.py"):
        source = path.read_text()
        lengths = {path.name: (len(source.splitlines()), MAX_MODULE)}
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                lengths[f"{node.name}, line {node.lineno}"] = (node.end_lineno - node.lineno + 1, MAX_FUNCTION)
        for name, (lines, limit) in lengths.items():
            if lines >= limit:
                too_long[f"{path.relative_to(PACKAGE)}: {name}"] = lines
    assert too_long == {}
