"""The cases of Corosync, SBD and DRBD from the field, and small inputs of our own of the same kinds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.alarms.notification import Notification
from tests.alarms.field import notifications, summaries
from tests.alarms.stack_inputs import (
    ALONE,
    DOWN,
    QDEVICE_SECTION,
    QUORUM,
    TWO,
    UP,
    WITH_QDEVICE,
    drbd,
    knet,
    peer,
    resource,
    rrp,
)
from tests.cases import CASES, needs_cases

DISK = "/dev/disk/by-id/scsi-36001405afb0ba8d3a3c413b8cc2cca0"
MESSAGES = ["raised sbd-message hana02", "raised sbd-message hana03", "raised sbd-message hana04"]

EXPECTED: dict[str, list[list[str]]] = {
    "c01-corosync24-quorate-rc1": [[]],
    "c02-corosync2-ring-faulty-rc1": [["raised link-down link 1"]],
    "c03-cfgtool304-link-down-rc1": [["raised link-down link 1"]],
    "c04-cfgtool304-not-enabled": [["raised link-down link 1"]],
    "c05-corosync24-notquorate-rc0": [["raised quorum-lost", "raised votes-missing"]],
    "c06-corosync1-ring-faulty-rc0": [["raised link-down link 1"]],
    "c07-localhost-at-wrong-node": [["raised votes-missing"]],
    "c09-noname-qdevice": [[]],
    "c10-extra-info": [[]],
    "d01-standalone-peer-removed": [["raised drbd-connection pvc-1ed58414 to kube-node-7"]],
    "d02-uptodate-outofsync": [["raised drbd-out-of-sync r008/0 to fs100"]],
    "d05-resync-suspended": [
        ["raised drbd-disk flex/0", "raised drbd-resync-suspended flex/0 to flex-107.dr.example.com"]
    ],
    "d06-inconsistent-established": [
        ["raised drbd-disk one-vm-7707-disk-0/0", "raised drbd-out-of-sync one-vm-7707-disk-0/0 to m10c41"]
    ],
    "d07-quorum-lost-on-secondary": [["raised drbd-quorum pvc-96c2dc8b/0"]],
    "d09-verify": [[]],
    "d10-dual-primary-tls-rdma": [
        [
            "raised drbd-path my-res.data to node-b.example.org (198.51.100.1:7000 to 198.51.100.2:7000)",
        ]
    ],
    "d13-vanish": [
        [
            "raised drbd-suspended r0",
            "raised drbd-disk r0/0",
            "raised drbd-connection r0 to bob",
            "raised drbd-connection r0 to carol",
        ],
        [
            "cleared drbd-disk r0/0 (gone)",
            "cleared drbd-connection r0 to bob (gone)",
            "cleared drbd-connection r0 to carol (gone)",
            "cleared drbd-suspended r0 (gone)",
        ],
    ],
    "d14-negotiating": [
        ["raised drbd-disk r0/0", "raised drbd-disk-lost r3/0", "raised drbd-resync-suspended r3/0 to bob"]
    ],
    "d15-suspended": [
        [
            "raised drbd-quorum r0/0",
            "raised drbd-suspended r0",
            "raised drbd-suspended r1",
            "raised drbd-suspended r2",
            "raised drbd-io-failures r3",
            "raised drbd-disk-lost r1/0",
            "raised drbd-connection r0 to bob",
            "raised drbd-connection r1 to bob",
        ]
    ],
    "s01-three-byid-one-missing": [[f"raised sbd-device {DISK}5", "raised collector-failing sbd", *MESSAGES]],
    "s02-timeout-15s": [MESSAGES],
    "s03-timeout-negative": [MESSAGES],
}
"""The notifications of the states of each case, beginning with what is active at the start."""

TEXTS: dict[str, list[str]] = {
    "c03-cfgtool304-link-down-rc1": ["Link 1 is down: no member can be reached over it"],
    "c06-corosync1-ring-faulty-rc0": ["Link 1 is down: Corosync marks the ring as faulty"],
    "d02-uptodate-outofsync": [
        "DRBD volume r008/0 stays out of sync with fs100: 12 KiB",
    ],
    "d07-quorum-lost-on-secondary": [
        "DRBD volume pvc-96c2dc8b/0 has no quorum: this node cannot become primary",
    ],
    "d13-vanish": [
        "DRBD volume r0/0 is no longer configured on this node",
        "DRBD connection r0 to bob is no longer configured on this node",
    ],
    "d15-suspended": [
        "I/O of DRBD resource r0 is suspended: quorum is lost",
        "I/O of DRBD resource r1 is suspended: no up-to-date data can be reached, the peer has to be fenced first",
        "I/O of DRBD resource r2 is suspended: an administrator has suspended it",
    ],
    "s01-three-byid-one-missing": [
        f"SBD: off from hana02 to hana04 is still on {DISK}3, {DISK}4",
    ],
}
"""Texts that some of them have."""


@needs_cases
@pytest.mark.parametrize("case", EXPECTED)
async def test_a_case_notifies_what_is_right(case: str) -> None:
    assert CASES is not None
    states, texts = [], []
    async for published in notifications(CASES / case):
        states.append(summaries(published))
        texts += [notification.text for notification in published]
    assert states == EXPECTED[case]
    assert set(TEXTS.get(case, ())) <= set(texts)


@needs_cases
def test_every_case_is_covered() -> None:
    assert CASES is not None
    assert {path.name for path in CASES.iterdir() if path.name[:1] in {"c", "d", "s"}} == EXPECTED.keys()


# --- inputs of our own -----------------------------------------------------------------------------------------------


async def published_by(folder: Path, *states: Mapping[str, str]) -> list[list[Notification]]:
    """Returns what a sequence of states publishes; each state is the files that differ from the one before."""
    for number, files in enumerate(states):
        target = folder if number == 0 else folder / "steps" / str(number)
        target.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (target / name).write_text(content, encoding="utf-8")
    return [published async for published in notifications(folder)]


async def sequence(folder: Path, *states: Mapping[str, str]) -> list[list[str]]:
    return [summaries(published) for published in await published_by(folder, *states)]


async def test_a_link_is_up_again_only_if_a_member_is_reached_over_it(tmp_path: Path) -> None:
    assert await sequence(
        tmp_path,
        {"quorumtool.txt": TWO, "cfgtool.txt": knet(UP, UP)},
        {"cfgtool.txt": knet(UP, DOWN)},
        {"quorumtool.txt": ALONE, "cfgtool.txt": knet(DOWN, DOWN)},
        {"cfgtool.txt": "broken"},
        {"quorumtool.txt": TWO, "cfgtool.txt": knet(UP, DOWN)},
        {"cfgtool.txt": knet(UP, UP)},
    ) == [
        [],
        ["raised link-down link 1"],
        [],
        ["raised collector-failing corosync"],
        ["cleared collector-failing corosync (recovered)"],
        ["cleared link-down link 1 (recovered)"],
    ]


async def test_a_peer_that_leaves_is_no_faulty_link(tmp_path: Path) -> None:
    assert await sequence(
        tmp_path,
        {"quorumtool.txt": TWO, "cfgtool.txt": knet(UP, UP)},
        {"quorumtool.txt": ALONE, "cfgtool.txt": knet(DOWN, DOWN)},
        {"quorumtool.txt": TWO, "cfgtool.txt": knet(UP, UP)},
    ) == [[], [], []]


async def test_a_node_that_is_killed_has_no_faulty_links(tmp_path: Path) -> None:
    """knet notices on one link after the other that nobody answers, and Corosync waits for the token after that."""
    peers = "         2          1         NR blue\n         3          1         NR green\n"
    three = QUORUM.format(count=3, others=peers)

    def links(*states: str) -> str:
        rows = iter(f"\t\tnodeid:          3:\t{state}\n" for state in states)
        lines = knet(*[UP] * len(states)).splitlines(keepends=True)
        return "".join(line + next(rows) if line.endswith(f"2:\t{UP}\n") else line for line in lines)

    assert await sequence(
        tmp_path,
        {"quorumtool.txt": three, "cfgtool.txt": links(UP, UP)},
        {"cfgtool.txt": links(DOWN, DOWN)},
        {"quorumtool.txt": TWO},
        {"quorumtool.txt": three, "cfgtool.txt": links(UP, UP)},
        {"cfgtool.txt": links(UP, DOWN)},
    ) == [[], [], [], [], ["raised link-peer-down link 1 to green"]]


async def test_the_links_to_the_only_peer_are_not_faulty_because_it_is_killed(tmp_path: Path) -> None:
    assert await sequence(
        tmp_path,
        {"quorumtool.txt": TWO, "cfgtool.txt": knet(UP, UP)},
        {"cfgtool.txt": knet(DOWN, DOWN)},
        {"quorumtool.txt": ALONE},
    ) == [[], [], []]


async def test_a_link_is_not_down_because_the_members_cannot_be_listed(tmp_path: Path) -> None:
    broken = {"quorumtool.txt": "", "quorumtool.txt.rc": "1", "quorumtool.txt.err": "Cannot allocate memory\n"}
    row = "         2          1         NR blue"
    assert await sequence(
        tmp_path,
        {"quorumtool.txt": ALONE, "cfgtool.txt": knet(UP, DOWN)},
        broken,
        {"quorumtool.txt": TWO.replace(row, row.replace("2", "x", 1)), "quorumtool.txt.rc": "0"},
        {"quorumtool.txt": TWO},
    ) == [
        [],
        ["raised collector-failing corosync"],
        ["cleared collector-failing corosync (recovered)"],
        ["raised link-down link 1"],
    ]


async def test_a_quorum_device_is_gone_only_with_its_configuration(tmp_path: Path) -> None:
    lost = WITH_QDEVICE.replace("A,V,NMW", "A,NV,NMW")
    published = await published_by(
        tmp_path,
        {"quorumtool.txt": WITH_QDEVICE, "cfgtool.txt": knet(UP), "corosync.conf": QDEVICE_SECTION},
        {"quorumtool.txt": TWO},
        {"quorumtool.txt": WITH_QDEVICE},
        {"quorumtool.txt": lost},
        {"quorumtool.txt": TWO, "corosync.conf": "quorum {\n"},
        {"corosync.conf": "totem {\n}\n"},
        {"corosync.conf": "quorum {\n provider: corosync_votequorum\n}\n"},
    )
    assert [summaries(each) for each in published] == [
        [],
        ["raised qdevice-lost"],
        ["cleared qdevice-lost (recovered)"],
        ["raised qdevice-lost"],
        [],
        [],
        ["cleared qdevice-lost (gone)"],
    ]
    assert published[1][0].text == "The quorum device is not registered: corosync-qdevice does not run"


async def test_a_link_that_was_removed_is_gone(tmp_path: Path) -> None:
    assert await sequence(
        tmp_path,
        {"quorumtool.txt": TWO, "cfgtool.txt": knet(UP, DOWN)},
        {"cfgtool.txt": knet(UP)},
    ) == [["raised link-down link 1"], ["cleared link-down link 1 (gone)"]]


async def test_a_ring_without_a_list_of_peers(tmp_path: Path) -> None:
    faulty, fine = rrp("Marking ringid 1 interface 198.51.100.1 FAULTY"), rrp("ring 1 active with no faults")
    version = "Corosync Cluster Engine, version '2.4.6'\n"
    assert await sequence(
        tmp_path,
        {"quorumtool.txt": TWO, "cfgtool.txt": fine, "corosync-v.txt": version},
        {"cfgtool.txt": faulty, "cfgtool.txt.rc": "1"},
        {"cfgtool.txt": fine, "quorumtool.txt": ALONE},
        {"quorumtool.txt": TWO},
    ) == [[], ["raised link-down link 1"], [], ["cleared link-down link 1 (recovered)"]]


SBD_DUMP = """\
==Dumping header on disk {device}
Header version     : 2.1
Number of slots    : 255
Sector size        : 512
Timeout (watchdog) : 5
Timeout (allocate) : 2
Timeout (loop)     : 1
Timeout (msgwait)  : {msgwait}
==Header on disk {device} is dumped
"""


def sbd(*devices: str, msgwait: int = 10, **slots: str) -> dict[str, str]:
    """Returns the files of SBD's devices; ``slots`` are the lines of ``sbd list`` by device."""
    files = {"sbd.conf": f'SBD_DEVICE="{";".join(f"/dev/{device}" for device in devices)}"\n'}
    for device in devices:
        files[f"sbd-dump.{device}.txt"] = SBD_DUMP.format(device=f"/dev/{device}", msgwait=msgwait)
        files[f"sbd-list.{device}.txt"] = slots.get(device, "0\tred\tclear\t\n")
    return files


