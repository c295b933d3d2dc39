"""What a lab leaves on the machine, and how it is removed again.

Everything a lab makes is found from one directory, ``<tmp>/ha-cluster-gateway-lab-ID``::

    owner             "PID START" of the process the lab belongs to; when it dies, the lab is removed
    lab.json          the options the lab was made with
    pids/NAME         "PID START" of a process that holds namespaces, as the machine counts; written by that process
                      itself before it makes anything
    nodeN/            the directories that the node sees as /etc/corosync, /var/lib/pacemaker, ...
    disks/            the files behind the lab's loop devices

Network, mount, UTS and IPC namespaces have no names: they end with the processes that hold them, and so do all
processes inside a node's PID namespace when its first one is killed. So killing the recorded processes, detaching the
loop devices whose file lies in the directory, and removing the directory removes the lab.

The module is also the reaper, a process that each owner starts: ``python record.py DIRECTORY`` waits for the end of
its standard input, which comes when the owner closes the pipe or ends for any reason, and then removes the lab. It
imports nothing but the standard library, because it is started by its path.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PREFIX = "ha-cluster-gateway-lab-"


def directory_of(lab: str) -> Path:
    """Returns the directory of a lab, by its ID."""
    return Path(tempfile.gettempdir()) / f"{PREFIX}{lab}"


def labs() -> list[Path]:
    """Returns the directories of all labs on this machine, regardless of their owner."""
    return sorted(path for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*") if path.is_dir())


def start_time(pid: int) -> int | None:
    """Returns when a process started, in clock ticks since boot (proc(5), field 22); None if it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the command's name, in parentheses, may contain anything
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def identity(pid: int) -> str:
    """Returns a process as a record names it: its ID and its start time, because IDs are reused."""
    return f"{pid} {start_time(pid)}"


def recorded(path: Path) -> int | None:
    """Returns the ID of the process that a record names, or None if that process has ended."""
    try:
        pid, start = map(int, path.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return None
    return pid if start_time(pid) == start else None


def kill(path: Path) -> bool:
    """Kills the process that a record names, and returns whether it was alive."""
    with contextlib.ExitStack() as stack:
        try:
            pid = int(path.read_text(encoding="ascii").split()[0])
            handle = os.pidfd_open(pid)
        except (OSError, ValueError, IndexError):
            return False
        stack.callback(os.close, handle)
        if recorded(path) is None:  # checked after the handle was opened: the handle cannot be that of another process
            return False
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        return True


def loop_devices(directory: Path) -> list[str]:
    """Returns the loop devices whose backing file is in a directory, e.g. ["/dev/loop0"]."""
    devices = []
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            if backing.read_text(encoding="utf-8").startswith(f"{directory}/"):
                devices.append(f"/dev/{backing.parent.parent.name}")
    return sorted(devices)


def remove(directory: Path, *, timeout: float = 60.0) -> None:
    """Removes a lab: its processes, its loop devices, its directory. Parts that are already gone are skipped.

    Raises:
        TimeoutError: Something is still there after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    quiet = 0
    # A process that the owner has just started may not have recorded itself yet: search more than once.
    while quiet < 3:
        alive = [path.name for path in (directory / "pids").glob("*") if kill(path)]
        devices = loop_devices(directory)
        for device in devices:
            subprocess.run(["losetup", "-d", device], check=False, capture_output=True)
        quiet = 0 if alive or devices else quiet + 1
        if time.monotonic() > deadline:
            raise TimeoutError(f"{directory}: still there: {', '.join(alive + devices)}")
        time.sleep(0.03)
    while directory.exists():
        try:
            shutil.rmtree(directory)
        except OSError as error:
            # ENOTEMPTY: a process wrote a last file while the tree was being removed;
            # ENOENT: another process removed it at the same time
            if error.errno not in {errno.ENOTEMPTY, errno.ENOENT} or time.monotonic() > deadline:
                raise


def cleanup_stale() -> list[str]:
    """Removes the labs whose owner is dead, and only those, and returns their IDs."""
    removed = []
    for directory in labs():
        owner = directory / "owner"
        with contextlib.suppress(FileNotFoundError):  # its reaper may be removing it as well
            # a lab without an owner, or whose owner is just being written, is being made or removed
            young = time.time() - directory.stat().st_mtime < 60 and not (owner.exists() and owner.stat().st_size)
            if recorded(owner) is not None or young:
                continue
            remove(directory)
            removed.append(directory.name.removeprefix(PREFIX))
    return removed


def main() -> int:
    """Waits for the end of the owner, and removes its lab."""
    directory = Path(sys.argv[1])
    if not directory.name.startswith(PREFIX):
        print(f"{directory}: not a lab's directory", file=sys.stderr)
        return 2
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a signal to the owner must not end its reaper
    sys.stdin.buffer.read()
    try:
        remove(directory)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
