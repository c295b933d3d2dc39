"""``corosync-quorumtool``."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, replace

import pytest

from gateway.errors import ParseError
from gateway.subsystems.corosync import corosync_quorumtool
from gateway.subsystems.corosync.corosync_quorumtool import Member, QuorumDevice, QuorumStatus
from tests.corpus import names, needs_corpus, outcomes, unexpected_errors
from tests.unreadable import reasons

TWO_NODES = """\
Quorum information
------------------
Date:             Tue Mar  3 10:11:12 2026
Quorum provider:  corosync_votequorum
Nodes:            2
Node ID:          11
Ring ID:          b.1f4
Quorate:          Yes

Votequorum information
----------------------
Expected votes:   3
Highest expected: 4
Total votes:      5
Quorum:           2 \x20
Flags:            Quorate Qdevice\x20

Membership information
----------------------
    Nodeid      Votes    Qdevice Name
        11          1    A,V,NMW alpha.example.org (local)
        12          2         NR beta
         0          1            Qdevice
"""

WITHOUT_DEVICE = TWO_NODES.replace("Quorate Qdevice", "Quorate").partition("    Nodeid")[0]


def parse(output: bytes) -> QuorumStatus:
    return corosync_quorumtool.parse(output).value


def unreadable(output: bytes) -> list[str]:
    return reasons(corosync_quorumtool.parse(output))


def with_table(*rows: str) -> bytes:
    """Returns an output of two nodes with these lines as its table."""
    return (WITHOUT_DEVICE + "\n".join(rows) + "\n").encode()


def with_value(name: str, value: str) -> bytes:
    """Returns an output of two nodes in which the line of this name has another value."""
    lines = [f"{name}: {value}" if line.startswith(f"{name}:") else line for line in TWO_NODES.splitlines()]
    return ("\n".join(lines) + "\n").encode()


def test_every_line_and_row_is_read() -> None:
    assert parse(TWO_NODES.encode()) == QuorumStatus(
        node_id=11,
        ring_id="b.1f4",
        quorate=True,
        expected_votes=3,
        highest_expected=4,
        total_votes=5,
        quorum=2,
        flags=("Quorate", "Qdevice"),
        nodes=2,
        members=(
            Member(node_id=11, votes=1, name="alpha.example.org", local=True, device=("A", "V", "NMW")),
            Member(node_id=12, votes=2, name="beta", local=False, device=()),
        ),
        device=QuorumDevice(votes=1),
    )


def test_the_format_of_corosync_1_is_read() -> None:
    output = b"""\
