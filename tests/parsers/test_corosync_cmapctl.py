"""``corosync-cmapctl -m stats``."""

from __future__ import annotations

from dataclasses import asdict, astuple, fields
from pathlib import Path

import pytest

from gateway.errors import ParseError
from gateway.subsystems.corosync import corosync_cfgtool, corosync_cmapctl
from gateway.subsystems.corosync.corosync_cmapctl import CorosyncStatistics, KnetLinkStatistics, TotemStatistics
from tests.unreadable import reasons

LAB = Path(__file__).parents[1] / "data" / "lab"

STATISTICS = """\
stats.ipcs.global.active (u64) = 1
stats.ipcs.service0.21.0x5627caaa7000.procname (str) = a name = and more
stats.ipcs.service0.21.0x5627caaa7000.sent (u32) = 0
stats.knet.handle.rx_crypt_time_min (u64) = 18446744073709551615
stats.knet.node1.link0.connected (u8) = 1
stats.knet.node1.link0.latency_ave (u32) = 0
stats.knet.node1.link0.latency_max (u32) = 0
stats.knet.node1.link0.latency_min (u32) = 4294967295
stats.knet.node1.link0.latency_samples (u32) = 0
stats.knet.node2.link1.connected (u8) = 0
stats.knet.node2.link1.down_count (u32) = 2
stats.knet.node2.link1.enabled (u8) = 1
stats.knet.node2.link1.latency_ave (u32) = 189
stats.knet.node2.link1.latency_max (u32) = 202
stats.knet.node2.link1.latency_min (u32) = 150
stats.knet.node2.link1.latency_samples (u32) = 15
stats.knet.node2.link1.mtu (u32) = 1446
stats.knet.node2.link1.rx_total_bytes (u64) = 18446744073709551615
stats.knet.node2.link1.rx_total_retries (u64) = 3
stats.knet.node2.link1.something_new (flt) = 1.500000
stats.schedmiss.0.delay (flt) = 3023.500000
stats.srp.continuous_gather (u32) = 0
stats.srp.firewall_enabled_or_nic_failure (u8) = 0
stats.srp.mtt_rx_token (u32) = 105
stats.srp.something_new (str) =\x20
"""


def parse(output: bytes) -> CorosyncStatistics:
    return corosync_cmapctl.parse(output).value


def unreadable(output: bytes) -> list[str]:
    return reasons(corosync_cmapctl.parse(output))


def test_every_statistic_is_read() -> None:
    assert parse(STATISTICS.encode()) == CorosyncStatistics(
        links=(
            KnetLinkStatistics(node_id=1, link=0),
            KnetLinkStatistics(
                node_id=2,
                link=1,
                mtu=1446,
                latency_ave=189,
                latency_max=202,
                latency_min=150,
                down_count=2,
                rx_total_bytes=2**64 - 1,
            ),
        ),
        srp=TotemStatistics(mtt_rx_token=105),
    )


def test_links_come_in_order() -> None:
    keys = ("node10.link0", "node10.link1", "node2.link0", "node2.link1")
    lines = [f"stats.knet.{key}.mtu (u32) = 1" for key in keys]
    links = parse("\n".join([*lines, "stats.srp.mcast_tx (u64) = 1\n"]).encode()).links
    assert [(link.node_id, link.link) for link in links] == [(2, 0), (2, 1), (10, 0), (10, 1)]


def test_without_knet_there_are_no_links() -> None:
    assert parse(b"stats.srp.mcast_retx (u64) = 7\r\n\n") == CorosyncStatistics(
        links=(), srp=TotemStatistics(mcast_retx=7)
    )


def test_each_key_of_a_link() -> None:
    names = [field.name for field in fields(KnetLinkStatistics)][2:]
    lines = [f"stats.knet.node3.link2.{name} (u64) = {number}" for number, name in enumerate(names)]
    (link,) = parse("\n".join([*lines, "stats.srp.mcast_tx (u64) = 1\n"]).encode()).links
    assert astuple(link) == (3, 2, *range(len(names)))


def test_each_key_of_totem() -> None:
    names = [field.name for field in fields(TotemStatistics)]
    lines = [f"stats.srp.{name} (u64) = {number}\n" for number, name in enumerate(names)]
    assert astuple(parse("".join(lines).encode()).srp) == tuple(range(len(names)))


