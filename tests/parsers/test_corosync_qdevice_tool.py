"""``corosync-qdevice-tool -s -v``."""

from __future__ import annotations

import pytest

from gateway.errors import ParseError
from gateway.subsystems.qdevice import corosync_qdevice_tool
from gateway.subsystems.qdevice.corosync_qdevice_tool import NetStatus, QdeviceStatus
from tests.parsers.parser_samples import PARSERS
from tests.situations import LAB
from tests.unreadable import reasons

SAMPLE = PARSERS["corosync-qdevice-tool"][1]

pytestmark = pytest.mark.usefixtures("utc")


def net(output: str) -> NetStatus:
    status = corosync_qdevice_tool.parse(output.encode()).value.net
    assert status is not None
    return status


def unreadable(output: str) -> list[str]:
    return reasons(corosync_qdevice_tool.parse(output.encode()))


def test_a_connected_device() -> None:
    parsed = corosync_qdevice_tool.parse(SAMPLE.encode())
    assert parsed.unreadable == ()
    assert parsed.value == QdeviceStatus(
        model="net",
        heuristics="enabled only on sync",
        last_poll=1772532672,
        net=NetStatus(
            cluster_name="one",
            host="arbiter.example.org:5403",
            tls="supported",
            algorithm="ffsplit",
            tie_breaker="2",
            votes=True,
            state="connected",
            result="pass",
            tls_active=True,
            connected_since=1772532660,
            last_reply=1772532672,
        ),
    )


@pytest.mark.parametrize(
    ("situation", "state", "votes"),
    [
        ("healthy", "connected", True),
        ("cut-off", "connecting", False),
        ("node-lost-seen-there", "connect_failed", False),
        ("arbitrator-killed", "connect_failed", False),
        ("tls", "connected", True),
        ("tls-one-left", "connected", True),
        ("tls-mismatch", "connecting", False),
    ],
)
def test_what_was_recorded(situation: str, state: str, votes: bool) -> None:  # noqa: FBT001 - a parameter
    output = (LAB / "arbitration" / situation / "corosync-qdevice-tool-s-v.stdout").read_text()
    assert unreadable(output) == []
    assert (net(output).state, net(output).votes) == (state, votes)


@pytest.mark.parametrize(
    ("text", "replacement", "reason"),
    [
        ("State:\t\t\tConnected", "State:\t\t\tAsleep", "expected State as one of"),
        ("Heuristics result:\tPass", "Heuristics result:\tMaybe", "expected Heuristics result as one of"),
        ("TLS active:\t\tYes", "TLS active:\t\tPerhaps", "expected TLS active as one of"),
        ("Connected since:\t2026", "Connected since:\t20X6", "expected Connected since as a time"),
        ("Poll timer running:\tYes", "Poll timer:\tYes", "found no 'Poll timer running'"),
        ("Echo reply received", "\N{REPLACEMENT CHARACTER}", "not UTF-8 text"),
        ("Cluster name:\t\tone", "one", "expected an item"),
    ],
)
def test_a_bad_line_costs_that_line(text: str, replacement: str, reason: str) -> None:
    damaged = SAMPLE.replace(text, replacement)
    assert reason in unreadable(damaged)[0]
    assert net(damaged).host == "arbiter.example.org:5403"


def test_a_device_that_cannot_be_read_casts_no_vote_that_is_known() -> None:
    damaged = net(SAMPLE.replace("Yes (cast vote)", "Well").replace("Connected\n", "Well\n"))
    assert (damaged.votes, damaged.state) == (None, None)


def test_a_missing_section_is_counted() -> None:
    output = SAMPLE[: SAMPLE.index("Qdevice-net information")]
    parsed = corosync_qdevice_tool.parse(output.encode())
    assert parsed.value.net is None
    assert reasons(parsed) == ["found no 'Qdevice-net information'"]


@pytest.mark.parametrize("output", [b"", b"usage: corosync-qdevice-tool\n", b"Model:\tNet\n"])
def test_another_output_is_an_error(output: bytes) -> None:
    with pytest.raises(ParseError):
        corosync_qdevice_tool.parse(output)
