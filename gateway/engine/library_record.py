"""Remembers which libraries have answered, so that those that keep failing are left alone until they are replaced."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

MAX_FAILURES = 8
"""Failures in a row after which a library is not asked any more, because the tool works where it does not."""


@dataclass(slots=True, kw_only=True)
class _Entry:
    """What is known of one version of a library."""

    identity: object
    has_answered: bool = False
    failures: int = 0
    given_up: str = ""


class LibraryRecord:
    """Keeps count of answers and failures, by what was asked.

    Everything is forgotten when the identity of the tool changes: its library has been replaced with it.
    """

    def __init__(self) -> None:
        self._entries: dict[Hashable, _Entry] = {}

    def why_given_up(self, key: Hashable, identity: object) -> str:
        """Returns why a library is not asked any more; empty if it is."""
        return self._entry(key, identity).given_up

    def has_answered(self, key: Hashable, identity: object) -> bool:
        """Returns whether a library has answered before."""
        return self._entry(key, identity).has_answered

    def add_answer(self, key: Hashable, identity: object) -> None:
        """Records that a library has answered."""
        entry = self._entry(key, identity)
        entry.has_answered, entry.failures = True, 0

    def add_failure(self, key: Hashable, identity: object, reason: str, *, permanent: bool) -> None:
        """Records that a library has not answered although the tool has.

        Args:
            key: what was asked.
            identity: the identity of the tool.
            reason: the reason, in one line.
            permanent: whether there will be no answer until another version is installed.
        """
        entry = self._entry(key, identity)
        entry.failures += 1
        if permanent or entry.failures >= MAX_FAILURES:
            entry.given_up = reason

    def _entry(self, key: Hashable, identity: object) -> _Entry:
        entry = self._entries.get(key)
        if entry is None or entry.identity != identity:
            entry = self._entries[key] = _Entry(identity=identity)
        return entry
