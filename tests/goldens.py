"""Whole outputs, kept beside the tests. ``REWRITE_GOLDENS=1 pytest`` writes them anew; look at the difference then."""

from __future__ import annotations

import os
from pathlib import Path

GOLDENS = Path(__file__).with_name("data") / "golden"


def check(name: str, text: str) -> None:
    """Compares a text with the golden of this name."""
    path = GOLDENS / name
    if os.environ.get("REWRITE_GOLDENS"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8"), f"differs from {path.name}"
