"""Moves HA-CLUSTER-MIB to another root, in all files of the project: ``python mibs/move.py 1.3.6.1.4.1.NUMBER.1``.

The old root becomes a former root, below which the gateway serves the module as well. Run it once, read the changes,
and add a REVISION to the text of the module. docs/development.md describes the move.
"""
# ruff: noqa: INP001 - a script, not a module of a package

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from gateway.snmp.mib import module

TREE = Path(__file__).parent.parent
TEXT = "mibs/HA-CLUSTER-MIB.txt"
CONSTANTS = "gateway/snmp/mib/module.py"
"""The file with DEFAULT_ROOT and FORMER_ROOTS."""

_SKIPPED = {"build", "dist", "node_modules"}


def move(tree: Path, old: str, new: str) -> list[str]:
    """Moves the module from a root to another one, and returns the files that have changed.

    Raises:
        ValueError: the new root is not valid.
    """
    text = module.text(new)
    changed = [TEXT]
    (tree / TEXT).write_text(text, "utf-8")
    for path in _files(tree):
        try:
            content = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        moved = content.replace(old, new)
        name = str(path.relative_to(tree))
        if name == CONSTANTS:
            moved = _add_former_root(moved, old)
        if moved != content:
            path.write_text(moved, "utf-8")
            changed.append(name)
    return changed


def _files(tree: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(tree):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _SKIPPED]
        yield from (path for name in names if (path := Path(folder, name)).is_file() and not path.is_symlink())


def _add_former_root(constants: str, root: str) -> str:
    before, name, after = constants.partition("FORMER_ROOTS: tuple[str, ...] = (")
    others = after.partition(")")[0]
    return f'{before}{name}"{root}",{" " if others else ""}{after}'


if __name__ == "__main__":
    for changed_file in move(TREE, module.DEFAULT_ROOT, sys.argv[1]):
        sys.stdout.write(f"{changed_file}\n")
