"""Inputs that once showed a bug: ``tests/data/fuzz/TARGET/NAME``, as ``save`` writes them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.campaign import Finding

FOLDER = Path(__file__).resolve().parents[1] / "data" / "fuzz"


def inputs() -> Iterator[tuple[str, Path]]:
    """Yields the directory name of the target and the file of each input."""
    yield from ((path.parent.name, path) for path in sorted(FOLDER.glob("*/*")))


def directory_name(target: str) -> str:
    """Returns the name of the directory of a target's inputs."""
    return re.sub(r"[^\w.]+", "-", target)


def save(finding: Finding, folder: Path) -> Path:
    """Writes the input of a finding, and the traceback beside it; returns the path of the input."""
    digest = hashlib.sha256(finding.data).hexdigest()[:12]
    path = folder / directory_name(finding.target) / digest
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(finding.data)
    (folder / f"{path.parent.name}-{digest}.txt").write_text(f"{finding.key}\n{finding.report}", errors="replace")
    return path
