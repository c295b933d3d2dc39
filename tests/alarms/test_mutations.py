"""An output that is damaged in one place neither raises nor clears an alarm; a test of every place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import cases
from tests.alarms.mutations import Files, changes, mutations, snapshot, walk
from tests.alarms.stack_inputs import QUORUM, TWO, WITH_QDEVICE, drbd, knet, peer, resource, rrp
from tests.cases import CASES, CONFIGURATION_FILES, OUTPUT_FILES
from tests.parsers.parser_samples import PARSERS
from tests.situations import LAB

pytestmark = [
    pytest.mark.usefixtures("utc"),
    pytest.mark.no_cover,  # thousands of similar inputs: four times as fast without
]

EXCEPTIONS: Mapping[str, str] = {
    r"cut off before b'(RING|LINK) ID [1-9]": "an output that ends after a link is a complete output of fewer links",
    r"\.(name|peer-node-id) = frobnicated": "a name consists of any characters, so this is another object",
    r"b'(green|NR)' = ": "a node without a readable name is called by its id",
    r"b'Qdevice' = b'' at": "without that column, the flags of the quorum device are a part of the name",
    r"cut off before b'    (Node ID 2|    Vote)": "an output that ends after a node is complete, with fewer nodes",
    r"b'(one|other|geo)' = ": "a name consists of any characters, so this is another cluster",
    r"b'device' = ": "a section of another name is another section",
    r"connections\[\d\]\.name (removed|renamed|= None|= -1)": "a peer without a readable name is called by its id",
}
"""Damage that cannot be noticed, or is handled, and why."""

DAMAGED = {*OUTPUT_FILES.values(), *CONFIGURATION_FILES.values()}

CFGTOOL_3 = """\
Local node ID 1, transport knet
LINK ID 0 udp
\taddr\t= 192.0.2.1
\tstatus:
\t\tnodeid:          1:\tlocalhost
\t\tnodeid:          2:\tconnected
\t\tnodeid:          3:\tconnected
LINK ID 1 udp
\taddr\t= 198.51.100.1
\tstatus:
\t\tnodeid:          1:\tlocalhost
\t\tnodeid:          2:\tconnected
\t\tnodeid:          3:\t{state}
"""
THREE = QUORUM.format(count=3, others="         2          1         NR blue\n         3          1         NR green\n")
CONF = "quorum {\n provider: corosync_votequorum\n device {\n  model: net\n }\n}\n"


def corosync(quorumtool: str, cfgtool: str, *, version: str = "3.1.7", configuration: str = "") -> dict[str, str]:
    return {
        "quorumtool.txt": quorumtool,
        "cfgtool.txt": cfgtool,
        "corosync-v.txt": f"Corosync Cluster Engine, version '{version}'\n",
        **({"corosync.conf": configuration} if configuration else {}),
    }


def resync(name: str, amount: int, **changes: Any) -> dict[str, Any]:
    return resource(name=name, peers=[peer("SyncTarget", out_of_sync=amount)], disk="Inconsistent", **changes)


WAITING = resource(
    name="waits", peers=[peer("PausedSyncT", out_of_sync=900, suspended="dependency")], disk="Inconsistent"
)
CLIENT = resource(
    name="client",
    devices=[{"volume": 0, "disk-state": "Diskless", "client": True, "quorum": True}],
    peers=[peer(), {**peer(), "peer-node-id": 2, "name": "green"}],
)
LOST = resource(
    name="lost",
    disk="Diskless",
    role="Primary",
    suspended=True,
    peers=[peer("Off", connection="StandAlone", disk="DUnknown")],
)

QNETD = {
    "qnetd-status.txt": PARSERS["corosync-qnetd-tool, status"][1],
    "qnetd-list.txt": PARSERS["corosync-qnetd-tool"][1],
}


def qdevice(situation: str) -> dict[str, str]:
    return {
        "qdevice.txt": (LAB / "arbitration" / situation / "corosync-qdevice-tool-s-v.stdout").read_text(),
        "corosync.conf": CONF,
    }


def qnetd(situation: str) -> dict[str, str]:
    folder = LAB / "arbitrator" / situation
    return {
        "qnetd-status.txt": (folder / "corosync-qnetd-tool-s-v.stdout").read_text(),
        "qnetd-list.txt": (folder / "corosync-qnetd-tool-l-v.stdout").read_text(),
    }


OWN: Mapping[str, Mapping[str, str]] = {
    "all links up": corosync(THREE, CFGTOOL_3.format(state="connected")),
    "a peer lost on a link": corosync(THREE, CFGTOOL_3.format(state="disconnected")),
    "a link down": corosync(TWO, knet("connected", "disconnected")),
    "a quorum device": corosync(WITH_QDEVICE, knet("connected"), configuration=CONF),
    "a quorum device that is lost": corosync(
        WITH_QDEVICE.replace("A,V,NMW", "A,NV,NMW"), knet("connected"), configuration=CONF
    ),
    "a quorum device that is not registered": corosync(TWO, knet("connected"), configuration=CONF),
    "a quorum device that votes": qdevice("tls"),
    "a quorum device that is cut off": qdevice("cut-off"),
    "an arbitrator of two clusters": QNETD,
    "an arbitrator with all nodes": qnetd("tls"),
    "an arbitrator with one node left": qnetd("node-lost"),
    "an arbitrator without a cluster": qnetd("cut-off"),
    "a faulty ring": corosync(TWO, rrp("Marking ringid 1 interface 198.51.100.1 FAULTY"), version="2.4.6"),
    "in sync": drbd(resource(peers=[peer(paths=(True, True))])),
    "a client": drbd(CLIENT),
    "a lost disk": drbd(LOST, resource()),
    "out of sync, and a path down": drbd(resource(peers=[peer(out_of_sync=9, paths=(True, False))])),
    "behind": drbd(resource(peers=[peer("Ahead", out_of_sync=9)])),
}
"""Inputs of our own."""


def files_of_cases() -> dict[str, Files]:
    """Returns the files of each state of the cases of Corosync and DRBD from the field."""
    return {
        f"{case}/{number}": _content(folders)
        for case in cases.names()
        if CASES is not None and case[0] in "cd"
        for number, folders in enumerate(cases.state_folders(CASES / case))
    }


def _content(folders: list[Path]) -> Files:
    return {path.name: path.read_bytes() for folder in reversed(folders) for path in folder.iterdir() if path.is_file()}


INPUTS: Mapping[str, Files] = {
    **{name: {file: text.encode() for file, text in files.items()} for name, files in OWN.items()},
    **files_of_cases(),
}


@pytest.mark.parametrize("name", INPUTS)
def test_damage_changes_no_alarm(name: str) -> None:
    files = INPUTS[name]
    intact = snapshot(files)
    unexpected = {}
    for file in files.keys() & DAMAGED:
        for mutation in mutations(file, files[file]):
            if any(re.search(pattern, mutation.what) for pattern in EXCEPTIONS):
                continue
            if events := changes(intact, snapshot({**files, file: mutation.content})):
                unexpected[f"{file}: {mutation.what}"] = events
    assert unexpected == {}


def test_a_resynchronization_whose_progress_cannot_be_read_is_not_stuck() -> None:
    """It may be the one for which the others wait."""
    states = [drbd(resync("first", amount), WAITING)["drbd.json"].encode() for amount in (900, 500, 100)]
    before, _, after = (snapshot({"drbd.json": content}) for content in states)
    for mutation in mutations("drbd.json", states[1]):
        if not any(re.search(pattern, mutation.what) for pattern in EXCEPTIONS):
            steps = walk(before, snapshot({"drbd.json": mutation.content}), after)
            assert steps == [[], [], []], mutation.what


def test_every_exception_occurs() -> None:
    damage = {
        mutation.what
        for files in INPUTS.values()
        for file in files.keys() & DAMAGED
        for mutation in mutations(file, files[file])
    }
    for pattern in EXCEPTIONS:
        assert any(re.search(pattern, what) for what in damage), pattern
