"""Outputs of real clusters and of other projects' tests, which lie next to the repository and are not part of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import pytest

from gateway.errors import ParseError

_T = TypeVar("_T")

_FOLDER = Path(__file__).resolve().parents[2] / "shared" / "corpus"

CORPUS: Path | None = _FOLDER if _FOLDER.is_dir() else None
"""The folder, or None where it is missing."""

needs_corpus = pytest.mark.skipif(CORPUS is None, reason="needs the corpus next to the repository")


def read(path: str) -> bytes:
    """Returns the content of a file of the corpus."""
    assert CORPUS is not None
    return (CORPUS / path).read_bytes()


def names(folder: str, *patterns: str) -> Collection[str]:
    """Returns the names of the files in a folder of the corpus that match any of the patterns."""
    assert CORPUS is not None
    return {path.name for pattern in patterns for path in (CORPUS / folder).glob(pattern)}


def outcomes(folder: str, file_names: Iterable[str], read_output: Callable[[bytes], _T]) -> dict[str, _T | str]:
    """Returns what a function makes of each file, or the reason why the file could not be parsed."""
    results: dict[str, _T | str] = {}
    for name in file_names:
        try:
            results[name] = read_output(read(f"{folder}/{name}"))
        except ParseError as error:
            results[name] = f"ParseError: {error}"
    return results


def unexpected_errors(folder: str, reasons: Mapping[str, str], parse: Callable[[bytes], object]) -> dict[str, object]:
    """Returns the results of the files that are not refused for the expected reason."""
    results = outcomes(folder, reasons, parse)
    return {
        name: result
        for name, result in results.items()
        if not (isinstance(result, str) and result.startswith("ParseError: ") and reasons[name] in result)
    }
