"""Reads files without hanging, and finds out which ones only root and the gateway's own user can change.

What a configuration, a password file or a program contains decides what the gateway does with its privileges. The
functions for trusted paths accept a path only if nobody else can write the file or put another one in its place. They
follow the path from the root by descriptors, symbolic links included, and check every file and directory on it:

- It belongs to root or to the user of this process.
- Neither its group nor others may write it. An ACL that lets anyone else write shows up as write permission of the
  group, so there is no exception for any group.
- A sticky directory, such as ``/tmp``, may be writable: nobody can replace the entries of others in it. An entry of it
  has to belong to root or to the user of this process, even if it is a symbolic link.

Only these owners can change such a path afterwards, so it may be used by its name.
"""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import pwd
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

_MAX_LINKS = 40
"""Symbolic links on one path, as in Linux."""

_WRITE = stat.S_IWGRP | stat.S_IWOTH


class UntrustedPathError(OSError):
    """Others can change what a path leads to; the message names the file or directory, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedFile:
    """A regular file that only root and the user of this process can change.

    Attributes:
        path: its path, without symbolic links.
        content: its content.
        public: whether everyone may read it.
    """

    path: str
    content: bytes
    public: bool

    def require_private(self) -> None:
        """Raises an error if everyone may read the file.

        Raises:
            UntrustedPathError: everyone may read it.
        """
        if self.public:
            raise UntrustedPathError(f"everyone can read {self.path}; run chmod o-r {self.path}")


def read_file(path: str | Path, *, max_size: int) -> bytes:
    """Returns the content of a regular file.

    Raises:
        OSError: it cannot be read, is not a regular file, or is larger than ``max_size``.
    """
    # checked before opening, because merely opening a device can have an effect: a watchdog, for example
    _require_regular(Path(path).stat())
    return _read(path, max_size)


def read_trusted_file(path: str | Path, *, max_size: int) -> TrustedFile:
    """Returns a regular file that only root and the user of this process can change.

    Raises:
        UntrustedPathError: others can change what the path leads to.
        OSError: it cannot be read, is not a regular file, or is larger than ``max_size``.
    """
    with _resolved(path) as entry:
        _require_regular(entry.status)
        content = _read(f"/proc/self/fd/{entry.descriptor}", max_size)
        return TrustedFile(path=entry.path, content=content, public=bool(entry.status.st_mode & stat.S_IROTH))


def check_trusted(path: str | Path) -> None:
    """Raises an error if others than root and the user of this process can change what a path leads to.

    Raises:
        UntrustedPathError: they can.
        OSError: the path cannot be followed.
    """
    with _resolved(path):
        pass


@contextlib.contextmanager
def trusted_directory(path: str | Path, *, any_owner: bool = False) -> Iterator[int]:
    """Opens a directory that only root and the user of this process can change, and yields its descriptor.

    Args:
        path: the path of the directory.
        any_owner: whether it may belong to another user, such as the user of the service while root runs a command.
            That user can exchange everything in it at any time, so it has to be used by its descriptor only, without
            following links.

    Raises:
        UntrustedPathError: others can change what the path leads to.
        OSError: it cannot be opened, or is not a directory.
    """
    with _resolved(path, any_owner=any_owner) as entry:
        if _is_shared(entry.status):
            raise UntrustedPathError(f"everyone can create files in {entry.path}; use a directory in it")
        descriptor = os.open(f"/proc/self/fd/{entry.descriptor}", os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def make_directory(path: Path, mode: int) -> None:
    """Creates a directory, and with mode 755 those above it, unless they exist.

    The mode is independent of the umask.

    Raises:
        UntrustedPathError: others can change the directory above the first that is missing.
        OSError: a directory cannot be created.
    """
    if exists(path):
        return
    make_directory(path.parent, 0o755)
    with _resolved(path.parent) as parent:
        try:
            os.mkdir(path.name, mode, dir_fd=parent.descriptor)
        except FileExistsError:  # another process was faster
            return
        created = os.open(path.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent.descriptor)
        try:
            os.fchmod(created, mode)
        finally:
            os.close(created)


def exists(path: Path) -> bool:
    """Returns whether there is anything at a path, even if it cannot be read: to ignore it could be wrong."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        pass
    return True


