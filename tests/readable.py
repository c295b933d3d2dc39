"""Runs programs as other users, although Python may be installed in the home directory of root."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.programs import PACKAGES, ROOT

_SCRIPT = """
set -e
mount -t tmpfs tmpfs /mnt
number=0
while [ "$1" != -- ]; do
  number=$((number + 1))
  mkdir -p "/mnt/$number/upper" "/mnt/$number/work"
  mount -t overlay overlay -o "lowerdir=$1,upperdir=/mnt/$number/upper,workdir=/mnt/$number/work" "$1"
  chmod o+rx "$1"
  shift
done
shift
exec "$@"
"""


def readable_prefix() -> Sequence[str]:
    """Returns words before a command that let every user read Python and the gateway: in mounts of this command only.

    Empty if every user can read them already.
    """
    paths = {Path(os.path.realpath(path)) for path in (sys.base_prefix, sys.prefix, sys.executable, PACKAGES, ROOT)}
    directories = {parent for path in paths for parent in (path, *path.parents) if parent.is_dir()}
    closed = sorted(str(path) for path in directories if not path.stat().st_mode & stat.S_IXOTH)
    if not closed:
        return []
    return ["unshare", "--mount", "--propagation=private", "sh", "-c", _SCRIPT, "sh", *closed, "--"]
