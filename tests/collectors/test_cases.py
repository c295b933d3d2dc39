"""Every case from the field: the values that are right for it, and that nothing else of it is lost."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.status import Status
from tests import cases, series
from tests.cases import needs_cases
from tests.unreadable import reasons_of

pytestmark = pytest.mark.usefixtures("utc")

DISK = "/dev/disk/by-id/scsi-36001405afb0ba8d3a3c413b8cc2cca0"
QUORATE = "corosync_up 1\ncorosync_quorate 1\n"
RINGS_OF_2 = 'corosync_rings{ring_id="1/139",node_id="1",number="0",address="192.0.2.1"} '
SECOND_RING_OF_2 = 'corosync_rings{ring_id="1/139",node_id="1",number="1",address="198.51.100.1"} '
LINKS_OF_3 = 'corosync_rings{ring_id="1.1d",node_id="1",number="0",address="192.0.2.1"} '
SECOND_LINK_OF_3 = 'corosync_rings{ring_id="1.1d",node_id="1",number="1",address="198.51.100.1"} '
FAULTY_RING = f"{QUORATE}{RINGS_OF_2}1\n{SECOND_RING_OF_2}0\ncorosync_ring_errors 1\n"
ONE_LINK_DOWN = f"""{QUORATE}{LINKS_OF_3}1\n{SECOND_LINK_OF_3}0\ncorosync_ring_errors 1
corosync_link_connected{{number="0",address="192.0.2.1",peer_node_id="2",peer="beta"}} 1
corosync_link_connected{{number="1",address="198.51.100.1",peer_node_id="2",peer="beta"}} 0
"""
HANA = 'resource="rsc_SAPHana_HDD_HDB10",agent="ocf:suse:SAPHana",group="",clone="msl_SAPHana",status="active"'


def drbd_states(resource: str, role: str, disk: str) -> str:
    return f'drbd_resources{{resource="{resource}",role="{role}",volume="0",disk_state="{disk}"}} 1\n'


def node(name: str, **flags: int) -> str:
    return "".join(
        f'pacemaker_nodes{{node="{name}",type="member",status="{status}"}} {value}\n' for status, value in flags.items()
    )


VALUES: dict[tuple[str, int], str] = {
    ("c01-corosync24-quorate-rc1", 0): f"""{QUORATE}{RINGS_OF_2}1\n{SECOND_RING_OF_2}1\ncorosync_ring_errors 0
corosync_quorum_votes{{type="expected_votes"}} 2\ncorosync_quorum_votes{{type="total_votes"}} 2
corosync_quorum_votes{{type="highest_expected"}} 2\ncorosync_quorum_votes{{type="quorum"}} 1
corosync_member_votes{{node_id="1",node="hana01",local="true"}} 1
corosync_member_votes{{node_id="2",node="hana02",local="false"}} 1
""",
    ("c02-corosync2-ring-faulty-rc1", 0): FAULTY_RING,
    ("c03-cfgtool304-link-down-rc1", 0): ONE_LINK_DOWN,
    ("c04-cfgtool304-not-enabled", 0): ONE_LINK_DOWN,
    ("c05-corosync24-notquorate-rc0", 0): 'corosync_up 1\ncorosync_quorate 0\ncorosync_quorum_votes{type="quorum"} 2\n',
    ("c06-corosync1-ring-faulty-rc0", 0): FAULTY_RING,
    ("c07-localhost-at-wrong-node", 0): f"""{QUORATE}corosync_ring_errors 0
corosync_rings{{ring_id="7.1d",node_id="7",number="0",address="192.0.2.45"}} 1
corosync_rings{{ring_id="7.1d",node_id="7",number="1",address="198.51.100.45"}} 1
no corosync_link_connected
""",
    ("c09-noname-qdevice", 0): """\
corosync_member_votes{node_id="1",node="",local="true"} 1
corosync_member_votes{node_id="2",node="",local="false"} 1
corosync_member_votes{node_id="0",node="Qdevice",local="false"} 1
corosync_member_qdevice{node_id="1",node="",flag="alive"} 1
corosync_member_qdevice{node_id="2",node="",flag="alive"} 0
""",
    ("c10-extra-info", 0): """\
