"""Every parser, with an output that it accepts and that shows its format.

To add a parser, add a row to ``PARSERS``.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.host.sectors import Sectors
from gateway.subsystems import corosync_conf
from gateway.subsystems.booth import booth_conf, booth_list, booth_peers, booth_status
from gateway.subsystems.corosync import (
    corosync_cfgtool,
    corosync_cmapctl,
    corosync_quorumtool,
    quorum_report,
)
from gateway.subsystems.drbd import drbdsetup
from gateway.subsystems.pacemaker import cib, cib_alerts, crm_mon, crm_node
from gateway.subsystems.qdevice import corosync_qdevice_tool
from gateway.subsystems.qnetd import corosync_qnetd_tool
from gateway.subsystems.sbd import sbd_config, sbd_device, sbd_dump, sbd_list
from tests.sbd_image import header, mailbox, slot

Parser = Callable[[bytes], object]

_SECTORS = (header(slots=2), slot(b"alpha"), mailbox(), slot(b"beta"), mailbox(2, b"alpha"))
SBD_DEVICE = Sectors(sector_size=512, sectors=tuple(sector[:65] for sector in _SECTORS)).encode().decode("ascii")

PARSERS: dict[str, tuple[Parser, str]] = {
    "corosync-quorumtool": (
        corosync_quorumtool.parse,
        """\
Quorum information
------------------
Date:             Tue Mar  3 10:11:12 2026
Quorum provider:  corosync_votequorum
Nodes:            3
Node ID:          1
Ring ID:          1.1f4
Quorate:          No

Votequorum information
----------------------
Expected votes:   4
Highest expected: 4
Total votes:      2
Quorum:           3 Activity blocked
Flags:            WaitForAll Qdevice\x20
Unable to get node 3 info

Membership information
----------------------
    Nodeid      Votes    Qdevice Name
         1          1  NA,NV,NMW alpha.example.org (local)
0x00000002          1         NR fd00::2
         3      32566         NR\x20
         0          0            Qdevice (votes 1)
""",
    ),
    "corosync-cfgtool, words": (
        corosync_cfgtool.parse,
        """\
Local node ID 1, transport knet
**SCTP is deprecated
LINK ID 0 udp
\taddr\t= fd00::1%2
\tstatus:
\t\tnodeid:          1:\tlocalhost
\t\tnodeid:          2:\tconnected
LINK ID 1 sctp
\taddr\t= 192.0.2.1
\tstatus:
\t\tnodeid:          1:\tlocalhost
\t\tnodeid:          2:\tdisconnected
""",
    ),
    "corosync-cfgtool, flags": (
        corosync_cfgtool.parse,
        """\
Printing link status.
Local node ID -1062731775
LINK ID 0
\taddr\t= 192.0.2.1
\tstatus:
\t\tnodeid -1062731775:\tlink enabled:1\tlink connected:1
\t\tnodeid  2:\tlink enabled:1\tlink connected:0
LINK ID 1
\taddr\t= 198.51.100.1
\tstatus:
\t\tnode 0:\tlink enabled:0\tlink connected:1
\t\tnode 1:\tlink enabled:1\tlink connected:1
""",
    ),
    "corosync-cfgtool, sentences": (
        corosync_cfgtool.parse,
        """\
Printing ring status.
Local node ID 1
RING ID 0
\tid\t= 192.0.2.1
\tstatus\t= ring 0 active with no faults
RING ID 1
\tid\t= 198.51.100.1
\tstatus\t= Marking ringid 1 interface 198.51.100.1 FAULTY
""",
    ),
    "corosync-cmapctl": (
        corosync_cmapctl.parse,
        """\
stats.ipcs.service0.21.0x5627caaa7000.procname (str) = corosync-cmapct
stats.knet.node1.link0.latency_min (u32) = 4294967295
stats.knet.node1.link0.latency_samples (u32) = 0
stats.knet.node2.link1.connected (u8) = 1
stats.knet.node2.link1.rx_total_retries (u64) = 0
stats.srp.firewall_enabled_or_nic_failure (u8) = 0
stats.srp.mtt_rx_token (u32) = 105
""",
    ),
    "corosync-qdevice-tool": (
        corosync_qdevice_tool.parse,
        """\
Qdevice information
-------------------
Model:\t\t\tNet
Node ID:\t\t1
HB interval:\t\t10000ms
Configured node list:
    0\tNode ID = 1
    1\tNode ID = 2, Data center ID = 7
Heuristics:\t\tEnabled only on sync
Membership node list:\t1, 2
Quorum node list:
    0\tNode ID = 2, State = member
Last poll call:\t\t2026-03-03T10:11:12 (cast vote)