def test_any_key_of_totem_completes_the_output() -> None:
    assert parse(b"stats.srp.mcast_tx (u64) = 1\n") == CorosyncStatistics(links=(), srp=TotemStatistics())


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (b"", "no statistics of the totem protocol"),
        (b"stats.knet.node1.link0.mtu (u32) = 1\n", "no statistics of the totem protocol"),
        (b"\nstats.srp.mcast_retx\n", "no statistics of the totem protocol"),
        (b"Failed to initialize the cmap API. Error CS_ERR_LIBRARY\n", "no statistics of the totem protocol"),
        (b"stats.srp.mcast_retx (u64) = 1", "found no statistics of the totem protocol"),
    ],
)
def test_an_output_without_statistics_of_totem_is_an_error(output: bytes, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        parse(output)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("stats.srp.mcast_retx", "expected 'key (type) = value', found 'stats.srp.mcast_retx'"),
        ("Warning: 1", "expected 'key (type) = value', found 'Warning: 1'"),
        ("stats.srp.mcast_retx (u64)", "expected mcast_retx as a number, found ''"),
        ("stats.srp.mcast_retx (u64) = ", "expected mcast_retx as a number, found ''"),
        ("stats.srp.mcast_retx (u64) = -1", "expected mcast_retx as a number, found '-1'"),
        ("stats.srp.mcast_retx (flt) = 1.5", "expected mcast_retx as a number, found '1.5'"),
        (
            "stats.srp.mcast_retx (u64) = 18446744073709551616",
            "expected mcast_retx as a number, found '18446744073709551616'",
        ),
        ("stats.srp.mcast_retx (u64) = " + "1" * 900, f"expected mcast_retx as a number, found '{'1' * 40}'"),
        (
            "stats.srp.mcast_retx (u64) = " + "1" * 9999,
            f"longer than 1024 characters: 'stats.srp.mcast_retx (u64) = {'1' * 31}'",
        ),
        ("stats.srp.mcast_retx (u64) = ٣", "expected mcast_retx as a number, found '٣'"),
        ("stats.knet.node4294967296.link0.mtu (u32) = 1", "expected a node id as a number, found '4294967296'"),
        (
            "stats.knet.node1.link99999999999.mtu (u32) = 1",
            "expected the number of a link as a number, found '99999999999'",
        ),
    ],
)
def test_a_bad_line_costs_that_line(line: str, reason: str) -> None:
    output = f"{line}\n{STATISTICS}".encode()
    assert parse(output) == parse(STATISTICS.encode())
    assert unreadable(output) == [f"line 1: {reason}"]


def lab(tool: str) -> dict[str, bytes]:
    """Returns what a tool printed in each situation of the lab in which Corosync answered."""
    outputs = {path.parent.name: path.read_bytes() for path in LAB.glob(f"*/{tool}.stdout")}
    return {situation: output for situation, output in outputs.items() if output}


def test_lab_has_the_links_of_cfgtool() -> None:
    links_by_cfgtool = lab("corosync-cfgtool-s")
    for situation, output in lab("corosync-cmapctl-m-stats").items():
        status = corosync_cfgtool.parse(links_by_cfgtool[situation]).value
        links = {(link.link, link.node_id) for link in parse(output).links if link.node_id != status.node_id}
        peers = {(link.number, peer.node_id) for link in status.links for peer in link.peers if not peer.local}
        assert links == peers, situation


def test_lab_prints_every_key() -> None:
    for situation, output in lab("corosync-cmapctl-m-stats").items():
        statistics = parse(output)
        assert None not in astuple(statistics.srp), situation
        for link in statistics.links:
            absent = {name for name, value in asdict(link).items() if value is None}
            assert absent in (set(), {"latency_ave", "latency_max", "latency_min"}), situation


@pytest.mark.parametrize(
    ("line", "damage"),
    [("stats.srp.mcast_retx (u64) = 1", "cut off"), ("stats.srp.mcast_retx (u64) = 1\0\n", "not UTF-8 text")],
)
def test_a_line_that_is_damaged(line: str, damage: str) -> None:
    output = f"stats.srp.mtt_rx_token (u32) = 105\n{line}".encode()
    assert parse(output).srp == TotemStatistics(mtt_rx_token=105)
    (reason,) = unreadable(output)
    assert reason.startswith(f"line 2: {damage}: 'stats.srp.mcast_retx")
