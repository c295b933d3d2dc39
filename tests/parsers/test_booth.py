"""Booth's configuration, and ``booth list``, ``booth peers`` and ``booth status``."""

from __future__ import annotations

import re

import pytest

from gateway.errors import ParseError
from gateway.subsystems.booth import booth_conf, booth_list, booth_peers, booth_status
from gateway.subsystems.booth.booth_conf import TicketConfig
from gateway.subsystems.booth.booth_list import BoothTicket
from gateway.subsystems.booth.booth_peers import BoothPeer
from gateway.subsystems.booth.booth_status import BoothStatus
from gateway.subsystems.parsing.partial import Parsed
from tests.parsers.parser_samples import PARSERS
from tests.unreadable import reasons

CONFIGURATION, LIST, PEERS, STATUS = (
    str(PARSERS[f"booth {name}"][1]) for name in ("configuration", "list", "peers", "status")
)

pytestmark = pytest.mark.usefixtures("utc")


def tickets(output: str) -> dict[str, BoothTicket]:
    return {ticket.name: ticket for ticket in booth_list.parse(output.encode()).value}


def peers(output: str) -> dict[str, BoothPeer]:
    return {peer.address: peer for peer in booth_peers.parse(output.encode()).value}


# --- booth list ------------------------------------------------------------------------------------------------------


def test_the_states_of_tickets() -> None:
    parsed = booth_list.parse(LIST.encode())
    assert parsed.unreadable == ()
    assert {ticket.name: (ticket.state, ticket.leader, ticket.expiry) for ticket in parsed.value} == {
        "db": ("granted", "192.0.2.1", 1772532672),
        "web": ("commit_pending", "192.0.2.1", 1772532672),
        "files": ("no_leader", "", None),
        "www": ("revoked", "", None),
        "mail": ("granted", "192.0.2.2", None),
        "fax": ("no_leader", "", None),
    }
    assert [ticket.name for ticket in parsed.value if ticket.manual] == ["mail", "fax"]
    assert {ticket.name: ticket.conflict for ticket in parsed.value if ticket.conflict} == {
        "mail": ("192.0.2.1", "192.0.2.2")
    }


@pytest.mark.parametrize(
    ("text", "replacement", "reason"),
    [
        ("ticket: files", "tickets: files", "expected a ticket"),
        ("expires: 2026-03-03 10:11:12\n", "expires: 2026-13-03 10:11:12\n", "expected when db expires as a time"),
        (", expires: 2026-03-03 10:11:12\n", "\n", "expected when db expires, found nothing"),
        ("ticket: files", "ticket: \N{REPLACEMENT CHARACTER}", "not UTF-8 text"),
        ("faulty sites.\n", "faulty sites.", "cut off"),
        ("to multiple", "to several", "expected a ticket"),
    ],
)
def test_a_bad_line_costs_that_line(text: str, replacement: str, reason: str) -> None:
    damaged = LIST.replace(text, replacement, 1)
    assert reason in reasons(booth_list.parse(damaged.encode()))[0]
    assert tickets(damaged)["web"].leader == "192.0.2.1"


def test_without_a_line_about_a_conflict_it_is_unknown_whether_there_is_one() -> None:
    parsed = booth_list.parse(LIST.replace("WARNING", "WARN").encode())
    assert parsed.unreadable[0].incomplete == (booth_list.TICKETS, booth_list.CONFLICTS)


def test_an_output_without_tickets_is_none() -> None:
    with pytest.raises(ParseError, match="expected a ticket"):
        booth_list.parse(b"Usage:\n  booth list [options]\n")


@pytest.mark.parametrize("output", [b"", b"\n"])
def test_a_daemon_without_tickets_prints_nothing(output: bytes) -> None:
    assert booth_list.parse(output) == Parsed(value=())


# --- booth peers -----------------------------------------------------------------------------------------------------


def test_members_and_their_counters() -> None:
    assert booth_peers.parse(PEERS.encode()).unreadable == ()
    site, arbitrator = peers(PEERS).values()
    assert (site.type, site.last_contact, tuple(site.counters.values())) == ("site", 1772532672, (12, 1, 3, 9, 4, 5, 6))
    assert (arbitrator.type, arbitrator.last_contact) == ("arbitrator", None)


