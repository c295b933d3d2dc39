"""``python -m tests.managers.demo SITUATION [FLAG...]``: the demo, which stays in one situation.

It is one of those of the demo's time line, or one that has the tables of all subsystems.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from unittest import mock

from gateway.__main__ import main
from gateway.host.replay import DEMO, Recording, Step

COMPLETE = Step(
    situation="complete",
    folders=("healthy", "arbitration", "always", "arbitrated", "geo", "booth", "arbitrator"),
    seconds=0,
    description="every subsystem on one host",
)
"""No real host is a node of a cluster with a quorum device, a member of booth, and the arbitrator of other clusters."""

_SECONDS = 3600


def run() -> int:
    """Runs the demo with the arguments of the command line."""
    recording = Recording.load(DEMO)
    situation = sys.argv[1]
    (step,) = (step for step in (*recording.steps, COMPLETE) if step.situation == situation)
    sys.argv[1] = "demo"
    recording = replace(recording, steps=(replace(step, seconds=_SECONDS),))
    with mock.patch.object(Recording, "load", return_value=recording):
        return main()


if __name__ == "__main__":
    sys.exit(run())
