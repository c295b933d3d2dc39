"""The manager of the SNMP part of the benchmark: a program in C, or Net-SNMP's tools."""

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
    """A kind of walk."""

    BULK = "bulk"
    """GETBULK, one column after the other."""
    COLUMNS = "columns"
    """GETBULK of all columns at once."""
    NEXT = "next"
    """GETNEXT, one column after the other."""


_REPETITIONS = {Mode.BULK: _BULK, Mode.COLUMNS: _BULK_COLUMNS, Mode.NEXT: 1}


@dataclass(frozen=True, slots=True)
class Walk:
    """The number of variables of a walk, and its duration in seconds."""

    variables: int
    seconds: float

    @property
    def rate(self) -> float:
        """Returns the variables per second."""
        return self.variables / self.seconds


@dataclass(frozen=True, slots=True)
class Steady:
    """The result of steady requests.

    Attributes:
        requests: the number of responses.
        slowest: the longest response time in milliseconds.
        changes: the number of changes of the scalar.
    """

    requests: int
    slowest: float
    changes: int


class Client(Protocol):
    """An SNMP manager."""

    @property
    def modes(self) -> Sequence[Mode]:
        """Returns the kinds of walks that it supports."""
        ...

    def walk(self, snmpd: Snmpd, mode: Mode, columns: Sequence[str]) -> Walk:
        """Walks through columns."""
        ...


class NativeClient:
    """The program in C.

    Args:
        directory: the directory for the program.

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
    """Net-SNMP's tools. They walk one column at a time and spend their time on printing."""

    modes: Sequence[Mode] = (Mode.BULK, Mode.NEXT)

    def walk(self, snmpd: Snmpd, mode: Mode, columns: Sequence[str]) -> Walk:
        tool = "snmpwalk" if mode is Mode.NEXT else "snmpbulkwalk"
        variables, started = 0, time.perf_counter()
        for column in columns:
            result = subprocess.run(snmpd.command(tool, column), capture_output=True, env=ENVIRONMENT, check=True)
            # after the last variable of the view, the tool prints a message
            variables += sum(_END not in line for line in result.stdout.splitlines())
        return Walk(variables, time.perf_counter() - started)
