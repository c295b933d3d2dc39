"""The rules for tests: they wait for events instead of sleeping, patch nothing, and do not import each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.programs import ROOT

TESTS = ROOT / "tests"

SLEEPS = {
    "waiting.py::until": "polls for all tests",
    "waiting.py::wait_until": "polls for all tests",
}
"""The functions that may sleep, by file and name, and the reason. ``asyncio.sleep(0)`` is allowed everywhere."""

PATCHES: dict[str, str] = {}
"""The functions that may replace an attribute, by file and name, and the reason. Environment variables are free."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Yields the path and the syntax tree of every module, apart from those of the lab and the benchmark."""
    for path in sorted(TESTS.rglob("*.py")):
        name = str(path.relative_to(TESTS))
        if not name.startswith(("lab/", "bench/")):
            yield name, ast.parse(path.read_text())


def calls(tree: ast.Module, *names: str) -> Iterator[tuple[str, ast.Call]]:
    """Yields the calls of methods and module functions of these names, each with the function that it is in."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names:
                yield function.name, node


def is_zero(call: ast.Call) -> bool:
    return [ast.unparse(argument) for argument in call.args] == ["0"]


def owner(call: ast.Call) -> str:
    """Returns the object whose method is called."""
    assert isinstance(call.func, ast.Attribute)
    return ast.unparse(call.func.value)


def test_nothing_sleeps_instead_of_waiting() -> None:
    found = {
        f"{name}::{function}"
        for name, tree in modules()
        for function, call in calls(tree, "sleep")
        if owner(call) in {"time", "asyncio"} and not is_zero(call)
    }
    assert found == set(SLEEPS), "use tests/waiting.py, an event or FakeClock; or give the reason in SLEEPS"


def test_nothing_is_patched() -> None:
    found = {
        f"{name}::{function}"
        for name, tree in modules()
        for function, call in calls(tree, "setattr", "delattr", "setitem", "delitem", "context")
        if owner(call) in {"monkeypatch", "patch"}
    }
    assert found == set(PATCHES), "make it a parameter; or give the reason in PATCHES"


def test_no_test_module_is_imported() -> None:
    found = [
        (str(path.relative_to(TESTS)), node.module)
        for path in sorted(TESTS.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module and Path(*node.module.split(".")).name.startswith("test_")
        if node.module.startswith("tests.")
    ]
    assert found == [], "move what is shared to a module without tests"
