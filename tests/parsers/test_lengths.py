"""A name or a value of megabytes would be repeated in many samples, and take gigabytes."""

from __future__ import annotations

import json

import pytest

from gateway.errors import ParseError
from gateway.subsystems.corosync import corosync_cfgtool, corosync_cmapctl, corosync_quorumtool
from gateway.subsystems.drbd import drbdsetup
from gateway.subsystems.pacemaker import cib, crm_mon
from gateway.subsystems.parsing.text import MAX_LENGTH, MAX_LINES
from tests.parsers.parser_samples import PARSERS

LONGEST = "n" * MAX_LENGTH
LONG = "n" * (MAX_LENGTH + 1)
RESOURCE = '<resource id="a" resource_agent="ocf:a:b" role="Stopped" active="false" nodes_running_on="0"/>'
CUT = f"{'n' * (MAX_LENGTH - 1)}…"


def drbd_resource(name: str) -> dict[str, object]:
    return {"name": name, "role": "Primary", "devices": [], "connections": []}


def test_a_long_word_of_json_is_unreadable() -> None:
    parsed = drbdsetup.parse(json.dumps([drbd_resource("r"), drbd_resource(LONGEST), drbd_resource(LONG)]).encode())
    assert [resource.name for resource in parsed.value] == ["r", LONGEST]
    (unreadable,) = parsed.unreadable
    assert unreadable.reason.startswith("status[2].name: expected a word, found 'nnn")
    assert len(unreadable.reason) < 100
    with pytest.raises(ParseError):
        drbdsetup.parse(json.dumps([drbd_resource("n" * 4_000_000)]).encode())


@pytest.mark.parametrize("separator", ["", "\n"])
@pytest.mark.parametrize(("name", "shown"), [(LONGEST, LONGEST), (LONG, CUT), ("n" * 4_000_000, CUT)])
def test_a_long_value_of_xml_is_cut_off(name: str, shown: str, separator: str) -> None:
    parts: tuple[str, ...] = (
        f'<crm_mon version="1"><resources><clone id="{name}">',
        *(RESOURCE,) * 100,
        "</clone></resources></crm_mon>",
    )
    (*_, last) = crm_mon.parse(separator.join(parts).encode()).value.resources
    assert (last.id, last.clone) == ("a", shown)
    parts = ("<constraints>", f'<rsc_location id="l" rsc="{name}" node="a" score="1"/>', "</constraints>")
    (constraint,) = cib.parse(separator.join(parts).encode()).value.locations
    assert constraint.resource == shown


def test_the_number_of_lines() -> None:
    with pytest.raises(ParseError, match="more than 100000 lines"):
        corosync_cmapctl.parse(b"\n" * (MAX_LINES + 1))


def test_a_long_line_is_unreadable() -> None:
    parse, sample = PARSERS["corosync-quorumtool"]
    assert parse is corosync_quorumtool.parse
    members = corosync_quorumtool.parse(sample.replace("alpha", LONG).encode()).value.members
    assert [member.node_id for member in members] == [2, 3]
    parse, sample = PARSERS["corosync-cfgtool, words"]
    assert parse is corosync_cfgtool.parse
    links = corosync_cfgtool.parse(sample.replace("fd00::1%2", LONG).encode()).value.links
    assert all(len(link.address) <= MAX_LENGTH for link in links)
