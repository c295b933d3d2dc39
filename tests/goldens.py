"""Whole outputs, stored with the tests: ``make regenerate`` rewrites them; read the difference before you commit it.

A test that compares with a golden has the marker ``golden``.
"""

from __future__ import annotations

import os
from pathlib import Path

GOLDENS = Path(__file__).with_name("data") / "golden"


def check(name: str, text: str) -> None:
    """Compares a text with the golden of this name; with ``REGENERATE`` in the environment, rewrites the golden."""
    path = GOLDENS / name
    if os.environ.get("REGENERATE"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8"), f"{path.name} is out of date: run make regenerate"


def check_part(path: Path, name: str, text: str) -> None:
    """Compares a text with the part of this name of a page; with ``REGENERATE``, rewrites this part.

    A part is between the comments that ``docs/generate.py`` uses, too.
    """
    begin, end = f"<!-- measured: {name} -->\n", f"\n<!-- end of {name} -->"
    before, _, rest = path.read_text("utf-8").partition(begin)
    current, _, after = rest.partition(end)
    if os.environ.get("REGENERATE"):
        path.write_text(before + begin + text + end + after, "utf-8")
        current = text
    assert text == current, f"{path.name} is out of date: run make regenerate"