# --- Permissions -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """A file or directory that this user may not use as necessary.

    Attributes:
        path: its path, without symbolic links.
        reason: its mode and its owners, and where symbolic links lead, in words.
        remedy: the command that gives the permission: to this user as its owner, to the primary group of this user, or
            the group to this user.
    """

    path: str
    reason: str
    remedy: str


_LETTERS = {os.R_OK: "r", os.W_OK: "w", os.X_OK: "x"}


def find_obstacle(path: str | PurePath, mode: int) -> Obstacle | None:
    """Returns the first file or directory on a path that keeps this user out; None if nothing does.

    Args:
        path: the path of a file, directory or socket.
        mode: what has to be possible with it: ``os.R_OK``, ``os.W_OK``, ``os.X_OK``, or several of them.
    """
    resolved = Path(os.path.realpath(path))
    for entry, necessary in [*((parent, os.X_OK) for parent in reversed(resolved.parents)), (resolved, mode)]:
        if os.access(entry, necessary, effective_ids=True):
            continue
        try:
            status = entry.stat()
        except OSError:  # it does not exist, which is another problem
            return None
        owners = f"{user_name(status.st_uid)}:{group_name(status.st_gid)}"
        reason = f"{entry} has mode {stat.S_IMODE(status.st_mode):04o} and belongs to {owners}"
        if resolved != Path(os.path.abspath(path)):  # noqa: PTH100 - without following links
            reason = f"it leads to {resolved}; {reason}"
        return Obstacle(path=str(entry), reason=reason, remedy=_find_remedy(entry, status, necessary))
    return None


def _find_remedy(entry: Path, status: os.stat_result, necessary: int) -> str:
    letters = "".join(letter for bit, letter in _LETTERS.items() if necessary & bit)
    if status.st_uid == os.geteuid():
        return f"chmod u+{letters} {entry}"
    if necessary & (status.st_mode >> 3) == necessary and status.st_gid != 0:  # nobody should join the group root
        return f"usermod -aG {group_name(status.st_gid)} {user_name(os.geteuid())}"
    return f"chgrp {group_name(os.getegid())} {entry} && chmod g+{letters} {entry}"


def explain(error: OSError, path: str | PurePath, mode: int = os.R_OK) -> str:
    """Returns why a path cannot be used; if a permission is missing, whose, and the command that gives it."""
    text = error.strerror or str(error)
    obstacle = find_obstacle(path, mode) if error.errno == errno.EACCES else None
    if obstacle is None:
        return text
    return f"{text} for {user_name(os.geteuid())}: {obstacle.reason}; run {obstacle.remedy}"


# --- Reading ---------------------------------------------------------------------------------------------------------


def _read(path: str | Path, max_size: int) -> bytes:
    # without waiting: if a FIFO has just replaced the file, opening it could block forever
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        _require_regular(os.fstat(file.fileno()))
        content = file.read(max_size + 1)
    if len(content) > max_size:
        raise OSError(errno.EFBIG, f"larger than {max_size} bytes")
    return content


def _require_regular(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")


# --- Trust -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A file, directory or symbolic link on a path.

    Attributes:
        path: its path, without symbolic links before it.
        descriptor: refers to it, without access to its content (``O_PATH``).
        status: its status.
    """

    path: str
    descriptor: int
    status: os.stat_result


@contextlib.contextmanager
def _resolved(path: str | Path, *, any_owner: bool = False) -> Iterator[_Entry]:
    """Follows a path, checks everything on it, and opens what it leads to until the block ends.

    With ``any_owner``, what it leads to may belong to anybody.
    """
    with contextlib.ExitStack() as stack:
        root = _open_entry(stack, "/", None)
        entry, links = root, 0
        names = deque(Path(path).absolute().parts[1:])
        while names:
            name = names.popleft()
            child = _open_entry(stack, name, entry, any_owner=any_owner and not names)
            if not stat.S_ISLNK(child.status.st_mode):
                entry = child
                continue
            links += 1
            if links > _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            target = Path(os.readlink("", dir_fd=child.descriptor))
            entry = root if target.is_absolute() else entry
            names.extendleft(reversed(target.parts[1:] if target.is_absolute() else target.parts))
        yield entry


def _open_entry(stack: contextlib.ExitStack, name: str, parent: _Entry | None, *, any_owner: bool = False) -> _Entry:
    directory = None if parent is None else parent.descriptor
    descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=directory)
    stack.callback(os.close, descriptor)
    path = name if parent is None else os.path.normpath(parent.path.rstrip("/") + "/" + name)
    entry = _Entry(path=path, descriptor=descriptor, status=os.fstat(descriptor))
    is_link = stat.S_ISLNK(entry.status.st_mode)
    is_exchangeable = parent is not None and _is_shared(parent.status)  # by its owner
    if is_exchangeable or not (is_link or any_owner):
        _check_owner(entry)
    if not is_link:
        _check_mode(entry)
    return entry


def _check_owner(entry: _Entry) -> None:
    owners = {0, os.geteuid()}
    if entry.status.st_uid not in owners:
        expected = " or ".join(sorted(map(user_name, owners)))
        raise UntrustedPathError(
            f"{entry.path} belongs to {user_name(entry.status.st_uid)}, who could change it; "
            f"it has to belong to {expected}"
        )


def _check_mode(entry: _Entry) -> None:
    if entry.status.st_mode & _WRITE and not _is_shared(entry.status):
        everyone = entry.status.st_mode & stat.S_IWOTH
        who = "everyone" if everyone else f"the group {group_name(entry.status.st_gid)}"
        raise UntrustedPathError(f"{who} can write {entry.path}; run chmod go-w {entry.path}")


def _is_shared(status: os.stat_result) -> bool:
    """Returns whether others can create entries in a directory, but not replace those of others."""
    return stat.S_ISDIR(status.st_mode) and bool(status.st_mode & stat.S_ISVTX and status.st_mode & _WRITE)


def user_name(number: int) -> str:
    """Returns the name of a user, or the number of one without a name."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def group_name(number: int) -> str:
    """Returns the name of a group, or the number of one without a name."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
