"""The files in ``packaging``, as the programs that read them see them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.programs import ROOT, installed

NAME = "ha-cluster-gateway"
PACKAGING = ROOT / "packaging"
UNIT = PACKAGING / "systemd" / f"{NAME}.service"

pytestmark = pytest.mark.daemon


def test_the_unit_restricts_the_service() -> None:
    """systemd rates its exposure at most 1.9."""
    command = [installed("systemd-analyze"), "security", "--offline=yes", "--threshold=19", "--no-pager"]
    done = subprocess.run([*command, str(UNIT)], capture_output=True, text=True, check=False)
    assert "Overall exposure level" in done.stdout, done.stderr
    assert done.returncode == 0, done.stdout
    # older versions of systemd ignore the lines about the pause between restarts
    unknown = re.findall(r"Unknown key (?:name )?'(\w+)'", done.stderr)
    assert {*unknown} <= {"RestartSteps", "RestartMaxDelaySec"}


def test_the_user_has_the_group_of_the_unit(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    sysusers = [installed("systemd-sysusers"), f"--root={tmp_path}", str(PACKAGING / "sysusers.d" / f"{NAME}.conf")]
    subprocess.run(sysusers, check=True, capture_output=True)
    groups = dict(line.split(":")[::2] for line in (tmp_path / "etc/group").read_text().splitlines())
    users = {line.split(":")[0]: line.split(":")[3] for line in (tmp_path / "etc/passwd").read_text().splitlines()}
    unit = UNIT.read_text()
    assert f"User={NAME}\n" in unit
    assert "Group=haclient\n" in unit
    assert users == {NAME: groups["haclient"]}