corosync_member_votes{node_id="1",node="alpha",local="true"} 1
corosync_member_votes{node_id="2",node="beta",local="false"} 1
corosync_member_qdevice{node_id="1",node="alpha",flag="vote"} 1
corosync_link_connected{number="0",address="192.0.2.1",peer_node_id="2",peer="beta"} 1
""",
    ("d01-standalone-peer-removed", 0): """\
drbd_connection_state{resource="pvc-1ed58414",peer_node_id="3",peer="kube-node-7",state="StandAlone"} 1
no drbd_split_brain
""",
    ("d02-uptodate-outofsync", 0): """\
drbd_out_of_sync_bytes{resource="r008",peer_node_id="1",volume="0"} 12288
drbd_replication_state{resource="r008",peer_node_id="1",volume="0",state="Established"} 1
""",
    ("d05-resync-suspended", 0): """\
drbd_replication_state{resource="flex",peer_node_id="1",volume="0",state="SyncTarget"} 1
drbd_out_of_sync_bytes{resource="flex",peer_node_id="1",volume="0"} 10604544
drbd_resync_suspended{resource="flex",peer_node_id="1",volume="0",reason="dependency"} 1
drbd_resync_suspended{resource="flex",peer_node_id="1",volume="0",reason="user"} 0
""",
    ("d06-inconsistent-established", 0): drbd_states("one-vm-7707-disk-0", "Secondary", "inconsistent"),
    ("d07-quorum-lost-on-secondary", 0): """\
drbd_quorum{resource="pvc-96c2dc8b",volume="0"} 0
drbd_suspended{resource="pvc-96c2dc8b"} 0
""",
    ("d09-verify", 0): 'drbd_replication_state{resource="r0",peer_node_id="1",volume="0",state="VerifyS"} 1\n',
    ("d10-dual-primary-tls-rdma", 0): """\
drbd_connections{resource="my-res.data",peer_node_id="1",peer_role="Primary",volume="1",peer_disk_state="uptodate"} 1
drbd_resources{resource="my-res.data",role="Primary",volume="1",disk_state="uptodate"} 1
drbd_path_established{resource="my-res.data",peer_node_id="1",peer="node-b.example.org",\
local_address="[fe80::1%ib0]:7000",peer_address="[fe80::2%ib0]:7000"} 1
drbd_path_established{resource="my-res.data",peer_node_id="1",peer="node-b.example.org",\
local_address="198.51.100.1:7000",peer_address="198.51.100.2:7000"} 0
""",
    ("d13-vanish", 0): 'drbd_suspended{resource="r0"} 1\n',
    ("d13-vanish", 1): "no drbd_resources\nno drbd_suspended\nno drbd_connection_state\n",
    ("d14-negotiating", 0): "".join(
        (
            drbd_states("r0", "Secondary", "negotiating"),
            drbd_states("r1", "Secondary", "attaching"),
            drbd_states("r2", "Unknown", "dunknown"),
            drbd_states("r3", "Primary", "failed"),
            'drbd_replication_state{resource="r3",peer_node_id="1",volume="0",state="PausedSyncS"} 1\n',
        )
    ),
    ("d15-suspended", 0): "".join(f'drbd_suspended{{resource="r{n}"}} {int(n < 3)}\n' for n in range(4))
    + """\
drbd_suspended_reason{resource="r0",reason="quorum"} 1
drbd_suspended_reason{resource="r0",reason="user"} 0
drbd_suspended_reason{resource="r1",reason="no-data"} 1
drbd_suspended_reason{resource="r1",reason="fencing"} 1
drbd_suspended_reason{resource="r2",reason="user"} 1
drbd_force_io_failures{resource="r2"} 0
drbd_force_io_failures{resource="r3"} 1
""",
    ("p01-bundle-offline-guest", 0): """\
pacemaker_bundle_replicas{bundle="httpd-bundle",state="total"} 3
pacemaker_bundle_replicas{bundle="httpd-bundle",state="running"} 2
pacemaker_nodes{node="httpd-bundle-2",type="remote",status="online"} 0
""",
    ("p03-fence-history", 3): """\
pacemaker_fence_events{target="rh85-02",action="on",status="failed",delegate="",origin="rh85-01"} 1
pacemaker_fence_events{target="rh85-02",action="reboot",status="success",delegate="rh85-03",origin="rh85-01"} 1
""",
    ("p04-fence-newest", 1): """\
