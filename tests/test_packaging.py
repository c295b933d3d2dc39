"""The files in ``packaging``, as the programs that read them see them."""

from __future__ import annotations

import grp
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from gateway.status import Status
from gateway.subsystems import qdevice, qnetd
from gateway.subsystems.subsystem import Subsystem
from tests.conftest import needs_root
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


@needs_root
@pytest.mark.parametrize(("subsystem", "mode"), [(qdevice.SUBSYSTEM, "750"), (qnetd.SUBSYSTEM, "710")])
def test_a_drop_in_opens_a_socket_and_nothing_else(subsystem: Subsystem, mode: str, tmp_path: Path) -> None:
    """As corosync-qdevice and corosync-qnetd create them; the group may neither replace it nor read other files."""
    daemon = f"corosync-{subsystem.name}"
    drop_in = PACKAGING / daemon / f"{daemon}.conf"
    assert drop_in.name in subsystem.advice[Status.NOT_PERMITTED]
    command = re.search(r"^ExecStartPost=-\+/bin/sh -c '(.*)'$", drop_in.read_text(), re.MULTILINE)
    assert command
    directory, group = tmp_path / daemon, grp.getgrnam("daemon")
    directory.mkdir()
    os.mknod(directory / f"{daemon}.sock", stat.S_IFSOCK)
    (directory / f"{daemon}.pid").touch()
    for path, other in ((directory, 0o770), (directory / f"{daemon}.sock", 0o755)):
        path.chmod(other)
    (directory / f"{daemon}.pid").chmod(0o640)
    script = command[1].replace(f"/run/{daemon}", str(directory)).replace("haclient", group.gr_name)
    subprocess.run(["/bin/sh", "-c", script], check=True)
    found = {path.name: (path.stat().st_gid, f"{path.stat().st_mode & 0o777:o}") for path in tmp_path.rglob("*")}
    assert found == {
        daemon: (group.gr_gid, mode),
        f"{daemon}.sock": (group.gr_gid, "660"),
        f"{daemon}.pid": (0, "640"),
    }
