"""Distributes the tests among the processes of pytest-xdist."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, zip_longest

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

_LAB = "tests/lab/"


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Hands each free process the next unit of tests, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


def unit_of(nodeid: str) -> str:
    """Returns the name of the tests that run in one process, one after the other.

    These are the tests of a file. In the lab they are the tests of a class, or a single test: most of them have a
    separate cluster, and wait for it.
    """
    file, _, test = nodeid.partition("::")
    class_name, is_method, _ = test.partition("::")
    if not file.startswith(_LAB):
        return file
    return f"{file}::{class_name}" if is_method else nodeid


def interleaved(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Returns the tests in an order in which units of the lab, which wait, alternate with others, which compute."""
    lab: dict[str, list[pytest.Item]] = {}
    others: dict[str, list[pytest.Item]] = {}
    for item in items:
        units = lab if item.nodeid.startswith(_LAB) else others
        units.setdefault(unit_of(item.nodeid), []).append(item)
    pairs = zip_longest(lab.values(), others.values())
    return [item for unit in chain.from_iterable(pairs) for item in unit or ()]
