"""Stores the identity of the SNMP engine: snmpEngineID and snmpEngineBoots (RFC 3414, section 2.2).

Both have to survive a restart: keys are localized for one engine id, and a message is valid for 150 seconds of one
boot. They are stored in a private directory, and each start increments the boots. This is the only state that the
gateway has on disk.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import structlog

from gateway.clock import Clock, SystemClock
from gateway.errors import StartError
from gateway.files import exists, make_directory, trusted_directory, user_name
from gateway.snmp.engine import MAX_BOOTS, MAX_ENGINE_ID, MIN_ENGINE_ID, EngineIdentity, new_engine_id

FILE = "snmp-engine.json"
_NEW_FILE = f"{FILE}.new"
_MAX_SIZE = 4096

_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
"""Errors of the disk, as opposed to a wrong directory: they must not keep the gateway from starting."""


def ephemeral() -> EngineIdentity:
    """Returns an identity for this process only, for a gateway without SNMPv3 users and for a demo."""
    return EngineIdentity(engine_id=new_engine_id(), boots=1)


def begin_boot(directory: Path) -> EngineIdentity:
    """Increments the boots of the stored identity, stores and returns it.

    A missing directory is created, and only the owner can access it. The file belongs to the owner of the directory,
    even if root starts the gateway once: otherwise the service could not start any more. If the file is damaged or the
    boots have reached their maximum, the engine gets a new id, which is logged.

    If the disk is full, broken or read-only, the identity is used without being stored, which is logged. Another start
    from such a disk has the same boots, so managers ignore its messages until its time exceeds the last they have seen.

    Raises:
        StartError: the directory cannot be used.
    """
    log = structlog.get_logger("snmp")
    identity = ephemeral()
    try:
        make_directory(directory, 0o700)
        with trusted_directory(directory, any_owner=os.geteuid() == 0) as descriptor:
            _make_private(descriptor)
            stored, reason = _read(descriptor)
            identity = next_boot(stored.identity if stored else None)
            if stored is not None and stored.identity.engine_id != identity.engine_id:
                reason = "snmpEngineBoots has reached its maximum"
            if reason:
                path, new_id = str(directory / FILE), identity.engine_id.hex()
                log.warning("SNMP engine id replaced", path=path, reason=reason, engine_id=new_id)
            _write(descriptor, serialize(identity))
    except OSError as error:
        if error.errno in _DISK_ERRORS:
            log.warning("SNMP engine not stored", path=str(directory / FILE), reason=error.strerror)
            return identity
        raise StartError(
            f"cannot store the SNMPv3 state in {directory}: {error.strerror or error}; {_advise(error, directory)}"
        ) from None
    return identity


def _advise(error: OSError, directory: Path) -> str:
    if isinstance(error, PermissionError):
        user = user_name(os.geteuid())
        command = f"chown -R {user}" if exists(directory) else f"install -d -m 700 -o {user}"
        return f"run {command} {directory}, or set snmp.state_directory"
    return "make it a directory that only the gateway uses, or set snmp.state_directory"


def load_current(directory: Path, *, clock: Clock | None = None) -> EngineIdentity:
    """Returns the stored identity without a new boot, for a command that runs at the same time as the gateway.

    A new boot would make receivers drop the messages of the running gateway: they accept only the latest boot. If no
    gateway has run yet, the identity is that of the command only, which stores nothing.

    Raises:
        StartError: the directory cannot be used.
    """
    clock = clock or SystemClock()
    try:
        with trusted_directory(directory, any_owner=os.geteuid() == 0) as descriptor:
            stored, _ = _read(descriptor)
    except FileNotFoundError:
        return ephemeral()
    except OSError as error:
        raise StartError(f"cannot read the SNMPv3 state in {directory}: {error.strerror or error}") from None
    if stored is None:
        return ephemeral()
    identity = stored.identity
    started = clock.monotonic() - max(0.0, clock.time() - stored.status.st_mtime)
    return EngineIdentity(engine_id=identity.engine_id, boots=identity.boots, started=started, clock=clock)


def find_obstacle(directory: Path) -> str:
    """Returns why the gateway cannot use the directory for its state, and the command that helps; empty if it can.

    Root does not know the user of the gateway: for root, the state has to belong to the owner of the directory.
    """
    try:
        with trusted_directory(directory, any_owner=os.geteuid() == 0) as descriptor:
            owner = os.fstat(descriptor).st_uid
            if os.geteuid() not in {0, owner}:
                raise PermissionError(errno.EACCES, f"it belongs to {user_name(owner)}")
            _read(descriptor)
            with contextlib.suppress(FileNotFoundError):
                file_owner = os.stat(FILE, dir_fd=descriptor, follow_symlinks=False).st_uid
                if file_owner != owner:
                    path, name = directory / FILE, user_name(owner)
                    return f"{FILE} belongs to {user_name(file_owner)}; run chown {name} {path}"
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{error.strerror or error}; {_advise(error, directory)}"
    return ""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """The content of the file, and its status."""

    identity: EngineIdentity
    status: os.stat_result


def _make_private(directory: int) -> None:
    """Removes the permissions of others from the directory.

    Raises:
        OSError: others have access to the directory, and it contains other files, so it is not the gateway's.
    """
    mode = stat.S_IMODE(os.fstat(directory).st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        with os.scandir(directory) as entries:
            names = {entry.name for entry in entries}
        if not names <= {FILE, _NEW_FILE}:
            raise OSError(f"others have access to it, and it contains other files (mode {mode:o})")
        os.fchmod(directory, 0o700)


def _read(directory: int) -> tuple[_Stored | None, str]:
    """Returns what is stored, or None and why the file is unusable; empty if it does not exist."""
    try:
        descriptor = os.open(FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    except FileNotFoundError:
        return None, ""
    try:
        status = os.fstat(descriptor)
        content = os.read(descriptor, _MAX_SIZE) if stat.S_ISREG(status.st_mode) else b""
        return _Stored(identity=parse(content), status=status), ""
    except ValueError as error:
        return None, str(error)
    finally:
        os.close(descriptor)


def _write(directory: int, content: bytes) -> None:
    """Replaces the file atomically: after a crash it has either the old or the new content."""
    owner = os.fstat(directory)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_NEW_FILE, dir_fd=directory)
    descriptor = os.open(_NEW_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=directory)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
        if os.geteuid() == 0:
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    os.replace(_NEW_FILE, FILE, src_dir_fd=directory, dst_dir_fd=directory)
    os.fsync(directory)
