"""Parses a file of pinned requirements, as ``uv pip compile`` writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_PIN = re.compile(r"(?P<name>[\w.-]+)(?:\[[\w,.-]+\])?==(?P<version>[\w.!+-]+)(?: ; (?P<marker>.+?))? \\")
_HASH = re.compile(r"    --hash=sha256:(?P<digest>[0-9a-f]{64})(?: \\)?")
_ORIGIN = re.compile(r"    # {1,3}(?:via )?(?P<name>[\w.-]+)?.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One version of a package.

    Attributes:
        name: the normalized name of the package.
        version: its version.
        marker: the environments that need it; empty for all.
        hashes: the SHA-256 digests of its files.
        required_by: the names of the packages that require it.
    """

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    required_by: tuple[str, ...]


def parse(text: str) -> tuple[Pin, ...]:
    """Returns the pins of a file.

    Raises:
        ValueError: a line is not one that ``uv pip compile`` writes.
    """
    pins = [_parse_pin(block) for block in re.split(r"\n(?=\w)", text.strip())]
    return tuple(sorted(pins, key=lambda pin: pin.name))


def read(path: Path) -> tuple[Pin, ...]:
    """Returns the pins of a file.

    Raises:
        ValueError: a line is not one that ``uv pip compile`` writes.
    """
    return parse(path.read_text("utf-8"))


def _parse_pin(block: str) -> Pin:
    first, *others = block.splitlines()
    pin = _PIN.fullmatch(first)
    hashes: list[str] = []
    origins: list[str] = []
    for line in others:
        if match := _HASH.fullmatch(line):
            hashes.append(match["digest"])
        elif match := _ORIGIN.fullmatch(line):
            origins += [match["name"]] if match["name"] not in {None, "via"} else []
        else:
            raise ValueError(f"not a line of a pin: {line}")
    if pin is None or not hashes:
        raise ValueError(f"not a pin with hashes: {first}")
    return Pin(
        name=pin["name"].lower(),
        version=pin["version"],
        marker=pin["marker"] or "",
        hashes=tuple(sorted(hashes)),
        required_by=tuple(sorted(origins)),
    )
