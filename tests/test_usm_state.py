"""Who the gateway is to SNMPv3, over restarts, damage and the end of numbers."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.errors import StartError
from gateway.frontends.snmp.engine_identity import (
    FILE,
    begin_boot,
    ephemeral,
    parse,
    serialize,
    successor,
)
from gateway.snmp.engine import MAX_BOOTS, EngineIdentity, new_engine_id
from tests.conftest import closed, open_descriptors

ID = bytes.fromhex("80001f8805") + b"engine"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "var" / "state"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def keep(directory: Path, content: bytes) -> Path:
    directory.mkdir(mode=0o700, parents=True)
    path = directory / FILE
    path.write_bytes(content)
    return path


# --- Pure parts ------------------------------------------------------------------------------------------------------


def test_an_engine_id_is_of_the_form_that_is_administratively_assigned() -> None:
    assert new_engine_id(lambda size: b"r" * size) == bytes.fromhex("80001f8805") + b"r" * 12
    assert new_engine_id() != new_engine_id()


@given(st.binary(min_size=5, max_size=32), st.integers(1, MAX_BOOTS))
def test_what_is_written_is_read(engine_id: bytes, boots: int) -> None:
    identity = EngineIdentity(engine_id=engine_id, boots=boots)
    assert parse(serialize(identity)) == identity


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "expected {"),
        (b"\xff\xfe", "expected {"),
        (b"{", "expected {"),
        (b"[]", "expected {"),
        (b"1", "expected {"),
        (b"[" * 100_000, "expected {"),
        (b'{"engine_id": "80001f880512345678"}', "expected {"),
        (b'{"boots": 1}', "expected {"),
        (b'{"engine_id": 1, "boots": 1}', "expected {"),
        (b'{"engine_id": "xyz", "boots": 1}', "expected {"),
        (b'{"engine_id": "80001f88", "boots": 1}', "expected an engine id of 5 to 32 octets, found 4"),
        (b'{"engine_id": "%s", "boots": 1}' % (b"00" * 33), "found 33"),
        (b'{"engine_id": "80001f880512345678", "boots": 0}', "expected boots"),
        (b'{"engine_id": "80001f880512345678", "boots": 2147483648}', "expected boots"),
        (b'{"engine_id": "80001f880512345678", "boots": true}', "expected boots"),
        (b'{"engine_id": "80001f880512345678", "boots": "1"}', "expected boots"),
    ],
)
def test_what_is_damaged_is_told(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(content)


@given(st.binary())
def test_damage_raises_nothing_else(content: bytes) -> None:
    with contextlib.suppress(ValueError):
        parse(content)


def test_the_successor_has_one_more_boot() -> None:
    assert successor(EngineIdentity(engine_id=ID, boots=41)) == EngineIdentity(engine_id=ID, boots=42)
    assert successor(EngineIdentity(engine_id=ID, boots=MAX_BOOTS - 2)).boots == MAX_BOOTS - 1


@pytest.mark.parametrize("boots", [MAX_BOOTS - 1, MAX_BOOTS])
def test_where_the_boots_end_there_is_a_new_engine(boots: int) -> None:
    new = successor(EngineIdentity(engine_id=ID, boots=boots))
    assert new.engine_id != ID
    assert new.boots == 1


def test_the_time_of_an_engine_begins_with_its_boot() -> None:
    assert ephemeral().time == 0
    assert EngineIdentity(engine_id=ID, boots=1, started=time.monotonic() - 77.5).time == 77


# --- The directory ---------------------------------------------------------------------------------------------------


def test_the_first_start(directory: Path) -> None:
    with capture_logs() as logs:
        identity = begin_boot(directory)
    assert identity.boots == 1
    assert parse((directory / FILE).read_bytes()) == identity
    assert (mode(directory), mode(directory / FILE)) == (0o700, 0o600)
    assert [path.name for path in directory.iterdir()] == [FILE]
    assert logs == []


def test_boots_are_counted_and_the_id_stays(directory: Path) -> None:
    open_before = open_descriptors()
    identities = [begin_boot(directory) for _ in range(3)]
    assert [identity.boots for identity in identities] == [1, 2, 3]
    assert len({identity.engine_id for identity in identities}) == 1
    assert open_descriptors() == open_before


def test_the_umask_does_not_matter(directory: Path) -> None:
    before = os.umask(0)
    try:
        begin_boot(directory)
    finally:
        os.umask(before)
    assert (mode(directory), mode(directory / FILE)) == (0o700, 0o600)


def test_a_damaged_file_is_told_and_replaced(directory: Path) -> None:
    path = keep(directory, b"\0" * 100)
    with capture_logs() as logs:
        identity = begin_boot(directory)
    (event,) = logs
    assert event["log_level"] == "warning"
    assert event["event"] == "SNMP engine id made anew"
    assert event["path"] == str(path)
    assert event["reason"].startswith("expected {")
    assert event["engine_id"] == identity.engine_id.hex()
    assert begin_boot(directory) == EngineIdentity(engine_id=identity.engine_id, boots=2)


def test_the_end_of_boots_is_told(directory: Path) -> None:
    keep(directory, serialize(EngineIdentity(engine_id=ID, boots=MAX_BOOTS - 1)))
    with capture_logs() as logs:
        assert begin_boot(directory).boots == 1
    assert logs[0]["reason"] == "snmpEngineBoots has come to its end"


def test_what_a_crash_has_left_is_no_hindrance(directory: Path) -> None:
    path = keep(directory, serialize(EngineIdentity(engine_id=ID, boots=5)))
    path.with_name(f"{FILE}.new").write_bytes(b"{")
    assert begin_boot(directory) == EngineIdentity(engine_id=ID, boots=6)
    assert [entry.name for entry in directory.iterdir()] == [FILE]


def test_a_directory_of_the_gateways_own_is_closed_to_others(directory: Path) -> None:
    directory.mkdir(parents=True)
    directory.chmod(0o755)
    begin_boot(directory)
    assert mode(directory) == 0o700
    directory.chmod(0o755)  # as an administrator may have done since
    begin_boot(directory)
    assert mode(directory) == 0o700


ADVICE = "; make it a directory of the gateway's own, or set snmp.state_directory"


def test_a_directory_of_others_is_left_alone(directory: Path) -> None:
    directory.mkdir(parents=True)
    directory.chmod(0o755)
    (directory / "other").touch()
    with pytest.raises(StartError) as caught:
        begin_boot(directory)
    reason = "others may enter it, and it holds other files (mode 755)"
    assert str(caught.value) == f"cannot keep the state of SNMPv3 in {directory}: {reason}{ADVICE}"
    assert mode(directory) == 0o755
    assert not (directory / FILE).exists()


def test_a_directory_that_cannot_be_used_is_told(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "var").touch()
    with pytest.raises(StartError) as caught:
        begin_boot(directory)
    assert str(caught.value) == f"cannot keep the state of SNMPv3 in {directory}: Not a directory{ADVICE}"
    (tmp_path / "var").unlink()
    directory.mkdir(mode=0o700, parents=True)
    with closed(directory), pytest.raises(StartError, match="Permission denied; make it a directory"):
        begin_boot(directory)


def test_the_file_is_never_half_written(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = begin_boot(directory)

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StartError, match="No space left on device"):
        begin_boot(directory)
    assert json.loads((directory / FILE).read_text())["boots"] == known.boots
    monkeypatch.undo()
    assert begin_boot(directory).boots == known.boots + 1