async def test_an_sbd_device_is_readable_again_or_removed(tmp_path: Path) -> None:
    broken = {"sbd-dump.sdb.txt": "", "sbd-dump.sdb.txt.rc": "1", "sbd-dump.sdb.txt.err": "== disk unreadable!\n"}
    published = await published_by(
        tmp_path,
        {**sbd("sda", "sdb"), **broken},
        {"sbd.conf": "SBD_DEVICE=/dev/sda\n"},
    )
    assert [summaries(each) for each in published] == [
        ["raised sbd-device /dev/sdb", "raised collector-failing sbd"],
        ["cleared sbd-device /dev/sdb (gone)", "cleared collector-failing sbd (recovered)"],
    ]
    assert published[1][0].text == "SBD's device /dev/sdb is no longer configured"


async def test_a_message_is_left_until_all_devices_show_another(tmp_path: Path) -> None:
    off, clear = "0\tred\tclear\t\n1\tblue\toff\tred\n", "0\tred\tclear\t\n1\tblue\tclear\t\n"
    unreadable = {"sbd-list.sdb.txt": "", "sbd-list.sdb.txt.rc": "1"}
    published = await published_by(
        tmp_path,
        sbd("sda", "sdb", sda=clear, sdb=clear),
        sbd("sda", "sdb", sda=off, sdb=off),
        {"sbd-list.sda.txt": clear, **unreadable},
        {**sbd("sda", "sdb", sda=clear, sdb=clear), "sbd-list.sdb.txt.rc": "0"},
    )
    assert [summaries(each) for each in published] == [
        [],
        ["raised sbd-message blue"],
        [],
        ["cleared sbd-message blue (recovered)"],
    ]
    assert published[1][0].text == "SBD: off from red to blue is still on /dev/sda, /dev/sdb"


