"""``corosync-qnetd-tool -s -v`` and ``corosync-qnetd-tool -l -v``."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gateway.errors import ParseError
from gateway.subsystems.qnetd import corosync_qnetd_tool
from gateway.subsystems.qnetd.corosync_qnetd_tool import NODES, Client, Cluster, QnetdStatus
from tests.parsers.parser_samples import PARSERS
from tests.situations import LAB
from tests.unreadable import reasons

STATUS = PARSERS["corosync-qnetd-tool, status"][1]
LIST = PARSERS["corosync-qnetd-tool"][1]


def parse_list(output: str) -> tuple[Cluster, ...]:
    return corosync_qnetd_tool.parse_list(output.encode()).value


def node_ids(output: str) -> dict[str, list[int]]:
    return {cluster.name: [client.node_id for client in cluster.clients] for cluster in parse_list(output)}


def is_complete(output: str) -> bool:
    return not any(NODES in value.incomplete for value in corosync_qnetd_tool.parse_list(output.encode()).unreadable)


# --- The state of the daemon -----------------------------------------------------------------------------------------


def test_the_state_of_the_daemon_is_read() -> None:
    parsed = corosync_qnetd_tool.parse_status(STATUS.encode())
    assert parsed.unreadable == ()
    assert parsed.value == QnetdStatus(address="*:5403", tls="supported", clients=3, clusters=2)


def test_a_bad_line_of_the_state_costs_that_line() -> None:
    parsed = corosync_qnetd_tool.parse_status(STATUS.replace("clients:\t\t3", "clients:\t\tmany").encode())
    assert parsed.value == QnetdStatus(address="*:5403", tls="supported", clients=None, clusters=2)
    assert reasons(parsed) == ["line 3: expected Connected clients as a number, found 'many'"]


@pytest.mark.parametrize("output", [b"", b"usage: corosync-qnetd-tool\n", LIST.encode()])
def test_other_outputs_are_not_the_state(output: bytes) -> None:
    with pytest.raises(ParseError):
        corosync_qnetd_tool.parse_status(output)


# --- The list --------------------------------------------------------------------------------------------------------


def test_the_list_has_clusters_and_their_nodes() -> None:
    parsed = corosync_qnetd_tool.parse_list(LIST.encode())
    assert parsed.unreadable == ()
    one, other = parsed.value
    assert one == Cluster(
        name="one",
        algorithm="ffsplit",
        tie_breaker="2",
        clients=(
            Client(
                node_id=1,
                address="192.0.2.1",
                configured=frozenset({1, 2, 3}),
                vote="ack",
                result="pass",
                tls_active=True,
            ),
            Client(
                node_id=2,
                address="192.0.2.2",
                configured=frozenset({1, 2, 3}),
                vote="ask_later",
                result="fail",
                tls_active=False,
            ),
        ),
    )
    assert one.configured == frozenset({1, 2, 3})
    (client,) = other.clients
    assert (other.algorithm, other.tie_breaker, other.configured) == ("lms", "lowest", None)
    assert (client.node_id, client.configured, client.vote, client.result) == (7, None, None, "undefined")


@pytest.mark.parametrize(
    ("situation", "clients", "nodes"),
    [
        ("healthy", 2, {"geo": [1, 2]}),
        ("cut-off", 0, {}),
        ("node-lost", 1, {"geo": [1]}),
        ("tls", 2, {"geo": [1, 2]}),
        ("tls-one-left", 1, {"geo": [1]}),
        ("tls-mismatch", 0, {}),
    ],
)
def test_what_was_recorded(situation: str, clients: int, nodes: dict[str, list[int]]) -> None:
    folder = LAB / "arbitrator" / situation
    status = corosync_qnetd_tool.parse_status((folder / "corosync-qnetd-tool-s-v.stdout").read_bytes())
    clusters = corosync_qnetd_tool.parse_list((folder / "corosync-qnetd-tool-l-v.stdout").read_bytes())
    assert reasons(status) == reasons(clusters) == []
    assert (status.value.clients, status.value.clusters) == (clients, len(nodes))
    assert {cluster.name: [client.node_id for client in cluster.clients] for cluster in clusters.value} == nodes
    assert all(cluster.configured == frozenset({1, 2}) for cluster in clusters.value)


@pytest.mark.parametrize(
    ("printed", "address"),
    [
        ("192.0.2.1:59816", "192.0.2.1"),
        ("2001:db8::7:40000", "2001:db8::7"),
        ("fe80::1%eth0:40000", "fe80::1%eth0"),
    ],
)
def test_the_address_of_a_node_has_no_port(printed: str, address: str) -> None:
    parsed = corosync_qnetd_tool.parse_list(LIST.replace("::ffff:192.0.2.1:59816", printed).encode())
    assert parsed.unreadable == ()
    assert parsed.value[0].clients[0].address == address


@pytest.mark.parametrize(
    ("text", "replacement", "reason"),
    [
        ("Client address:\t\t::ffff:192.0.2.1:59816", "Client:\t\tx", "found no 'Client address'"),
        ("::ffff:192.0.2.1:59816", "node1:59816", "expected an address and a port, found 'node1:59816'"),
        ("1, 2 (7), 3", "1, two", "expected Configured node list as a number, found 'two'"),
        ("Pass (m", "Maybe (m", "expected Heuristics as one of undefined, pass, fail, found 'maybe'"),
        ("Yes (c", "Perhaps (c", "expected TLS active as one of yes, no, found 'perhaps'"),
        ("No change (ACK)", "No change (NAK)", "expected Vote as one of ack, nack"),
        ("    Algorithm", "    Rule", "found no 'Algorithm'"),
    ],
)
def test_a_bad_value_costs_that_value(text: str, replacement: str, reason: str) -> None:
    damaged = LIST.replace(text, replacement, 1)
    (found,) = reasons(corosync_qnetd_tool.parse_list(damaged.encode()))
    assert reason in found
    assert node_ids(damaged) == {"one": [1, 2], "other": [7]}
    assert is_complete(damaged)


@pytest.mark.parametrize(
    ("text", "replacement", "nodes"),
    [
        ('Cluster "other":', "Cluster other", {"one": [1, 2]}),
        ('Cluster "other":\n', "", {"one": [1, 2]}),
        ('Cluster "other":', 'Cluster "one":', {"one": [1, 2]}),
        ("    Node ID 2:", "    Node ID two:", {"one": [1], "other": [7]}),
        ("    Node ID 2:", "    Node ID 2", {"one": [1], "other": [7]}),
        ("    Node ID 2:\n", "", {"one": [1], "other": [7]}),
        ("    Node ID 2:", "    Node ID 1:", {"one": [1], "other": [7]}),
        ("    Node ID 1:\n", "", {"one": [2], "other": [7]}),
        ("        Ring ID", "        \N{REPLACEMENT CHARACTER}", {"one": [1, 2], "other": [7]}),
        ("        TLS active:\t\tNo\n        Vote:\t\t\tAsk later\n", "", {"one": [1, 2], "other": [7]}),
    ],
)
def test_nothing_is_taken_for_a_part_of_the_object_before(
    text: str, replacement: str, nodes: dict[str, Sequence[int]]
) -> None:
    damaged = LIST.replace(text, replacement, 1)
    assert node_ids(damaged) == nodes
    assert not is_complete(damaged)
    one = parse_list(damaged)[0]
    assert {client.address for client in one.clients} <= {"192.0.2.1", "192.0.2.2"}
    assert all((client.address == "192.0.2.1") == (client.node_id == 1) for client in one.clients)


def test_a_list_that_is_cut_off_is_incomplete() -> None:
    lines = LIST.splitlines(keepends=True)
    ends_after_node = {"    Node ID 2:\n", 'Cluster "other":\n'}
    for number, line in enumerate(lines[1:], 1):
        output = "".join(lines[:number])
        assert not is_complete(output + line[: len(line) // 2]), line
        assert is_complete(output) == (line in ends_after_node or line.startswith("        Vote")), line


def test_an_empty_list_has_no_cluster() -> None:
    assert parse_list("") == ()


@pytest.mark.parametrize("output", [b"usage: corosync-qnetd-tool\n", STATUS.encode(), b"    Node ID 1:\n", b"\xff\n"])
def test_other_outputs_are_not_the_list(output: bytes) -> None:
    with pytest.raises(ParseError):
        corosync_qnetd_tool.parse_list(output)
