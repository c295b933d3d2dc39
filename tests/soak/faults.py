"""Faults of the tools of a fake cluster, during which the page is compared with that of the healthy cluster."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tests.fault_matrix import COMMANDS, MISBEHAVIORS, Command, Misbehavior, misbehave
from tests.programs import CFGTOOL, CRM_MON, DRBDSETUP, QUORUMTOOL, FakeCluster

_COMMANDS = [command for command in COMMANDS if command.line in {CRM_MON, QUORUMTOOL, CFGTOOL, DRBDSETUP}]
_KINDS = {
    "hangs",
    "is killed after its answer",
    "exits with 1 and a message",
    "is refused",
    "prints without end",
    "prints another document",
}
"""Misbehaviors with which the collector of each of these commands fails."""
_MISBEHAVIORS = (
    *(misbehavior for misbehavior in MISBEHAVIORS if misbehavior.kind in _KINDS),
    Misbehavior(kind="prints random bytes", body="head -c 3000 /dev/urandom"),
    Misbehavior(kind="leaves a child that holds the pipe, and no answer", body="sleep 1000 & exit 1"),
)


class Fault:
    """A fault of one command.

    Args:
        command: the command.
        misbehavior: what its tool does.

    Attributes:
        collector: the collector that fails.
        is_slow: whether a run may take as long as the time-out of the tool.
    """

    def __init__(self, command: Command, misbehavior: Misbehavior) -> None:
        self.collector = command.collector
        self.is_slow = "sleep" in misbehavior.body
        self._command = command
        self._misbehavior = misbehavior

    def __str__(self) -> str:
        return f"{self._command.name} {self._misbehavior.kind}"

    def apply(self, cluster: FakeCluster) -> None:
        """Makes the command fail."""
        misbehave(cluster, self._command, self._misbehavior)


def endless_faults() -> Iterator[Fault | None]:
    """Yields every fault of every command again and again; None, for a healthy cluster, before each."""
    for misbehavior, command in itertools.cycle(itertools.product(_MISBEHAVIORS, _COMMANDS)):
        yield None
        yield Fault(command, misbehavior)
