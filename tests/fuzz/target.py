"""What is fuzzed: a function that checks one input, and the inputs to begin with."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Check = Callable[[bytes], str]
"""Processes an input and returns what came of it, in a word: a result, or the documented error.

Any exception is a finding: one that the code is not supposed to raise, or an assertion about its result.
"""

Mutation = Callable[[random.Random, bytes], bytes]
"""Returns a damaged input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something that reads inputs.

    Attributes:
        check: processes an input.
        seeds: valid inputs.
        tokens: words of the format, which mutations insert.
        mutations: further mutations that know the format.
        repair: makes an input acceptable again, such as by correcting a length in it; applied to every second one.
        max_size: the largest input in bytes.
        seconds: processor time that any input may take.
        seconds_per_kib: processor time that each KiB may add.
        close: releases what the target holds.
    """

    check: Check
    seeds: Sequence[bytes]
    tokens: Sequence[bytes] = ()
    mutations: Sequence[Mutation] = ()
    repair: Callable[[bytes], bytes] = bytes
    max_size: int = 64 * 1024
    seconds: float = 0.05
    seconds_per_kib: float = 0.005
    close: Callable[[], None] = lambda: None

    def allowed_seconds(self, data: bytes) -> float:
        """Returns the processor time that an input may take."""
        return self.seconds + self.seconds_per_kib * len(data) / 1024


def outcome(result: object) -> str:
    """Returns the outcome of an input that was accepted."""
    return f"{type(result).__name__}"


def refusal(error: Exception) -> str:
    """Returns the outcome of an input that was refused: the error without what it quotes."""
    words = (word for word in str(error).split() if word.isalpha())
    return f"{type(error).__name__}: {' '.join(list(words)[:8])}"
