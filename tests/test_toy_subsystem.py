"""A new subsystem is one folder, one entry in ``SUBSYSTEMS``, and the text of its MIB objects, as a toy shows.

The toy is put into a copy of the tree, in which each test starts a separate process.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gateway
from gateway.subsystems import SUBSYSTEMS
from tests.programs import without_coverage

ROOT = Path(__file__).parents[1]
TOY = Path(__file__).with_name("toy_subsystem")
PACKAGE = Path(gateway.__file__).parent


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a copy of the tree with the toy in it."""
    copy = tmp_path_factory.mktemp("tree")
    for name in ("gateway", "mibs", "docs"):
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "_build"))
    shutil.copy(ROOT / "gateway.conf.example", copy)
    # 1. the folder
    folder = copy / "gateway" / "subsystems" / "toy"
    folder.mkdir()
    for path in TOY.glob("*.py"):
        (folder / path.name).write_text(path.read_text().replace("tests.toy_subsystem", "gateway.subsystems.toy"))
    # 2. the entry
    registry = copy / "gateway" / "subsystems" / "__init__.py"
    entries = registry.read_text().replace("sbd\nfrom", "sbd, toy\nfrom", 1)
    registry.write_text(entries.replace("    drbd.SUBSYSTEM,\n", "    drbd.SUBSYSTEM,\n    toy.SUBSYSTEM,\n"))
    # 3. the text of the MIB, of which `make regenerate` makes the rest
    mib = copy / "mibs" / "HA-CLUSTER-MIB.txt"
    text, end, _ = mib.read_text().rpartition("END\n")
    mib.write_text(text + (TOY / "mib.txt").read_text() + end)
    run(copy, "mibs/compile.py")
    return copy


def run(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python in the copy of the tree."""
    # the coverage of a copy is not that of the package
    environment = {**without_coverage(), "PYTHONPATH": str(tree), "TERM": "dumb", "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def program(tree: Path, body: str, *arguments: str) -> str:
    """Runs the gateway where toyctl is the only tool; returns its output."""
    toyctl = tree / "toyctl"
    toyctl.write_text(f"#!/bin/sh\n{body}\n")
    toyctl.chmod(0o755)
    off = "".join(f'{subsystem.name} = "off"\n' for subsystem in SUBSYSTEMS)
    config = tree / "gateway.conf"
    config.write_text(
        f'[collectors]\n{off}[toy]\nbox = "/attic"\n[tools.toyctl]\npath = "{toyctl}"\n'
        '[web]\nlisten = "127.0.0.1:0"\n[snmp]\nagentx = "off"\n[alarms]\nsocket = ""\n'
    )
    return run(tree, "-m", "gateway", "--config", str(config), *arguments).stdout


TWO_TOYS = '[ "$1" = /attic ] && printf "duck 0.25\\nrobot 0\\n"'
"""Prints two toys, if it is given the box of the configuration."""


def test_the_page_shows_it(tree: Path) -> None:
    lines = program(tree, TWO_TOYS, "collect").splitlines()
    assert 'ha_cluster_scrape_success{collector="toy"} 1' in lines
    assert "# HELP ha_cluster_toy_count Number of toys in the box." in lines
    assert "ha_cluster_toy_count 2" in lines
    assert 'ha_cluster_toy_spring_ratio{toy="duck"} 0.25' in lines


def test_a_walk_shows_it(tree: Path) -> None:
    walk = program(tree, TWO_TOYS, "collect", "--format", "snmp")
    assert "HA-CLUSTER-MIB::haClusterToyCount.0 = Gauge32: 2\n" in walk
    assert 'HA-CLUSTER-MIB::haClusterToyName."robot" = STRING: robot\n' in walk
    assert 'HA-CLUSTER-MIB::haClusterToySpring."duck" = INTEGER: 250\n' in walk


PAGE = """
from gateway.conditions.view import ClusterView
from gateway.catalog import SUMMARIES
from gateway.frontends.prometheus.status_page.model import build_sections
from gateway.samples import SampleSet
from gateway.snapshot import CollectorReport, CommandReport, Snapshot
from gateway.status import Status
from gateway.subsystems.toy import metrics

samples = SampleSet()
samples.add(metrics.COUNT, 2)
report = CollectorReport(name="toy", commands=(CommandReport(name="toyctl", status=Status.OK),))
view = ClusterView(Snapshot(samples_by_metric=samples.samples_by_metric, collectors={"toy": report}))
for section in build_sections(view, SUMMARIES, print):
    print(section.title, section.description.headline.text)
"""


def test_the_page_for_people_shows_it(tree: Path) -> None:
    assert run(tree, "-c", PAGE).stdout.endswith("\nToys 2 toys\n")


def test_check_shows_it_with_its_advice(tree: Path) -> None:
    assert "ok    toy: toyctl: ok\n" in program(tree, TWO_TOYS, "check")
    output = program(tree, "echo the toys are not wound up >&2; exit 1", "check")
    assert (
        "down  toy: toyctl: not_running: exit status 1: the toys are not wound up\n      Wind the toys up.\n" in output
    )


def test_help_shows_its_options(tree: Path) -> None:
    usage = run(tree, "-m", "gateway", "--help").stdout
    for flag in ("--collector.toy", "--toy-box", "--toyctl-path"):
        assert f" {flag} " in usage


def test_the_documentation_shows_it(tree: Path) -> None:
    assert run(tree, "docs/generate.py").returncode == 0
    pages = {path.stem: path.read_text() for path in (tree / "docs" / "reference").glob("*.md")}
    assert "## Toys\n" in pages["metrics"]
    assert "| `ha_cluster_toy_count` |" in pages["metrics"]
    assert "`haClusterToySpring`" in pages["mib"]
    assert '| `toy.box` | `"/toys"` | `--toy-box` | Path of the box of toys. |' in pages["configuration"]
    assert "toy-slack" in pages["conditions"]
    assert '\n[toy]\n# Path of the box of toys.\nbox = "/toys"\n' in (tree / "gateway.conf.example").read_text()


def test_every_folder_is_registered() -> None:
    """Runs on the real tree: a subsystem that is missing from the tuple would simply not be collected."""
    folders = {path.parent.name for path in (PACKAGE / "subsystems").glob("*/__init__.py")} - {"parsing"}
    missing = folders - {subsystem.name for subsystem in SUBSYSTEMS}
    assert not missing, (
        f"gateway/subsystems/{', '.join(sorted(missing))}: not registered; add SUBSYSTEM to SUBSYSTEMS in "
        "gateway/subsystems/__init__.py"
    )
