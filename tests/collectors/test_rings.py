"""Which links are faulty: those over which a member is not reached, and those that the tool marks as faulty.

The status page counts the others as working fully, unless nothing shows whether they work.
"""

from __future__ import annotations

import pytest

from gateway.conditions.view import ClusterView
from gateway.host.host import CommandResult
from gateway.snapshot import Snapshot
from gateway.subsystems.corosync import facts, metrics
from gateway.subsystems.corosync.summary import describe_links
from gateway.summary import Health
from tests import series, situations
from tests.fakes import FakeHost
from tests.series import Series, ended
from tests.subsystems import make_collector

UP, DOWN = "connected", "disconnected"


def quorum(*members: int) -> bytes:
    """Returns what quorumtool prints on node 1, of members with one vote each."""
    rows = "".join(f"{member:10} {1:10}         NR node{member}{' (local)' * (member == 1)}\n" for member in members)
    return (
        f"Nodes: {len(members)}\nNode ID: 1\nRing ID: 1.8\nQuorate: Yes\n\n Nodeid Votes Qdevice Name\n{rows}".encode()
    )


def links(*states: tuple[str, ...]) -> bytes:
    """Returns what cfgtool prints on node 1, with the states of node 2 and so on, for each link."""
    lines = ["Local node ID 1, transport knet"]
    for number, peers in enumerate(states):
        lines += [f"LINK ID {number} udp", f"\taddr\t= 192.0.2.{number}", "\tstatus:", "\t\tnodeid: 1:\tlocalhost"]
        lines += [f"\t\tnodeid: {node_id}:\t{state}" for node_id, state in enumerate(peers, 2)]
    return "\n".join([*lines, ""]).encode()


def results(cfgtool: bytes, quorumtool: bytes | None) -> dict[str, CommandResult]:
    outputs = {"corosync-cfgtool": cfgtool, "corosync-quorumtool": quorumtool}
    return {name: ended(output) for name, output in outputs.items() if output is not None}


def collect(cfgtool: bytes, quorumtool: bytes | None) -> Series:
    return series.collected(make_collector("corosync"), results(cfgtool, quorumtool), FakeHost())


def headline(cfgtool: bytes, quorumtool: bytes | None, version: str = "3.1.7") -> tuple[str | None, Health]:
    """Returns what the page says about the links in a few words."""
    outputs = {**results(cfgtool, quorumtool), "corosync": ended(f"version '{version}'\n".encode())}
    samples = series.samples(make_collector("corosync"), outputs, FakeHost())
    cell = describe_links(ClusterView(Snapshot(samples_by_metric=samples.samples_by_metric))).headline
    return cell.text, cell.health


def rings(page: Series) -> dict[str, float]:
    return {dict(labels)["number"]: value for labels, value in series.named(page, "ha_cluster_corosync_rings").items()}


@pytest.mark.parametrize(
    ("members", "states", "healthy"),
    [
        ((1, 2, 3), [(UP, UP), (UP, UP)], [1, 1]),
        ((1, 2, 3), [(UP, UP), (UP, DOWN)], [1, 0]),
        ((1, 2, 3), [(UP, DOWN), (UP, DOWN)], [0, 0]),  # a member as long as the token has not timed out
        ((1, 2), [(UP, DOWN), (UP, DOWN)], [1, 1]),  # node 3 is down
        ((1, 2), [(UP, DOWN), (DOWN, DOWN)], [1, 0]),
        ((1,), [(DOWN, DOWN), (DOWN, DOWN)], [1, 1]),  # alone
        ((1, 2), [(UP, "knet error"), ("config error", UP)], [1, 0]),
        ((1,), [(), ()], [1, 1]),
    ],
)
def test_only_members_have_to_be_reached(
    members: tuple[int, ...], states: list[tuple[str, ...]], healthy: list[int]
) -> None:
    page = collect(links(*states), quorum(*members))
    assert rings(page) == {str(number): value for number, value in enumerate(healthy)}
    assert page[series.key("corosync_ring_errors")] == healthy.count(0)
    raw = series.named(page, "ha_cluster_corosync_link_connected")
    assert sum(raw.values()) == sum(peers.count(UP) for peers in states)
    assert len(raw) == sum(map(len, states))


