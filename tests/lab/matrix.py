"""Runs the lab's tests on other Debian releases: ``python -m tests.lab.matrix DIR [RELEASE...] [-- PYTEST...]``.

Needs root. DIR holds the trees of the releases, which are made if they are missing (see `trees`). The last output is a
table: the versions on each release, and what became of the tests.
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
from pathlib import Path
from xml.etree import ElementTree as ET

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
    """What became of the tests on one release.

    Attributes:
        release: Its name.
        versions: The versions of what runs, by column of the table.
        counts: The number of tests by outcome: passed, failed, skipped.
        skipped: Each test that was skipped, with the reason.
        seconds: How long the tests took.
    """

    release: str
    versions: Mapping[str, str]
    counts: Mapping[str, int]
    skipped: Mapping[str, str]
    seconds: float

    @property
    def is_good(self) -> bool:
        """Whether tests have passed and none has failed."""
        return bool(self.counts["passed"]) and not self.counts["failed"]


def run_tests(tree: System, arguments: Sequence[str]) -> Outcome:
    """Runs the lab's tests with a tree; a test that needs a missing program fails."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.xml"
        options = ("-m", "lab", "tests/lab", f"--junit-xml={report}", *arguments)
        environment = {**os.environ, "LAB_TREE": str(tree.root), "CI": "true"}
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "pytest", *options], check=False, cwd=ROOT, env=environment)
        seconds = time.monotonic() - began
        cases = list(ET.parse(report).iter("testcase")) if report.exists() else []
    counts = Counter(map(_outcome, cases))
    skipped = {
        str(case.get("name")): str(skip.get("message")) for case in cases if (skip := case.find("skipped")) is not None
    }
    return Outcome(
        release=tree.release, versions=_versions(tree), counts=counts, skipped=skipped, seconds=round(seconds)
    )


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


def table(outcomes: Sequence[Outcome]) -> str:
    """Returns the outcomes as a table in Markdown, and the reasons of what was skipped as a list."""
    names = [*_PACKAGES, "Python"]
    lines = [
        _row("release", *names, "passed", "failed", "skipped"),
        _row(*("---" for _ in range(len(names) + 4))),
    ]
    for outcome in outcomes:
        counts = (str(outcome.counts[name]) for name in ("passed", "failed", "skipped"))
        lines.append(_row(outcome.release, *(outcome.versions[name] for name in names), *counts))
    lines.append("")
    lines += (f"{outcome.release}: {name}: {why}" for outcome in outcomes for name, why in outcome.skipped.items())
    lines += (f"{outcome.release}: {outcome.seconds:g} s" for outcome in outcomes)
    return "\n".join(lines)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main(argv: Sequence[str] | None = None) -> int:
    """Makes the trees and runs the tests; the exit status is 1 if a test fails, or a tree cannot be made."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.matrix", description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, metavar="DIR", help="where the trees are; it needs some gigabytes")
    parser.add_argument("releases", nargs="*", metavar="RELEASE", help=f"default: {' '.join(RELEASES)}")
    words = list(sys.argv[1:] if argv is None else argv)
    end = words.index("--") if "--" in words else len(words)
    arguments, options = parser.parse_args(words[:end]), words[end + 1 :]
    releases: Sequence[str] = arguments.releases or list(RELEASES)
    if unknown := set(releases) - set(RELEASES):
        parser.error(f"unknown release {min(unknown)}; known are {', '.join(RELEASES)}")
    try:
        trees = [make_tree(name, arguments.directory.absolute()) for name in releases]
    except (LabError, OSError) as error:
        print(f"matrix: {error}", file=sys.stderr)
        return 1
    outcomes = []
    for tree in trees:
        print(f"\n=== {tree.release}", flush=True)
        outcomes.append(run_tests(tree, options))
    print(f"\n{table(outcomes)}")
    return 0 if all(outcome.is_good for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
