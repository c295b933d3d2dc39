"""Outputs of the tools of Corosync and DRBD, of our own making, for the tests of alarms."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

QUORUM = """\
Quorum information
------------------
Date:             Fri Nov 27 12:00:00 2026
Quorum provider:  corosync_votequorum
Nodes:            {count}
Node ID:          1
Ring ID:          1.5
Quorate:          Yes

Votequorum information
----------------------
Expected votes:   {count}
Highest expected: 2
Total votes:      {count}
Quorum:           1
Flags:            2Node Quorate

Membership information
----------------------
    Nodeid      Votes    Qdevice Name
         1          1         NR red (local)
{others}"""
TWO = QUORUM.format(count=2, others="         2          1         NR blue\n")
ALONE = QUORUM.format(count=1, others="")


def knet(*states: str) -> str:
    """Returns the output of corosync-cfgtool for a peer with these states on links 0, 1 and so on."""
    lines = ["Local node ID 1, transport knet"]
    for number, state in enumerate(states):
        lines += [f"LINK ID {number} udp", f"\taddr\t= 192.0.2.{number}", "\tstatus:"]
        lines += ["\t\tnodeid:          1:\tlocalhost", f"\t\tnodeid:          2:\t{state}"]
    return "\n".join(lines) + "\n"


def rrp(status: str) -> str:
    return (
        "Printing ring status.\nLocal node ID 1\n"
        "RING ID 0\n\tid\t= 192.0.2.1\n\tstatus\t= ring 0 active with no faults\n"
        f"RING ID 1\n\tid\t= 198.51.100.1\n\tstatus\t= {status}\n"
    )


UP, DOWN = "connected", "disconnected"


QDEVICE_SECTION = "quorum {\n provider: corosync_votequorum\n device {\n  model: net\n }\n}\n"
WITH_QDEVICE = TWO.replace(" NR red", "A,V,NMW red") + "         0          1            Qdevice\n"


def resource(*, peers: Sequence[Mapping[str, Any]] = (), disk: str = "UpToDate", **changes: Any) -> dict[str, Any]:
    """Returns a resource with one volume as JSON."""
    return {
        "name": "data",
        "role": "Secondary",
        "suspended": False,
        "suspended-user": False,
        "force-io-failures": False,
        "devices": [{"volume": 0, "disk-state": disk, "client": False, "quorum": True, "size": 1000}],
        "connections": list(peers),
        **changes,
    }


def peer(
    state: str = "Established",
    *,
    connection: str = "Connected",
    out_of_sync: int = 0,
    suspended: str = "no",
    disk: str = "UpToDate",
    paths: Sequence[bool] = (True,),
) -> dict[str, Any]:
    """Returns the connection to the node ``blue`` as JSON."""
    return {
        "peer-node-id": 1,
        "name": "blue",
        "connection-state": connection,
        "peer-role": "Secondary",
        "congested": False,
        "paths": [
            {
                "this_host": {"address": f"192.0.2.{number}", "port": 7000},
                "remote_host": {"address": f"198.51.100.{number}", "port": 7000},
                "established": established,
            }
            for number, established in enumerate(paths)
        ],
        "peer_devices": [
            {
                "volume": 0,
                "replication-state": state,
                "peer-disk-state": disk,
                "resync-suspended": suspended,
                "out-of-sync": out_of_sync,
            }
        ],
    }


def drbd(*resources: Mapping[str, Any]) -> dict[str, str]:
    return {"drbd.json": json.dumps(resources)}
