"""Other versions of Pacemaker and Corosync show the same as those of the lab's captures."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.engine.engine import Engine
from gateway.frontends.prometheus import exposition
from gateway.host.host import CommandResult
from gateway.host.replay import Recording, ReplayHost, Step
from gateway.status import Status
from gateway.subsystems.corosync_conf import CONFIG
from tests import series
from tests.fakes import FakeHost
from tests.series import Series, ended
from tests.situations import COMMANDS, LAB
from tests.subsystems import make_collector, make_collectors

RELEASES = LAB.with_name("releases")
RECORDED = sorted(f"{path.parent.name}/{path.name}" for path in RELEASES.glob("*/*/") if path.name != "remote")
"""Those of Pacemaker Remote are in test_remote_nodes.py."""
COMPARABLE = [one for one in RECORDED if not one.endswith(("/pacemaker-starting", "bullseye/not-permitted"))]
"""The others are tested below."""

NOT_SHOWN = {
    "bullseye": {"daemon_state", "mixed_version", "node_health", "stonith_timeout_seconds"},
    "sid": set[str](),
}
"""Metrics that an older crm_mon has no values for."""

SAME = {
    *("pacemaker_nodes", "pacemaker_fail_count", "pacemaker_failed_actions", "pacemaker_stonith_enabled"),
    *("pacemaker_maintenance_mode_enabled", "pacemaker_tickets", "pacemaker_up", "corosync_up"),
    *("corosync_quorate", "corosync_member_votes", "corosync_quorum_votes", "corosync_link_connected"),
}
"""Metrics whose series have to be the same in each situation."""

_WORDS = {"error occurred": "error"}


async def collected(directory: Path) -> Series:
    """Returns the page of a recorded situation."""
    step = Step(situation=directory.name, folders=(directory.name,), seconds=1, description="")
    recording = Recording(directory=directory.parent, commands=COMMANDS, files={}, directories={}, steps=(step,))
    engine = Engine(ReplayHost(recording), make_collectors("pacemaker", "corosync"))
    snapshot = await engine.collect()
    await engine.close()
    return series.parse(exposition.encode_text(snapshot.samples_by_metric).decode())


def names(page: Series) -> set[str]:
    """Returns the names of the metrics of Pacemaker and Corosync."""
    return {name for name, _ in page if name.startswith(("ha_cluster_pacemaker_", "ha_cluster_corosync_"))}


def states(page: Series) -> set[tuple[str, str]]:
    """Returns the state of each collector."""
    shown = series.named(page, "ha_cluster_gateway_collector_state")
    return {(dict(labels)["collector"], dict(labels)["state"]) for labels, value in shown.items() if value}


def comparable(page: Series) -> Series:
    """Returns the series that have to be the same, whichever node is the designated controller or was expected."""
    return {
        (name, frozenset((label, _WORDS.get(text.lower(), text.lower())) for label, text in labels)): value
        for (name, labels), value in page.items()
        if name in {f"ha_cluster_{one}" for one in SAME} and not labels & {("status", "dc"), ("status", "expected_up")}
    }


@pytest.mark.parametrize("situation", COMPARABLE)
async def test_the_same_is_shown(situation: str) -> None:
    release, _, name = situation.partition("/")
    page, reference = await collected(RELEASES / situation), await collected(LAB / name)
    assert {f"ha_cluster_pacemaker_{one}" for one in NOT_SHOWN[release]} >= names(reference) - names(page)
    assert names(page) <= names(reference)
    assert not [key for key, value in page.items() if "unreadable" in key[0] and value]
    assert states(page) == states(reference)
    assert comparable(page) == comparable(reference)


async def test_a_pacemaker_2_0_that_is_starting_has_failed_commands() -> None:
    page = await collected(RELEASES / "bullseye/pacemaker-starting")
    assert states(page) == {("pacemaker", "failed"), ("corosync", "ok")}
    assert series.key("pacemaker_up") not in page


async def test_a_pacemaker_3_0_that_is_starting_has_an_unknown_fencing_history() -> None:
    page = await collected(RELEASES / "trixie/pacemaker-starting")
    assert states(page) == {("pacemaker", "ok"), ("corosync", "ok")}
    assert page[series.key("gateway_values_unreadable_total", collector="pacemaker", command="crm_mon")] == 1


def test_what_pacemaker_2_0_refuses_does_not_mean_down() -> None:
    folder = RELEASES / "bullseye/not-permitted"

    def result(name: str) -> CommandResult:
        code, out, err = (folder / f"{name}.{ending}" for ending in ("rc", "stdout", "stderr"))
        return ended(out.read_bytes(), int(code.read_text()), err.read_bytes())

    results = {"crm_mon": result("crm_mon--output-as=xml"), "cibadmin": result("cibadmin-constraints")}
    for permitted in (True, False):
        host = FakeHost(files={CONFIG.default: b""}, readable=permitted)
        plan = make_collector("pacemaker").plan(host)
        assert plan is not None
        readings = series.readings(plan.probes, results)
        expected = Status.NOT_RUNNING if permitted else Status.NOT_PERMITTED
        assert {reading.status for reading in readings.values()} == {expected}
        page = series.collected(make_collector("pacemaker"), results, host)
        assert page.get(series.key("pacemaker_up")) == (0 if permitted else None)
