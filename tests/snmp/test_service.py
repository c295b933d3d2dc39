"""The complete program behind a real snmpd, as seen by a manager with the MIB."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import series
from tests.programs import CRM_MON, ROOT, FakeCluster, Gateway, installed
from tests.snmpd import ARC, Snmpd
from tests.waiting import until

pytestmark = pytest.mark.daemon

STUBS = ROOT / "mibs" / "stubs"
OLD = "0.1"
"""Seconds after which a request starts a collection, where a test wants to see it."""


@pytest.fixture(scope="module")
def snmpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    with Snmpd(tmp_path_factory.mktemp("d")) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> FakeCluster:
    return FakeCluster(tmp_path_factory.mktemp("cluster"))


@pytest.fixture
def cluster(shared_cluster: FakeCluster) -> Iterator[FakeCluster]:
    """The cluster of the shared gateway; its tools are healthy again after the test."""
    yield shared_cluster
    shared_cluster.restore()


@pytest.fixture(scope="module")
def gateway(snmpd: Snmpd, shared_cluster: FakeCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    arguments = (f"--snmp.agentx=unix:{snmpd.agentx}", f"--snmp.max-age={OLD}", "--web.listen-address=127.0.0.1:0")
    with Gateway("--config", shared_cluster.config, *arguments, cwd=tmp_path_factory.mktemp("cwd")) as running:
        snmpd.wait_for_snapshot()
        yield running


def run_tool(snmpd: Snmpd, tool: str, *arguments: str) -> str:
    """Runs one of Net-SNMP's tools with the MIB, and returns its output."""
    argv = [
        *(installed(tool), "-v2c", "-c", "public", "-Ln", "-M", f"{ROOT / 'mibs'}:{STUBS}", "-m", "HA-CLUSTER-MIB"),
        *("-r0", "-t5", f"127.0.0.1:{snmpd.port}"),
        *arguments,
    ]
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "SNMP_PERSISTENT_DIR": str(snmpd.directory), "SNMPCONFPATH": str(snmpd.directory)},
    )
    return done.stdout + done.stderr


async def until_quorate_is(snmpd: Snmpd, value: str) -> None:
    await until(lambda: f"= INTEGER: {value}" in run_tool(snmpd, "snmpget", "HA-CLUSTER-MIB::haClusterQuorate.0"))


def test_net_snmp_formats_values_with_the_mib(snmpd: Snmpd, gateway: Gateway) -> None:
    patterns = {
        'haClusterNodeOnline."node1"': r"= INTEGER: true\(1\)",
        'haClusterResourceRole."vip"."node1".1': r"= INTEGER: started\(3\)",
        "haClusterNodesOnline.0": "= Gauge32: 3 nodes",
        'haClusterCollectorState."pacemaker"': r"= INTEGER: ok\(2\)",
        'haClusterLocationScore."cli-ban-vip-on-node1".1': "No Such Instance currently exists at this OID",
        "haClusterConfigLastChange.0": r"= STRING: 20\d\d-\d+-\d+,\d+:\d+:\d+\.\d,\+0:0",
        'haClusterCollectorDuration."pacemaker"': r"= INTEGER: \d+ milliseconds",
        'haClusterDrbdPeerVolumeInSync."r-nfs".2.0': "= INTEGER: 10000 hundredths of a percent",
        "haClusterAgentxState.0": r"= INTEGER: \w+\(\d\)",
    }
    found = run_tool(snmpd, "snmpget", *(f"HA-CLUSTER-MIB::{name}" for name in patterns)).splitlines()
    for (name, pattern), line in zip(patterns.items(), found, strict=True):
        assert line.startswith(f"HA-CLUSTER-MIB::{name} "), line
        assert re.search(pattern, line), line


def test_snmptable_prints_tables(snmpd: Snmpd, gateway: Gateway) -> None:
    lines = run_tool(snmpd, "snmptable", "-Cf", ";", "-Ci", "HA-CLUSTER-MIB::haClusterNodeTable").splitlines()
    header, *rows = (line.split(";") for line in lines if ";" in line)
    table = [dict(zip(header, row, strict=True)) for row in rows]
    assert [row["haClusterNodeName"] for row in table] == ["node1", "node2", "node3"]
    assert [row["index"] for row in table] == ['"node1"', '"node2"', '"node3"']
    assert {row["haClusterNodeType"] for row in table} == {"member"}
    assert {row["haClusterNodeHealth"] for row in table} == {"green"}


def test_all_objects_are_read_only(snmpd: Snmpd, gateway: Gateway) -> None:
    argv = [installed("snmpset"), "-v2c", "-c", "private", "-m", "", "-On", f"127.0.0.1:{snmpd.port}"]
    name = f"{ARC}.1.1.1.0"
    done = subprocess.run([*argv, name, "s", "x"], capture_output=True, text=True, check=False)
    assert "notWritable" in done.stderr
    assert "STRING: demo" in run_tool(snmpd, "snmpget", "HA-CLUSTER-MIB::haClusterName.0").replace('"', "")


# --- both protocols --------------------------------------------------------------------------------------------------


def walk(snmpd: Snmpd, tool: str, *arguments: str) -> list[str]:
    return run_tool(snmpd, tool, *arguments, "HA-CLUSTER-MIB::haClusterMIB").splitlines()


