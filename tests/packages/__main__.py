"""``make package-tests``: installs, uses, upgrades and purges the packages on clean systems, and prints a table.

It needs root, debootstrap, rpm and a mirror of Debian. The machines have no network: a package that would download
something fails. The exit status is 1 if something has failed. A case that fails does not prevent the next one. The
directory has the table (results.md), a log of each case, and the trees of the releases, which later runs use again.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from packager.packaged_file import PackagerError
from tests.packages.cases import RELEASES, Case, Packages
from tests.packages.machine import CommandError, Machine, booted, remove_leftovers
from tests.packages.service import UNIT
from tests.packages.steps import run_steps, versions
from tests.packages.trees import TreeError, Trees
from tests.programs import ROOT

LINTERS: Mapping[str, Sequence[str]] = {
    ".deb": ("lintian", "--no-cfg", "--tag-display-limit", "0"),
    ".rpm": ("rpmlint", "-c", str(ROOT / "packaging" / "lint" / "rpmlint.toml")),
}
"""What checks a package, by its suffix; exceptions and their reasons are in packaging/lint."""

_COLUMNS = ("systemd", "Python", "Net-SNMP")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a case.

    Attributes:
        case: the case.
        versions: the versions of what the package runs with; empty if it could not be installed.
        passed: the number of steps that have passed.
        failure: the step that has failed, and why; empty if none has.
        seconds: how long it took, with the start of the machine.
    """

    case: Case
    versions: Mapping[str, str]
    passed: int
    failure: str
    seconds: float


class Table:
    """Prints rows in Markdown, and writes them to a file as well.

    Args:
        file: the file.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def header(self, *cells: str) -> None:
        """Begins a table."""
        self.write("")
        self.row(*cells)
        self.row(*["---"] * len(cells))

    def row(self, *cells: str) -> None:
        """Writes a row."""
        self.write(f"| {' | '.join(' '.join(cell.split()).replace('|', '/') for cell in cells)} |")

    def write(self, line: str) -> None:
        """Writes a line."""
        print(line, flush=True)
        print(line, file=self._file, flush=True)


def run_case(case: Case, directory: Path, trees: Trees, table: Table) -> Outcome:
    """Runs a case on a new machine, prints a row for each step, and returns what became of it."""
    began = time.monotonic()
    found: Mapping[str, str] = {}
    passed, name = 0, "machine"
    failure = ""
    with (directory / f"{case.name}.log").open("wb", buffering=0) as log:
        try:
            tree = trees.prepare(case.release, libraries=case.needs_libraries)
            with booted(tree, directory, log) as machine, journal_in(log, machine):
                for package in (case.old, case.new):
                    (machine.tree / "root" / package.name).write_bytes(package.read_bytes())
                for name, step in run_steps(machine, case):
                    started = time.monotonic()
                    table.row(case.release, case.title, name, step(), f"{time.monotonic() - started:.1f} s")
                    passed += 1
                    found = found or versions(machine)
        except (AssertionError, CommandError, TreeError, TimeoutError, OSError) as error:
            failure = f"{name}: {type(error).__name__}: {error}"
            table.row(case.release, case.title, name, f"FAILED: {failure}; see {log.name}", "")
    return Outcome(case=case, versions=found, passed=passed, failure=failure, seconds=time.monotonic() - began)


@contextmanager
def journal_in(log: BinaryIO, machine: Machine) -> Iterator[None]:
    """Appends the journal of the service to a log at the end, also after a failure."""
    try:
        yield
    finally:
        try:
            journal = machine.run("journalctl", "--no-pager", f"--unit={UNIT}", "--unit=snmpd.service", check=False)
        except CommandError as error:
            journal = f"no journal: {error}\n"
        log.write(f"\n=== {UNIT}, snmpd.service\n{journal}".encode())


def lint(package: Path, directory: Path, table: Table) -> bool:
    """Runs lintian or rpmlint on a package, prints a row, and returns whether it has no error and no warning."""
    checker = LINTERS[package.suffix]
    done = subprocess.run([*checker, package], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    found = re.findall(r"^(?:\S+: )?([EW]): .*$", done.stdout, re.MULTILINE)
    log = directory / f"{package.name}.lint"
    log.write_text(done.stdout)
    counts = f"{found.count('E')} errors, {found.count('W')} warnings"
    is_correct = not found and not done.returncode
    table.row(package.name, checker[0], counts if is_correct else f"FAILED: {counts}; see {log}")
    return is_correct


def summarize(outcomes: Sequence[Outcome], table: Table) -> None:
    """Prints the last table, with a row for each case."""
    table.header("release", "package", *_COLUMNS, "steps passed", "failed", "seconds")
    for outcome in outcomes:
        case, found = outcome.case, [outcome.versions.get(column, "") for column in _COLUMNS]
        failed = outcome.failure.partition(":")[0] or "none"
        table.row(case.release, case.title, *found, str(outcome.passed), failed, f"{outcome.seconds:.0f}")


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Holds the lock of a directory, which the kernel releases whenever the process ends.

    Raises:
        BlockingIOError: another run has it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def run(arguments: argparse.Namespace, directory: Path) -> int:
    """Builds the packages, runs all cases, and returns the exit status."""
    remove_leftovers(directory)
    trees = Trees(directory=directory, mirror=arguments.mirror, bases=arguments.bases)
    try:
        cases = [*Packages(directory / "packages", arguments.previous).build(arguments.release or RELEASES)]
    except PackagerError as error:
        print(f"packager: {error}", file=sys.stderr)
        return 1
    results = directory / "results.md"
    with results.open("w") as file:
        table = Table(file)
        table.header("package", "checked by", "result")
        correct = [lint(package, directory, table) for package in dict.fromkeys(case.new for case in cases)]
        table.header("release", "package", "step", "result", "time")
        outcomes = [run_case(case, directory, trees, table) for case in cases]
        summarize(outcomes, table)
    print(f"\n{results}")
    return 0 if all(correct) and not any(outcome.failure for outcome in outcomes) else 1


def main() -> int:
    """Tests the packages on the releases, and returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.packages", description=__doc__)
    parser.add_argument("--release", action="append", choices=RELEASES, help="can be repeated (default: all)")
    parser.add_argument("--directory", type=Path, default=ROOT / ".venv" / "package-tests", help="default: %(default)s")
    parser.add_argument("--bases", type=Path, help="has a tree of each release, made by debootstrap, to be copied")
    parser.add_argument("--mirror", default="http://deb.debian.org/debian")
    parser.add_argument(
        "--previous",
        default="",
        metavar="COMMIT",
        help="upgrade packages of this commit (default: of this source tree)",
    )
    arguments = parser.parse_args()
    if os.geteuid():
        parser.error("needs root")
    directory = arguments.directory.absolute()
    try:
        with locked(directory):
            return run(arguments, directory)
    except BlockingIOError:
        parser.error(f"{directory} is in use by another run")


if __name__ == "__main__":
    sys.exit(main())
