"""``crm_node -n``."""

from __future__ import annotations

import pytest

from gateway.errors import ParseError
from gateway.subsystems.pacemaker.crm_node import parse


@pytest.mark.parametrize("name", ["edge1", "node-3.a.example.org", "knoten-ä", "n" * 255])
def test_the_name_is_the_whole_line(name: str) -> None:
    assert parse(f"{name}\n".encode()) == name


@pytest.mark.parametrize("output", [b"", b" \n", b"edge1\nedge2\n", b"ed\x1bge1\n", b"n" * 256])
def test_anything_but_one_name_is_rejected(output: bytes) -> None:
    with pytest.raises(ParseError, match="expected the name of a node"):
        parse(output)
