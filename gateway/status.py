"""How a command, a reading or a collector's run ended, in the words of metrics, logs, ``check`` and the MIB."""

from __future__ import annotations

from enum import Enum, StrEnum, auto


class Status(StrEnum):
    """How something ended. Anything but ``OK`` and ``NOT_RUNNING`` is a failure."""

    OK = "ok"
    NOT_INSTALLED = "not_installed"
    """The program or the file does not exist on this host."""
    NOT_PERMITTED = "not_permitted"
    """It exists, but this user may not run or read it, or it denies this user the information."""
    NOT_RUNNING = "not_running"
    """The tool reported that its daemon is not running, or it cannot, because the daemon's socket does not exist: an
    answer, not a failure.
    """
    TIMED_OUT = "timed_out"
    """It was killed at its deadline; or, for a scrape that ran out of time, it had not finished by then."""
    TOO_MUCH_OUTPUT = "too_much_output"
    """It was killed because it printed more than the limit."""
    KILLED = "killed"
    """A signal ended it that the gateway had not sent."""
    FAILED = "failed"
    """It exited with a status that means an error, or could not be started."""
    UNPARSABLE = "unparsable"
    """It exited normally, but its output is not in a known format."""


class Cause(Enum):
    """What has caused a failure, if the status alone does not show what to do about it."""

    OTHER = auto()
    BUG = auto()
    """The gateway itself has failed."""
    UNTRUSTED = auto()
    """Others could have changed the program, so it was not run. The detail says what to do."""
    NO_NEW_PRIVILEGES = auto()
    """The settings of the service keep sudo from giving a tool its permissions."""


class Source(StrEnum):
    """Where a reading comes from."""

    TOOL = "tool"
    LIBRARY = "library"
    DEVICE = "device"


STATUSES = tuple(Status)
SOURCES = tuple(Source)
