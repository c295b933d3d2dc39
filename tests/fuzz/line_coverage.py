"""Tells which inputs reach code that no input has reached before."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import gateway

_PACKAGE = str(Path(gateway.__file__).parent)


class LineCoverage:
    """Collects the lines of the gateway that were executed.

    Tracing makes code several times slower, so that only some of the inputs are traced.
    """

    def __init__(self) -> None:
        self._seen: dict[CodeType, set[tuple[int, int]]] = {}
        self._new = 0

    def __len__(self) -> int:
        return sum(map(len, self._seen.values()))

    def trace(self, function: Callable[[], str]) -> tuple[str, bool]:
        """Calls a function; returns its result, and whether it has gone from one line to another as never before."""
        self._new = 0
        sys.settrace(self._on_call)
        try:
            result = function()
        finally:
            sys.settrace(None)
        return result, self._new > 0

    def _on_call(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(_PACKAGE):
            return None
        seen = self._seen.setdefault(code, set())
        previous = 0

        def on_line(frame: FrameType, event: str, _argument: Any) -> Any:
            nonlocal previous
            if event == "line":
                step = (previous, frame.f_lineno)
                previous = frame.f_lineno
                if step not in seen:
                    seen.add(step)
                    self._new += 1
            return on_line

        return on_line
