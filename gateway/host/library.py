"""What may be asked of the cluster's libraries instead of running its tools. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.host.host import CommandResult
from gateway.host.reader import messages


class Stack(StrEnum):
    """The libraries that one resident reader loads."""

    PACEMAKER = "pacemaker"
    COROSYNC = "corosync"


TESTED: Mapping[Stack, frozenset[str]] = {
    # Pacemaker 2.1.5 to 2.1.9, and 3.0.0 to 3.0.3
    Stack.PACEMAKER: frozenset(
        f"libpacemaker.so.{version}"
        for version in ("1.5.0", "1.6.0", "1.7.0", "1.8.0", "1.8.1", "30.0.0", "30.0.1", "30.1.0")
    ),
    # Corosync 3.1.1 to 3.1.10, whose libraries are the same
    Stack.COROSYNC: frozenset({"libcfg.so.7.3.0"}),
}
"""The names of the libraries' files that give the same answers as the tools; ``docs/operation.md`` says how they were
compared.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryQuery:
    """A question to a library, whose answer is what a tool prints.

    Attributes:
        stack: the libraries.
        name: the question.
        untested: whether a version of the library will do that was not compared with the tool.
    """

    stack: Stack
    name: str
    untested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryAnswer:
    """What a library has answered.

    Attributes:
        result: the answer, as if the tool had printed it, or why there is none.
        version: the name of the library's file; empty if it was not loaded.
        permanent: whether there will be no answer until another version is installed.
        skipped: whether the library was not asked at all, because its reader is waiting to be started again.
    """

    result: CommandResult
    version: str = ""
    permanent: bool = False
    skipped: bool = False


STATUS, CONSTRAINTS = messages.STATUS, messages.CONSTRAINTS
QUORUM, LINKS, STATISTICS = messages.QUORUM, messages.LINKS, messages.STATISTICS


def is_tested(stack: Stack, version: str) -> bool:
    """Returns whether the answers of a library were compared with those of the tools."""
    return version in TESTED[stack]
