"""The stored SNMP engine identity: restarts, damaged files, and exhausted boots."""

from __future__ import annotations

import contextlib
import json
import os
import stat
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
    find_obstacle,
    load_current,
    next_boot,
    parse,
    serialize,
)
from gateway.snmp.engine import MAX_BOOTS, EngineIdentity, new_engine_id
from tests.conftest import NOBODY, closed, needs_root, open_descriptors
from tests.fakes import FakeClock

ID = bytes.fromhex("80001f8805") + b"engine"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "var" / "state"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def store(directory: Path, content: bytes) -> Path:
    directory.mkdir(mode=0o700, parents=True)
    path = directory / FILE
    path.write_bytes(content)
    return path


# --- Without I/O -----------------------------------------------------------------------------------------------------


def test_engine_ids_are_random_octets_in_the_administratively_assigned_format() -> None:
    assert new_engine_id(lambda size: b"r" * size) == bytes.fromhex("80001f8805") + b"r" * 12
    assert new_engine_id() != new_engine_id()


@given(st.binary(min_size=5, max_size=32), st.integers(1, MAX_BOOTS))
def test_parsing_reverses_serializing(engine_id: bytes, boots: int) -> None:
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
def test_the_error_names_the_damage(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(content)


@given(st.binary())
def test_damaged_content_raises_only_value_errors(content: bytes) -> None:
    with contextlib.suppress(ValueError):
        parse(content)


def test_the_next_boot_increments_the_boots() -> None:
    assert next_boot(EngineIdentity(engine_id=ID, boots=41)) == EngineIdentity(engine_id=ID, boots=42)
    assert next_boot(EngineIdentity(engine_id=ID, boots=MAX_BOOTS - 2)).boots == MAX_BOOTS - 1


@pytest.mark.parametrize("boots", [MAX_BOOTS - 1, MAX_BOOTS])
def test_exhausted_boots_lead_to_a_new_engine_id(boots: int) -> None:
    new = next_boot(EngineIdentity(engine_id=ID, boots=boots))
    assert new.engine_id != ID
    assert new.boots == 1


def test_the_engine_time_counts_from_the_boot() -> None:
    assert ephemeral().time == 0
    clock = FakeClock(1000)
    identity = EngineIdentity(engine_id=ID, boots=1, started=clock.monotonic(), clock=clock)
    clock.advance(77.5)
    assert identity.time == 77


# --- The directory ---------------------------------------------------------------------------------------------------


def test_the_first_start(directory: Path) -> None:
    with capture_logs() as logs:
        identity = begin_boot(directory)
    assert identity.boots == 1
    assert parse((directory / FILE).read_bytes()) == identity
    assert (mode(directory), mode(directory / FILE)) == (0o700, 0o600)
    assert [path.name for path in directory.iterdir()] == [FILE]
    assert logs == []


def test_each_start_increments_the_boots_and_keeps_the_engine_id(directory: Path) -> None:
    open_before = open_descriptors()
    identities = [begin_boot(directory) for _ in range(3)]
    assert [identity.boots for identity in identities] == [1, 2, 3]
    assert len({identity.engine_id for identity in identities}) == 1
    assert open_descriptors() == open_before


def test_the_mode_is_independent_of_the_umask(directory: Path) -> None:
    before = os.umask(0)
    try:
        begin_boot(directory)
    finally:
        os.umask(before)
    assert (mode(directory), mode(directory / FILE)) == (0o700, 0o600)


def test_a_damaged_file_is_logged_and_replaced(directory: Path) -> None:
    path = store(directory, b"\0" * 100)
    with capture_logs() as logs:
        identity = begin_boot(directory)
    (event,) = logs
    assert event["log_level"] == "warning"
    assert event["event"] == "SNMP engine id replaced"
    assert event["path"] == str(path)
    assert event["reason"].startswith("expected {")
    assert event["engine_id"] == identity.engine_id.hex()
    assert begin_boot(directory) == EngineIdentity(engine_id=identity.engine_id, boots=2)


def test_exhausted_boots_are_logged(directory: Path) -> None:
    store(directory, serialize(EngineIdentity(engine_id=ID, boots=MAX_BOOTS - 1)))
    with capture_logs() as logs:
        assert begin_boot(directory).boots == 1
    assert logs[0]["reason"] == "snmpEngineBoots has reached its maximum"


def test_a_file_left_by_a_crash_is_replaced(directory: Path) -> None:
    path = store(directory, serialize(EngineIdentity(engine_id=ID, boots=5)))
    path.with_name(f"{FILE}.new").write_bytes(b"{")
    assert begin_boot(directory) == EngineIdentity(engine_id=ID, boots=6)
    assert [entry.name for entry in directory.iterdir()] == [FILE]


def test_permissions_of_others_are_removed_from_the_directory(directory: Path) -> None:
    directory.mkdir(parents=True)
    directory.chmod(0o755)
    begin_boot(directory)
    assert mode(directory) == 0o700
    directory.chmod(0o755)  # as an administrator may have done since
    begin_boot(directory)
    assert mode(directory) == 0o700


ADVICE = "; make it a directory that only the gateway uses, or set snmp.state_directory"


def test_a_directory_with_other_files_is_not_used(directory: Path) -> None:
    directory.mkdir(parents=True)
    directory.chmod(0o755)
    (directory / "other").touch()
    with pytest.raises(StartError) as caught:
        begin_boot(directory)
    reason = "others have access to it, and it contains other files (mode 755)"
    assert str(caught.value) == f"cannot store the SNMPv3 state in {directory}: {reason}{ADVICE}"
    assert mode(directory) == 0o755
    assert not (directory / FILE).exists()


def test_an_unusable_directory_is_an_error(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "var").touch()
    with pytest.raises(StartError) as caught:
        begin_boot(directory)
    assert str(caught.value) == f"cannot store the SNMPv3 state in {directory}: Not a directory{ADVICE}"
    (tmp_path / "var").unlink()
    directory.mkdir(mode=0o700, parents=True)
    expected = f"Permission denied; run chown -R \\w+ {directory}, or set snmp.state_directory$"
    with closed(directory), pytest.raises(StartError, match=expected):
        begin_boot(directory)


@needs_root
def test_a_directory_that_cannot_be_created(public_path: Path) -> None:
    expected = f"Permission denied; run install -d -m 700 -o nobody {public_path}/new, or set snmp.state_directory$"
    os.seteuid(NOBODY)
    try:
        with pytest.raises(StartError, match=expected):
            begin_boot(public_path / "new")
    finally:
        os.seteuid(0)


@needs_root
def test_a_start_by_root_does_not_lock_out_the_service(public_path: Path) -> None:
    """Root starts the gateway once by hand; the service is another user."""
    directory = public_path / "state"
    directory.mkdir(mode=0o700)
    os.chown(directory, NOBODY, 1)
    assert begin_boot(directory).boots == 1
    status = (directory / FILE).stat()
    assert (status.st_uid, status.st_gid, mode(directory / FILE)) == (NOBODY, 1, 0o600)
    os.seteuid(NOBODY)
    try:
        assert begin_boot(directory).boots == 2
    finally:
        os.seteuid(0)
    assert begin_boot(directory).boots == 3


@needs_root
def test_what_locks_out_the_service_is_found_with_the_command_that_helps(public_path: Path) -> None:
    directory = public_path / "state"
    assert find_obstacle(directory) == ""  # it will be created
    directory.mkdir(mode=0o700)
    begin_boot(directory)
    assert find_obstacle(directory) == ""

    def as_nobody() -> str:
        os.seteuid(NOBODY)
        try:
            return find_obstacle(directory)
        finally:
            os.seteuid(0)

    helps = f"run chown -R nobody {directory}, or set snmp.state_directory"
    assert as_nobody() == f"Permission denied; {helps}"
    directory.chmod(0o755)
    assert as_nobody() == f"it belongs to root; {helps}"
    directory.chmod(0o700)
    os.chown(directory, NOBODY, -1)
    assert as_nobody() == f"Permission denied; {helps}"
    assert find_obstacle(directory) == f"{FILE} belongs to root; run chown nobody {directory / FILE}"
    os.chown(directory / FILE, NOBODY, -1)
    assert (as_nobody(), find_obstacle(directory)) == ("", "")


@needs_root
def test_root_follows_no_links_of_the_service(public_path: Path, tmp_path: Path) -> None:
    directory, victim = public_path / "state", tmp_path / "victim"
    directory.mkdir(mode=0o700)
    victim.write_bytes(b"secret")
    os.chown(directory, NOBODY, -1)
    (directory / f"{FILE}.new").symlink_to(victim)
    assert begin_boot(directory).boots == 1
    (directory / FILE).unlink()
    (directory / FILE).symlink_to(victim)
    with pytest.raises(StartError, match="Too many levels of symbolic links"):
        begin_boot(directory)
    (directory / FILE).unlink()
    os.mkfifo(directory / FILE)
    assert begin_boot(directory).boots == 1
    assert (victim.read_bytes(), victim.stat().st_uid) == (b"secret", 0)


@pytest.mark.parametrize("shared", [0o777, 0o770])
def test_a_state_directory_that_others_can_replace_is_refused(shared: int, directory: Path) -> None:
    directory.mkdir(parents=True)
    directory.parent.chmod(shared)
    with pytest.raises(StartError, match=f"can write {directory.parent}; run chmod go-w {directory.parent}; "):
        begin_boot(directory)


def test_a_command_stores_nothing(directory: Path) -> None:
    """Root runs a command before the first start: the service has to be able to create its state."""
    first = load_current(directory)
    assert first.boots == 1
    assert not directory.exists()
    directory.mkdir(parents=True)
    assert load_current(directory).engine_id != first.engine_id
    assert list(directory.iterdir()) == []


def test_a_disk_that_fails_does_not_prevent_the_start(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = begin_boot(directory)

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with capture_logs() as logs:
        identity = begin_boot(directory)
    assert (identity.engine_id, identity.boots) == (first.engine_id, first.boots + 1)
    (event,) = logs
    assert (event["log_level"], event["event"], event["reason"]) == (
        "warning",
        "SNMP engine not stored",
        "No space left on device",
    )
    # replaced atomically: the file still has its old content
    assert json.loads((directory / FILE).read_text())["boots"] == first.boots
    monkeypatch.undo()
    assert begin_boot(directory).boots == first.boots + 1
