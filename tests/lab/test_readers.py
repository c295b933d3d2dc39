"""The libraries and the tools show the same, state by state, on a real cluster."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import series
from tests.lab.cluster import Cluster, Options
from tests.lab.conftest import MakeCluster
from tests.lab.gateways import NodeGateway, configuration
from tests.lab.quorum_changes import Fault, change_under_faults, flap_under_faults
from tests.lab.receivers import LOST, REGAINED, gateway_and_receiver, notifications
from tests.lab.resources import DEMO_RESOURCES
from tests.series import Series, facts

pytestmark = [
    pytest.mark.lab,
    pytest.mark.not_on("bullseye", reason="libpacemaker 2.0 has no pcmk_status, and the gateway runs on the machine"),
]

NODE = "node1"
COMMANDS = {"crm_mon", "cibadmin", "corosync-quorumtool", "corosync-cfgtool"}
"""The commands in whose place a library is asked."""


class Gateways(NamedTuple):
    """Two gateways on the same node."""

    library: NodeGateway
    tools: NodeGateway


@contextmanager
def gateways(
    cluster: Cluster, directory: Path, *, user: str | None = None, first_port: int = 9664
) -> Iterator[Gateways]:
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                NodeGateway(
                    cluster,
                    NODE,
                    configuration(
                        directory,
                        port=port,
                        alarms=f'socket = ""\n[pacemaker]\nsource = "{source}"\n[corosync]\nsource = "{source}"',
                    ),
                    user=user,
                    port=port,
                )
            )
            for port, source in ((first_port, "auto"), (first_port + 1, "tools"))
        ]
        yield Gateways(*started)


def sources(page: Series) -> dict[str, str]:
    """Returns the source of each command in whose place a library may be asked."""
    flags = series.named(page, "ha_cluster_gateway_command_source")
    named = (dict(labels) for labels, value in flags.items() if value == 1)
    return {labels["command"]: labels["source"] for labels in named if labels["command"] in COMMANDS}


def compare(pair: Gateways, cluster: Cluster, what: str, is_state: Callable[[Series], bool]) -> Series:
    """Waits until both show the same in a state, and returns the page of the one that asks the libraries."""
    pages: list[Series] = []

    def equal() -> bool:
        pages[:] = [pair.library.page(), pair.tools.page()]
        return is_state(pages[0]) and facts(pages[0]) == facts(pages[1])

    try:
        cluster.wait_for(equal, 60, what=what)
    except TimeoutError:
        different = facts(pages[0]).items() ^ facts(pages[1]).items()
        pytest.fail(f"{what}: {is_state(pages[0])}, {sorted(map(str, different))[:20]}")
    assert set(sources(pages[1]).values()) == {"tool"}
    return pages[0]


def has(name: str, value: float, **labels: str) -> Callable[[Series], bool]:
    """Returns whether a page has a series with a value and some of its labels."""

    def test(page: Series) -> bool:
        found = series.named(page, f"ha_cluster_{name}").items()
        return any(number == value and labels.items() <= dict(all_labels).items() for all_labels, number in found)

    return test


def lists(name: str, **labels: str) -> Callable[[Series], bool]:
    """Returns whether a page has a series with some labels."""

    def test(page: Series) -> bool:
        found = series.named(page, f"ha_cluster_{name}")
        return any(labels.items() <= dict(all_labels).items() for all_labels in found)

    return test


def test_both_ways_show_the_same_in_every_state(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster(Options(rings=2))
    cluster.load(DEMO_RESOURCES)
    cluster.wait_idle()
    with gateways(cluster, tmp_path) as pair:
        healthy = compare(pair, cluster, "healthy", has("corosync_quorate", 1))
        assert sources(healthy) == dict.fromkeys(COMMANDS, "library")
        assert series.named(healthy, "ha_cluster_corosync_knet_link_mtu_bytes")  # statistics, without an option

        cluster.run(NODE, "crm_resource", "--fail", "--resource", "vip", "--node", NODE)
        compare(pair, cluster, "failed", has("pacemaker_failed_actions", 1, resource="vip"))
        cluster.run(NODE, "crm_attribute", "--type", "crm_config", "--name", "maintenance-mode", "--update", "true")
        compare(pair, cluster, "maintenance", has("pacemaker_maintenance_mode_enabled", 1))
        cluster.run(NODE, "crm_attribute", "--type", "crm_config", "--name", "maintenance-mode", "--delete")

        cluster.cut(NODE, 1)
        compare(pair, cluster, "link cut", has("corosync_ring_errors", 1))
        cluster.heal(NODE, 1)
        compare(pair, cluster, "link healed", has("corosync_ring_errors", 0))

        cluster.kill("node3")
        compare(pair, cluster, "node lost", has("pacemaker_nodes", 0, node="node3", status="online"))
        cluster.run(NODE, "stonith_admin", "--fence", "node3", "--timeout", "5", check=False)  # there is no device
        compare(pair, cluster, "fencing failed", lists("pacemaker_fence_events", target="node3", status="failed"))
        cluster.run(NODE, "stonith_admin", "--confirm", "node3")
        compare(pair, cluster, "fenced", lists("pacemaker_fence_events", target="node3", status="success"))
        cluster.kill("node2")
        lost = compare(pair, cluster, "quorum lost", has("corosync_quorate", 0))
        assert set(sources(lost).values()) == {"library"}

        cluster.stop_pacemaker(NODE, kill=True)
        compare(pair, cluster, "Pacemaker stopped", has("pacemaker_up", 0))
        cluster.stop_corosync(NODE, kill=True)
        stopped = compare(pair, cluster, "Corosync stopped", has("corosync_up", 0))
        assert set(sources(stopped).values()) == {"tool"}

        cluster.start_corosync(NODE)
        restarted = compare(pair, cluster, "Corosync restarted", has("corosync_up", 1))
        assert sources(restarted)["corosync-quorumtool"] == "library"

        cluster.stop_corosync(NODE, kill=True)
        cluster.start_corosync(NODE)  # no scrape has seen it stopped: the connections of the reader are broken
        compare(pair, cluster, "restarted", lambda page: sources(page)["corosync-quorumtool"] == "library")


def test_both_ways_show_the_same_to_a_user_without_permission(cluster: Cluster, public_path: Path) -> None:
    with gateways(cluster, public_path, user="nobody", first_port=9674) as pair:
        page = compare(
            pair,
            cluster,
            "not permitted",
            has("gateway_collector_state", 1, collector="pacemaker", state="not_permitted"),
        )
        assert set(sources(page).values()) == {"tool"}


def test_a_member_of_haclient_may_ask_the_libraries(cluster: Cluster, public_path: Path) -> None:
    with gateways(cluster, public_path, user="hacluster", first_port=9694) as pair:
        page = compare(pair, cluster, "permitted", has("corosync_quorate", 1))
        assert sources(page) == dict.fromkeys(COMMANDS, "library")


def test_readers_that_are_killed_and_suspended_cost_no_sample(cluster: Cluster, tmp_path: Path) -> None:
    with gateways(cluster, tmp_path, first_port=9684) as pair:
        healthy = facts(compare(pair, cluster, "healthy", has("corosync_quorate", 1)))
        for number in (signal.SIGKILL, signal.SIGABRT, signal.SIGSTOP):
            for pid in readers(cluster):
                os.kill(pid, number)
            page = pair.library.page()
            assert facts(page) == healthy
        compare(pair, cluster, "healthy again", lambda page: set(sources(page).values()) == {"library"})
        in_use = [entry["command"] for entry in pair.library.log if entry["event"] == "library in use"]
        assert sorted(in_use) == sorted({*COMMANDS, "corosync-cmapctl"})


def test_no_change_of_the_quorum_is_lost_with_the_processes_that_report_it(
    make_cluster: MakeCluster, tmp_path: Path
) -> None:
    """Readers and quorum watch are killed shortly before and after each change, in the middle of a scrape.

    Only events count: the next regular collection would be an hour later. ``make soak-readers`` does more of it.
    """
    cluster = make_cluster(Options(nodes=1), daemons=False)
    cluster.start_corosync(NODE)
    cluster.wait_quorate(NODE)
    faults = [
        Fault(signal=number, delay=delay) for number in (signal.SIGKILL, signal.SIGABRT) for delay in (-0.01, 0.01)
    ]
    with gateway_and_receiver(cluster, tmp_path, alarms="interval = 3600") as (gateway, receiver):
        gateway.once("quorum watched")
        quorum = change_under_faults(cluster, gateway, receiver, faults)
        assert [one.notification for one in quorum] == [LOST, REGAINED] * 2
        quorum = flap_under_faults(cluster, gateway, receiver, 10)
        assert [one.notification for one in quorum] == [LOST, REGAINED] * (len(quorum) // 2)
        everything = [one.sequence for one in notifications(receiver)]
        assert everything == list(range(1, len(everything) + 1))


def readers(cluster: Cluster) -> list[int]:
    """Returns the process ids of the readers in the node, outside of it."""
    namespace = Path(f"/proc/{cluster.init_pid(NODE)}/ns/pid").readlink()
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # a process that has just ended
            if b"reader/child.py" in (path / "cmdline").read_bytes() and (path / "ns/pid").readlink() == namespace:
                found.append(int(path.name))
    return found