pacemaker_fence_events{target="rh85-02",action="reboot",status="success",delegate="rh85-03",origin="rh85-01"} 1
pacemaker_fence_events{target="rh85-02",action="off",status="success",delegate="rh85-01",origin="rh85-01"} 1
""",
    ("p05-geo-revoked-ticket", 0): """\
pacemaker_tickets{ticket="ticket-nfs",state="revoked"} 1
pacemaker_tickets{ticket="ticket-nfs",state="granted"} 0
""",
    ("p06-hana-secondary-stopped", 0): f"""\
pacemaker_resources{{node="vmhdbdev02",role="promoted",managed="true",{HANA}}} 1
pacemaker_resources{{node="",role="stopped",managed="true",{HANA}}} 0
""",
    ("p07-hana-nobody-promoted", 0): f"""\
pacemaker_resources{{node="vmhdbdev01",role="unpromoted",managed="true",{HANA}}} 1
pacemaker_resources{{node="vmhdbdev02",role="unpromoted",managed="true",{HANA}}} 1
""",
    ("p08-hana-ip-stopped", 0): f"""\
pacemaker_resources{{node="vmhdbdev02",role="promoted",managed="true",{HANA}}} 1
pacemaker_resources{{node="",resource="rsc_ip_HDD",role="stopped",managed="true",agent="ocf:heartbeat:IPaddr2",group="",\
clone="",status="active"}} 0
""",
    ("p10-hana-unmanaged", 0): f'pacemaker_resources{{node="vmhdbdev02",role="promoted",managed="false",{HANA}}} 1\n',
    ("p11-group-maint-offline", 0): "pacemaker_resources_unlisted 0\n",
    ("p11-group-maint-offline", 1): "pacemaker_resources_unlisted 2\n",
    ("p12-node-joining-pending", 0): node("node-2", online=0, standby=0, pending=0),
    ("p12-node-joining-pending", 1): node("node-2", online=1, standby=1, pending=1),
    ("p12-node-joining-pending", 2): node("node-2", online=1, standby=0, pending=0),
    ("p13-lost-node-deleted", 0): node("node-3", online=0),
    ("p13-lost-node-deleted", 1): f'{node("node-1", online=1)}no pacemaker_nodes{{node="node-3"\n',
    ("p14-failures-text", 0): """\
pacemaker_failed_actions{node="n1",resource="rsc_ip",operation="start",interval="0",status="not configured"} 1
pacemaker_failed_actions{node="n1",resource="rsc_fs",operation="stop",interval="0",status="error"} 1
""",
    ("p15-many-attributes", 0): """\
pacemaker_node_attributes{node="suse03.hana-scaleout.prod.eu-central-1.compute.internal",name="hana_prd_note",\
value="Zürich \\"A\\" <b> & c\\\\d"} 1
""",
    ("p16-stop-all-resources", 0): 'pacemaker_cluster_option{option="stop-all-resources"} 1\n',
    ("p17-expired-ban-and-prefer", 0): """\
