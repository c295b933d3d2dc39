"""The lines of the libquorum helper, parsed and rendered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ParseError
from gateway.subsystems.corosync.quorum_report import QuorumReport, parse, render

LOST = b"time=1795575626.297612 quorate=0 ring=13 members=1"


def test_a_report_has_time_quorum_ring_and_members() -> None:
    assert parse(LOST) == QuorumReport(time=1795575626.297612, quorate=False, ring=13, members=(1,))


def test_all_values_at_their_limits() -> None:
    line = b"time=99999999999.999999 quorate=1 ring=18446744073709551615 members=4294967295,0,7"
    report = parse(line)
    assert (report.quorate, report.ring, report.members) == (True, 2**64 - 1, (2**32 - 1, 0, 7))


def test_a_partition_without_members() -> None:
    assert parse(b"time=0.000000 quorate=0 ring=0 members=").members == ()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        LOST + b"\n",
        LOST + b"\r",
        LOST + b",",
        LOST + b",,2",
        LOST + b" more=1",
        b" " + LOST,
        LOST.replace(b"0 ring", b"2 ring"),
        LOST.replace(b"0 ring", b"No ring"),
        LOST.replace(b"1795575626.", b"-1."),
        LOST.replace(b"13", "\u0661\u0663".encode()),
        LOST.replace(b"13", b"18446744073709551616"),
        LOST.replace(b"=1", b"=4294967296"),
        LOST.replace(b"1", b"\xff"),
        LOST.replace(b"1", b"\0"),
        b"Quorate:          Yes",
    ],
)
def test_other_lines_are_rejected(line: bytes) -> None:
    with pytest.raises(ParseError):
        parse(line)


@given(
    st.builds(
        QuorumReport,
        time=st.integers(0, 10**15).map(lambda micros: float(f"{micros / 1e6:.6f}")),
        quorate=st.booleans(),
        ring=st.integers(0, 2**64 - 1),
        members=st.lists(st.integers(0, 2**32 - 1)).map(tuple),
    )
)
def test_a_rendered_report_is_parsed_again(report: QuorumReport) -> None:
    assert parse(render(report)) == report