def test_a_scrape_and_a_walk_see_the_same_cluster(snmpd: Snmpd, gateway: Gateway) -> None:
    page = series.parse(gateway.get())
    nodes = series.named(page, "ha_cluster_pacemaker_nodes")
    resources = series.named(page, "ha_cluster_pacemaker_resources")
    lines = walk(snmpd, "snmpbulkwalk")
    online = {re.search('"(.+)"', line)[1]: line for line in lines if "::haClusterNodeOnline." in line}  # type: ignore[index]
    for labels, value in nodes.items():
        named = dict(labels)
        if named["status"] == "online":
            assert online[named["node"]].endswith("true(1)" if value else "false(2)")
    assert sum("::haClusterResourceActive." in line for line in lines) == len(resources) / 5
    assert sum(": true(1)" in line for line in lines if "::haClusterResourceActive." in line) == sum(
        value for labels, value in resources.items() if ("status", "active") in labels
    )


def test_every_kind_of_walk_returns_the_same(snmpd: Snmpd, gateway: Gateway) -> None:
    walks = [
        [line.partition(" = ")[0] for line in found if not re.search("Command|Agentx", line)]
        for found in (walk(snmpd, "snmpwalk"), walk(snmpd, "snmpbulkwalk", "-Cr50"), walk(snmpd, "snmpbulkwalk"))
    ]
    assert walks[0] == walks[1] == walks[2]
    assert len(walks[0]) > 600
    assert not [line for line in walks[0] if "No more variables" in line]


def test_getbulk_of_several_columns_returns_rows(snmpd: Snmpd, gateway: Gateway) -> None:
    columns = ("haClusterNodeName", "haClusterNodeOnline", "haClusterNodeResourcesRunning")
    found = run_tool(
        snmpd, "snmpbulkget", "-Cn0", "-Cr3", *(f"HA-CLUSTER-MIB::{name}" for name in columns)
    ).splitlines()
    names = [line.partition(" = ")[0] for line in found]
    assert names == [f'HA-CLUSTER-MIB::{column}."node{number}"' for number in (1, 2, 3) for column in columns]


# --- over time -------------------------------------------------------------------------------------------------------


async def test_a_change_and_a_failed_collector_are_visible_within_max_age(
    snmpd: Snmpd, gateway: Gateway, cluster: FakeCluster
) -> None:
    await until_quorate_is(snmpd, "true(1)")
    cluster.does("corosync-quorumtool -p", "echo 'Cannot initialize QUORUM service' >&2; exit 1")
    cluster.does(
        "corosync-cfgtool -s",
        "echo 'Could not initialize corosync configuration API error 2'; exit 1",
    )
    await until_quorate_is(snmpd, "false(2)")
    cluster.does(CRM_MON, "echo 'crm_mon: Permission denied' >&2; exit 4")
    cluster.does("crm_mon -1 -X --inactive", "echo 'crm_mon: Permission denied' >&2; exit 4")
    state = 'HA-CLUSTER-MIB::haClusterCollectorState."pacemaker"'
    await until(lambda: "notPermitted(5)" in run_tool(snmpd, "snmpget", state))
    reason = run_tool(snmpd, "snmpget", 'HA-CLUSTER-MIB::haClusterCollectorLastError."pacemaker"')
    assert "crm_mon: not_permitted: exit status 4: crm_mon: Permission denied" in reason
    lines = walk(snmpd, "snmpbulkwalk")
    assert not [line for line in lines if "::haClusterNode" in line]
    assert [line for line in lines if "::haClusterSbdDevice" in line]


async def test_each_walk_sees_one_moment_while_the_cluster_changes(
    snmpd: Snmpd, gateway: Gateway, cluster: FakeCluster
) -> None:
    """Each run of the tools reports other names of nodes; a walk through two snapshots would show both."""
    counter = cluster.directory / "round"
    counter.write_text("0")
    nodes = "".join(
        f'<node name="n${{round}}x{number}" id="{number}" online="true" type="member"/>' for number in range(400)
    ).replace('"', '\\"')
    cluster.does(
        CRM_MON,
        f"round=$(($(cat {counter}) + 1)); echo $round > {counter}; "
        f'echo "<pacemaker-result><nodes>{nodes}</nodes></pacemaker-result>"',
    )
    await until(lambda: "x0" in run_tool(snmpd, "snmpbulkwalk", "HA-CLUSTER-MIB::haClusterNodeName"))
    seen = set()
    for tool in ("snmpwalk", "snmpbulkwalk") * 4:
        names = re.findall(r"STRING: (n\d+)x\d+", run_tool(snmpd, tool, "HA-CLUSTER-MIB::haClusterNodeName"))
        assert len(names) == 400
        assert len(set(names)) == 1
        seen |= set(names)
    assert len(seen) > 1


def test_objects_below_another_root(
    cluster: FakeCluster, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = ARC.rpartition(".")[0] + ".7"
    with Snmpd(tmp_path_factory.mktemp("d"), view=[ARC, root]) as snmpd:
        arguments = (
            f"--snmp.agentx=unix:{snmpd.agentx}",
            "--snmp.root",
            root,
            "--web.listen-address=127.0.0.1:0",
        )
        with Gateway("--config", cluster.config, *arguments, cwd=tmp_path):
            snmpd.wait_for_snapshot(root)
            assert "No Such Object" in snmpd.get(f"{ARC}.1.1.1.0")
