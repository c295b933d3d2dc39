"""Stores the identity of the SNMP engine: snmpEngineID and snmpEngineBoots (RFC 3414, section 2.2).

Both have to survive a restart: keys are localized for one engine id, and a message is valid for 150 seconds of one
boot. They are stored in a private directory, and each start increments the boots. This is the only state that the
gateway has on disk.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from pathlib import Path

import structlog

from gateway.clock import Clock, SystemClock
from gateway.errors import StartError
from gateway.snmp.engine import MAX_BOOTS, MAX_ENGINE_ID, MIN_ENGINE_ID, EngineIdentity, new_engine_id

FILE = "snmp-engine.json"
_NEW_FILE = f"{FILE}.new"


def ephemeral() -> EngineIdentity:
    """Returns an identity for this process only, for a gateway without SNMPv3 users and for a demo."""
    return EngineIdentity(engine_id=new_engine_id(), boots=1)


def begin_boot(directory: Path) -> EngineIdentity:
    """Increments the boots of the stored identity, stores and returns it.

    A missing directory is created, and only the owner can access it. If the file is damaged or the boots have reached
    their maximum, the engine gets a new id, which is logged.

    Raises:
        StartError: the directory cannot be used.
    """
    path = directory / FILE
    try:
        _make_private(directory)
        stored, reason = _read(path)
        identity = next_boot(stored)
        if stored is not None and stored.engine_id != identity.engine_id:
            reason = "snmpEngineBoots has reached its maximum"
        if reason:
            log = structlog.get_logger("snmp")
            log.warning("SNMP engine id replaced", path=str(path), reason=reason, engine_id=identity.engine_id.hex())
        _write(path, serialize(identity))
    except OSError as error:
        raise StartError(
            f"cannot store the SNMPv3 state in {directory}: {error.strerror or error}; "
            "make it a directory that only the gateway uses, or set snmp.state_directory"
        ) from None
    return identity


def load_current(directory: Path, *, clock: Clock | None = None) -> EngineIdentity:
    """Returns the stored identity without a new boot, for a command that runs at the same time as the gateway.

    A new boot would make receivers drop the messages of the running gateway: they accept only the latest boot. If no
    gateway has run yet, the first boot begins.

    Raises:
        StartError: the directory cannot be used.
    """
    path = directory / FILE
    clock = clock or SystemClock()
    try:
        stored, _ = _read(path)
        uptime = clock.time() - path.stat().st_mtime if stored is not None else 0.0
    except OSError as error:
        raise StartError(f"cannot read the SNMPv3 state in {directory}: {error.strerror or error}") from None
    if stored is None:
        return begin_boot(directory)
    started = clock.monotonic() - max(0.0, uptime)
    return EngineIdentity(engine_id=stored.engine_id, boots=stored.boots, started=started, clock=clock)


# --- Without I/O -----------------------------------------------------------------------------------------------------


def next_boot(stored: EngineIdentity | None) -> EngineIdentity:
    """Returns the identity of the next boot; it has a new engine id if nothing is stored or the boots are exhausted."""
    if stored is None or stored.boots >= MAX_BOOTS - 1:
        return ephemeral()
    return EngineIdentity(engine_id=stored.engine_id, boots=stored.boots + 1)


def serialize(identity: EngineIdentity) -> bytes:
    """Returns the content of the file for an identity."""
    return json.dumps({"engine_id": identity.engine_id.hex(), "boots": identity.boots}).encode() + b"\n"


def parse(content: bytes) -> EngineIdentity:
    """Parses the content of the file.

    Raises:
        ValueError: the content is damaged; the message describes what was expected.
    """
    try:
        document = json.loads(content)
        engine_id, boots = bytes.fromhex(document["engine_id"]), document["boots"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValueError('expected {"engine_id": "...", "boots": ...}') from None
    if not MIN_ENGINE_ID <= len(engine_id) <= MAX_ENGINE_ID:
        raise ValueError(f"expected an engine id of {MIN_ENGINE_ID} to {MAX_ENGINE_ID} octets, found {len(engine_id)}")
    if isinstance(boots, bool) or not isinstance(boots, int) or not 1 <= boots <= MAX_BOOTS:
        raise ValueError(f"expected boots from 1 to {MAX_BOOTS}")
    return EngineIdentity(engine_id=engine_id, boots=boots)


# --- Files -----------------------------------------------------------------------------------------------------------


def _make_private(directory: Path) -> None:
    """Creates the directory, or removes the permissions of others.

    Raises:
        OSError: others have access to the directory, and it contains other files, so it is not the gateway's.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = stat.S_IMODE(directory.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        if not {entry.name for entry in directory.iterdir()} <= {FILE, _NEW_FILE}:
            raise OSError(f"others have access to it, and it contains other files (mode {mode:o})")
        directory.chmod(0o700)


def _read(path: Path) -> tuple[EngineIdentity | None, str]:
    """Returns the stored identity, or None and why the file is unusable; empty if it does not exist."""
    try:
        return parse(path.read_bytes()), ""
    except FileNotFoundError:
        return None, ""
    except ValueError as error:
        return None, str(error)


def _write(path: Path, content: bytes) -> None:
    """Replaces the file atomically: after a crash it has either the old or the new content."""
    new = path.with_name(_NEW_FILE)
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - sets the mode
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
