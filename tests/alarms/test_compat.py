"""Notifications in the forms of other programs, compared with what these sent in the lab."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pytest
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]

from gateway.alarms import details
from gateway.frontends.snmp.notifications import compat
from gateway.frontends.snmp.notifications.compat import FORMS, render_corosync, render_pacemaker
from gateway.frontends.snmp.notifications.header import SNMP_TRAP_OID, SYS_UP_TIME
from gateway.snmp import oid as oids
from gateway.snmp.agentx.encoding import encode_varbind
from gateway.snmp.message import CommunityCodec
from gateway.snmp.values import Type, VarBind
from tests.alarms.notifications import node_lost
from tests.alarms.receivers import community_pdu

Plain = Sequence[tuple[str, str, object]]
"""Name, type and value of variables."""


def plain(varbinds: Sequence[VarBind]) -> Plain:
    """Returns variables in readable form, object identifiers with dots."""
    return [
        (oids.dotted(name), kind.name, oids.dotted(value) if kind is Type.OBJECT_IDENTIFIER else value)  # type: ignore[arg-type]
        for name, kind, value in varbinds
    ]


# --- COROSYNC-MIB ----------------------------------------------------------------------------------------------------

OBJECTS = "1.3.6.1.4.1.35488.1"
LINK = {"kind": "link", "node": "node1", "node_id": "1", "peer_id": "3", "number": "1"}
QUORUM = {"kind": "quorum", "node": "node1", "node_id": "1"}
NODE = {"kind": "node", "node_id": "3"}

NOTIFYD: Mapping[str, tuple[Mapping[str, str], str]] = {
    "quorum regained": (
        {**QUORUM, "status": "quorate"},
        "307e0201010400a777020443b620730201000201003069301006082b0601020101030043046b064edf3018060a2b0601060301010401"
        "00060a2b0601040182952000023013060a2b06010401829520010104056e6f646531300f060a2b060104018295200102420101301506"
        "0a2b060104018295200115040771756f72617465",
    ),
    "quorum lost": (
        {**QUORUM, "status": "not quorate"},
        "3081820201010400a77b020443b6207c020100020100306d301006082b0601020101030043046b064efb3018060a2b06010603010104"
        "0100060a2b0601040182952000023013060a2b06010401829520010104056e6f646531300f060a2b0601040182952001024201013019"
        "060a2b060104018295200115040b6e6f742071756f72617465",
    ),
    "link down": (
        {**LINK, "status": "disconnected"},
        "3081a70201010400a7819f020443b62074020100020100308190301006082b0601020101030043046b064ee33018060a2b0601060301"
        "01040100060a2b0601040182952000043013060a2b06010401829520010104056e6f646531300f060a2b060104018295200105420101"
        "300f060a2b060104018295200102420103300f060a2b06010401829520013c020101301a060a2b06010401829520013d040c64697363"
        "6f6e6e6563746564",
    ),
    "link up": (
        {**LINK, "status": "operational"},
        "3081a60201010400a7819e020443b6207502010002010030818f301006082b0601020101030043046b064ee93018060a2b0601060301"
        "01040100060a2b0601040182952000043013060a2b06010401829520010104056e6f646531300f060a2b060104018295200105420101"
        "300f060a2b060104018295200102420103300f060a2b06010401829520013c0201013019060a2b06010401829520013d040b6f706572"
        "6174696f6e616c",
    ),
    "node left": (
        {**NODE, "node": "10.62.0.3", "address": "10.62.0.3", "status": "left"},
        "30819a0201010400a78192020443b62078020100020100308183301006082b0601020101030043046b064ef13018060a2b0601060301"
        "01040100060a2b0601040182952000013017060a2b060104018295200101040931302e36322e302e33300f060a2b0601040182952001"
        "024201033017060a2b060104018295200104040931302e36322e302e333012060a2b06010401829520010304046c656674",
    ),
    "node joined": (
        {**NODE, "node_id": "2", "node": "10.62.0.2", "address": "10.62.0.2", "status": "joined"},
        "30819c0201010400a78194020443b6207d020100020100308185301006082b0601020101030043046b064f043018060a2b0601060301"
        "01040100060a2b0601040182952000013017060a2b060104018295200101040931302e36322e302e32300f060a2b0601040182952001"
        "024201023017060a2b060104018295200104040931302e36322e302e323014060a2b06010401829520010304066a6f696e6564",
    ),
}
"""What corosync-notifyd 3.1.7 sent on node1 of a lab of three nodes and two rings, and the details of the same."""


@pytest.mark.parametrize("name", NOTIFYD)
def test_as_corosync_notifyd_sends_it(name: str) -> None:
    """Octet for octet, except for sysUpTime, where corosync-notifyd sends the date."""
    details, message = NOTIFYD[name]
    pdu = community_pdu(bytes.fromhex(message))
    ((_, date), *_), request_id = v2c.apiPDU.get_varbinds(pdu), int(v2c.apiPDU.get_request_id(pdu))
    assert int(date) in range(1_700_000_000, 1_800_000_000)
    ours = render_corosync(node_lost(uptime=(int(date) + 0.5) / 100), details)
    assert CommunityCodec("").encode_trap(request_id, ours).hex() == message


def test_a_node_without_an_address() -> None:
    details = {**NODE, "node": "node3", "status": "left"}
    assert plain(render_corosync(node_lost(), details))[2:] == [
        (f"{OBJECTS}.1", "OCTET_STRING", b"node3"),
        (f"{OBJECTS}.2", "GAUGE32", 3),
        (f"{OBJECTS}.4", "OCTET_STRING", b""),
        (f"{OBJECTS}.3", "OCTET_STRING", b"left"),
    ]


# --- PACEMAKER-MIB ---------------------------------------------------------------------------------------------------

NO_NUMBER = 2**31 - 1
FENCED = "Operation reboot of node2 by node3 for stonith_admin.238@node1: OK (ref=7c4b7357)"
RESOURCE = {"kind": "resource", "node": "node1", "resource": "dummy", "status": "0", "target_rc": "0"}

ALERTS: Mapping[str, tuple[Mapping[str, str], tuple[object, ...]]] = {
    "start": (
        {**RESOURCE, "task": "start", "description": "ok", "rc": "0"},
        (b"node1", b"dummy", b"start", b"ok", 0, 0, 0, b"n/a", b"n/a"),
    ),
    "failure": (
        {**RESOURCE, "task": "asyncmon", "description": "error", "rc": "1"},
        (b"node1", b"dummy", b"asyncmon", b"error", 0, 1, 0, b"n/a", b"n/a"),
    ),
    "fencing": (
        {"kind": "fencing", "node": "node2", "task": "st_notify_fence", "description": FENCED, "rc": "0"},
        (b"node2", b"n/a", b"st_notify_fence", FENCED.encode(), NO_NUMBER, 0, NO_NUMBER, b"n/a", b"n/a"),
    ),
    "node": (
        {**NODE, "node": "node3", "description": "lost"},
        (b"node3", b"n/a", b"n/a", b"lost", NO_NUMBER, NO_NUMBER, NO_NUMBER, b"n/a", b"n/a"),
    ),
    "attribute": (
        {"kind": "attribute", "node": "node1", "attribute": "color", "value": "red"},
        (b"node1", b"n/a", b"n/a", b"n/a", NO_NUMBER, NO_NUMBER, NO_NUMBER, b"color", b"red"),
    ),
    "unknown numbers": (
        {"kind": "resource", "node": "n", "resource": "r", "task": "stop", "description": "error", "rc": "1"},
        (b"n", b"r", b"stop", b"error", NO_NUMBER, 1, NO_NUMBER, b"n/a", b"n/a"),
    ),
}
"""Details, and the values that ``alert_snmp.sh`` of Pacemaker 2.1.5 gave to snmptrap for the same in the lab."""


@pytest.mark.parametrize("name", ALERTS)
def test_as_alert_snmp_sends_it(name: str) -> None:
    details, values = ALERTS[name]
    kinds = ["OCTET_STRING"] * 4 + ["INTEGER"] * 3 + ["OCTET_STRING"] * 2
    names = [f"1.3.6.1.4.1.32723.1.{number}" for number in range(1, 10)]
    assert plain(render_pacemaker(node_lost(uptime=0.5), details)) == [
        ("1.3.6.1.2.1.1.3.0", "TIME_TICKS", 50),
        ("1.3.6.1.6.3.1.1.4.1.0", "OBJECT_IDENTIFIER", "1.3.6.1.4.1.32723.2.1"),
        *zip(names, kinds, values, strict=True),
        ("1.3.6.1.2.1.25.1.2.0", "OCTET_STRING", bytes.fromhex("07e70b0e160d1400") + b"+\x00\x00"),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"task": "monitor", "description": "ok", "rc": "0"},
        {"task": "monitor", "description": "not running", "rc": "7", "target_rc": "7"},  # a probe
        {"task": "monitor", "description": "Cancelled", "rc": "1"},
    ],
)
def test_alert_snmp_leaves_out_routine_monitors(changes: Mapping[str, str]) -> None:
    assert not render_pacemaker(node_lost(), {**RESOURCE, **changes})


# --- Both ------------------------------------------------------------------------------------------------------------


def test_a_notification_may_have_both_forms() -> None:
    details = {**NODE, "node": "node3", "status": "left", "description": "lost"}
    assert all(form(node_lost(), details) for form in FORMS.values())


@pytest.mark.parametrize(
    "details",
    [
        {},
        {"kind": ""},
        {"kind": "disk", "node": "n", "status": "s", "description": "d"},
        *({"kind": kind} for kind in ("node", "quorum", "link", "fencing", "resource", "attribute")),
        {**QUORUM, "node_id": "", "status": "quorate"},
        {**QUORUM, "node_id": "one", "status": "quorate"},
        {**LINK, "number": "-", "status": "disconnected"},
        {**NODE, "node": "n"},
    ],
)
def test_without_a_needed_value_there_is_no_form(details: Mapping[str, str]) -> None:
    for form in FORMS.values():
        assert not form(node_lost(), details)


def table_of_details(text: str | None) -> Mapping[str, set[str]]:
    """Returns the keys of each kind in the table of a docstring."""
    kinds: dict[str, set[str]] = {}
    kind = ""
    for name, key in re.findall(r"^(?:``(\w+)``)?\s+``(\w+)``\s", text or "", re.MULTILINE):
        kind = name or kind
        kinds.setdefault(kind, set()).add(key)
    return kinds


def test_the_tables_of_details_are_complete() -> None:
    used = {name: {each.key for each in objects} for name, (_, objects) in compat._COROSYNC.items()}
    for name, objects in compat._PACEMAKER.items():
        used[name] = used.get(name, set()) | {each.key for each in objects if each.key}
    assert table_of_details(compat.__doc__) == used
    assert table_of_details(details.__doc__) == used


@pytest.mark.parametrize("details", [details for details, _ in (*NOTIFYD.values(), *ALERTS.values())])
def test_the_forms_fit_into_agentx_and_into_the_smallest_snmp_message(details: Mapping[str, str]) -> None:
    for form in FORMS.values():
        if varbinds := form(node_lost(uptime=1e9), details):
            assert [varbind.oid for varbind in varbinds[:2]] == [SYS_UP_TIME, SNMP_TRAP_OID]
            assert all(map(encode_varbind, varbinds))
            assert len(CommunityCodec("public").encode_trap(1, varbinds)) <= 484