Qdevice-net information
----------------------
Cluster name:\t\tone
QNetd host:\t\tarbiter.example.org:5403
Connect timeout:\t8000ms
TLS:\t\t\tSupported
Algorithm:\t\tFifty-Fifty split
Tie-breaker:\t\tNode with node ID 2
KAP Tie-breaker:\tEnabled
Poll timer running:\tYes (cast vote)
State:\t\t\tConnected
Heuristics result:\tPass (regular: Pass, membership: Undefined, connect: Fail)
TLS active:\t\tYes (client certificate sent)
Connected since:\t2026-03-03T10:11:00
Echo reply received:\t2026-03-03T10:11:12
""",
    ),
    "corosync-qnetd-tool, status": (
        corosync_qnetd_tool.parse_status,
        """\
QNetd address:\t\t\t*:5403
TLS:\t\t\t\tSupported (client certificate required)
Connected clients:\t\t3
Connected clusters:\t\t2
Maximum allowed clients:\t100
Maximum send/receive size:\t32768/32768 bytes
""",
    ),
    "corosync-qnetd-tool": (
        corosync_qnetd_tool.parse_list,
        """\
Cluster "one":
    Algorithm:\t\tFifty-Fifty split (KAP Tie-breaker)
    Tie-breaker:\tNode with node ID 2
    Node ID 1:
        Client address:\t\t::ffff:192.0.2.1:59816
        HB interval:\t\t8000ms
        Configuration version:\t3
        Configured node list:\t1, 2 (7), 3
        Ring ID:\t\t1.9
        Membership node list:\t1, 2 (7)
        Heuristics:\t\tPass (membership: Undefined, regular: Pass)
        TLS active:\t\tYes (client certificate verified)
        Vote:\t\t\tNo change (ACK)
    Node ID 2:
        Client address:\t\t::ffff:192.0.2.2:43478
        HB interval:\t\t8000ms
        Configuration version:\t3
        Configured node list:\t1, 2 (7), 3
        Ring ID:\t\t1.9
        Membership node list:\t1, 2 (7)
        Heuristics:\t\tFail (membership: Undefined, regular: Fail)
        TLS active:\t\tNo
        Vote:\t\t\tAsk later
Cluster "other":
    Algorithm:\t\tLMS
    Tie-breaker:\tNode with lowest node ID
    Node ID 7:
        Client address:\t\t2001:db8::7:40000
        HB interval:\t\t8000ms
        Ring ID:\t\t0.0
        Heuristics:\t\tUndefined (membership: Undefined, regular: Undefined)
        TLS active:\t\tNo
""",
    ),
    "quorum report": (quorum_report.parse, "time=1795575626.297612 quorate=0 ring=13 members=1,4294967295"),
    "corosync.conf": (
        corosync_conf.parse,
        """\
# comment
totem {
    version: 2
    cluster_name: one
    transport: knet
    interface {
        linknumber: 0
    }
}
quorum { \n    provider: corosync_votequorum\n}
""",
    ),
    "sbd configuration": (
        sbd_config.parse,
        """\
# SBD_DEVICE=""
SBD_DEVICE="/dev/disk/by-id/a:b.c+d=e;\\
/dev/b" # two
  export SBD_WATCHDOG_TIMEOUT=5
SBD_PACEMAKER='yes'
SBD_DELAY_START=no # not
SBD_OPTS=
""",
    ),
    "sbd dump": (
        sbd_dump.parse,
        """\
==Dumping header on disk /dev/a
Header version     : 2.1
UUID               : 6d2f4f6c-2d0e-4c8e-9a53-1b7f0a9d6e11
Number of slots    : 255
Sector size        : 512
Timeout (watchdog) : 5
Timeout (allocate) : 2
Timeout (loop)     : 1
Timeout (msgwait)  : 10
==Header on disk /dev/a is dumped
""",
    ),
    "sbd device, header": (sbd_device.parse_header, SBD_DEVICE),
    "sbd device, slots": (sbd_device.parse_slots, SBD_DEVICE),
    "booth configuration": (
        booth_conf.parse,
        """\
# two sites
name = "geo" # not that of the file
authfile = /etc/booth/authkey
site = "192.0.2.1"
site='192.0.2.2'
arbitrator = arbiter.example.org
ticket = "__defaults__"
    timeout = 500ms
    retries = 5
ticket = "db"
    expire = 60
    renewal-freq = 20
    acquire-after = 30
ticket = "mail"
    mode = manual
""",
    ),
    "booth list": (
        booth_list.parse,
        """\
ticket: db, leader: 192.0.2.1, expires: 2026-03-03 10:11:12
ticket: web, leader: 192.0.2.1, expires: 2026-03-03 10:11:12 (commit pending until 2026-03-03 10:11:00)
ticket: files, leader: NONE
ticket: www, leader: none
ticket: mail, leader: 192.0.2.2, expires: INF [manual mode]
ticket: fax, leader: NONE [manual mode]