def test_an_unknown_state_makes_no_link_faulty_or_healthy() -> None:
    page = collect(links((UP, "asleep"), (DOWN, "asleep"), ("asleep", UP)), quorum(1, 2, 3))
    assert rings(page) == {"1": 0}
    assert page[series.key("corosync_ring_errors")] == 1
    assert len(series.named(page, "ha_cluster_corosync_link_connected")) == 3
    page = collect(links((UP, "asleep")), quorum(1, 2))
    assert rings(page) == {"0": 1}
    page = collect(links((UP, UP), (UP, "asleep")), quorum(1, 2, 3))
    assert rings(page) == {"0": 1}
    assert series.key("corosync_ring_errors") not in page


def test_a_row_that_is_lost_may_be_that_of_a_member() -> None:
    cfgtool = links((UP, DOWN), (UP, UP)).replace(b"nodeid: 3:\tdisconnected", b"nodeid: x:\tdisconnected")
    page = collect(cfgtool, quorum(1, 2, 3))
    assert rings(page) == {"1": 1}
    assert series.key("corosync_ring_errors") not in page
    assert rings(collect(cfgtool, quorum(1, 2))) == {"0": 1, "1": 1}


def test_a_link_that_is_lost_may_be_faulty() -> None:
    cfgtool = links((UP,), (DOWN,)).replace(b"LINK ID 1", b"LINK ID x")
    page = collect(cfgtool, quorum(1, 2))
    assert rings(page) == {"0": 1}
    assert series.key("corosync_ring_errors") not in page


def test_a_member_that_is_lost_may_be_one_that_is_not_reached() -> None:
    quorumtool = quorum(1, 2).replace(b"         2 ", b"         x ")
    assert rings(collect(links((UP,), (DOWN,)), quorumtool)) == {"0": 1}


def test_this_node_is_never_its_own_peer() -> None:
    cfgtool = (
        b"Local node ID x\nLINK ID 0\n\taddr\t= a\n\tstatus:\n\t\tnodeid: 1: connected\n\t\tnodeid: 2: localhost\n"
    )
    assert not series.named(collect(cfgtool, quorum(1, 2)), "ha_cluster_corosync_link_connected")
    page = collect(cfgtool.replace(b"1: connected", b"1: disconnected"), quorum(1))
    assert rings(page) == {"0": 1}


def test_if_the_members_are_unknown_a_node_that_is_not_reached_may_be_down() -> None:
    page = collect(links((UP, DOWN), (UP, UP)), None)
    assert rings(page) == {"1": 1}
    assert series.key("corosync_ring_errors") not in page


def test_a_link_that_does_not_list_a_member_is_not_healthy() -> None:
    assert rings(collect(links((), ()), quorum(1, 2))) == {}


@pytest.mark.parametrize(
    ("members", "connected", "healthy"),
    [((1, 2, 3), "110", 0), ((1, 2), "110", 1), ((1, 2, 3), "111", 1)],
)
def test_nodes_that_are_known_by_their_index(members: tuple[int, ...], connected: str, healthy: int) -> None:
    rows = "".join(
        f"\t\tnode {index}:\tlink enabled:1\tlink connected:{flag}\n" for index, flag in enumerate(connected)
    )
    cfgtool = f"Local node ID 1\nLINK ID 0\n\taddr\t= 192.0.2.0\n\tstatus:\n{rows}".encode()
    assert rings(collect(cfgtool, quorum(*members))) == {"0": healthy}


@pytest.mark.parametrize(
    ("sentence", "healthy"),
    [
        ("ring 0 active with no faults", {"0": 1}),
        ("Incrementing problem counter for seqid 1 iface 192.0.2.0 to [1 of 10]", {"0": 1}),
        ("Marking ringid 0 interface 192.0.2.0 FAULTY", {"0": 0}),
        ("in an unknown state", {}),
    ],
)
def test_what_the_tool_says_about_a_ring(sentence: str, healthy: dict[str, float]) -> None:
    cfgtool = f"Local node ID 1\nRING ID 0\n\tid\t= 192.0.2.0\n\tstatus\t= {sentence}\n".encode()
    page = collect(cfgtool, quorum(1))
    assert rings(page) == healthy
    errors = None if not healthy else int(healthy == {"0": 0})
    assert page.get(series.key("corosync_ring_errors")) == errors


