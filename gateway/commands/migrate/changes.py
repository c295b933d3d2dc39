"""Changes to this host that can be undone: directories, files, and which units run.

A record of them is written before the first change, and again with each one. ``undo`` restores exactly what the record
lists. What somebody else has changed since is left as it is, and named.
"""

from __future__ import annotations

import grp
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gateway.commands.migrate import systemd
from gateway.commands.migrate.systemd import Unit
from gateway.errors import GatewayError
from gateway.files import exists, make_directory, read_trusted_file
from gateway.host.host import Host

_MAX_SIZE = 1024 * 1024
"""Bytes that the record, and a file that is changed, may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file to write.

    Attributes:
        path: its path.
        content: its text.
        private: whether only root and the group of the gateway may read it, if it does not exist yet.
    """

    path: Path
    content: str
    private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be changed, in this order.

    Attributes:
        directory: a directory that is created if it does not exist; it also gets the record.
        files: the files to write.
        commands: the arguments of each call of ``systemctl``.
        units: the units that change, as they are before.
    """

    directory: Path
    files: Sequence[NewFile]
    commands: Sequence[Sequence[str]]
    units: Sequence[Unit]

    def describe(self) -> Iterator[str]:
        """Yields the steps as an administrator would do them, in lines."""
        if not exists(self.directory):
            yield f"create {self.directory}"
        for file in self.files:
            yield f"write {file.path}:"
            yield from (f"    {line}" for line in file.content.splitlines())
        for arguments in self.commands:
            yield f"systemctl {' '.join(arguments)}"


@dataclass(slots=True, kw_only=True)
class Record:
    """What has been changed.

    Attributes:
        directories: the directories that were created, the outermost first.
        files: for each file that was written: its ``path``, the text that it had ``before`` or None, and the
            ``digest`` of the text that was written.
        units: for each unit: its ``name``, and whether it was ``enabled``, ``active`` and ``failed`` before.
    """

    directories: list[str] = field(default_factory=list)
    files: list[dict[str, str | None]] = field(default_factory=list)
    units: list[dict[str, Any]] = field(default_factory=list)


async def apply(host: Host, plan: Plan, path: Path) -> None:
    """Makes the changes, and keeps the record of them in a file.

    Raises:
        GatewayError: one of them has failed; the record has those that were made.
        OSError: likewise.
    """
    states = ("name", "enabled", "active", "failed")
    record = Record(units=[{state: getattr(unit, state) for state in states} for unit in plan.units])
    _create_directory(plan.directory, record)
    if record.directories and (group := _cluster_group()) is not None:
        os.chown(plan.directory, -1, group)
        plan.directory.chmod(0o750)
    _save(record, path)
    for file in plan.files:
        before = _read(file.path)
        _create_directory(file.path.parent, record)
        record.files.append({"path": str(file.path), "before": before, "digest": _digest(file.content)})
        _save(record, path)
        _write(file.path, file.content, private=file.private)
    for arguments in plan.commands:
        await systemd.run(host, *arguments)


def load_record(path: Path) -> Record:
    """Returns the record in a file.

    Raises:
        GatewayError: there is none, or others than root can change it.
    """
    if not exists(path):
        raise GatewayError(f"{path}: no such file: there is nothing to undo")
    try:
        return Record(**json.loads(read_trusted_file(path, max_size=_MAX_SIZE).content))
    except OSError as error:
        raise GatewayError(f"{path}: {error.strerror or error}") from None
    except (ValueError, TypeError) as error:
        raise GatewayError(f"{path}: expected the record of migrate --install: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoStep:
    """One step that restores what a record lists.

    Attributes:
        text: the step in words.
        command: the arguments of a call of ``systemctl``; empty if there is none.
        file: the entry of the file in the record that is restored; None if there is none.
    """

    text: str
    command: tuple[str, ...] = ()
    file: dict[str, str | None] | None = None


async def plan_undo(host: Host, record: Record) -> Sequence[UndoStep]:
    """Returns what has to be done to restore what a record lists, as things are now.

    Raises:
        GatewayError: a file or a unit cannot be read.
    """
    now = {unit["name"]: await systemd.read_unit(host, unit["name"]) for unit in record.units}
    steps = [step for unit in reversed(record.units) for step in _plan_stop(now[unit["name"]], unit)]
    steps += map(_plan_file, reversed(record.files))
    steps.append(_systemctl("daemon-reload"))
    steps += (step for unit in record.units for step in _plan_start(now[unit["name"]], unit))
    return steps


async def undo(host: Host, record: Record, path: Path) -> None:
    """Restores what a record lists, and removes the file of the record. May be repeated if it fails.

    Raises:
        GatewayError: a unit cannot be stopped or started.
        OSError: a file cannot be restored.
    """
    for step in await plan_undo(host, record):
        if step.file is not None:
            _restore(Path(str(step.file["path"])), step.file["before"])
        if step.command:
            await systemd.run(host, *step.command)
    _remove_record(path, record.directories)


def _plan_stop(now: Unit, before: dict[str, Any]) -> Iterator[UndoStep]:
    """Yields what stops and disables a unit that neither ran nor was enabled before, and forgets that it has failed."""
    if now.enabled and not before["enabled"]:
        yield _systemctl("disable", now.name)
    if now.active and not before["active"]:
        yield _systemctl("stop", now.name)
    if now.failed and not before.get("failed", False):  # before a restart, because it also ends a start limit
        yield _systemctl("reset-failed", now.name)


def _plan_start(now: Unit, before: dict[str, Any]) -> Iterator[UndoStep]:
    """Yields what enables and starts a unit again; one that runs may have to start another program."""
    if before["enabled"] and not now.enabled:
        yield _systemctl("enable", now.name)
    if before["active"]:
        yield _systemctl("restart", now.name)


def _plan_file(file: dict[str, str | None]) -> UndoStep:
    if _current_digest(file) != file["digest"]:
        return UndoStep(text=f"leave {file['path']}: it was changed since")
    return UndoStep(text=f"{'remove' if file['before'] is None else 'restore'} {file['path']}", file=file)


def _systemctl(*arguments: str) -> UndoStep:
    return UndoStep(text=f"systemctl {' '.join(arguments)}", command=arguments)


def _remove_record(path: Path, directories: Sequence[str]) -> None:
    """Removes the record, and the directories that were created, if nobody has put anything else into them."""
    path.unlink()
    for directory in map(Path, reversed(directories)):
        if exists(directory) and not any(directory.iterdir()):
            directory.rmdir()


# --- Files -----------------------------------------------------------------------------------------------------------


def _save(record: Record, path: Path) -> None:
    _write(path, json.dumps(asdict(record), indent=2), private=True)


def _create_directory(path: Path, record: Record) -> None:
    """Creates a directory and those above it, and adds those that did not exist to the record."""
    missing = []
    while not exists(path):
        missing.append(path)
        path = path.parent
    for directory in reversed(missing):
        make_directory(directory, 0o755)
        record.directories.append(str(directory))


def _write(path: Path, content: str, *, private: bool = False) -> None:
    """Writes a file as a whole, so that nobody sees a part of it; one that exists keeps its owner and its mode."""
    if exists(path):
        status = path.stat()
        owner, group, mode = status.st_uid, status.st_gid, status.st_mode & 0o777
    elif private and (cluster_group := _cluster_group()) is not None:
        owner, group, mode = -1, cluster_group, 0o640
    else:
        owner, group, mode = -1, -1, 0o600 if private else 0o644
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        os.fchown(descriptor, owner, group)
        os.fchmod(descriptor, mode)
        file.flush()
        os.fsync(descriptor)
    new.replace(path)


def _cluster_group() -> int | None:
    """Returns the ID of the group that the gateway runs in, or None if it does not exist."""
    try:
        return grp.getgrnam("haclient").gr_gid
    except KeyError:
        return None


def _restore(path: Path, before: str | None) -> None:
    if before is None:
        path.unlink()
    else:
        _write(path, before)


def _read(path: Path) -> str | None:
    """Returns the text of a file, or None if it does not exist.

    Raises:
        GatewayError: others than root can change it, or it cannot be read.
    """
    if not exists(path):
        return None
    try:
        return read_trusted_file(path, max_size=_MAX_SIZE).content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise GatewayError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _digest(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()


def _current_digest(file: dict[str, str | None]) -> str | None:
    return _digest(_read(Path(str(file["path"]))))