@pytest.mark.parametrize("zone", ["1970-01-01 12:00:00", "1970-01-01 00:00:00", "1969-12-31 19:00:00"])
def test_a_member_that_was_never_heard_of_has_no_last_contact(zone: str) -> None:
    assert peers(PEERS.replace("2026-03-03 10:11:12", zone))["192.0.2.2"].last_contact is None


def test_a_counter_that_cannot_be_read_costs_that_counter() -> None:
    damaged = PEERS.replace("error:1 ", "error:-1 ")
    assert "expected send_errors as a number" in reasons(booth_peers.parse(damaged.encode()))[0]
    assert tuple(peers(damaged)["192.0.2.2"].counters.values()) == (12, None, 3, 9, 4, 5, 6)


def test_the_counters_of_a_member_that_cannot_be_read_are_those_of_no_other() -> None:
    for damaged in (PEERS.replace("arbitrator  ", "spectator  "), re.sub("arbitrator .*\n", "", PEERS)):
        parsed = booth_peers.parse(damaged.encode())
        assert parsed.unreadable[0].incomplete == (booth_peers.PEERS,)
        (site,) = parsed.value
        assert site.counters["sent"] == 12


@pytest.mark.parametrize("output", [b"", b"\tSent pkts:12 error:0 resends:3\n"])
def test_an_output_without_members_is_none(output: bytes) -> None:
    with pytest.raises(ParseError, match="expected a site or an arbitrator"):
        booth_peers.parse(output)


# --- booth status ----------------------------------------------------------------------------------------------------


def test_the_daemon_on_this_host() -> None:
    assert booth_status.parse(STATUS.encode()).value == BoothStatus(type="site", address="192.0.2.1")
    without_lock = STATUS[STATUS.index("booth_pid=") :]
    assert booth_status.parse(without_lock.encode()).value.address == "192.0.2.1"


def test_an_unknown_type_is_unreadable() -> None:
    parsed = booth_status.parse(STATUS.replace("booth_type=site", "booth_type=??").encode())
    assert parsed.value.type is None
    assert "expected booth_type as one of site, arbitrator" in reasons(parsed)[0]


@pytest.mark.parametrize("output", [b"", b"booth_pid=71\n", b"booth_pid=71 booth_addr_string='192.0.2.1'"])
def test_a_pid_file_that_is_empty_or_cut_off_says_nothing(output: bytes) -> None:
    with pytest.raises(ParseError):
        booth_status.parse(output)


# --- the configuration -----------------------------------------------------------------------------------------------


def test_the_configuration_has_members_and_tickets() -> None:
    parsed = booth_conf.parse(CONFIGURATION.encode())
    assert parsed.unreadable == ()
    assert parsed.value.name == "geo"
    assert parsed.value.members == {
        "192.0.2.1": "site",
        "192.0.2.2": "site",
        "arbiter.example.org": "arbitrator",
    }
    assert parsed.value.tickets == (
        TicketConfig(name="db", expire=60, renewal=20, retry=3, acquire_after=30),
        TicketConfig(name="mail", expire=600, renewal=300, retry=3, acquire_after=0),
    )


def test_defaults_do_not_apply_to_earlier_tickets() -> None:
    parsed = booth_conf.parse(b'ticket = "db"\nticket = "__defaults__"\nexpire = 60\nticket = "web"\n')
    assert [ticket.expire for ticket in parsed.value.tickets] == [600, 60]


def test_booth_applies_some_defaults_only() -> None:
    defaults = (
        b'ticket = "__defaults__"\nexpire = 100\nretries = 3\ntimeout = 2\nrenewal-freq = 10\nacquire-after = 60\n'
    )
    (ticket,) = booth_conf.parse(defaults + b'ticket = "db"\n').value.tickets
    assert ticket == TicketConfig(name="db", expire=100, renewal=50, retry=8, acquire_after=0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("expire = soon", "expected expire of db as a time, found 'soon'"),
        ("retries = many", "expected retries of db as a number, found 'many'"),
        ("expire 600", "expected a key and a value, found 'expire 600'"),
        ('expire = "600', "expected a key and a value"),
    ],
)
def test_a_bad_setting_costs_that_setting(line: str, reason: str) -> None:
    parsed = booth_conf.parse(f"site = 192.0.2.1\nticket = db\n{line}\nacquire-after = 7".encode())
    assert reason in reasons(parsed)[0]
    (ticket,) = parsed.value.tickets
    assert ticket.acquire_after == 7
