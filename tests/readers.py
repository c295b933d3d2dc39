"""Resident readers that a test starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gateway.host.output import ProcessOutput
from gateway.host.process import Process, start_resident

LONG, SHORT = 60.0, 0.3
"""Seconds: a deadline that is not reached, and one that is."""


class Starter:
    """Starts readers, and keeps their processes."""

    def __init__(self) -> None:
        self.processes: list[Process] = []

    async def __call__(
        self, argv: Sequence[str], make_output: Callable[[], ProcessOutput], *, environment: Mapping[str, str]
    ) -> Process:
        self.processes.append(await start_resident(argv, make_output, environment=environment))
        return self.processes[-1]

    @property
    def pid(self) -> int:
        """The id of the last process."""
        return self.processes[-1].pid
