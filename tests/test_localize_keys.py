"""``localize-keys``: passwords from standard input become the lines of a configuration that work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import environment

ENGINE_ID = "0x000000000000000000000002"


def localize_keys(*arguments: str, passwords: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "gateway", "localize-keys", *arguments]
    return subprocess.run(
        argv, input=passwords, capture_output=True, text=True, timeout=60, check=False, cwd=cwd, env=environment()
    )


@pytest.mark.daemon
def test_the_keys_are_those_of_the_rfc(tmp_path: Path) -> None:
    """RFC 3414, appendix A.3.2."""
    done = localize_keys(ENGINE_ID, "SHA", "AES", passwords="maplesyrup\nmaplesyrup\n", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        'auth_key = "0x6695febc9288e36282235fc7151f128497b38f3f"',
        'priv_key = "0x6695febc9288e36282235fc7151f1284"',
    ]
    without_privacy = localize_keys(ENGINE_ID, "SHA", passwords="maplesyrup\n", cwd=tmp_path)
    assert without_privacy.stdout == done.stdout.splitlines(keepends=True)[0]


@pytest.mark.daemon
@pytest.mark.parametrize(
    ("arguments", "passwords", "error"),
    [
        (("0x01", "SHA"), "maplesyrup\n", "ENGINE_ID: expected an engine ID of 5 to 32 octets in hexadecimal"),
        ((ENGINE_ID, "SHA"), "S3cret\n", "the authentication password: expected at least 8 characters"),
        ((ENGINE_ID, "SHA", "AES"), "maplesyrup\n", "the privacy password: expected at least 8 characters"),
        ((ENGINE_ID, "MD5"), "maplesyrup\n", "argument AUTH: invalid choice (choose from "),
    ],
)
def test_an_error_names_its_cause_but_no_password(
    arguments: tuple[str, ...], passwords: str, error: str, tmp_path: Path
) -> None:
    done = localize_keys(*arguments, passwords=passwords, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"ha-cluster-gateway: {error}" in done.stderr
    assert "S3cret" not in done.stderr
