"""The exit statuses of the program."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """What the exit status of the program means."""

    OK = 0
    PROBLEM = 1
    """``check``, ``collect`` or ``test-notification`` found a problem."""
    USAGE = 2
    """The command line or the configuration is invalid, or the service cannot start."""
    INTERRUPTED = 130
    """The program was interrupted from the keyboard."""
