from __future__ import annotations

import pytest

from gateway.backoff import Backoff


@pytest.mark.parametrize(
    ("jitter", "expected"), [(0.0, [0.5, 1.0, 2.0, 4.0, 7.5, 7.5]), (1.0, [1.0, 2.0, 4.0, 8.0, 15.0, 15.0])]
)
def test_pauses_double_up_to_the_longest(jitter: float, expected: list[float]) -> None:
    backoff = Backoff(first=1.0, longest=15.0, jitter=lambda: jitter)
    assert [backoff.pause(retries) for retries in range(6)] == expected


def test_no_pause_is_shorter_than_the_least() -> None:
    backoff = Backoff(first=0.25, longest=3.0, least=0.5, jitter=lambda: 0.0)
    assert [backoff.pause(retries) for retries in range(5)] == [0.5, 0.5, 0.5, 1.0, 1.5]


def test_many_retries_do_not_overflow() -> None:
    assert Backoff(first=0.1, longest=5.0, jitter=lambda: 1.0).pause(10_000) == 5.0


def test_the_jitter_is_at_most_half_of_a_pause() -> None:
    pauses = [Backoff(first=4.0, longest=4.0).pause(0) for _ in range(100)]
    assert all(2.0 <= pause <= 4.0 for pause in pauses)
    assert len(set(pauses)) > 1
