"""How an attempt to learn something ended. The same words are used in metrics, logs, ``check`` and the MIB."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """The end of a command, of a reading, or of a collector's run."""

    OK = "ok"
    NOT_INSTALLED = "not_installed"
    """The program or the file does not exist on this host."""
    NOT_PERMITTED = "not_permitted"
    """It exists, but this user may not run it, or it refuses to answer this user."""
    NOT_RUNNING = "not_running"
    """The tool ran and said that the daemon that it asks does not run."""
    TIMED_OUT = "timed_out"
    """It was killed at its deadline, or was not finished when the answer was due."""
    TOO_MUCH_OUTPUT = "too_much_output"
    """It was killed when it had printed more than the limit."""
    KILLED = "killed"
    """A signal that was not the gateway's ended it."""
    FAILED = "failed"
    """It ended with an exit status that means an error."""
    UNPARSABLE = "unparsable"
    """It ended well, but what it printed is not in a known format."""


STATUSES = tuple(Status)
