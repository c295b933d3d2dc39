"""A short soak: the long one is ``make soak``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.__main__ import Amount, soak


@pytest.mark.daemon
def test_a_short_soak_leaves_nothing_behind(tmp_path: Path) -> None:
    result = soak(tmp_path, Amount(scrapes=120, requests=100))
    assert result.scrapes >= 120
    assert result.requests >= 100
    # memory still grows after so few requests: caches and arenas fill
    assert result.failures(max_growth=0.5) == []
