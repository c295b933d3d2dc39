"""The exceptions of the gateway.

``GatewayError``
 +-- ``ConfigError``   the configuration is invalid: all problems, with file, key and expected value
 +-- ``DecodeError``   a message from another program violates its protocol
 +-- ``ParseError``    the output of a tool is not in a known format
 +-- ``StartError``    a service cannot start: an address is in use, a file cannot be read

Modules define further subclasses for errors that only their callers handle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class GatewayError(Exception):
    """Base class of all exceptions that the gateway raises deliberately."""


class ParseError(GatewayError):
    """The output of a tool is not in any format that its parser supports.

    Attributes:
        reason: what was expected and what was found, in one line.
        line: the line of the output, counted from 1, or None if the error concerns the whole output.
    """

    def __init__(self, reason: str, *, line: int | None = None) -> None:
        super().__init__(reason if line is None else f"line {line}: {reason}")
        self.reason = reason
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableValue:
    """What is left of a ``ParseError`` that concerns one value only: the value is absent, all others are not.

    Attributes:
        reason: what was expected and what was found, in one line.
        line: the line of the output, counted from 1, or None if it is unknown.
        incomplete: the lists that lack an object because of it, or may lack one; the parser names them.
    """

    reason: str
    line: int | None = None
    incomplete: tuple[str, ...] = ()


class DecodeError(GatewayError):
    """A received message is truncated, malformed, or not allowed by its protocol."""


class ConfigError(GatewayError):
    """The configuration is invalid.

    Attributes:
        problems: one line for each problem: file, key, what was expected, and what to do.
        is_denied: whether one of them is that this user may not read a file.
    """

    def __init__(self, problems: Sequence[str], *, is_denied: bool = False) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
        self.is_denied = is_denied


class StartError(GatewayError):
    """A service cannot start; the message names the cause in one line.

    Attributes:
        number: the error number of the system call that failed, or None.
    """

    def __init__(self, reason: str, *, number: int | None = None) -> None:
        super().__init__(reason)
        self.number = number