WARNING: The ticket mail is granted to multiple sites: 192.0.2.1, 192.0.2.2. Revoke the ticket from the faulty sites.
""",
    ),
    "booth peers": (
        booth_peers.parse,
        """\
site         192.0.2.2, last recv: 2026-03-03 10:11:12
\tSent pkts:12 error:1 resends:3
\tRecv pkts:9 error:4 authfail:5 invalid:6

arbitrator   192.0.2.3, last recv: 1970-01-01 00:00:00
\tSent pkts:7 error:0 resends:4294967295
\tRecv pkts:0 error:0 authfail:0 invalid:0

""",
    ),
    "booth status": (
        booth_status.parse,
        "booth_lockpid=71 booth_lockfile='/var/run/booth/booth.pid' booth_pid=71 booth_state=started booth_type=site "
        "booth_cfg_name='booth' booth_id=1234 booth_addr_string='192.0.2.1' booth_port=9929\n",
    ),
    "crm_node": (crm_node.parse, "edge1\n"),
    "sbd list": (sbd_list.parse, "0\talpha\tclear\t\n1\tbeta\treset\talpha\n"),
    "crm_mon": (
        crm_mon.parse,
        """\
<pacemaker-result api-version="2.25">
  <pacemakerd state="running"/>
  <summary>
    <stack type="corosync"/><current_dc present="true" name="alpha" with_quorum="true" version="2.1.5"/>
    <last_change time="Tue Mar  3 10:11:12 2026"/>
    <resources_configured number="3" disabled="0" blocked="1"/>
    <cluster_options stonith-enabled="true" no-quorum-policy="stop"/>
  </summary>
  <nodes><node name="alpha" id="1" online="true" is_dc="true" type="member" resources_running="2"/></nodes>
  <resources>
    <clone id="c"><group id="g:0"><resource id="r" role="Started" active="true"><node name="alpha"/></resource></group>
    </clone>
    <bundle id="b"><replica id="0"><resource id="b-ip" role="Stopped" active="false"/></replica></bundle>
  </resources>
  <node_attributes><node name="alpha"><attribute name="pingd" value="1000"/></node></node_attributes>
  <node_history><node name="alpha"><resource_history id="r" fail-count="INFINITY" migration-threshold="3">
    <operation_history task="monitor" interval="10000ms" exec-time="12ms"/></resource_history></node></node_history>
  <failures><failure op_key="r_monitor_10000" node="alpha" last-rc-change="2026-03-03 10:11:12Z"/></failures>
  <fence_history><fence_event action="reboot" target="beta" status="success"/></fence_history>
  <tickets><ticket id="t" status="granted"/></tickets>
  <bans><ban id="x" resource="r" node="beta" weight="-1000000"/></bans>
  <status code="0" message="OK"/>
</pacemaker-result>
""",
    ),
    "cib": (
        cib.parse,
        """\
<cib><configuration><constraints>
  <rsc_location id="l1" rsc="a" node="alpha" score="INFINITY"/>
  <rsc_location id="l2" rsc-pattern="a.*" role="Promoted">
    <rule id="r1" score="5"><expression attribute="#uname" operation="eq" value="alpha"/></rule>
    <rule id-ref="r1"/>
  </rsc_location>
  <rsc_location id="l3" node="beta" score="-1"><resource_set id="s"><resource_ref id="a"/></resource_set></rsc_location>
</constraints></configuration></cib>
""",
    ),
    "cib alerts": (
        cib_alerts.parse,
        """\
<alerts>
  <alert id="a1" path="/usr/share/pacemaker/alerts/alert_file.sh"><recipient id="a1-r" value="/var/log/alerts"/></alert>
  <alert id="a2" path="/usr/local/bin/page"/>
</alerts>
""",
    ),
    "drbdsetup": (
        drbdsetup.parse,
        """\
[
{
  "name": "nan", "node-id": 0, "role": "Primary", "suspended": true, "suspended-quorum": true,
  "devices": [
    { "volume": 0, "minor": 1, "disk-state": "UpToDate", "client": false, "quorum": true, "size": 1024 } ],
  "connections": [
    {
      "peer-node-id": 1, "name": "beta", "connection-state": "Connected", "congested": false, "peer-role": "Secondary",
      "ap-in-flight": 18446744073709551608, "rs-in-flight": 0,
      "peer_devices": [
        { "volume": 0, "replication-state": "SyncSource", "peer-disk-state": "Inconsistent", "peer-client": false,
          "received": 0, "sent": 1, "out-of-sync": 2, "pending": 0, "percent-in-sync": 99.50,
          "estimated-seconds-to-finish": nan } ]
    } ]
}
]
""",
    ),
}
