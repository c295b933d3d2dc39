"""``python -m tests.managers.complete_demo``: the demo, in one situation that has the tables of all subsystems.

No real host has them all: it is a node of a cluster and of booth, and the arbitrator of other clusters as well.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from unittest import mock

from gateway.__main__ import main
from gateway.host.replay import DEMO, Recording, Step

FOLDERS = ("geo", "healthy", "always", "booth", "arbitrator")
STEP = Step(situation="complete", folders=FOLDERS, seconds=3600, description="every subsystem on one host")


def run() -> int:
    """Runs the demo with the arguments of the command line."""
    recording = replace(Recording.load(DEMO), steps=(STEP,))
    sys.argv.insert(1, "demo")
    with mock.patch.object(Recording, "load", return_value=recording):
        return main()


if __name__ == "__main__":
    sys.exit(run())
