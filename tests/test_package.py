"""The package that is tested is the one that users install, and it is complete."""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path

import pytest

from tests.programs import PACKAGES, ROOT

pytestmark = pytest.mark.skipif(
    PACKAGES == ROOT and "CI" not in os.environ, reason="the tests run on the source tree, not on an installed package"
)


def contents(directory: Path) -> dict[str, bytes]:
    """Returns the files of a package, by their paths in it; links are followed."""
    return {
        str(Path(folder, name).relative_to(directory)): Path(folder, name).read_bytes()
        for folder, _, names in os.walk(directory, followlinks=True)
        for name in names
        if not name.endswith(".pyc")
    }


def test_the_installed_package_is_the_source_tree() -> None:
    assert PACKAGES != ROOT, "run .venv/bin/pytest: python -m pytest imports the source tree"
    tree, installed = contents(ROOT / "gateway"), contents(PACKAGES / "gateway")
    assert sorted(installed) == sorted(tree)
    assert [path for path in tree if installed[path] != tree[path]] == [], "run make test: the package is out of date"


def test_the_programs_are_installed() -> None:
    distribution = metadata.distribution("ha-cluster-gateway")
    scripts = {entry.name: entry.value for entry in distribution.entry_points if entry.group == "console_scripts"}
    assert scripts == {
        "ha-cluster-gateway": "gateway.__main__:main",
        "ha-cluster-gateway-alert": "gateway.alert_agent:main",
    }
    assert {*scripts} <= {path.name for path in distribution.files or ()}


def test_the_mib_is_installed_for_managers_and_for_the_program() -> None:
    distribution = metadata.distribution("ha-cluster-gateway")
    texts = [path.locate() for path in distribution.files or () if path.name == "HA-CLUSTER-MIB.txt"]
    assert {Path(str(text)).parent.name for text in texts} == {"mibs", "mib"}
    assert any(str(text).endswith("/share/snmp/mibs/HA-CLUSTER-MIB.txt") for text in texts)
    assert {Path(str(text)).read_text() for text in texts} == {(ROOT / "mibs" / "HA-CLUSTER-MIB.txt").read_text()}