IN_SYNC = drbd(resource(peers=[peer()]))


@pytest.mark.parametrize(
    "states",
    [
        pytest.param(
            [
                drbd(resource(peers=[peer("SyncTarget", out_of_sync=900)], disk="Inconsistent")),
                drbd(resource(peers=[peer("SyncTarget", out_of_sync=500)], disk="Inconsistent")),
                drbd(resource(peers=[peer("SyncTarget", out_of_sync=100)], disk="Inconsistent")),
                IN_SYNC,
            ],
            id="a resynchronization of this node",
        ),
        pytest.param(
            [
                drbd(resource(peers=[peer("SyncSource", out_of_sync=900, disk="Inconsistent")])),
                drbd(resource(peers=[peer("SyncSource", out_of_sync=500, disk="Inconsistent")])),
                IN_SYNC,
            ],
            id="a resynchronization of the peer",
        ),
        pytest.param(
            [
                drbd(
                    resource(peers=[peer("SyncTarget", out_of_sync=amount)], disk="Inconsistent"),
                    resource(
                        name="waits",
                        peers=[peer("PausedSyncT", out_of_sync=900, suspended="dependency")],
                        disk="Inconsistent",
                    ),
                )
                for amount in (900, 500, 100)
            ],
            id="a resynchronization that waits for another one",
        ),
        pytest.param([drbd(resource(peers=[peer("VerifyS", out_of_sync=12)]))], id="a verification"),
        pytest.param([{"drbd.json": "[]"}], id="an orderly stop"),
        pytest.param([drbd(resource(peers=[peer(suspended="dependency")]))], id="a dependency with nothing to do"),
    ],
)
async def test_what_is_in_order_raises_no_alarm(tmp_path: Path, states: list[Mapping[str, str]]) -> None:
    assert await sequence(tmp_path, IN_SYNC, *states) == [[] for _ in range(len(states) + 1)]


