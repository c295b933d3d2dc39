"""The exit statuses of the program, and what they mean."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import IntEnum


class ExitStatus(IntEnum):
    """What the exit status of the program means."""

    OK = 0
    PROBLEM = 1
    """A subcommand found a problem, or nothing reads its output any more."""
    USAGE = 2
    """The command line or the configuration is invalid."""
    UNAVAILABLE = os.EX_UNAVAILABLE
    """The program cannot start for now; nothing is wrong with its configuration."""
    OUT_OF_MEMORY = os.EX_OSERR
    """There was no memory left. The event loop ends the program, see ``runtime/event_loop.py``."""
    INTERRUPTED = 130
    """The program was interrupted from the keyboard."""


Meanings = Mapping[ExitStatus, str]
"""What exit statuses mean, in one sentence each."""

MEANINGS: Meanings = {
    ExitStatus.OK: "Success.",
    ExitStatus.PROBLEM: "The command has found a problem; its help says which.",
    ExitStatus.USAGE: "The command line or the configuration is invalid.",
    ExitStatus.UNAVAILABLE: "The program cannot start for now: the state directory cannot be used, or no suitable "
    "Python is installed.",
    ExitStatus.OUT_OF_MEMORY: "Out of memory.",
    ExitStatus.INTERRUPTED: "Interrupted from the keyboard.",
}
"""The meanings for the program as a whole. Subcommands are more precise in ``EXIT_STATUSES``."""


def of_command(own: Meanings) -> Meanings:
    """Returns the exit statuses of a subcommand: its own, and those of every subcommand."""
    common = {status: MEANINGS[status] for status in (ExitStatus.USAGE, ExitStatus.INTERRUPTED)}
    return dict(sorted({**common, **own}.items()))
