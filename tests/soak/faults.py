"""Faults of the tools of a fake cluster, and what a page shows during each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote

from tests.programs import CFGTOOL, CRM_MON, DRBDSETUP, QUORUMTOOL, FakeCluster

_COLLECTORS = {CRM_MON: "pacemaker", QUORUMTOOL: "corosync", CFGTOOL: "corosync", DRBDSETUP: "drbd"}
_OTHER_SYNTAX = {CRM_MON: "crm_mon -1 -X --inactive"}
"""The commands that are tried if a command fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault of one command.

    Attributes:
        command: the command.
        kind: what is wrong.
        body: a shell script that replaces it; ``{good}`` is the file with its valid output.
    """

    command: str
    kind: str
    body: str

    @property
    def collector(self) -> str:
        """The collector that fails."""
        return _COLLECTORS[self.command]

    @property
    def is_slow(self) -> bool:
        """Whether a run takes as long as the time-out of the tool."""
        return "sleep" in self.body

    def apply(self, cluster: FakeCluster) -> None:
        """Makes the command fail."""
        good = cluster.directory / "good"
        good.write_bytes(cluster.printed(self.command))
        body = self.body.format(good=quote(str(good)))
        cluster.does(self.command, body)
        if other := _OTHER_SYNTAX.get(self.command):
            cluster.does(other, body)


_BODIES = {
    "another document": "echo Lorem ipsum dolor; exit 1",
    "noise": "head -c 3000 /dev/urandom",
    "killed": "cat {good}; kill -KILL $$",
    "fails": "echo oh no >&2; exit 1",
    "refused": "echo Permission denied >&2; exit 1",
    "endless": "exec yes",
    "hangs": "exec sleep 1000",
    "child holds the pipe": "sleep 1000 & exit 1",
}


def endless_faults() -> Iterator[Fault | None]:
    """Yields every fault of every command again and again; None, for a healthy cluster, before each."""
    for kind, command in itertools.cycle(itertools.product(_BODIES, _COLLECTORS)):
        yield None
        yield Fault(command=command, kind=kind, body=_BODIES[kind])