async def test_a_resynchronization_that_makes_no_progress(tmp_path: Path) -> None:
    stuck = drbd(resource(peers=[peer("SyncTarget", out_of_sync=500)], disk="Inconsistent"))
    assert await sequence(
        tmp_path,
        IN_SYNC,
        drbd(resource(peers=[peer("SyncTarget", out_of_sync=900)], disk="Inconsistent")),
        stuck,
        stuck,
        drbd(resource(peers=[peer("SyncTarget", out_of_sync=100)], disk="Inconsistent")),
        IN_SYNC,
    ) == [
        [],
        [],
        [],
        ["raised drbd-out-of-sync data/0 to blue"],
        ["cleared drbd-out-of-sync data/0 to blue (recovered)"],
        [],
    ]


async def test_a_resynchronization_that_an_administrator_has_paused(tmp_path: Path) -> None:
    published = await published_by(
        tmp_path,
        IN_SYNC,
        drbd(resource(peers=[peer("PausedSyncS", out_of_sync=900, suspended="user", disk="Inconsistent")])),
        drbd(resource(peers=[peer("Off", out_of_sync=900, connection="Connecting", disk="DUnknown")])),
        IN_SYNC,
    )
    assert [summaries(each) for each in published] == [
        [],
        ["raised drbd-resync-suspended data/0 to blue"],
        ["raised drbd-connection data to blue"],
        [
            "cleared drbd-connection data to blue (recovered)",
            "cleared drbd-resync-suspended data/0 to blue (recovered)",
        ],
    ]
    assert published[1][0].text.endswith("is suspended: an administrator has paused it")


