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
