"""The errors of the gateway.

``GatewayError``
 +-- ``ConfigError``   the user's: files, keys and what was expected, all mistakes at once
 +-- ``DecodeError``   a message of another program does not keep to its protocol
 +-- ``ParseError``    a tool printed something that is not in the known format
 +-- ``StartError``    the service cannot start: an address in use, a file that cannot be read
"""

from __future__ import annotations

from collections.abc import Sequence


class GatewayError(Exception):
    """Base of every error that the gateway raises on purpose."""


class ParseError(GatewayError):
    """A tool's output is not in any format that its parser knows.

    Attributes:
        reason: what was expected and what was found, in one line.
        line: the line of the output, from 1, or None where the whole output is meant.
    """

    def __init__(self, reason: str, *, line: int | None = None) -> None:
        super().__init__(reason if line is None else f"line {line}: {reason}")
        self.reason = reason
        self.line = line


class DecodeError(GatewayError):
    """A message that came over a connection is cut off, garbled, or not what its protocol allows."""


class ConfigError(GatewayError):
    """A configuration has mistakes.

    Attributes:
        problems: one line for each mistake: file, key, what was expected, what to do.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class StartError(GatewayError):
    """The service cannot start; the message is one line that names the cause."""
