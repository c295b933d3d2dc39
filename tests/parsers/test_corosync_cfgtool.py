"""``corosync-cfgtool -s``."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from gateway.errors import ParseError
from gateway.subsystems.corosync import corosync_cfgtool
from gateway.subsystems.corosync.corosync_cfgtool import Link, LinkPeer, LinkStatus, RingStatus
from tests.corpus import names, needs_corpus, outcomes, read
from tests.unreadable import reasons

PEERS = RingStatus.NOT_PRINTED

KNET_3_1 = """\
Local node ID 21, transport knet
LINK ID 0 udp
\taddr\t= 192.0.2.21
\tstatus:
\t\tnodeid:         21:\tlocalhost
\t\tnodeid:         22:\tconnected
LINK ID 3 sctp
\taddr\t= fd00:7::21%3
\tstatus:
\t\tnodeid:         21:\tlocalhost
\t\tnodeid:         22:\tdisconnected
"""

RRP_2 = """\
Printing ring status.
Local node ID 167772417
RING ID 0
\tid\t= 192.0.2.1
\tstatus\t= ring 0 active with no faults
RING ID 1
\tid\t= 198.51.100.1
\tstatus\t= Marking ringid 1 interface 198.51.100.1 FAULTY
"""

KNET_3_0_2 = """\
Printing link status.
Local node ID 5
LINK ID 0
\taddr\t= 192.0.2.5
\tstatus:
\t\tnodeid  5:\tlink enabled:1\tlink connected:1
\t\tnodeid  9:\tlink enabled:1\tlink connected:1
LINK ID 1
\taddr\t= 198.51.100.5
\tstatus:
\t\tnodeid  5:\tlink enabled:0\tlink connected:1
\t\tnodeid  9:\tlink enabled:1\tlink connected:0
"""


def parse(output: bytes) -> LinkStatus:
    return corosync_cfgtool.parse(output).value


def unreadable(output: bytes) -> list[str]:
    return reasons(corosync_cfgtool.parse(output))


def peer(node_id: int, *, local: bool = False, connected: bool | None = True, by_index: bool = False) -> LinkPeer:
    return LinkPeer(node_id=node_id, local=local, connected=connected, by_index=by_index)


def link(lines: str) -> Link:
    """Returns the one link that these lines, separated by slashes, describe on node 1."""
    return parse(on_node_1(lines)).links[0]


def on_node_1(lines: str) -> bytes:
    return ("Local node ID 1\n" + lines.replace(" / ", "\n") + "\n").encode()


def test_knet_of_3_1() -> None:
    assert parse(KNET_3_1.encode()) == LinkStatus(
        node_id=21,
        transport="knet",
        links=(
            Link(number=0, address="192.0.2.21", status=PEERS, peers=(peer(21, local=True), peer(22))),
            Link(
                number=3,
                address="fd00:7::21%3",
                status=PEERS,
                peers=(peer(21, local=True), peer(22, connected=False)),
            ),
        ),
    )


def test_rings_of_2() -> None:
    assert parse(RRP_2.encode()) == LinkStatus(
        node_id=167772417,
        transport=None,
        links=(
            Link(number=0, address="192.0.2.1", status=RingStatus.HEALTHY, peers=()),
            Link(number=1, address="198.51.100.1", status=RingStatus.FAULTY, peers=()),
        ),
    )


def test_knet_of_3_0_2() -> None:
    first, second = parse(KNET_3_0_2.encode()).links
    assert first.peers == (peer(5, local=True), peer(9))
    assert second.peers == (peer(5, local=True), peer(9, connected=False))


def test_indexes_of_3_0_0_are_not_ids() -> None:
    result = link(
        "LINK ID 0 / addr = 192.0.2.1 / status:"
        " / node 0: link enabled:1 link connected:1 / node 1: link enabled:0\tlink connected:0"
    )
    assert result.peers == (peer(0, by_index=True), peer(1, connected=False, by_index=True))


def status_of(rows: str) -> bytes:
    return on_node_1(f"LINK ID 0 / addr = 192.0.2.1 / status: / {rows}")


@pytest.mark.parametrize(
    ("words", "connected"),
    [
        ("connected", True),
        ("disconnected", False),
        ("disconnected (not enabled)", False),
        ("connected (not enabled)", False),
        ("knet error", False),
        ("config error", False),
    ],
)
def test_words_of_3_0_4(words: str, *, connected: bool) -> None:
    output = status_of(f"nodeid  1:\tlocalhost / nodeid  2:\t{words} / nodeid  3:\tconnected")
    assert parse(output).links[0].peers == (peer(1, local=True), peer(2, connected=connected), peer(3))
    assert unreadable(output) == []


@pytest.mark.parametrize("words", ["unknown", "Connected", "connected (enabled)", "can't decode status character 'x'"])
def test_the_state_behind_an_unknown_word_is_unknown(words: str) -> None:
    output = status_of(f"nodeid: 1: localhost / nodeid: 2: {words} / nodeid: 3: disconnected")
    assert parse(output).links[0].peers == (
        peer(1, local=True),
        peer(2, connected=None),
        peer(3, connected=False),
    )
    assert unreadable(output) == [f"line 6: expected the state of node 2, found {words!r}"]


def test_node_0_has_an_unknown_status() -> None:
    output = status_of("nodeid: 1: localhost / nodeid: 0: disconnected")
    assert parse(output).links[0].peers == (peer(1, local=True),)
    assert len(unreadable(output)) == 1
    assert parse(status_of("nodeid: 0: localhost / nodeid: 2: connected")).links[0].peers == (peer(2),)


def test_localhost_in_the_row_of_another_node() -> None:
    output = status_of("nodeid: 1: connected / nodeid: 2: localhost / nodeid: 3: connected")
    assert parse(output).links[0].peers == (peer(1, local=True), peer(3))
    assert unreadable(output) == ["line 6: expected the state of node 2, found 'localhost', which it is not"]
    output = status_of("nodeid: 1: disconnected / nodeid: 2: localhost")
    assert parse(output).links[0].peers == (peer(1, local=True),)


def test_large_ids_printed_as_negative_numbers() -> None:
    output = KNET_3_0_2.replace("ID 5\n", "ID -1062731775\n").replace("nodeid  5:", "nodeid -1062731775:")
    status = parse(output.encode())
    assert status.node_id == 0xC0A80001
    assert status.links[1].peers[0] == peer(0xC0A80001, local=True)


@pytest.mark.parametrize(
    ("sentence", "status"),
    [
        ("OK", RingStatus.HEALTHY),
        ("ring 0 active with no faults", RingStatus.HEALTHY),
        ("ring 17 active with no faults", RingStatus.HEALTHY),
        ("Incrementing problem counter for seqid 1 iface 192.0.2.1 to [1 of 10]", RingStatus.HEALTHY),
        ("Decrementing problem counter for iface 192.0.2.1 to [1 of 10]", RingStatus.HEALTHY),
        ("Marking ringid 0 interface 192.0.2.1 FAULTY", RingStatus.FAULTY),
        ("Marking seqid 5 ringid 0 interface 192.0.2.1 FAULTY - administrative intervention.", RingStatus.FAULTY),
        ("not OK", RingStatus.UNKNOWN),
        ("OKAY", RingStatus.UNKNOWN),
    ],
)
@pytest.mark.parametrize(
    "begin", ["RING ID 0 / id =", "Ring ID 0 / id\t=", "LINK ID 0 / addr =", "Link ID 0 / \taddr="]
)
def test_each_sentence_is_a_status_of_the_link(begin: str, sentence: str, status: RingStatus) -> None:
    output = on_node_1(f"{begin} 192.0.2.1 / status = {sentence}")
    complete = status is not RingStatus.UNKNOWN
    assert parse(output).links == (Link(number=0, address="192.0.2.1", status=status, peers=(), complete=complete),)
    unknown = [f"line 4: expected the status of a link, found {sentence!r}"]
    assert unreadable(output) == (unknown if status is RingStatus.UNKNOWN else [])


def test_link_with_a_trailing_blank() -> None:
    result = link("LINK ID 2  / addr = 192.0.2.9 / status: / nodeid:          1:\tlocalhost")
    assert (result.number, result.address) == (2, "192.0.2.9")


def test_an_output_without_links_is_an_answer() -> None:
    assert parse(b"Printing link status.\nLocal node ID 1\n") == LinkStatus(node_id=1, transport=None, links=())


def test_other_lines_are_ignored() -> None:
    notice = "**SCTP is deprecated\n"
    output = "".join(f"{line}\n{notice}" for line in KNET_3_1.splitlines()).replace("\n", "\r\n")
    assert parse(output.encode()) == parse(KNET_3_1.encode())


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (b"", "no 'Local node ID'"),
        (b"Printing link status.\n", "no 'Local node ID'"),
        (
            b"Could not get the local node id, the error is: 6\n",
            "line 1: the tool reports an error: 'Could not",
        ),
        (b"Local node ID 1\nCould not get the link status, the error is: 6\n", "line 2: the tool reports an error"),
        (b"Local node ID x\n", "no 'Local node ID'"),
        (b"Local node ID 1\nLINK ID 0\n", "line 2: cut off: link 0 has no address"),
        (b"Local node ID 1\nLINK ID 0\naddr = a\n", "line 2: cut off: link 0 has no address or no status"),
        (b"Local node ID 1\nLINK ID 0\nstatus = OK\n", "line 2: cut off: link 0 has no address"),
        (b"Local node ID 1\nLINK ID 0\naddr = a\nstatus:\n", "line 2: cut off"),
        (b"Local node ID 1\nLINK ID 0\naddr = a\nstatus:\nnodeid: 2: connected\n", "does not list the local node"),
        (KNET_3_1.rpartition("\t\tnodeid")[0].encode(), "line 7: cut off: link 3 lists 1 of 2 nodes"),
    ],
)
def test_an_unknown_structure_is_an_error(output: bytes, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        parse(output)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Local node ID", "malformed: 'Local node ID'"),
        ("status =", "malformed: 'status ='"),
        ("nodeid: x: connected", "expected a node id as a number, found 'x'"),
        ("nodeid: 4294967296: connected", "expected a node id as a number, found '4294967296'"),
        ("node 1: link enabled:1", "malformed: 'node 1: link enabled:1'"),
        ("nodeid: 3", "malformed: 'nodeid: 3'"),
        (
            "Could not get the node status for nodeid 3, the error is: 12",
            "the tool reports an error: 'Could not get the node status for nodeid 3, the error is: 12'",
        ),
    ],
)
def test_a_bad_line_costs_that_line(line: str, reason: str) -> None:
    for place in (6, 11):
        lines = KNET_3_1.splitlines()
        output = "\n".join([*lines[:place], line, *lines[place:], ""]).encode()
        status = parse(output)
        assert [replace(item, complete=True) for item in status.links] == list(parse(KNET_3_1.encode()).links)
        assert [item.complete for item in status.links].count(False) == (line != "Local node ID")
        assert (status.node_id, status.transport, status.complete) == (21, "knet", True)
        assert unreadable(output) == [f"line {place + 1}: {reason}"]


def test_a_link_without_number_is_left_out() -> None:
    output = KNET_3_1.replace("LINK ID 0", "LINK ID x").encode()
    assert [link.number for link in parse(output).links] == [3]
    assert not parse(output).complete
    assert unreadable(output)[0] == "line 2: expected the number of a link as a number, found 'x'"


@pytest.mark.parametrize("first_line", ["", "RNG ID 1\n"])
def test_a_link_whose_first_line_is_damaged_does_not_change_the_link_before(first_line: str) -> None:
    output = RRP_2.replace("RING ID 1\n", first_line).encode()
    assert output != RRP_2.encode()
    assert parse(output).links == parse(RRP_2.encode()).links[:1]
    assert not parse(output).complete
    assert unreadable(output)[0].endswith("expected a link before its address")


def test_a_link_without_address_or_status_is_left_out() -> None:
    output = RRP_2.replace("\tid\t= 192.0.2.1\n", "").encode()
    assert [link.number for link in parse(output).links] == [1]
    assert unreadable(output) == ["line 3: link 0 has no address or no status"]
    output = KNET_3_1.replace("\t\tnodeid:         21:\tlocalhost\n", "", 1).encode()
    assert [link.peers for link in parse(output).links] == [
        (peer(22),),
        (peer(21, local=True), peer(22, connected=False)),
    ]


def test_the_local_node_may_be_anywhere() -> None:
    first, rest = KNET_3_1.split("\n", 1)
    assert parse(f"{rest}{first}\n".encode()) == parse(KNET_3_1.encode())


def test_localhost_names_the_local_node_if_nothing_else_does() -> None:
    output = KNET_3_1.replace("Local node ID 21, transport knet\n", "").encode()
    assert parse(output).node_id == 21
    output = RRP_2.replace("Local node ID 167772417\n", "Could not get the local node id, the error is: 6\n").encode()
    assert parse(output).node_id is None
    assert [link.status for link in parse(output).links] == [RingStatus.HEALTHY, RingStatus.FAULTY]


def test_a_truncated_output_is_not_complete_except_at_the_end_of_a_link() -> None:
    output = KNET_3_1.encode()
    peers = {link.number: set(link.peers) for link in parse(output).links}
    passing = {output.index(line) for line in (b"LINK ID 0", b"\t\tnodeid:         22", b"LINK ID 3")}
    for length in set(range(len(output))) - passing:
        with suppress(ParseError):
            parsed = corosync_cfgtool.parse(output[:length])
            assert parsed.unreadable
            assert not parsed.value.complete
            for link in parsed.value.links:
                assert not link.complete or set(link.peers) <= peers[link.number]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (KNET_3_1.encode()[:-4], "line 11: cut off: 'nodeid:         22:\\tdisconne"),
        (KNET_3_1.encode() + b"\x80\n", "line 12: not UTF-8 text: '\N{REPLACEMENT CHARACTER}'"),
        (KNET_3_1.replace("22:\tdis", "22:\0\tdis").encode(), "line 11: not UTF-8 text"),
    ],
)
def test_a_line_that_is_damaged(output: bytes, reason: str) -> None:
    """It may be the state of a peer, or the first line of a link."""
    parsed = corosync_cfgtool.parse(output)
    assert reasons(parsed)[0].startswith(reason)
    assert [link.number for link in parsed.value.links] == [0, 3]
    assert parsed.value.links[0].complete
    assert not parsed.value.links[1].complete
    assert not parsed.value.complete


def summary(status: LinkStatus) -> str:
    """Returns the gist of a status; each peer with + or -, * for the local one, # where its number is an index."""
    parts = [f"{status.node_id} {status.transport or '?'}"]
    for item in status.links:
        peers = [
            f" {peer.node_id}{'#' if peer.by_index else ''}{'*' if peer.local else '+' if peer.connected else '-'}"
            for peer in item.peers
        ]
        state = "" if item.status is PEERS else f" {item.status.value}"
        parts.append(f"{item.number} {item.address}{state}{''.join(peers)}")
    return " | ".join(parts)


