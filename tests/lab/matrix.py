"""Runs the lab's tests on other Debian releases: ``python -m tests.lab.matrix DIR [RELEASE...] [-- PYTEST...]``.

Needs root. DIR holds the trees of the releases, which are made if they are missing (see `trees`). After the tests on
each release, a cluster is upgraded from each release to the next one, unless other tests are named. The last output
is a table: the versions on each release, and what became of the tests.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.lab.base import LabError
from tests.lab.systems import System
from tests.lab.trees import RELEASES, make_tree
from tests.programs import ROOT

_PACKAGES: Mapping[str, str] = {
    "Pacemaker": "pacemaker",
    "Corosync": "corosync",
    "SBD": "sbd",
    "crmsh": "crmsh",
    "Net-SNMP": "snmpd",
    "Prometheus": "prometheus",
    "ha_cluster_exporter": "prometheus-hacluster-exporter",
}
"""Column of the table -> Debian package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the tests on one release, or of an upgrade.

    Attributes:
        name: The release, or both.
        counts: The number of tests by outcome: passed, failed, skipped.
        skipped: Each test that was skipped, with the reason.
        seconds: How long the tests took.
        status: The exit status of pytest.
    """

    name: str
    counts: Mapping[str, int]
    skipped: Mapping[str, str]
    seconds: float
    status: int

    @property
    def is_good(self) -> bool:
        """Whether no test has failed; with ``-k`` there may be none."""
        return self.status in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED} and not self.counts["failed"]


def run_tests(name: str, trees: Sequence[System], arguments: Sequence[str]) -> Outcome:
    """Runs tests with a tree, or with two; a test that needs a missing program fails."""
    print(f"\n=== {name}", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.xml"
        options = ("-m", "lab", f"--junit-xml={report}", *arguments)
        variables = dict(zip(("LAB_TREE", "LAB_NEXT_TREE"), (str(tree.root) for tree in trees), strict=False))
        environment = {**os.environ, **variables, "CI": "true"}
        began = time.monotonic()
        done = subprocess.run([sys.executable, "-m", "pytest", *options], check=False, cwd=ROOT, env=environment)
        seconds = time.monotonic() - began
        cases = list(ET.parse(report).iter("testcase")) if report.exists() else []
    counts = Counter(map(_outcome, cases))
    skipped = {
        str(case.get("name")): str(skip.get("message")) for case in cases if (skip := case.find("skipped")) is not None
    }
    return Outcome(name=name, counts=counts, skipped=skipped, seconds=round(seconds), status=done.returncode)


def _outcome(case: ET.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "passed" if case.find("skipped") is None else "skipped"


def _versions(tree: System) -> Mapping[str, str]:
    query = ("dpkg-query", "--show", "--showformat=${Version}")
    versions = {name: _upstream(tree.tool(*query, package)) for name, package in _PACKAGES.items()}
    python = (tree.tool(tree.python, "--version") if tree.runs_gateway else sys.version).removeprefix("Python ")
    place = "in the node" if tree.runs_gateway else "outside, with prefixes"
    return {**versions, "Python": f"{python.split()[0]} ({place})"}


def _upstream(version: str) -> str:
    """Returns the version of the program in that of a Debian package, such as 5.9.4 in 1:5.9.4+dfsg-2."""
    return version.rpartition(":")[2].partition("-")[0].partition("+")[0].partition("~")[0]


def tables(trees: Sequence[System], outcomes: Sequence[Outcome]) -> str:
    """Returns tables in Markdown, one of versions and one of outcomes, and what was skipped for which reason."""
    columns = [*_PACKAGES, "Python"]
    lines = [_row("release", *columns), _row(*("---" for _ in ("release", *columns)))]
    for tree in trees:
        versions = _versions(tree)
        lines.append(_row(tree.release, *(versions[column] for column in columns)))
    counted = ("passed", "failed", "skipped")
    lines += ["", _row("nodes", *counted, "seconds"), _row(*("---" for _ in range(5)))]
    for outcome in outcomes:
        lines.append(_row(outcome.name, *(str(outcome.counts[one]) for one in counted), f"{outcome.seconds:g}"))
    lines.append("")
    lines += (f"- {outcome.name}: `{name}`: {why}" for outcome in outcomes for name, why in outcome.skipped.items())
    return "\n".join(lines)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main(argv: Sequence[str] | None = None) -> int:
    """Makes the trees and runs the tests; the exit status is 1 if a test fails, or a tree cannot be made."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.matrix", description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, metavar="DIR", help="where the trees are; it needs some gigabytes")
    parser.add_argument("releases", nargs="*", metavar="RELEASE", help=f"default: {' '.join(RELEASES)}")
    parser.add_argument(
        "--tests", action="append", metavar="PATH", help="tests other than those of the lab, such as its proofs"
    )
    words = list(sys.argv[1:] if argv is None else argv)
    end = words.index("--") if "--" in words else len(words)
    arguments, options = parser.parse_args(words[:end]), words[end + 1 :]
    if unknown := set(arguments.releases) - set(RELEASES):
        parser.error(f"unknown release {min(unknown)}; known are {', '.join(RELEASES)}")
    releases = [name for name in RELEASES if name in (arguments.releases or RELEASES)]
    try:
        trees = [make_tree(name, arguments.directory.absolute()) for name in releases]
    except (LabError, OSError) as error:
        print(f"matrix: {error}", file=sys.stderr)
        return 1
    tests = arguments.tests or ["tests/lab"]
    outcomes = [run_tests(tree.release, [tree], (*tests, *options)) for tree in trees]
    for old, new in () if arguments.tests else pairwise(trees):
        name = f"{old.release}, upgraded to {new.release}"
        outcomes.append(run_tests(name, [old, new], ("tests/lab/rolling_upgrade.py", *options)))
    print(f"\n{tables(trees, outcomes)}")
    return 0 if all(outcome.is_good for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
