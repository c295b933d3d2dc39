"""Configurations with targets, and the problems that are found in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.loader import load
from gateway.errors import ConfigError

SECRET = "a password of mine"

MANAGER = """
[[alarms.target]]
address = "manager"
version = "2c"
community = "a password of mine"
"""


def problems(text: str, file: Path) -> list[str]:
    """Returns the problems of a file, without its name; none of them shows the secret."""
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    assert SECRET not in str(caught.value)
    return [problem.removeprefix(f"{file}: ") for problem in caught.value.problems]
