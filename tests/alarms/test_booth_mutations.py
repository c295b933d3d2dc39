"""An output of booth that is damaged in one place neither raises nor clears an alarm; a test of every place."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from gateway.alarms.notification import Change
from gateway.snapshot import CollectorReport, CommandReport, Snapshot
from tests import series
from tests.alarms.mutations import Event, changes, mutations, walk
from tests.fakes import FakeHost
from tests.subsystems import make_collector

pytestmark = [
    pytest.mark.usefixtures("utc"),
    pytest.mark.no_cover,  # thousands of similar inputs: four times as fast without
]

NOW = 1772532600.0
"""2026-03-03 10:10:00."""

CONFIGURATION = """\
site = 192.0.2.1
site = 192.0.2.2
arbitrator = 192.0.2.3
ticket = db
ticket = mail
mode = manual
"""
LIST = "ticket: db, leader: {leader}\nticket: mail, leader: 192.0.2.1, expires: INF [manual mode]\n"
PEERS = """\
site         192.0.2.2, last recv: 2026-03-03 {time}
\tSent pkts:12 error:1 resends:3
\tRecv pkts:{received} error:4 authfail:5 invalid:6

arbitrator   192.0.2.3, last recv: 2026-03-03 10:09:59
\tSent pkts:7 error:0 resends:5
\tRecv pkts:7 error:0 authfail:0 invalid:0

"""
STATUS = "booth_lockpid=7 booth_state=started booth_type=site booth_addr_string='192.0.2.1' booth_port=9929\n"
CONFLICT = """
WARNING: The ticket mail is granted to multiple sites: 192.0.2.1, 192.0.2.2. Revoke the ticket from the faulty sites.
"""


def outputs(
    *,
    leader: str = "192.0.2.1, expires: 2026-03-03 10:18:00",
    time: str = "10:09:59",
    received: int = 29,
    more: str = "",
) -> dict[str, bytes]:
    """Returns what booth prints, and its configuration."""
    return {
        "configuration": CONFIGURATION.encode(),
        "list": (LIST.format(leader=leader) + more).encode(),
        "peers": PEERS.format(time=time, received=received).encode(),
        "status": STATUS.encode(),
    }


INPUTS: Mapping[str, Mapping[str, bytes]] = {
    "healthy": outputs(),
    "without a leader": outputs(leader="NONE"),
    "revoked": outputs(leader="none"),
    "expiring": outputs(leader="192.0.2.2, expires: 2026-03-03 10:12:00"),
    "a silent member": outputs(time="10:02:00", received=28),
    "two leaders": outputs(more=CONFLICT),
}

EXCEPTIONS = {
    r"^list: (without|cut off before) b'(WARNING|.n)": "a warning that is missing leaves no trace",
    r"^list: b'192.0.2.1' = ": "an address that booth does not have is that of another site",
    r"^list: b'(none|NONE)' = ": "any other word is an address",
    r"^(list|peers): b'(2026-03-03|10|12|18|02|09|59|00|07)'": "another time is a time",
    r"^peers: b'192.0.2.[23]' = ": "another address is another member",
    r"^status: b'192.0.2.1' = ": "another address is another site",
    r"^list: b'(mail|db)' = ": "another name is another ticket",
}
"""Damage that cannot be noticed, and why."""


def snapshot(files: Mapping[str, bytes]) -> Snapshot:
    """Returns the snapshot of a host on which booth prints these outputs."""
    host = FakeHost(
        files={"/etc/booth/booth.conf": files["configuration"]}, directories={"/etc/booth": ("booth.conf",)}
    )
    collector = make_collector("booth")
    plan = collector.plan(host)
    assert plan is not None
    results = {f"{name} booth": series.ended(content) for name, content in files.items() if name != "configuration"}
    readings = {**plan.files, **series.readings(plan.probes, results)}
    commands = tuple(
        CommandReport(name=name, status=reading.status, unreadable=reading.unreadable)
        for name, reading in readings.items()
    )
    samples = collector.make_samples(readings).samples_by_metric
    return Snapshot(
        samples_by_metric=samples, collectors={"booth": CollectorReport(name="booth", commands=commands)}, time=NOW
    )


@pytest.mark.parametrize("name", INPUTS)
def test_damage_changes_no_alarm(name: str) -> None:
    files = INPUTS[name]
    intact = snapshot(files)
    unexpected = {}
    for file, content in files.items():
        for mutation in mutations(file, content):
            what = f"{file}: {mutation.what}"
            if any(re.search(pattern, what) for pattern in EXCEPTIONS):
                continue
            if events := changes(intact, snapshot({**files, file: mutation.content})):
                unexpected[what] = events
    assert unexpected == {}


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("without a leader", ("booth-ticket-no-leader", "booth/db")),
        ("expiring", ("booth-ticket-expiring", "booth/db")),
        ("a silent member", ("booth-peer-unreachable", "booth/192.0.2.2")),
        ("two leaders", ("booth-ticket-conflict", "booth/mail")),
    ],
)
def test_what_is_raised(name: str, condition: tuple[str, str]) -> None:
    before, after = snapshot(INPUTS["healthy"]), snapshot(INPUTS[name])
    assert walk(before, after, before) == [
        [],
        [Event(Change.RAISED, *condition, "none")],
        [Event(Change.CLEARED, *condition, "recovered")],
    ]
