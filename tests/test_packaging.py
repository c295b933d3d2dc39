"""The files in ``packaging``, as the programs that read them see them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.programs import ROOT, installed

SYSTEMD = ROOT / "packaging" / "systemd"

pytestmark = pytest.mark.daemon


def exposure(tmp_path: Path, *files: str, threshold: int) -> bool:
    """Returns whether systemd rates the exposure of a unit at most as the threshold, in tenths."""
    analyze = installed("systemd-analyze")
    unit = tmp_path / "ha-cluster-gateway.service"
    unit.write_text("".join((SYSTEMD / name).read_text() for name in files))
    command = [analyze, "security", "--offline=yes", f"--threshold={threshold}", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Overall exposure level" in done.stdout, done.stderr
    assert "Unknown" not in done.stderr
    return done.returncode == 0


def test_the_drop_in_restricts_the_service(tmp_path: Path) -> None:
    unit = "ha-cluster-gateway.service"
    assert exposure(tmp_path, unit, "hardening.conf", threshold=25)
    assert not exposure(tmp_path, unit, threshold=25)
