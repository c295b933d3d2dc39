"""SIGHUP asks a running gateway to read its configuration again. It never ends the gateway.

The signal is caught from the beginning of the program to its end, longer than there is an event loop. One that arrives
before the gateway has started is not lost: it counts as soon as there is a subscriber.
"""

from __future__ import annotations

import signal

TYPE_CHECKING = False
if TYPE_CHECKING:  # without the module typing, and the event loop: the signal is caught before they are imported
    from collections.abc import Callable
    from typing import Any


class _Hangups:
    """The SIGHUPs of this process."""

    def __init__(self) -> None:
        self._arrived = False
        self._notify: Callable[[], object] | None = None
        self.previous: Any = signal.SIG_DFL

    def on_signal(self, number: int, frame: object) -> None:
        del number, frame
        self._arrived = True
        if self._notify is not None:
            self._notify()

    def subscribe(self, callback: Callable[[], object]) -> None:
        import asyncio  # noqa: PLC0415 - as above

        loop = asyncio.get_running_loop()
        # a signal handler runs between any two instructions: it may do no more than wake the event loop
        self._notify = lambda: None if loop.is_closed() else loop.call_soon_threadsafe(callback)
        if self._arrived:
            self._notify()


_hangups = _Hangups()


def catch() -> None:
    """Catches SIGHUP from now on; idempotent. A tool does not inherit that, unlike a signal that is ignored."""
    if signal.getsignal(signal.SIGHUP) != _hangups.on_signal:
        _hangups.previous = signal.signal(signal.SIGHUP, _hangups.on_signal)


def release() -> None:
    """Restores what was before: usually, SIGHUP ends a short command whose terminal is closed."""
    signal.signal(signal.SIGHUP, _hangups.previous)


def subscribe(callback: Callable[[], object]) -> None:
    """Registers a callback that runs in the event loop after each SIGHUP, and now if one has arrived already."""
    _hangups.subscribe(callback)