async def test_a_peer_that_was_removed_is_no_split_brain(tmp_path: Path) -> None:
    published = await published_by(
        tmp_path,
        IN_SYNC,
        drbd(resource(peers=[peer("Off", connection="StandAlone", disk="DUnknown")])),
        drbd(resource()),
    )
    assert [summaries(each) for each in published] == [
        [],
        ["raised drbd-connection data to blue"],
        ["cleared drbd-connection data to blue (gone)"],
    ]
    assert not any("discard" in notification.text for each in published for notification in each)


async def test_paths_of_a_transport_that_uses_all_of_them(tmp_path: Path) -> None:
    one_down = drbd(resource(peers=[peer(paths=(True, False))]))
    name = "data to blue (192.0.2.1:7000 to 198.51.100.1:7000)"
    assert await sequence(
        tmp_path,
        drbd(resource(peers=[peer(paths=(True, True))])),
        one_down,
        drbd(resource(peers=[peer(paths=(True, True))])),
    ) == [[], [f"raised drbd-path {name}"], [f"cleared drbd-path {name} (recovered)"]]


async def test_a_replication_that_was_interrupted_by_congestion(tmp_path: Path) -> None:
    published = await published_by(
        tmp_path, IN_SYNC, drbd(resource(peers=[peer("Ahead", out_of_sync=9)])), drbd(resource(peers=[peer()]))
    )
    assert [summaries(each) for each in published] == [
        [],
        ["raised drbd-behind data/0 to blue"],
        ["cleared drbd-behind data/0 to blue (recovered)"],
    ]
    assert published[1][0].text.endswith("is Ahead: blue has fallen behind")


async def test_a_resource_that_cannot_be_read_is_not_gone(tmp_path: Path) -> None:
    lost = resource(peers=[peer("Off", connection="Connecting", disk="DUnknown")])
    assert await sequence(
        tmp_path, drbd(lost), drbd({**lost, "name": 7}, resource(name="other")), drbd(resource(name="other"))
    ) == [["raised drbd-connection data to blue"], [], ["cleared drbd-connection data to blue (gone)"]]
