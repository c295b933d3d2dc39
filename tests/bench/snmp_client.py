"""The manager that asks in the SNMP part of the benchmark: a program in C, or Net-SNMP's tools."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from tests.bench.native import built
from tests.bench.peers import ENVIRONMENT
from tests.snmpd import COMMUNITY, Snmpd

_BULK = 50
_BULK_COLUMNS = 12
"""Rows of eight columns: snmpd answers with at most 100 variables."""


class Mode(StrEnum):
    """How to walk."""

    BULK = "bulk"
    """GETBULK, one column after the other."""
    COLUMNS = "columns"
    """GETBULK of all columns at once."""
    NEXT = "next"
    """GETNEXT, one column after the other."""


_REPETITIONS = {Mode.BULK: _BULK, Mode.COLUMNS: _BULK_COLUMNS, Mode.NEXT: 1}


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk has found, and the seconds that it took."""

    variables: int
    seconds: float

    @property
    def rate(self) -> float:
        """Variables per second."""
        return self.variables / self.seconds


@dataclass(frozen=True, slots=True)
class Steady:
    """What steady requests have found.

    Attributes:
        requests: how many were answered.
        slowest: milliseconds until the slowest answer.
        changes: how often the scalar had changed.
    """

    requests: int
    slowest: float
    changes: int


class Client(Protocol):
    """Who asks."""

    @property
    def modes(self) -> Sequence[Mode]:
        """The ways in which it can walk."""
        ...

    def walk(self, snmpd: Snmpd, mode: Mode, columns: Sequence[str]) -> Walk:
        """Walks through columns."""
        ...


class NativeClient:
    """The program in C.

    Args:
        directory: where it is built.

    Raises:
        MissingError: it cannot be built.
    """

    modes: Sequence[Mode] = tuple(Mode)

    def __init__(self, directory: Path) -> None:
        self._program = built("snmp_client", directory, "netsnmp")

    def walk(self, snmpd: Snmpd, mode: Mode, columns: Sequence[str]) -> Walk:
        variables, seconds = self._run(snmpd, mode, str(_REPETITIONS[mode]), *columns)
        return Walk(int(variables), float(seconds))

    def steady(self, snmpd: Snmpd, seconds: int, scalar: str, columns: Sequence[str]) -> Steady:
        """Sends GET, GETNEXT and GETBULK in turn, 200 a second."""
        requests, slowest, changes = self._run(snmpd, "steady", str(seconds), scalar, *columns)
        return Steady(int(requests), float(slowest), int(changes))

    def _run(self, snmpd: Snmpd, *arguments: str) -> list[str]:
        argv = [str(self._program), f"127.0.0.1:{snmpd.port}", COMMUNITY, *arguments]
        result = subprocess.run(argv, capture_output=True, text=True, env=ENVIRONMENT, check=False)
        if result.returncode:
            raise RuntimeError(f"{arguments[:3]}: {result.stderr.strip()}")
        return result.stdout.split()


_END = b"No more variables left in this MIB View"


class ToolClient:
    """Net-SNMP's tools, which cannot walk several columns at once, and spend their time on printing."""

    modes: Sequence[Mode] = (Mode.BULK, Mode.NEXT)

    def walk(self, snmpd: Snmpd, mode: Mode, columns: Sequence[str]) -> Walk:
        tool = "snmpwalk" if mode is Mode.NEXT else "snmpbulkwalk"
        variables, started = 0, time.perf_counter()
        for column in columns:
            result = subprocess.run(snmpd.command(tool, column), capture_output=True, env=ENVIRONMENT, check=True)
            # where nothing comes after a column, a line says so
            variables += sum(_END not in line for line in result.stdout.splitlines())
        return Walk(variables, time.perf_counter() - started)
