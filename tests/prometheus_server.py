"""A real Prometheus server, and a demo gateway that it scrapes."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.ports import free_port
from tests.programs import installed
from tests.waiting import wait_until


def get(url: str) -> str:
    """Returns what an HTTP server answers."""
    with urllib.request.urlopen(url, timeout=60) as response:
        return str(response.read().decode())


def _answers(url: str) -> bool:
    try:
        get(url)
    except OSError:
        return False
    return True


def wait_for(url: str, *, seconds: float = 60) -> None:
    """Waits until an HTTP server answers."""
    wait_until(lambda: _answers(url), seconds=seconds, what=url)


@contextlib.contextmanager
def running_demo(*flags: str, agent_port: int = 0, program: Sequence[str] = ("gateway", "demo")) -> Iterator[int]:
    """Runs a demo gateway, and yields its port, which may not answer yet.

    Args:
        flags: more flags.
        agent_port: the port of its SNMP agent; 0 for any. A flag for it would add an address.
        program: the module that is run, and its arguments.
    """
    port = free_port()
    argv = [sys.executable, "-m", *program, f"--web.listen-address=127.0.0.1:{port}"]
    with subprocess.Popen(
        [*argv, f"--snmp.agent.listen=127.0.0.1:{agent_port}", *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield port
        finally:
            process.terminate()


@contextlib.contextmanager
def running_prometheus(configuration: str, folder: Path, *flags: str) -> Iterator[int]:
    """Runs Prometheus with its files in a folder and more flags, and yields its port as soon as it answers."""
    port = free_port()
    (folder / "prometheus.yml").write_text(configuration)
    argv = [
        installed("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
        *flags,
    ]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/-/ready")
            yield port
        finally:
            process.terminate()


def query(port: int, expression: str, **parameters: str) -> list[Any]:
    """Returns the results of an expression: now, or between ``start`` and ``end`` with a ``step``."""
    endpoint = "query_range" if "step" in parameters else "query"
    values = urllib.parse.urlencode({"query": expression, **parameters})
    results: list[Any] = json.loads(get(f"http://127.0.0.1:{port}/api/v1/{endpoint}?{values}"))["data"]["result"]
    return results


def eventually(port: int, expression: str) -> float:
    """Returns the value of an expression as soon as it has one."""
    results: list[Any] = []

    def has_value() -> bool:
        results[:] = query(port, expression)
        return bool(results)

    wait_until(has_value, what=f"a value of {expression}")
    return float(results[0]["value"][1])