def test_a_value_that_cannot_be_read_costs_its_sample_only() -> None:
    page = collect(links((UP,)), quorum(1, 2).replace(b"Quorate: Yes", b"Quorate: Perhaps"))
    assert series.key("corosync_quorate") not in page
    assert page[series.key("corosync_member_votes", node_id="2", node="node2", local="false")] == 1


# --- What the page says ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "states", "text"),
    [
        ((1, 2, 3), [(UP, UP), (UP, UP)], "2 of 2 links work fully"),
        ((1, 2, 3), [(UP, UP), (UP, DOWN)], "1 of 2 links work fully; link 1: node3 cannot be reached"),
        ((1, 2, 3), [(UP, UP), (DOWN, DOWN)], "1 of 2 links work fully; link 1: no member can be reached"),
        ((1, 2), [(UP, DOWN), (DOWN, DOWN)], "1 of 2 links work fully; link 1: node2 cannot be reached"),
        (
            (1, 2, 3, 4),
            [(DOWN, UP, UP), (UP, DOWN, DOWN)],
            "0 of 2 links work fully; link 0: node2 cannot be reached; link 1: node3 and node4 cannot be reached",
        ),
        (
            (1, 2, 3, 4, 5, 6, 7),
            [(UP, DOWN, DOWN, DOWN, DOWN, DOWN)],
            "0 of 1 links work fully; link 0: node3, node4, node5 and 2 others cannot be reached",
        ),
        ((1, 2), [(UP, DOWN), (UP, DOWN)], "2 of 2 links work fully"),  # node 3 is down
    ],
)
def test_the_page_says_over_which_link_which_member_is_not_reached(
    members: tuple[int, ...], states: list[tuple[str, ...]], text: str
) -> None:
    all_work = "; " not in text
    assert headline(links(*states), quorum(*members)) == (text, Health.OK if all_work else Health.WARNING)


@pytest.mark.parametrize(
    ("cfgtool", "quorumtool", "text"),
    [
        # alone: no peer shows whether the links work
        (links((DOWN, DOWN), (DOWN, DOWN)), quorum(1), "2 links, state unknown: there is no other member"),
        (links((DOWN,)), quorum(1), "1 link, state unknown: there is no other member"),
        # the members are unknown, and so is whether node 3 is one
        (links((UP, DOWN), (UP, DOWN)), None, "2 links, state unknown"),
        (links((UP, UP), (UP, DOWN)), None, "1 of 2 links work fully; link 1: unknown"),
        (links((UP, UP), (UP, "asleep")), quorum(1, 2, 3), "1 of 2 links work fully; link 1: unknown"),
    ],
)
def test_the_page_does_not_count_a_link_whose_state_is_unknown(
    cfgtool: bytes, quorumtool: bytes | None, text: str
) -> None:
    assert headline(cfgtool, quorumtool) == (text, Health.UNKNOWN)


def test_the_page_and_nodes_that_are_known_by_their_index() -> None:
    rows = "".join(f"\t\tnode {index}:\tlink enabled:1\tlink connected:{int(index < 2)}\n" for index in range(3))
    cfgtool = f"Local node ID 1\nLINK ID 0\n\taddr\t= 192.0.2.0\n\tstatus:\n{rows}".encode()
    text, _ = headline(cfgtool, quorum(1, 2, 3), version="3.0.1")
    assert text == "0 of 1 links work fully; link 0: a member cannot be reached"


def test_the_page_and_rings_of_corosync_2() -> None:
    cfgtool = (
        b"Local node ID 1\nRING ID 0\n\tid\t= 192.0.2.0\n\tstatus\t= ring 0 active with no faults\n"
        b"RING ID 1\n\tid\t= 192.0.2.1\n\tstatus\t= Marking ringid 1 interface 192.0.2.1 FAULTY\n"
    )
    text, _ = headline(cfgtool, quorum(1, 2), version="2.4.5")
    assert text == "1 of 2 links work fully; link 1: marked as faulty"


def test_the_page_agrees_with_the_metrics_in_all_situations() -> None:
    compared = 0
    for name, samples in situations.situations():
        view = ClusterView(Snapshot(samples_by_metric=samples.samples_by_metric))
        states, errors = view.fact(facts.full_link_states), view.number(metrics.RING_ERRORS)
        if errors is not None and None not in states.values():
            assert list(states.values()).count(False) == errors, name
            compared += 1
    assert compared > 5
