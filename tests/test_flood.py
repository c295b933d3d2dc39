"""Short floods: the long ones, which also compare response times closely, are ``make flood``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flood.__main__ import Measured, flooded_gateway, run_flood, run_notifications

SHORT = {
    "scrapes": 100,
    "connections": 400,
    "slow clients": 300,
    "malformed requests": 500,
    "malformed datagrams": 3000,
    "alerts": 10_000,
    "malformed AgentX": 1000,
}

MAX_RATIO = 50.0
"""Response times depend on what else the machine does, and on the senders, which need a processor as well."""


@pytest.mark.daemon
@pytest.mark.timeout(300)
def test_floods_leave_room_for_others_and_nothing_behind(tmp_path: Path) -> None:
    with flooded_gateway(tmp_path / "all") as (complete, probes):
        measured: list[Measured] = [
            run_flood(complete, probes, flood, number, idle=0.5) for flood, number in SHORT.items()
        ]
        measured.append(run_notifications(complete, probes, 2, idle=0.5))
    print(*measured, sep="\n")
    assert [failure for each in measured for failure in each.failures(max_ratio=MAX_RATIO)] == []