pacemaker_location_constraints{constraint="cli-prefer-app",node="n2",resource="app",role="started"} +Inf
no pacemaker_location_constraints{constraint="cli-ban-vip-on-n2"
no pacemaker_bans
""",
    ("p18-health-red", 0): 'pacemaker_node_health{node="n2",health="red"} 1\n',
    ("p19-fence-history-cleaned", 0): f"""{node("rh85-02", online=0, unclean=1)}\
pacemaker_fence_events{{target="rh85-02",action="reboot",status="failed",delegate="",origin="rh85-01"}} 1
pacemaker_fence_events{{target="rh85-02",action="reboot",status="pending",delegate="",origin="rh85-01"}} 1
""",
    ("p19-fence-history-cleaned", 1): f"{node('rh85-02', online=0, unclean=1)}no pacemaker_fence_events\n",
    ("p20-failure-ignored", 0): """\
pacemaker_resources{node="n1",resource="mon-ipsec",role="started",managed="true",agent="ocf:heartbeat:anything",group="",\
clone="",status="failure_ignored"} 1
""",
    ("p21-standby-on-fail", 0): node("n2", online=1, standby=1, standby_onfail=1),
    ("p22-unclean-online", 0): node("n2", online=1, unclean=1),
    ("p24-tnf-no-dc", 0): f"""{node("master-0.ostest.example.org", online=0, unclean=1, dc=0)}\
{node("master-1.ostest.example.org", online=0, unclean=1, dc=0)}pacemaker_up 1
no pacemaker_quorate
""",
    ("s01-three-byid-one-missing", 0): f"""sbd_devices_configured 3
sbd_devices{{device="{DISK}3",status="healthy"}} 1
sbd_devices{{device="{DISK}4",status="healthy"}} 1
sbd_devices{{device="{DISK}5",status="unhealthy"}} 1
sbd_timeouts{{device="{DISK}4",type="msgwait"}} 120
sbd_slots{{device="{DISK}4",node="hana02",message="reset"}} 1
sbd_slots{{device="{DISK}4",node="hana04",message="off"}} 1
sbd_slot_sender{{device="{DISK}4",node="hana04",sender="hana02"}} 1
no sbd_slot_sender{{device="{DISK}4",node="hana01"
sbd_watchdog_timeout_seconds 5
no sbd_slots{{device="{DISK}5"
""",
    ("s02-timeout-15s", 0): f"""sbd_watchdog_timeout_seconds 15
sbd_devices{{device="{DISK}3",status="healthy"}} 1
sbd_timeouts{{device="{DISK}3",type="watchdog"}} 60
""",
    ("s03-timeout-negative", 0): f"""no sbd_watchdog_timeout_seconds
sbd_devices{{device="{DISK}3",status="healthy"}} 1
sbd_timeouts{{device="{DISK}3",type="watchdog"}} 60
sbd_info{{watchdog_device="",pacemaker="yes",startmode="",delay_start=""}} 1
""",
    ("x01-send-from-dc", 0): 'corosync_member_votes{node_id="1",node="",local="true"} 1\n',
}
"""The values of a state of a case as lines of a page; ``no`` begins a line for a series that must be absent."""

UNREADABLE = {
    "c07-localhost-at-wrong-node": [
        "line 5: expected the state of node 6, found 'localhost', which it is not",
        "line 10: expected the state of node 6, found 'localhost', which it is not",
    ],
    "s03-timeout-negative": ["line 3: expected SBD_WATCHDOG_TIMEOUT as a time, found '-1'"],
}

FAILED = {("s01-three-byid-one-missing", f"{action} {DISK}5") for action in ("dump", "list")}


def check_lines(page: str, lines: str) -> None:
    """Checks that a page has the lines, and nothing that begins like those after ``no``."""
    actual = series.parse(page)
    for line in lines.splitlines():
        if line.startswith("no "):
            assert f"ha_cluster_{line.removeprefix('no ')}" not in page, line
        else:
            ((key, value),) = series.parse(f"ha_cluster_{line}\n").items()
            assert actual.get(key) == value, line


@needs_cases
@pytest.mark.parametrize("case", cases.names())
def test_each_case_has_its_values_and_unreadable_values(case: str) -> None:
    for state in cases.states(case):
        page = series.page(state.samples)
        check_lines(page, VALUES.get((case, state.number), ""))
        assert state.samples.dropped == 0
        unreadable = [value for reading in state.readings.values() for value in reading.unreadable]
        assert reasons_of(unreadable) == UNREADABLE.get(case, [])
        failed = {(case, name) for (_, name), reading in state.readings.items() if failing(reading)}
        assert failed == {item for item in FAILED if item[0] == case}


def failing(reading: Any) -> bool:
    return reading.status not in {Status.OK, Status.NOT_INSTALLED}


@needs_cases
def test_every_case_has_its_values() -> None:
    assert {case for case, _ in VALUES} == set(cases.names())


@needs_cases
@pytest.mark.parametrize("case", cases.names())
def test_this_node_is_never_its_own_peer(case: str) -> None:
    for state in cases.states(case):
        page = series.of(state.samples)
        local = {dict(labels)["node_id"] for labels in series.named(page, "ha_cluster_corosync_rings")}
        peers = {dict(labels)["peer_node_id"] for labels in series.named(page, "ha_cluster_corosync_link_connected")}
        assert not local & peers
