"""Who the gateway is to SNMPv3: snmpEngineID and snmpEngineBoots, which outlive a process (RFC 3414, section 2.2).

Keys are made for one engine id, and a message is good for 150 seconds of one boot. So both are kept in a directory of
the gateway's own, and the boots are one more at each start. It is the only state that the gateway has on disk.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from pathlib import Path

import structlog

from gateway.errors import StartError
from gateway.snmp.engine import MAX_BOOTS, MAX_ENGINE_ID, MIN_ENGINE_ID, EngineIdentity, new_engine_id

FILE = "snmp-engine.json"
_NEW_FILE = f"{FILE}.new"


def ephemeral() -> EngineIdentity:
    """Returns an identity for this process only: enough where nobody asks by SNMPv3, and for a demo."""
    return EngineIdentity(engine_id=new_engine_id(), boots=1)


def begin_boot(directory: Path) -> EngineIdentity:
    """Returns the identity that is kept in a directory, one boot further, and keeps that.

    The directory is made where it is missing, open to nobody else. Where the file is damaged, or the boots have come to
    their end, the engine gets a new id, which the log tells.

    Raises:
        StartError: the directory cannot be used.
    """
    path = directory / FILE
    try:
        _make_private(directory)
        known, reason = _read(path)
        identity = successor(known)
        if known is not None and known.engine_id != identity.engine_id:
            reason = "snmpEngineBoots has come to its end"
        if reason:
            log = structlog.get_logger("snmp")
            log.warning("SNMP engine id made anew", path=str(path), reason=reason, engine_id=identity.engine_id.hex())
        _write(path, serialize(identity))
    except OSError as error:
        raise StartError(
            f"cannot keep the state of SNMPv3 in {directory}: {error.strerror or error}; "
            "make it a directory of the gateway's own, or set snmp.state_directory"
        ) from None
    return identity


def load_current(directory: Path) -> EngineIdentity:
    """Returns the identity of the gateway that runs, for a command beside it; where none has run yet, begins one.

    A second boot would be the end of the first: receivers drop what comes from before the last boot that they know.

    Raises:
        StartError: the directory cannot be used.
    """
    path = directory / FILE
    try:
        known, _ = _read(path)
        since = time.time() - path.stat().st_mtime if known is not None else 0.0
    except OSError as error:
        raise StartError(f"cannot read the state of SNMPv3 in {directory}: {error.strerror or error}") from None
    if known is None:
        return begin_boot(directory)
    return EngineIdentity(engine_id=known.engine_id, boots=known.boots, started=time.monotonic() - max(0.0, since))


# --- Pure parts ------------------------------------------------------------------------------------------------------


def successor(known: EngineIdentity | None) -> EngineIdentity:
    """Returns the identity of the next start: one more boot, or a new id where there is no next boot."""
    if known is None or known.boots >= MAX_BOOTS - 1:
        return ephemeral()
    return EngineIdentity(engine_id=known.engine_id, boots=known.boots + 1)


def serialize(identity: EngineIdentity) -> bytes:
    """Returns the content of the file."""
    return json.dumps({"engine_id": identity.engine_id.hex(), "boots": identity.boots}).encode() + b"\n"


def parse(content: bytes) -> EngineIdentity:
    """Returns what a file says.

    Raises:
        ValueError: it is damaged; the message says how.
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
    """Makes the directory, or closes it to others; one that holds other files is somebody else's, and stays."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = stat.S_IMODE(directory.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        if not {entry.name for entry in directory.iterdir()} <= {FILE, _NEW_FILE}:
            raise OSError(f"others may enter it, and it holds other files (mode {mode:o})")
        directory.chmod(0o700)


def _read(path: Path) -> tuple[EngineIdentity | None, str]:
    """Returns what the file says, if there is one, and why it is of no use, if so."""
    try:
        return parse(path.read_bytes()), ""
    except FileNotFoundError:
        return None, ""
    except ValueError as error:
        return None, str(error)


def _write(path: Path, content: bytes) -> None:
    """Replaces the file at once: after a crash it is the old one, or the new."""
    new = path.with_name(_NEW_FILE)
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - with a mode
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