Version:          1.4.9
Nodes:            2
Ring ID:          3316
Quorum type:      corosync_votequorum
Quorate:          Yes
Node votes:       1
Expected votes:   2
Highest expected: 2
Total votes:      2
Quorum:           1 \x20
Flags:            2Node Quorate\x20
"""
    assert parse(output) == QuorumStatus(
        node_id=None,
        ring_id="3316",
        quorate=True,
        expected_votes=2,
        highest_expected=2,
        total_votes=2,
        quorum=1,
        flags=("2Node", "Quorate"),
        nodes=2,
        members=(),
        device=None,
    )
    assert unreadable(output) == []
    for length in range(len(output)):
        with pytest.raises(ParseError):
            parse(output[:length])


def test_activity_blocked_is_not_part_of_the_number() -> None:
    status = parse(with_value("Quorum", "3 Activity blocked").replace(b"Yes", b"No"))
    assert (status.quorate, status.quorum) == (False, 3)


@pytest.mark.parametrize("ring_id", ["1.16d", "1084780051/44", "100", "3e8.2b", "-1062731775/8"])
def test_ring_ids_are_text(ring_id: str) -> None:
    assert parse(with_value("Ring ID", ring_id)).ring_id == ring_id


def test_without_flags_there_are_none() -> None:
    assert parse(with_value("Flags", "")).flags == ()
    assert parse(TWO_NODES.replace("Flags: ", "Banners: ").encode()).flags == ()


def test_no_device_column() -> None:
    status = parse(with_table("  Nodeid  Votes Name", " 11 1 alpha (local)", " 12 1 NR"))
    assert [(member.name, member.local, member.device) for member in status.members] == [
        ("alpha", True, None),
        ("NR", False, None),
    ]
    assert status.device is None


@pytest.mark.parametrize(
    ("cell", "name", "local"),
    [
        ("alpha", "alpha", False),
        ("alpha (local)", "alpha", True),
        ("alpha\t(local) ", "alpha", True),
        (" (local)", "", True),
        ("", "", False),
        (" NR", "NR", False),
        ("  192.0.2.7", "192.0.2.7", False),
        ("fd00::AB:1 (local)", "fd00::AB:1", True),
        ("fe80:00:000::1%eth0", "fe80:00:000::1%eth0", False),
        ("node-3.a.example.org", "node-3.a.example.org", False),
        ("Qdevice", "Qdevice", False),
        ("A,V,NMW", "A,V,NMW", False),
        ("12 1 NR", "12 1 NR", False),
        ("my(local)", "my(local)", False),
        ("(local) (local)", "(local)", True),
        ("knoten-ä", "knoten-ä", False),
    ],
)
@pytest.mark.parametrize(
    ("header", "before", "device"),
    [("Nodeid Votes Qdevice Name", "12 1 NR", ()), ("\tNodeid\tVotes\tName", "\t12\t1", None)],
)
def test_each_cell_is_a_name_that_may_be_marked_as_local(
    header: str, before: str, device: tuple[str, ...] | None, cell: str, name: str, *, local: bool
) -> None:
    member = parse(with_table(header, "11 1 NR x", f"{before} {cell}")).members[1]
    assert member == Member(node_id=12, votes=1, name=name, local=local, device=device)


@pytest.mark.parametrize(
    ("cell", "device"),
    [
        ("NR", ()),
        ("A,V,MW", ("A", "V", "MW")),
        ("NA,NV,NMW", ("NA", "NV", "NMW")),
        ("NA,NV,NM", ("NA", "NV", "NM")),  # Corosync 2 has no room for the ninth character
    ],
)
def test_each_flag_of_the_quorum_device_is_read(cell: str, device: tuple[str, ...]) -> None:
    status = parse(with_table("Nodeid Votes Qdevice Name", f"11 1 {cell} a", "12 1 NR b"))
    assert status.members[0].device == device


@pytest.mark.parametrize(
    ("row", "votes"),
    [
        ("         0          1            Qdevice", 1),
        ("         0          0            Qdevice (votes 1)", 0),
        ("0x00000000 7 Qdevice", 7),
        ("0 2 anything", 2),
        ("0 2", 2),
    ],
)
def test_the_row_of_the_quorum_device_is_no_member(row: str, votes: int) -> None:
    status = parse(with_table("Nodeid Votes Qdevice Name", "11 1 NR a", "12 1 NR b", row))
    assert status.device == QuorumDevice(votes=votes)
    assert [member.node_id for member in status.members] == [11, 12]


def test_node_ids_may_be_hexadecimal() -> None:
    status = parse(with_value("Node ID", "0x0000000b").replace(b"        12 ", b"0xffffffff "))
    assert (status.node_id, status.members[1].node_id) == (11, 2**32 - 1)


def test_votes_of_a_joining_node_are_unknown() -> None:
    output = TWO_NODES.replace("\nMembership", "Unable to get node 12 info\n\nMembership")
    first, second = parse(output.replace("   2         NR", "32566    A,V,MW").encode()).members
    assert (first.votes, first.device) == (1, ("A", "V", "NMW"))
    assert (second.votes, second.device, second.name) == (None, None, "beta")


def test_other_lines_are_ignored() -> None:
    output = TWO_NODES.replace("\n\nVote", "\nWeather: fine\nNode votes: x\nnothing\n\nVote", 1).replace("\n", "\r\n")
    assert parse(output.encode()) == parse(TWO_NODES.encode())


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("alpha [weight=10 site=a] (local)", "alpha"),
        ("alpha [<unset>] (local)", "alpha"),
        ("alpha [8 bytes: 01 FF 00 00 00 00 00 00 ] (local)", "alpha"),
        ("alpha [a [b] c] (local)", "alpha"),
        ("[a] (local)", ""),
        ("al[p]ha (local)", "al[p]ha"),
    ],
)
def test_extra_info_of_the_quorum_device_is_no_part_of_the_name(cell: str, name: str) -> None:
    member = parse(TWO_NODES.replace("alpha.example.org (local)", cell).encode()).members[0]
    assert (member.name, member.local) == (name, True)


NAMES = {
    "Quorate": "quorate",
    "Node ID": "node_id",
    "Ring ID": "ring_id",
    "Expected votes": "expected_votes",
    "Highest expected": "highest_expected",
    "Total votes": "total_votes",
    "Quorum": "quorum",
}


@pytest.mark.parametrize(("name", "field"), NAMES.items())
def test_a_missing_value_costs_itself_only(name: str, field: str) -> None:
    complete = asdict(parse(TWO_NODES.encode()))
    without = {**complete, field: "" if name == "Ring ID" else None}
    missing = TWO_NODES.replace(f"{name}:", "Other:").encode()
    assert (asdict(parse(missing)), unreadable(missing)) == (without, [f"found no {name!r}"])
    empty = with_value(name, "")
    assert asdict(parse(empty)) == without
    assert [reason.partition(": ")[2] for reason in unreadable(empty)] == [f"{name!r} is empty"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Quorum", "three"),
        ("Total votes", "4294967296"),
        ("Expected votes", "-1"),
        ("Highest expected", "1" * 900),
        ("Node ID", "٣"),
    ],
)
def test_a_malformed_value_costs_itself_only(name: str, value: str) -> None:
    output = with_value(name, value)
    assert asdict(parse(output)) == {**asdict(parse(TWO_NODES.encode())), NAMES[name]: None}
    (reason,) = unreadable(output)
    line = int(reason.partition(":")[0].removeprefix("line "))
    assert output.decode().splitlines()[line - 1].startswith(name)


@pytest.mark.parametrize("value", ["yes", "Yesterday", ""])
def test_an_unknown_word_for_the_quorum(value: str) -> None:
    assert parse(with_value("Quorate", value)).quorate is None
    assert len(unreadable(with_value("Quorate", value))) == 1


def test_a_malformed_number_of_nodes_costs_the_check_only() -> None:
    assert parse(with_value("Nodes", "many")) == replace(parse(TWO_NODES.encode()), nodes=None)
    assert unreadable(with_value("Nodes", "many")) == ["line 5: expected Nodes as a number, found 'many'"]


@pytest.mark.parametrize(
    ("row", "member", "reason"),
    [
        ("12 x NR b", (12, None, "b", ()), "expected votes as a number, found 'x'"),
        ("12 4294967296 NR b", (12, None, "b", ()), "expected votes as a number, found '4294967296'"),
        ("12 1 A b", (12, 1, "b", None), "expected the flags of the quorum device, found 'A'"),
        ("12 1", (12, 1, "", None), "expected the flags of the quorum device, found ''"),
        ("x 1 NR b", None, "expected a node id as a number, found 'x'"),
        ("it is late", None, "expected a node id as a number, found 'it'"),
    ],
)
def test_a_malformed_row_costs_what_is_malformed(
    row: str, member: tuple[int, int | None, str, tuple[str, ...] | None] | None, reason: str
) -> None:
    output = with_table("Nodeid Votes Qdevice Name", "11 1 NR a (local)", row)
    first, *others = parse(output).members
    assert first.name == "a"
    assert [(item.node_id, item.votes, item.name, item.device) for item in others] == ([member] if member else [])
    assert unreadable(output) == [f"line 22: {reason}"]


def test_a_malformed_row_of_the_device_costs_the_device() -> None:
    output = TWO_NODES.replace("         0 ", "         o ").encode()
    assert (parse(output).device, len(parse(output).members)) == (None, 2)
    assert unreadable(output) == ["line 23: expected a node id as a number, found 'o'"]


def test_sections_in_another_order() -> None:
    start, votes, members = (f"{part}\n" for part in TWO_NODES.removesuffix("\n").split("\n\n"))
    for output in (members + votes + start, votes + members + start, members + start + votes):
        assert parse(output.encode()) == parse(TWO_NODES.encode())
        assert unreadable(output.encode()) == []


def test_votes_that_votequorum_does_not_tell_cost_themselves_only() -> None:
    start, _, members = TWO_NODES.split("\n\n")
    status = parse(f"{start}\nUnable to get node info: CS_ERR_TRY_AGAIN\n\n{members}".encode())
    assert (status.quorate, status.total_votes, len(status.members)) == (True, None, 2)


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (b"", "no membership table"),
        (b"\n\n", "no membership table"),
        (b"Quorate: No\n", "no membership table"),
        (with_table("Nodeid Name", "11 alpha", "12 beta"), "no membership table"),
        (with_table("Nodeid Votes Name", "11 1 alpha"), "2 nodes, but 1 rows"),
        (with_table("Nodeid Votes Name"), "2 nodes, but 0 rows"),
        (TWO_NODES.partition("         0")[0].encode(), "no row for it"),
    ],
)
def test_an_incomplete_output_is_an_error(output: bytes, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        parse(output)


def test_no_truncated_output_is_complete() -> None:
    output = TWO_NODES.encode()
    complete = parse(output)
    for length in range(len(output)):
        with suppress(ParseError):
            parsed = corosync_quorumtool.parse(output[:length])
            assert parsed.unreadable
            assert set(parsed.value.members) <= set(complete.members)
            assert replace(parsed.value, members=complete.members, device=complete.device) == complete


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (TWO_NODES.encode()[:-1], "line 23: cut off: "),
        (TWO_NODES.encode().replace(b"beta", b"\xff"), "line 22: not UTF-8 text: "),
        (TWO_NODES.encode().replace(b"Quorate:  ", b"Quorate:\0 "), "line 8: not UTF-8 text: "),
    ],
)
def test_a_line_that_is_damaged(output: bytes, reason: str) -> None:
    parsed = corosync_quorumtool.parse(output)
    assert reasons(parsed)[0].startswith(reason)
    complete = parse(TWO_NODES.encode())
    assert parsed.value != complete
    assert set(parsed.value.members) <= set(complete.members)
    restored = replace(parsed.value, members=complete.members, device=complete.device, quorate=complete.quorate)
    assert restored == complete


def summary(status: QuorumStatus) -> str:
    """Returns the gist of a status in one line; members as id:votes:name, a star for the local one, device flags."""
    votes = f"{status.expected_votes}/{status.highest_expected}/{status.total_votes}/{status.quorum}"
    members = [
        f"{member.node_id}:{member.votes}:{member.name}{'*' if member.local else ''}"
        + ("" if member.device is None else f"[{','.join(member.device)}]")
        for member in status.members
    ]
    device = "" if status.device is None else f" device:{status.device.votes}"
    state = "quorate" if status.quorate else "blocked"
    return f"{status.node_id} {status.ring_id} {state} {votes} {' '.join(members)}{device}"


LIVE = {
    "knet1": "1 1.5 quorate 1/1/1/1 1:1:cxnode-1*[]",
    "knet2-ipv6-noname": "1 1.9 quorate 2/2/2/1 1:1:*[] 2:1:[]",
    "knet2-qdevice-daemon-killed": "1 1.9 quorate 3/3/2/2 1:1:cxnode-1*[NA,NV,NMW] 2:1:cxnode-2[A,NV,NMW] device:0",
    "knet2-qdevice-lost-quorum": "1 1.d blocked 3/3/1/2 1:1:cxnode-1*[NA,NV,NMW] device:0",
    "knet2-qdevice-not-registered": "1 1.9 quorate 3/3/2/2 1:1:cxnode-1*[] 2:1:cxnode-2[]",
    "knet2-qdevice-voting": "1 1.9 quorate 3/3/3/2 1:1:cxnode-1*[A,V,NMW] 2:1:cxnode-2[A,V,NMW] device:1",
    "knet2-qnetd-dead": "1 1.9 quorate 3/3/2/2 1:1:cxnode-1*[A,NV,NMW] 2:1:cxnode-2[A,NV,NMW] device:0",
    "knet3-2links-wfa-lms": "1 1.9 quorate 3/3/3/2 1:1:cxnode-1*[] 2:1:cxnode-2[] 3:1:cxnode-3[]",
    "knet3-allow-downscale": "2 1.9 quorate 3/3/3/2 1:1:cxnode-1[] 2:1:cxnode-2*[] 3:1:cxnode-3[]",
    "knet3-alone-not-quorate": "1 1.5 blocked 3/3/1/2 1:1:cxnode-1*[]",
    "knet3-link1-down": "1 1.9 quorate 3/3/3/2 1:1:cxnode-1*[] 2:1:cxnode-2[] 3:1:cxnode-3[]",
    "knet3-lms-recalculated": "1 1.d quorate 2/2/2/2 1:1:cxnode-1*[] 2:1:cxnode-2[]",
    "knet3-node3-dead": "1 1.d quorate 3/3/2/2 1:1:cxnode-1*[] 2:1:cxnode-2[]",
    "knet3-peer3-link0-down": "1 1.9 quorate 3/3/3/2 1:1:cxnode-1*[] 2:1:cxnode-2[] 3:1:cxnode-3[]",
    "udp2-atb-noname": "1 1.9 quorate 2/2/2/2 1:1:*[] 2:1:[]",
    "udpu2-node2-dead": "1 1.d quorate 2/2/1/1 1:1:cxnode-1*[]",
    "udpu2-twonode": "1 1.9 quorate 2/2/2/1 1:1:cxnode-1*[] 2:1:cxnode-2[]",
}
"""States of a live cluster: what ``-p`` shows. ``-s`` shows the same, without the column if no device is registered."""

LIVE_NOTHING = (
    "daemon-absent.quorumtool-p",
    "knet1-noquorum-provider.quorumtool-p",
    "knet1-noquorum-provider.quorumtool-s",
)

ELSEWHERE = {
    "quorumtool-i.hotsos-3.0.txt": "1000 3e8.2b quorate 3/3/3/2 1000:1:10.0.0.121* 1001:1:10.0.0.137 1002:1:10.0.0.112",
    "quorumtool-p.q-notquorate-tnf.txt": "1 1.e blocked 2/2/1/1 1:1:master-0*[]",
    "quorumtool-p.q-qdevice-2.4-hce170.txt": "1 1/139 quorate 3/3/3/2 1:1:nfs01*[A,V,NMW] 2:1:nfs02[A,V,NMW] device:1",
    "quorumtool-s.hotsos-3.0.txt": (
        "1000 3e8.2b quorate 3/3/3/2 1000:1:juju-04f1e3-0-lxd-5* 1001:1:juju-04f1e3-2-lxd-6 1002:1:juju-04f1e3-1-lxd-6"
    ),
    "quorumtool-s.q-1.2.3-nodeid32.txt": "739312183 3316 quorate 2/2/2/1 739312183:1:c1* 739312184:1:c2",
    "quorumtool-s.q-lms-hce188.txt": "2 2.4a46b quorate 2/2/2/1 2:1:lb-int01.xxx.yyy.zzz* 3:1:lb-int02.xxx.yyy.zzz",
    "quorumtool.hce-TestParse-1.txt": (
        "1084780051 1084780051.44 quorate 232/22/21/421 1084780051:1:dma-dog-hana01*[] "
        "1084780052:1:dma-dog-hana02[A,V,NMW]"
    ),
    "quorumtool.hce-TestParseMembersWithAnotherExample-0.txt": (
        "2 1/8 quorate 2/2/2/1 1:1:192.168.127.20[] 2:1:192.168.127.21*[]"
    ),
    "quorumtool.hce-TestParseRingIdInCorosyncV2_3-0.txt": "1 100 quorate 2/2/2/1 1:1:10.1.2.4* 2:1:10.1.2.5",
    "quorumtool.hce-TestParseRingIdInCorosyncV2_4-0.txt": (
        "1084780051 1084780051/44 quorate 232/22/21/421 1084780051:1:dma-dog-hana01* 1084780052:1:dma-dog-hana02"
    ),
    "quorumtool.hce-fake.txt": (
        "1084783375 1084783375/40 quorate 2/2/2/1 1084783375:1:stefanotorresi-hana01*[] "
        "1084783376:1:stefanotorresi-hana02[A,V,NMW] device:1"
    ),
    "quorumtool.insights-PCS_QUORUM_STATUS.txt": (
        "1 1/8272 quorate 3/3/3/2 1:1:node1*[A,V,NMW] 2:1:node2[A,V,NMW] device:1"
    ),
    "quorumtool.insights-PCS_QUORUM_STATUS_INVALID.txt": (
        "1 1/8272 quorate 3/3/3/2 1:1:node1*[A,V,NMW] 2:1:node2[A,V,NMW] device:1"
    ),
    "quorumtool.pcp-001.txt": "1 1.1f quorate 2/2/2/1 1:1:node-1*[] 2:1:node-2[]",
    "quorumtool.pcp-002.txt": "1 1.9 quorate 2/2/2/1 1:1:rhel9-node1*[] 2:1:rhel9-node2[]",
    "quorumtool.pcp-003.txt": "1 1.9 quorate 2/2/2/1 1:1:rhel9-node1*[] 2:1:rhel9-node2[]",
    "quorumtool.pcp-004.txt": "1 1.9 quorate 2/2/2/1 1:1:rhel9-node1*[] 2:1:rhel9-node2[]",
    "quorumtool.pcs-test_no_quorate_no_qdevice.txt": "1 19868 blocked 3/3/1/2 1:1:rh70-node1*[]",
    "quorumtool.pcs-test_no_quorate_with_qdevice.txt": "1 19868 blocked 3/3/1/2 1:1:rh70-node1*[] device:0",
    "quorumtool.pcs-test_quorate_no_qdevice.txt": (
        "1 19860 quorate 3/3/3/2 1:3:rh70-node1[] 2:2:rh70-node2*[] 3:1:rh70-node3[]"
    ),
    "quorumtool.pcs-test_quorate_with_qdevice.txt": (
        "1 19860 quorate 10/10/10/6 1:3:rh70-node1[A,V,MNW] 2:2:rh70-node2*[A,V,MNW] 3:1:rh70-node3[A,V,MNW] device:4"
    ),
    "quorumtool.pcs-test_quorate_with_qdevice_lost.txt": (
        "1 19860 quorate 10/10/6/6 1:3:rh70-node1[NA,V,MNW] 2:2:rh70-node2*[NA,V,MNW] 3:1:rh70-node3[NA,V,MNW] device:0"
    ),
}

PARTIAL = {
    "quorumtool.pcs-test_error_missing_quorum.txt": ["line 15: 'Quorum' is empty"],
    "quorumtool.pcs-test_error_node_votes_garbage.txt": ["line 22: expected votes as a number, found 'foo'"],
    "quorumtool.pcs-test_error_quorum_garbage.txt": ["line 15: expected Quorum as a number, found 'Foo'"],
}
"""Outputs broken on purpose, in one value."""

BROKEN = {
    "quorumtool-fragment.hce-TestParseMembersEmptyError-0.txt": "found no membership table",
    "quorumtool-fragment.hce-TestParseNoQuorate-0.txt": "found no membership table",
    "quorumtool-fragment.hce-TestParseNodeIdEmptyError-0.txt": "found no membership table",
    "quorumtool-fragment.hce-TestParseQuorateEmptyError-0.txt": "found no membership table",
    "quorumtool-fragment.hce-TestParseQuorumVotesEmptyError-0.txt": "found no membership table",
    "quorumtool-fragment.hce-TestParseRingIdEmptyError-0.txt": "found no membership table",
    "quorumtool-siH.q-pve-qdevice-novote.txt": "found no values",
    "quorumtool.hce-TestParseMembersUintError-0.txt": "found no values",
    "quorumtool.hce-TestParseMembersWithIpv6Hostnames-0.txt": "found no values",
    "quorumtool.hce-TestParseQuorumVotesUintErrors-0.txt": "found no membership table",
    "quorumtool.hce-TestParseQuorumVotesUintErrors-1.txt": "found no membership table",
    "quorumtool.hce-TestParseQuorumVotesUintErrors-2.txt": "found no membership table",
    "quorumtool.hce-TestParseQuorumVotesUintErrors-3.txt": "found no membership table",
}
"""Fragments, outputs broken on purpose, and two that lack everything but the table."""


@needs_corpus
def test_corpus_is_complete() -> None:
    live = {f"live317.{state}.quorumtool-{option}.txt" for state in LIVE for option in "ps"}
    nothing = {f"live317.{name}.txt" for name in LIVE_NOTHING}
    assert names("corosync", "*quorumtool*.txt") == live | nothing | ELSEWHERE.keys() | PARTIAL.keys() | BROKEN.keys()


def short_summary(output: bytes) -> str:
    """Returns the summary without the domains of host names."""
    text = summary(parse(output))
    for domain in (".example.com", ".mylab.home", ".ostest.test.metalkube.org"):
        text = text.replace(domain, "")
    return text


@needs_corpus
def test_the_outputs_of_each_live_state_are_read() -> None:
    expected = {f"live317.{state}.quorumtool-p.txt": text for state, text in LIVE.items()}
    expected |= {f"live317.{state}.quorumtool-s.txt": text.replace("[]", "") for state, text in LIVE.items()}
    assert outcomes("corosync", expected, short_summary) == expected


@needs_corpus
def test_outputs_from_elsewhere() -> None:
    assert outcomes("corosync", ELSEWHERE, short_summary) == ELSEWHERE


@needs_corpus
def test_each_broken_output_has_its_error() -> None:
    nothing = {f"live317.{name}.txt": "no membership table" for name in LIVE_NOTHING}
    assert unexpected_errors("corosync", {**nothing, **BROKEN}, parse) == {}


@needs_corpus
def test_outputs_with_one_bad_value() -> None:
    assert outcomes("corosync", PARTIAL, unreadable) == PARTIAL


@needs_corpus
def test_everything_else_can_be_read() -> None:
    complete = [*ELSEWHERE, *(f"live317.{state}.quorumtool-p.txt" for state in LIVE)]
    assert {name: found for name, found in outcomes("corosync", complete, unreadable).items() if found} == {}
