"""The rules for tests: they wait for events instead of sleeping, patch nothing, and do not import each other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.programs import ROOT

TESTS = ROOT / "tests"

SLEEPS = {
    "waiting.py::until": "polls for all tests",
    "waiting.py::wait_until": "polls for all tests",
    "alarms/test_snmpd_sinks.py::test_a_notification_is_not_repeated_after_snmpd_hung": "a hang of some seconds",
    "flood/senders.py::_hold": "clients that do nothing",
    "flood/senders.py::send_alerts": "a fixed rate",
    "flood/senders.py::send_datagrams": "a limited rate",
    "fuzz/targets/http.py::_send": "a slow client",
    "soak/observed.py::idle_occupation": "watches a process that is idle",
    "test_process.py::test_cancelled_runs_leave_neither_processes_nor_descriptors": "cancels at different moments",
    "test_server.py::test_a_client_that_is_fast_enough_is_not_disconnected": "outlasts its time-out",
    "test_server.py::test_concurrent_scrapes_share_a_run": "nothing shows that a request waits for the engine",
    "test_server.py::trickle": "a slow client",
    "test_http_clients.py::drip": "a slow client",
    "test_subagent_snmpd.py::get": "a handler that blocks",
    "test_subagent_snmpd.py::test_killed_restarted_and_held_25_times_while_walked": "outages of random length",
    "fleet/__main__.py::run": "the costs are measured for some time",
}
"""The functions that may sleep, by file and name, and the reason. ``asyncio.sleep(0)`` is allowed everywhere."""

PATCHES = {
    "snmp/test_engine_identity.py::test_a_disk_that_fails_does_not_prevent_the_start": "a disk that fails",
    "test_config.py::default_file": "the machine's own configuration must not be read",
    "test_web_config.py::test_the_file_of_the_exporter_is_used_if_it_exists": "the machine's own must not be read",
    "test_local_host.py::test_a_directory_with_too_many_names_is_refused": "ten thousand files take long to create",
}
"""The functions that may replace an attribute, by file and name, and the reason. Environment variables are free."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Yields the path and the syntax tree of every module, apart from those of the lab and the benchmark."""
    for path in sorted(TESTS.rglob("*.py")):
        name = str(path.relative_to(TESTS))
        if not name.startswith(("lab/", "bench/")):
            yield name, ast.parse(path.read_text())


def calls(tree: ast.Module, *names: str) -> Iterator[tuple[str, ast.Call]]:
    """Yields the calls of methods and module functions of these names, each with the function that it is in."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    innermost = {node: function.name for function in functions for node in ast.walk(function)}  # outer ones come first
    for node, function in innermost.items():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names:
            yield function, node


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
    assert found <= set(SLEEPS), "use tests/waiting.py, an event or FakeClock; or give the reason in SLEEPS"


def test_nothing_is_patched() -> None:
    found = {
        f"{name}::{function}"
        for name, tree in modules()
        for function, call in calls(tree, "setattr", "delattr", "setitem", "delitem", "context")
        if owner(call) in {"monkeypatch", "patch"}
    }
    assert found <= set(PATCHES), "make it a parameter; or give the reason in PATCHES"


def test_no_test_module_is_imported() -> None:
    found = [
        (str(path.relative_to(TESTS)), node.module)
        for path in sorted(TESTS.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and re.match(r"tests\..*\btest_", node.module or "")
    ]
    assert found == [], "move what is shared to a module without tests"
