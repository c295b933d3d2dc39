"""The exit statuses of the program."""

from __future__ import annotations

import os
from enum import IntEnum


class ExitStatus(IntEnum):
    """What the exit status of the program means."""

    OK = 0
    PROBLEM = 1
    """``check``, ``collect`` or ``test-notification`` found a problem."""
    USAGE = 2
    """The command line or the configuration is invalid."""
    UNAVAILABLE = os.EX_UNAVAILABLE
    """The program cannot start for now; nothing is wrong with its configuration."""
    INTERRUPTED = 130
    """The program was interrupted from the keyboard."""
