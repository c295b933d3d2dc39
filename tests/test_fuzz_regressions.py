"""Inputs that once showed a bug, and the seeds of every fuzz target."""

from __future__ import annotations

import pytest

from tests.fuzz.campaign import timed_check
from tests.fuzz.regressions import directory_name, inputs
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_regressions(name: str) -> None:
    target = TARGETS[name]()
    try:
        for seed in target.seeds[:10]:
            target.check(seed)
        for folder, path in inputs():
            if folder == directory_name(name):
                timed_check(target, path.read_bytes())
    finally:
        target.close()


def test_every_regression_belongs_to_a_target() -> None:
    assert {folder for folder, _ in inputs()} <= set(map(directory_name, TARGETS))
