"""What a manager does differently from what its recipe says: the subject, what was expected, and what was received."""

from __future__ import annotations

import difflib
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from tests.waiting import wait_until

_MOST_LINES = 12


class Difference(Exception):  # noqa: N818 - not a fault of the program that raises it
    """A manager does something else than its recipe says.

    Args:
        subject: what was compared.
        expected: what was expected, for people.
        received: what came instead, for people.
    """

    def __init__(self, subject: str, *, expected: str, received: str) -> None:
        super().__init__(subject)
        self.explanation = Explanation(subject, expected, received)


class Explanation(NamedTuple):
    """What is printed of a check that has failed."""

    subject: str
    expected: str
    received: str


def expect(subject: str, received: object, expected: object) -> None:
    """Compares what a manager has done with what its recipe says.

    Raises:
        Difference: they are not the same; it shows only the parts that differ.
    """
    if received != expected:
        wanted, got = _differing(expected, received)
        raise Difference(subject, expected=wanted, received=got)


def expect_text(subject: str, text: str, part: str) -> None:
    """Looks for a part of a text that a manager has printed.

    Raises:
        Difference: the text has no such part.
    """
    if part not in text:
        raise Difference(subject, expected=part, received=_last_lines(text))


def expect_soon(subject: str, missing: Callable[[], Collection[str]], *, seconds: float = 60) -> None:
    """Waits until nothing is missing.

    Raises:
        Difference: something is still missing.
    """
    try:
        wait_until(lambda: not missing(), seconds=seconds, what=subject)
    except TimeoutError as error:
        names = sorted(missing())
        shown = [*names[:_MOST_LINES], *([f"and {len(names) - _MOST_LINES} more"] if len(names) > _MOST_LINES else [])]
        raise Difference(
            subject, expected=f"all in {seconds:g} s", received="\n".join(["these are missing:", *shown])
        ) from error


def explain(error: Exception) -> Explanation:
    """Returns what is printed of any error that has ended a check."""
    if isinstance(error, Difference):
        return error.explanation
    if isinstance(error, subprocess.CalledProcessError):
        output = _last_lines(f"{error.stdout or ''}{error.stderr or ''}")
        return Explanation(_last_word(error), "exit status 0", f"exit status {error.returncode}\n{output}")
    if isinstance(error, TimeoutError | subprocess.TimeoutExpired):
        return Explanation("time", "an end in time", str(error))
    return Explanation("the check itself", "no error", f"{type(error).__name__}: {error}")


def _last_word(error: subprocess.CalledProcessError) -> str:
    return error.cmd if isinstance(error.cmd, str) else str(error.cmd[-1])


def _last_lines(text: str) -> str:
    return "\n".join(text.splitlines()[-_MOST_LINES:]) or "nothing"


def _differing(expected: object, received: object) -> tuple[str, str]:
    """Returns the parts of two values that differ."""
    if isinstance(expected, Mapping) and isinstance(received, Mapping):
        names = [name for name in {**expected, **received} if expected.get(name) != received.get(name)]
        return _rows(expected, names), _rows(received, names)
    if isinstance(expected, str) and isinstance(received, str) and "\n" in expected:
        return _first_change(expected.splitlines(), received.splitlines())
    if isinstance(expected, Sequence) and isinstance(received, Sequence) and not isinstance(expected, str):
        return _first_change([str(value) for value in expected], [str(value) for value in received])
    return str(expected), str(received)


def _rows(values: Mapping[object, object], names: Sequence[object]) -> str:
    lines = [f"{name}: {values.get(name, 'nothing')}" for name in names[:_MOST_LINES]]
    return "\n".join([*lines, *([f"and {len(names) - _MOST_LINES} more"] if len(names) > _MOST_LINES else [])])


def _first_change(expected: Sequence[str], received: Sequence[str]) -> tuple[str, str]:
    """Returns the first lines that differ, and how many places follow."""
    matcher = difflib.SequenceMatcher(None, expected, received, autojunk=False)
    changes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    _, start, end, other_start, other_end = changes[0]
    more = f"\nand {len(changes) - 1} more places" if len(changes) > 1 else ""
    return tuple(
        ("\n".join(lines[first:last][:_MOST_LINES]) or "nothing") + more
        for lines, first, last in ((expected, start, end), (received, other_start, other_end))
    )  # type: ignore[return-value]
