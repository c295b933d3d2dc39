"""Pacemaker Remote, as recorded in the lab: on cluster nodes, on remote and guest nodes, and on other hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.conditions.view import ClusterView
from gateway.engine.engine import Engine
from gateway.frontends.prometheus import exposition
from gateway.host.host import CommandResult
from gateway.host.replay import ReplayHost
from gateway.snapshot import Snapshot
from gateway.status import Status
from gateway.subsystems.corosync import metrics as corosync
from gateway.subsystems.pacemaker import metrics
from gateway.subsystems.pacemaker.remote_conditions import find_unreachable
from tests import goldens, series
from tests.fakes import FakeHost
from tests.situations import LAB, recorded
from tests.subsystems import make_collector, make_collectors

pytestmark = pytest.mark.usefixtures("utc")

REMOTE = LAB / "remote"
PACEMAKER_3 = LAB.with_name("releases") / "trixie/remote"


async def collect(situation: str | Path) -> Snapshot:
    engine = Engine(ReplayHost(recorded(str(REMOTE / situation))), make_collectors("pacemaker", "corosync"))
    try:
        return await engine.collect()
    finally:
        await engine.close()


def connections(snapshot: Snapshot) -> dict[str, tuple[str, str]]:
    """Returns the state of each connection and the node that has it, by the name of the remote or guest node."""
    samples = snapshot.samples_by_metric
    hosts = dict(samples.get(metrics.REMOTE_CONNECTION_HOST, {}))
    states = {}
    for (node,), flags in samples.get(metrics.REMOTE_CONNECTION, {}).items():
        assert isinstance(flags, tuple)
        states[node] = metrics.REMOTE_CONNECTION.states[flags.index(True)]
    return {node: (state, next((host for name, host in hosts if name == node), "")) for node, state in states.items()}


@pytest.mark.golden
@pytest.mark.parametrize("situation", ["online-on-remote", "stopped", "stopped-on-remote", "unreachable"])
async def test_the_page_of_each_remote_situation(situation: str) -> None:
    snapshot = await collect(situation)
    text = exposition.encode_text(
        {metric: samples for metric, samples in snapshot.samples_by_metric.items() if "_duration_" not in metric.name}
    ).decode()
    goldens.check(f"lab/remote/{situation}.prom", text)


@pytest.mark.parametrize(
    ("situation", "edge1", "guest1"),
    [
        ("online", ("connected", "node2"), ("connected", "node2")),
        ("standby", ("connected", "node2"), ("connected", "node2")),
        ("maintenance", ("connected", "node2"), ("connected", "node2")),
        ("stopped", ("stopped", ""), ("connected", "node2")),
        ("shut-down", ("failed", ""), ("connected", "node2")),
        ("unreachable-at-once", ("failed", ""), ("connected", "node2")),
        ("unreachable", ("connecting", "node2"), ("connected", "node2")),
        ("unclean", ("failed", ""), ("connected", "node2")),
        ("guest-stopped", ("connected", "node2"), ("stopped", "")),
        ("guest-unreachable-at-once", ("connected", "node2"), ("failed", "node2")),
        ("guest-unreachable", ("connected", "node2"), ("connecting", "node2")),
        ("guest-unreachable-later", ("connected", "node2"), ("connecting", "node1")),
        (PACEMAKER_3 / "shut-down", ("stopped", ""), ("connected", "node2")),
        (PACEMAKER_3 / "unreachable", ("connecting", "node2"), ("connected", "node2")),
    ],
)
async def test_connections_as_cluster_nodes_see_them(
    situation: str | Path, edge1: tuple[str, str], guest1: tuple[str, str]
) -> None:
    snapshot = await collect(situation)
    assert connections(snapshot) == {"edge1": edge1, "guest1": guest1}
    assert metrics.REMOTE_INFO not in snapshot.samples_by_metric


@pytest.mark.parametrize(
    ("situation", "why"),
    [
        ("shut-down", "the connection to it has failed"),
        (PACEMAKER_3 / "shut-down", "the connection to it is not started"),
        ("unreachable", "the cluster tries to connect to it"),
        (PACEMAKER_3 / "unreachable", "the cluster tries to connect to it"),
    ],
    ids=["shut down", "shut down, Pacemaker 3", "unreachable", "unreachable, Pacemaker 3"],
)
async def test_a_remote_node_is_unreachable(situation: str | Path, why: str) -> None:
    """Pacemaker 3 stops the connection without a failure if the daemon of the node is stopped in order."""
    findings = list(find_unreachable(ClusterView(await collect(situation))))
    assert [(finding.object, finding.fields["why"]) for finding in findings] == [("edge1", why)]


@pytest.mark.parametrize(
    ("situation", "name", "connected", "up"),
    [
        ("online-on-remote", "edge1", 1, 1),
        ("online-on-guest", "guest1", 1, 1),
        ("online-on-remote-nobody", "", None, 1),
        ("stopped-on-remote", "", 0, 1),
        ("shut-down-on-remote", None, None, 0),
    ],
)
async def test_this_host_is_a_remote_or_guest_node(
    situation: str, name: str | None, connected: int | None, up: int
) -> None:
    """It is recognized while its daemon runs. Corosync, which it does not need, is not reported as down."""
    samples = (await collect(situation)).samples_by_metric
    assert list(samples.get(metrics.REMOTE_INFO, {})) == ([] if name is None else [(name,)])
    assert samples.get(metrics.REMOTE_CONNECTED, {}).get(()) == connected
    assert samples[metrics.UP] == {(): up}
    assert corosync.UP not in samples
    assert corosync.QUORATE not in samples


def _result(stdout: bytes = b"", stderr: bytes = b"", exit_status: int = 0) -> CommandResult:
    return series.ended(stdout, exit_status, stderr)


MISSING = CommandResult(status=Status.NOT_INSTALLED, detail="not found")
NEW = b'<pacemaker-result api-version="2.30"><summary><stack type="corosync" pacemakerd-state="remote"/>'
NEW_STATUS = NEW + (
    b'<current_dc present="true" name="n1" with_quorum="true" mixed_version="false"/>'
    b'<last_update time="Sat Nov 28 10:02:57 2026" origin="edge1"/></summary>'
    b'<nodes><node name="edge1" type="remote"/></nodes><resources/></pacemaker-result>'
)
NEW_DISCONNECTED = (
    b'<pacemaker-result api-version="2.30"><crm-mon-disconnected pacemakerd-state="remote"/></pacemaker-result>'
)


@pytest.mark.parametrize(
    ("status", "name", "connected"),
    [(NEW_STATUS, "edge1", 1), (NEW_DISCONNECTED, "", 0)],
    ids=["connected", "not connected"],
)
def test_since_2_1_6_crm_mon_tells_it(status: bytes, name: str, connected: int) -> None:
    """Debian's packages for a remote node contain no crm_node."""
    results = {"crm_mon": _result(status), "crm_node": MISSING, "crmadmin": MISSING, "cibadmin": MISSING}
    samples = series.samples(make_collector("pacemaker"), results, FakeHost()).samples_by_metric
    assert samples[metrics.REMOTE_INFO] == {(name,): 1}
    assert samples[metrics.REMOTE_CONNECTED] == {(): connected}


def test_a_name_alone_does_not_make_a_remote_node() -> None:
    """A cluster node whose corosync.conf is elsewhere has a name as well."""
    page = NEW_STATUS.replace(b' pacemakerd-state="remote"', b"").replace(b'type="remote"', b'type="member"')
    results = {"crm_mon": _result(page), "crm_node": _result(b"edge1\n"), "crmadmin": MISSING, "cibadmin": MISSING}
    samples = series.samples(make_collector("pacemaker"), results, FakeHost()).samples_by_metric
    assert metrics.REMOTE_INFO not in samples
    assert samples[metrics.UP] == {(): 1}
