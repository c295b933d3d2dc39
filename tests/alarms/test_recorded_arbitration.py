"""The alarms of quorum devices, arbitrators and booth in every situation that was recorded of them in the lab."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from gateway.catalog import ACCUMULATORS, CONDITIONS
from gateway.conditions.view import ClusterView
from gateway.engine.engine import Engine
from gateway.host.replay import ReplayHost
from gateway.subsystems.booth import metrics as booth
from tests.situations import ARBITRATION, recorded_arbitration
from tests.subsystems import make_collectors

pytestmark = pytest.mark.usefixtures("utc")

_NO_VOTE = {"qdevice-no-vote": {""}}
_ONE_LEFT = {"qnetd-last-node": {"geo"}, "qnetd-node-missing": {"node 2 of geo"}}
_NO_LEADER = {"booth-ticket-no-leader": {"booth/db", "booth/manual"}}
_CONFLICT = {"booth-ticket-conflict": {"booth/manual"}}
EXPECTED: Mapping[str, Mapping[str, set[str]]] = {
    "arbitration/arbitrator-killed": _NO_VOTE,
    "arbitration/cut-off": _NO_VOTE,
    "arbitration/device-stopped": _NO_VOTE,
    "arbitration/node-lost-seen-there": _NO_VOTE,
    "arbitration/tls-arbitrator-stopped": _NO_VOTE,
    "arbitration/tls-mismatch": _NO_VOTE,
    "arbitrator/node-lost": _ONE_LEFT,
    "arbitrator/tls-one-left": _ONE_LEFT,
    "booth/cut-off": {
        "booth-ticket-expiring": {"booth/db"},
        "booth-peer-unreachable": {"booth/10.61.0.2", "booth/10.61.0.3"},
    },
    "booth/granted-in-pacemaker": {"booth-grant-stale": {"booth/db"}},
    "booth/killed-arbitrator": {"booth-down": {"booth"}},
    "booth/lost": {"booth-ticket-no-leader": {"booth/db"}},
    "booth/not-granted": _NO_LEADER,
    "booth/not-granted-arbitrator": _NO_LEADER,
    "booth/revoked-in-pacemaker": {"booth-grant-missing": {"booth/db"}},
    "booth/stopped-arbitrator": {"booth-down": {"booth"}},
    "booth/taken-over": {"booth-peer-unreachable": {"booth/10.61.0.1"}},
    "booth/two-leaders": _CONFLICT,
    "booth/two-leaders-arbitrator": _CONFLICT,
    "booth/two-leaders-there": _CONFLICT,
}
"""The findings of these situations, by condition; there are none in the others."""
LASTING = 1000.0
"""Seconds for which each situation has lasted."""
SILENCE = {"booth/cut-off": 20.0, "booth/lost": 35.0}
"""Seconds since the daemon had received its last message when the situation was recorded; 1 in the others."""


@pytest.mark.parametrize("situation", ARBITRATION)
async def test_each_recorded_situation_has_its_findings(situation: str) -> None:
    collectors = make_collectors("qdevice", "qnetd", "booth", "pacemaker")
    engine = Engine(ReplayHost(recorded_arbitration(situation)), collectors)
    snapshot = await engine.collect()
    await engine.close()
    contacts = [float(str(time)) for time in snapshot.samples_by_metric.get(booth.PEER_LAST_CONTACT, {}).values()]
    recorded = max(contacts, default=snapshot.time) + SILENCE.get(situation, 1.0)
    before = ClusterView(replace(snapshot, started=snapshot.started - LASTING), accumulators=ACCUMULATORS)
    view = ClusterView(replace(snapshot, time=recorded), before, accumulators=ACCUMULATORS)
    findings = {
        condition.name: {finding.object for finding in condition.find(view)}
        for condition in CONDITIONS
        if condition.name.startswith(("qdevice", "qnetd", "booth")) and condition.source.is_available(view)
    }
    assert {name: objects for name, objects in findings.items() if objects} == EXPECTED.get(situation, {})