ABSENT = "live317.daemon-absent.cfgtool-s.txt"
"""Nothing on stdout; the text is on stderr."""

EXPECTED = {
    "cfgtool-s.hce-TestParse-0.txt": "1084780051 ? | 0 10.0.0.1 healthy | 1 172.16.0.1 healthy",
    "cfgtool-s.hce-TestParseFaultyRings-0.txt": "16777226 ? | 0 10.0.0.1 faulty | 1 172.16.0.1 healthy",
    "cfgtool-s.hce-TestParseFaultyRingsInCorosyncV2-0.txt": "16777226 ? | 0 10.0.0.1 faulty | 1 172.16.0.1 healthy",
    "cfgtool-s.hce-fake.txt": "16777226 ? | 0 10.0.0.1 faulty | 1 172.16.0.1 healthy",
    "cfgtool-s.hotsos-3.0-udpu.txt": "1000 ? | 0 10.0.0.121 healthy",
    "cfgtool-s.pcp-001.txt": "1 ? | 0 192.168.122.101 faulty",
    "cfgtool-s.pcp-002.txt": "1 knet | 0 192.168.122.148 1* 2+",
    "cfgtool-s.pcp-003.txt": "1 knet | 0 192.168.122.148 1* 2+",
    "cfgtool-s.pcp-004.txt": "1 knet | 0 192.168.122.148 1* 2+",
    "cfgtool-s.q-1-rrp-admin-intervention.txt": "1 ? | 0 10.10.0.1 healthy | 1 10.10.1.1 faulty",
    "cfgtool-s.q-2-loopback.txt": "2130706433 ? | 0 192.168.0.3 healthy",
    "cfgtool-s.q-2-rrp-faulty-tabs.txt": "16777226 ? | 0 10.0.0.1 faulty | 1 172.16.0.1 healthy",
    "cfgtool-s.q-2-rrp-healthy-tabs.txt": "739312183 ? | 0 172.17.2.55 healthy | 1 10.0.2.55 healthy",
    "cfgtool-s.q-3.0-loopback.txt": "1 ? | 0 127.0.0.1 0#+",
    "cfgtool-s.q-3.0-nolinks.txt": "1 ?",
    "cfgtool-s.q-3.0-udpu-ok.txt": "1 ? | 0 128.1.0.86 healthy",
    "cfgtool-s.q-3.1-knet-live-pve.txt": "1 knet | 0 10.255.0.10 1* 2-",
    "cfgtool-s.q-3.1-knet-pacemaker-doc.txt": "1 ? | 0 192.168.122.101 1* 2+",
    "cfgtool-s.q-3.1-knet-two-links-cut.txt": ("1 knet | 0 10.10.32.51 1* 2- 3- | 1 10.10.10.51 1* 2- 3-"),
    "cfgtool-s.q-3.1.3-singlenode.txt": "1 knet | 0 10.10.10.26 1*",
    "cfgtool-s.q-knet-3.0.0-nodeindex.txt": "1 ? | 0 192.168.106.185 0#+ 1#+ | 1 192.168.107.185 0#+ 1#+",
    "cfgtool-s.q-knet-3.0.1-debian10-hce279.txt": "2 ? | 0 10.10.11.2 0#+ 1#+ | 1 10.10.10.2 0#+ 1#+",
    "cfgtool-s.q-knet-3.0.2-down.txt": "1 ? | 0 192.168.106.155 1* 2- | 1 192.168.107.155 1* 2-",
    "cfgtool-s.q-knet-3.0.2-nodeid.txt": "4 ? | 0 192.168.106.186 4* 7+ | 1 192.168.107.186 4* 7+",
    "cfgtool-s.q-knet-3.1.7-debian12-hce279.txt": "2 knet | 0 10.10.11.2 1+ 2* | 1 10.10.10.2 1+ 2*",
    "live317.knet1-noquorum-provider.cfgtool-s.txt": "1 knet | 0 10.77.0.1 1*",
    "live317.knet1.cfgtool-s.txt": "1 knet | 0 10.77.0.1 1*",
    "live317.knet2-ipv6-noname.cfgtool-s.txt": "1 knet | 0 fd77::1%2 1* 2+",
    "live317.knet2-qdevice-daemon-killed.cfgtool-s.txt": "1 knet | 0 10.77.0.1 1* 2+",
    "live317.knet2-qdevice-lost-quorum.cfgtool-s.txt": "1 knet | 0 10.77.0.1 1* 2-",
    "live317.knet2-qdevice-not-registered.cfgtool-s.txt": "1 knet | 0 10.77.0.1 1* 2+",
    "live317.knet2-qdevice-voting.cfgtool-s.txt": "1 knet | 0 10.77.0.1 1* 2+",
    "live317.knet2-qnetd-dead.cfgtool-s.txt": "1 knet | 0 10.77.0.1 1* 2+",
    "live317.knet3-2links-wfa-lms.cfgtool-s.txt": "1 knet | 0 10.77.0.1 1* 2+ 3+ | 1 10.77.1.1 1* 2+ 3+",
    "live317.knet3-allow-downscale.cfgtool-s.txt": "2 knet | 0 10.77.0.2 1+ 2* 3+",
    "live317.knet3-alone-not-quorate.cfgtool-s.txt": "1 knet | 0 10.77.0.1 1* 2- 3-",
    "live317.knet3-link1-down.cfgtool-s.txt": "1 knet | 0 10.77.0.1 1* 2+ 3+ | 1 10.77.1.1 1* 2- 3-",
    "live317.knet3-lms-recalculated.cfgtool-s.txt": ("1 knet | 0 10.77.0.1 1* 2+ 3- | 1 10.77.1.1 1* 2+ 3-"),
    "live317.knet3-node3-dead.cfgtool-s.txt": ("1 knet | 0 10.77.0.1 1* 2+ 3- | 1 10.77.1.1 1* 2+ 3-"),
    "live317.knet3-peer3-link0-down.cfgtool-s.txt": ("1 knet | 0 10.77.0.1 1* 2+ 3- | 1 10.77.1.1 1* 2+ 3+"),
    "live317.udp2-atb-noname.cfgtool-s.txt": "1 udp | 0 10.77.0.2 1* 2+",
    "live317.udpu2-node2-dead.cfgtool-s.txt": "1 udpu | 0 10.77.0.2 1* 2-",
    "live317.udpu2-twonode.cfgtool-s.txt": "1 udpu | 0 10.77.0.2 1* 2+",
}


@needs_corpus
def test_corpus_is_complete() -> None:
    assert names("corosync", "*cfgtool-s.*txt") == EXPECTED.keys() | {ABSENT}


@needs_corpus
def test_each_output_of_the_corpus_is_read() -> None:
    assert outcomes("corosync", EXPECTED, lambda output: summary(parse(output))) == EXPECTED


@needs_corpus
def test_empty_output_is_rejected() -> None:
    with pytest.raises(ParseError, match="no 'Local node ID'"):
        parse(read(f"corosync/{ABSENT}"))


@needs_corpus
def test_everything_in_the_corpus_can_be_read() -> None:
    found = outcomes("corosync", EXPECTED, unreadable)
    assert {name: values for name, values in found.items() if values} == {}
