"""Outputs of real clusters and of other projects' tests, which lie beside the repository and are not part of it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

_FOLDER = Path(__file__).resolve().parents[2] / "shared" / "corpus"

CORPUS: Path | None = _FOLDER if _FOLDER.is_dir() else None
"""The folder, or None where it is absent, as on other developers' machines."""

needs_corpus = pytest.mark.skipif(CORPUS is None, reason="needs the corpus beside the repository")


def read(path: str) -> bytes:
    """Returns the content of a file of the corpus."""
    assert CORPUS is not None
    return (CORPUS / path).read_bytes()


def names(folder: str, *patterns: str) -> Collection[str]:
    """Returns the names of the files in a folder of the corpus that match any of the patterns."""
    assert CORPUS is not None
    return {path.name for pattern in patterns for path in (CORPUS / folder).glob(pattern)}
