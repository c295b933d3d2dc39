"""``drbdsetup status --json``."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gateway.errors import ParseError
from gateway.subsystems.drbd import drbdsetup
from gateway.subsystems.drbd.drbdsetup import DrbdConnection, DrbdPath, DrbdPeerVolume, DrbdResource, DrbdVolume
from tests.corpus import names, needs_corpus, outcomes, read, unexpected_errors
from tests.unreadable import reasons

STATUS = """\
[
{
  "name": "nan",
  "node-id": 1,
  "role": "Primary",
  "suspended": true,
  "suspended-user": false,
  "suspended-no-data": true,
  "suspended-fencing": false,
  "suspended-quorum": true,
  "force-io-failures": false,
  "write-ordering": "flush",
  "devices": [
    {
      "volume": 0,
      "minor": 1000,
      "disk-state": "UpToDate",
      "client": false,
      "open": true,
      "quorum": false,
      "size": 1048576,
      "read": 11,
      "written": 22,
      "al-writes": 33,
      "bm-writes": 44,
      "upper-pending": 55,
      "lower-pending": 66
    } ],
  "connections": [
    {
      "peer-node-id": 2,
      "name": "-inf \\" nan",
      "connection-state": "Connected",\x20
      "congested": true,
      "peer-role": "Secondary",
      "tls": false,
      "ap-in-flight": 8,
      "rs-in-flight": 16,
      "paths": [
        {
          "this_host": { "address": "fe80::1%ib0", "port": 7000, "family": "ipv6" },
          "remote_host": { "address": "192.0.2.2", "port": 7001, "family": "ipv4" },
          "established": true
        } ],
      "peer_devices": [
        {
          "volume": 0,
          "replication-state": "SyncSource",
          "peer-disk-state": "Inconsistent",
          "peer-client": false,
          "resync-suspended": "user,peer",
          "received": 1,
          "sent": 2,
          "out-of-sync": 3,
          "pending": 4,
          "unacked": 5,
          "has-sync-details": true,
          "percent-in-sync": 99.75,
          "db0/dt0 [MiB/s]": -nan,
          "db1/dt1 [MiB/s]": inf,
          "estimated-seconds-to-finish": nan,
          "rs-dt-start-ms": 340282366920938463463374607431768211456
        } ]
    } ]
}
]
"""


def resource(**changes: Any) -> dict[str, Any]:
    """Returns a resource as JSON, with changes; None takes a key away."""
    values = {"name": "r0", "node_id": 0, "role": "Secondary", "devices": [], "connections": []} | changes
    return {key.replace("_", "-"): value for key, value in values.items() if value is not None}


def parse(output: bytes) -> tuple[DrbdResource, ...]:
    return drbdsetup.parse(output).value


def unreadable(output: bytes) -> list[str]:
    return reasons(drbdsetup.parse(output))


def one(**changes: Any) -> DrbdResource:
    (result,) = parse(json.dumps([resource(**changes)]).encode())
    return result


def volume(**changes: Any) -> DrbdVolume:
    values = {"volume": 0, "disk-state": "UpToDate"} | {key.replace("_", "-"): value for key, value in changes.items()}
    return one(devices=[values]).volumes[0]


def connection(**changes: Any) -> DrbdConnection:
    values = {"peer-node-id": 1, "name": "b", "connection-state": "Connected", "peer_devices": []}
    return one(connections=[values | changes]).connections[0]


def peer_volume(**changes: Any) -> DrbdPeerVolume:
    values = {"volume": 0, "replication-state": "Established", "peer-disk-state": "UpToDate"}
    return connection(peer_devices=[values | changes]).peers[0]


def test_every_field_is_read() -> None:
    assert parse(STATUS.encode()) == (
        DrbdResource(
            name="nan",
            role="Primary",
            suspended=True,
            suspended_reasons=("no-data", "quorum"),
            force_io_failures=False,
            volumes=(
                DrbdVolume(
                    number=0,
                    disk_state="UpToDate",
                    client=False,
                    quorum=False,
                    size_kib=1048576,
                    read_kib=11,
                    written_kib=22,
                    al_writes=33,
                    bm_writes=44,
                    upper_pending=55,
                    lower_pending=66,
                ),
            ),
            connections=(
                DrbdConnection(
                    peer_node_id=2,
                    name='-inf " nan',
                    connection_state="Connected",
                    peer_role="Secondary",
                    congested=True,
                    ap_in_flight=8,
                    rs_in_flight=16,
                    paths=(
                        DrbdPath(local_address="[fe80::1%ib0]:7000", peer_address="192.0.2.2:7001", established=True),
                    ),
                    peers=(
                        DrbdPeerVolume(
                            volume=0,
                            replication_state="SyncSource",
                            peer_disk_state="Inconsistent",
                            resync_suspended=("user", "peer"),
                            received_kib=1,
                            sent_kib=2,
                            out_of_sync_kib=3,
                            pending=4,
                            unacked=5,
                            percent_in_sync=99.75,
                        ),
                    ),
                ),
            ),
        ),
    )


@pytest.mark.parametrize("output", ["[]", "[\n]\n", " [ ] "])
def test_an_empty_list_is_no_resources(output: str) -> None:
    assert parse(output.encode()) == ()


def test_absent_values_are_none() -> None:
    result = one()
    assert (result.suspended, result.suspended_reasons, result.force_io_failures) == (None, None, None)
    assert (result.volumes, result.connections) == ((), ())
    assert one(connections=None).connections == ()
    assert volume() == DrbdVolume(
        number=0,
        disk_state="UpToDate",
        client=None,
        quorum=None,
        size_kib=None,
        read_kib=None,
        written_kib=None,
        al_writes=None,
        bm_writes=None,
        upper_pending=None,
        lower_pending=None,
    )
    assert connection() == DrbdConnection(
        peer_node_id=1,
        name="b",
        connection_state="Connected",
        peer_role="",
        congested=None,
        ap_in_flight=None,
        rs_in_flight=None,
        paths=(),
        peers=(),
    )
    assert peer_volume() == DrbdPeerVolume(
        volume=0,
        replication_state="Established",
        peer_disk_state="UpToDate",
        resync_suspended=None,
        received_kib=None,
        sent_kib=None,
        out_of_sync_kib=None,
        pending=None,
        unacked=None,
        percent_in_sync=None,
    )


def test_a_diskless_client_is_told_from_a_lost_disk() -> None:
    assert volume(disk_state="Diskless", client=True, quorum=True).client is True
    assert volume(disk_state="Diskless", client=False).client is False


@pytest.mark.parametrize(
    ("changes", "suspended", "reasons"),
    [
        ({"suspended": False}, False, None),
        ({"suspended": True}, True, None),
        ({"suspended": True, "suspended_user": True, "suspended_quorum": False}, True, ("user",)),
        ({"suspended_fencing": True}, True, ("fencing",)),
        ({"suspended": True, "suspended_new_reason": True}, True, ("new-reason",)),
        ({"suspended": True, "suspended-\ud800": True}, True, None),
        ({"suspended": "no"}, False, ()),
        ({"suspended": ""}, None, None),
        ({"suspended": "user,frost"}, None, None),
        ({"suspended": False, "suspended_user": "no"}, False, None),
        ({"suspended": "user,quorum"}, True, ("user", "quorum")),
    ],
)
def test_reasons_of_a_suspension_are_read(
    changes: dict[str, Any], reasons: tuple[str, ...] | None, *, suspended: bool | None
) -> None:
    result = one(**changes)
    assert (result.suspended, result.suspended_reasons) == (suspended, reasons)


@pytest.mark.parametrize(
    ("printed", "reasons"),
    [("no", ()), ("dependency", ("dependency",)), ("user,max-parallel", ("user", "max-parallel"))],
)
def test_a_suspended_resynchronization_has_its_reasons(printed: str, reasons: tuple[str, ...]) -> None:
    assert peer_volume(**{"resync-suspended": printed}).resync_suspended == reasons


@pytest.mark.parametrize("printed", ["frost", "dependency,frost", "no,user", "User", ","])
def test_an_unknown_reason_makes_all_reasons_unreadable(printed: str) -> None:
    output = json.dumps(
        [resource(connections=[{**PEER, "peer_devices": [{"volume": 0, "resync-suspended": printed}]}])]
    )
    (item,) = parse(output.encode())[0].connections[0].peers
    assert item.resync_suspended is None
    assert any("resync-suspended: expected known reasons" in reason for reason in unreadable(output.encode()))


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ({"address": "192.0.2.1", "port": 7000, "family": "ssocks"}, "192.0.2.1:7000"),
        ({"address": "2001:db8::1", "port": 7000}, "[2001:db8::1]:7000"),
        ({"family": "unknown"}, ""),
    ],
)
def test_the_address_of_a_path(host: dict[str, Any], address: str) -> None:
    (path,) = connection(paths=[{"this_host": host, "remote_host": {"family": "unknown"}}]).paths
    assert path == DrbdPath(local_address=address, peer_address="", established=None)


@pytest.mark.parametrize(
    "host",
    [
        {},
        {"address": "2001:db8::1"},
        {"port": 7000},
        {"address": None, "port": 7000},
        {"address": "somewhere", "port": 7000},
        {"address": "192.0.2.1", "port": -1},
        None,
    ],
)
def test_a_path_without_a_readable_address_is_left_out(host: dict[str, Any] | None) -> None:
    path = {"this_host": {"address": "192.0.2.1", "port": 7000}, "remote_host": host, "established": True}
    output = json.dumps([resource(connections=[{**PEER, "paths": [path]}])]).encode()
    assert parse(output)[0].connections[0].paths == ()
    assert len(unreadable(output)) == 1


@pytest.mark.parametrize("printed", [-1, -(2**70), 2**62, 2**63 - 4, 2**64 - 8, 2**64 - 1, 2**64, 10**4000])
def test_wrapped_counters_are_none(printed: int) -> None:
    assert connection(**{"ap-in-flight": printed}).ap_in_flight is None
    assert volume(size=printed).size_kib is None
    assert peer_volume(sent=printed, pending=printed).sent_kib is None


@pytest.mark.parametrize("printed", [-1, 2**31, 2**32 - 1])
def test_wrapped_32_bit_counters_are_none(printed: int) -> None:
    assert peer_volume(pending=printed, unacked=7).pending is None
    assert volume(lower_pending=printed).lower_pending is None
    assert volume(upper_pending=2**31 - 1).upper_pending == 2**31 - 1


@pytest.mark.parametrize(
    ("printed", "percent"),
    [
        ("100", 100.0),
        ("100.00", 100.0),
        ("0.00", 0.0),
        ("-0.00", 0.0),
        ("51.2", 51.2),
        ("nan", None),
        ("-nan", None),
        ("inf", None),
        ("-inf", None),
        ("infinity", None),
        ("NaN", None),
        ("-Infinity", None),
        ("1e999", None),
        ("-352.25", None),
        ("100.01", None),
        ("null", None),
        ("1" * 400, None),
    ],
)
def test_a_percentage_is_from_0_to_100_or_unknown(printed: str, percent: float | None) -> None:
    output = STATUS.replace("99.75", printed).encode()
    assert parse(output)[0].connections[0].peers[0].percent_in_sync == percent


@pytest.mark.parametrize("name", ["nan", "-nan", "inf", "infinity", "a nan b", "nan\\", 'x","y":nan,"', "ä nan"])
def test_strings_are_left_alone(name: str) -> None:
    assert one(name=name).name == name


@pytest.mark.parametrize(
    "output",
    [
        "",
        "\n",
        "nan",
        "null",
        "true",
        "0",
        '"[]"',
        "{}",
        "[[]]",
        "[nan]",
        "[]]",
        "[] []",
        "[nano]",
        "[{]",
        '["',
        '["\\',
        "[" * 100_000,
        '[{"a":' * 100_000,
        "[" + "1" * 5000 + "]",
        "\ufeff[]",
        "# No currently configured DRBD found.\n",
        "[0x10]",
    ],
)
def test_other_output_is_rejected(output: str) -> None:
    with pytest.raises(ParseError):
        parse(output.encode())


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('"nan"', '"nan', 3),
        ('"quorum": false', '"quorum": "no', 20),
        ('      "tls": false,\n', '      "tls": false\n', 37),
    ],
)
def test_an_error_has_its_line(old: str, new: str, line: int) -> None:
    with pytest.raises(ParseError, match="not JSON") as caught:
        parse(STATUS.replace(old, new).encode())
    assert caught.value.line == line


@pytest.mark.parametrize("printed", ["FALSE", "?!", "not known", "-", "0x10", "1_0", "٣", "1.2.3"])
def test_what_is_no_json_value_costs_that_value(printed: str) -> None:
    output = STATUS.replace('"quorum": false', f'"quorum": {printed}').encode()
    (resource_,) = parse(output)
    assert [volume.quorum for volume in resource_.volumes].count(None) == 1
    assert unreadable(output) == [f"line 20: expected a value, found {printed!r}"]


def test_messages_around_the_document_are_ignored() -> None:
    output = f"WARN: [old] module\n{STATUS}WARN: done\n"
    assert parse(output.encode()) == parse(STATUS.encode())
    assert unreadable(output.encode()) == []


def test_every_truncated_output_is_rejected() -> None:
    output = STATUS.encode()
    for length in range(1, len(output) - 2):
        with pytest.raises(ParseError):
            parse(output[:length])


VOLUME = {"volume": 0, "disk-state": "X"}
PEER = {"peer-node-id": 1, "name": "b", "connection-state": "Connected", "peer_devices": []}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": None}, r"status\[0\].name: expected a word, found nothing"),
        ({"name": ""}, r"status\[0\].name: expected a word, found ''"),
        ({"name": 7}, r"status\[0\].name: expected a word, found 7"),
        ({"name": ["x"]}, r"status\[0\].name: expected a word, found an array"),
        ({"name": {}}, r"status\[0\].name: expected a word, found an object"),
        ({"name": "a\ud800"}, r"status\[0\].name: expected a word"),
        ({"name": "a\0"}, r"status\[0\].name: expected a word"),
        ({"devices": None}, r"status\[0\].devices: expected an array, found nothing"),
        ({"devices": {}}, r"status\[0\].devices: expected an array, found an object"),
    ],
)
def test_a_resource_without_name_or_volumes_is_left_out(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        one(**changes)
    parsed = drbdsetup.parse(json.dumps([resource(), resource(**changes)]).encode())
    assert [item.name for item in parsed.value] == ["r0"]
    assert re.search(reason.replace("[0", "[1"), reasons(parsed)[-1])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"role": None}, "status[0].role: expected a word, found nothing"),
        ({"suspended": 1}, "status[0].suspended: expected true or false, found 1"),
        ({"suspended_user": "no"}, "status[0].suspended-user: expected true or false, found 'no'"),
        ({"devices": [1]}, "status[0].devices[0]: expected an object, found 1"),
        ({"devices": [{"volume": 0}]}, "status[0].devices[0].disk-state: expected a word, found nothing"),
        ({"devices": [{"disk-state": "X"}]}, "status[0].devices[0].volume: expected a number from 0, found nothing"),
        ({"devices": [{**VOLUME, "volume": -1}]}, "status[0].devices[0].volume: expected a number from 0, found -1"),
        (
            {"devices": [{**VOLUME, "volume": True}]},
            "status[0].devices[0].volume: expected a number from 0, found True",
        ),
        ({"devices": [{**VOLUME, "read": 1.5}]}, "status[0].devices[0].read: expected a whole number, found 1.5"),
        (
            {"devices": [{**VOLUME, "quorum": "no"}]},
            "status[0].devices[0].quorum: expected true or false, found 'no'",
        ),
        ({"connections": "none"}, "status[0].connections: expected an array, found 'none'"),
        ({"connections": None}, "status[0].connections: expected an array, found nothing"),
        (
            {"connections": [{**PEER, "peer_devices": None}]},
            "status[0].connections[0].peer_devices: expected an array, found nothing",
        ),
        (
            {"connections": [{**PEER, "paths": None}]},
            "status[0].connections[0].paths: expected an array, found nothing",
        ),
        ({"role": "Prim\N{REPLACEMENT CHARACTER}ry"}, "status[0].role: expected a word, found 'Prim\ufffdry'"),
        ({"connections": [{}]}, "status[0].connections[0].peer-node-id: expected a number from 0, found nothing"),
        (
            {"connections": [{**PEER, "connection-state": None}]},
            "status[0].connections[0].connection-state: expected a word, found nothing",
        ),
        (
            {"connections": [{**PEER, "connection-state": "Dreaming"}]},
            "status[0].connections[0].connection-state: expected a known state, found 'Dreaming'",
        ),
        (
            {
                "connections": [
                    {**PEER, "peer_devices": [{"volume": 0, "replication-state": "Z", "peer-disk-state": "Y"}]}
                ]
            },
            "status[0].connections[0].peer_devices[0].replication-state: expected a known state, found 'Z'",
        ),
    ],
)
def test_a_value_of_the_wrong_type_costs_itself_only(changes: dict[str, Any], reason: str) -> None:
    parsed = drbdsetup.parse(json.dumps([resource(**changes)]).encode())
    assert reasons(parsed) == [reason]
    assert [item.name for item in parsed.value] == ["r0"]


def test_the_values_beside_a_bad_one_stay() -> None:
    bad = {**VOLUME, "disk-state": 7, "quorum": "no", "read": "much", "written": 8}
    on_disk = one(devices=[bad, VOLUME]).volumes
    assert [(item.disk_state, item.quorum, item.read_kib, item.written_kib) for item in on_disk] == [
        (None, None, None, 8),
        ("X", None, None, None),
    ]


def test_a_percentage_that_is_text_is_unreadable() -> None:
    assert peer_volume(**{"percent-in-sync": "100"}).percent_in_sync is None


def test_hostile_input_takes_linear_time() -> None:
    for output in (b'["' + b'\\"' * 10**6, b'"nan' * 10**6, b"-" * 10**6, b"nan" * 10**6):
        with pytest.raises(ParseError):
            parse(output)


def summary(resources: tuple[DrbdResource, ...]) -> str:
    """Returns the gist of each resource: state, volumes, and for each peer its connection and volumes."""
    parts = []
    for item in resources:
        volumes = [f"{volume.number}:{volume.disk_state}:{volume.size_kib}" for volume in item.volumes]
        peers = [
            f"{peer.peer_node_id}:{peer.connection_state}:{peer.peer_role}"
            + "".join(f"({p.replication_state} {p.peer_disk_state} {p.percent_in_sync})" for p in peer.peers)
            for peer in item.connections
        ]
        suspended = f" suspended:{','.join(item.suspended_reasons or ())}" if item.suspended else ""
        parts.append(f"{item.name} {item.role}{suspended} {' '.join(volumes)} | {' '.join(peers)}")
    return "; ".join(parts)


EXPECTED = {
    "live922.no-kernel-module.txt": "ParseError: no output, not even an empty array",
    "status.deckhouse-0.json": (
        "r2-test Primary 0:UpToDate:102340 | 1:Connected:Secondary(Established UpToDate 100.0) "
        "2:Connected:Secondary(Established Diskless 100.0) 3:Connected:Secondary(Established Diskless "
        "100.0)"
    ),
    "status.deckhouse-e2e-0.json": (
        "sdsrv-rv-1-0 Primary 0:UpToDate:None | 1:Connected: 2:Connecting:; "
        "sdsrv-other Secondary suspended:quorum 0:UpToDate:None | 0:Connected:"
    ),
    "status.deckhouse-e2e-2.json": (
        "sdsrv-rv-1-0 Primary 0:UpToDate:None | 1:Connected:(Established UpToDate None) "
        "2:Connected:(SyncSource Inconsistent None)"
    ),
    "status.empty-array.json": "",
    "status.hce-TestDrbdParsing-0.json": (
        "1-single-0 Secondary 0:UpToDate:409600 | 1:Connected:Primary(Established UpToDate 100.0); "
        "1-single-1 Secondary 0:UpToDate:10200 | 1:Connected:Primary(Established UpToDate 99.8)"
    ),
    "status.hce-fake.json": (
        "1-single-0 Secondary 0:UpToDate:409600 | 1:Connected:Primary(Established UpToDate 100.0); "
        "1-single-1 Secondary 0:UpToDate:10200 | 1:Connected:Primary(Established UpToDate 100.0)"
    ),
    "status.pcp-001.json": "drbd1 Primary 0:UpToDate:1888160 | 1:Connected:Secondary(Established UpToDate 100.0)",
    "status.q-cozystack-diskless-connecting-nopeerdevices.json": "pvc-1 Secondary 0:Diskless:None | 1:Connecting:",
    "status.q-cozystack-diskless-standalone.json": (
        "pvc-1 Secondary 0:Diskless:None | 1:StandAlone:Unknown(Off DUnknown None)"
    ),
    "status.q-cozystack-failed-noconnections.json": "pvc-1 Secondary 0:Failed:None | ",
    "status.q-cozystack-outdated-noconnections.json": "pvc-1 Secondary 0:Outdated:None | ",
    "status.q-noquorum-suspended.json": (
        "beta-vm-7-disk-0 Primary suspended:quorum 0:UpToDate:5242880 | 0:Connecting:Unknown(Off "
        "DUnknown 100.0) 1:Connecting:Unknown(Off DUnknown 100.0)"
    ),
    "status.q-pm-resync-standalone.json": (
        "pm-aaa Primary 0:UpToDate:1048576 | 1:Connected:Secondary(Established UpToDate 100.0) "
        "2:Connected:Secondary(Established Diskless 100.0); "
        "pm-bbb Secondary 0:Inconsistent:1048576 | 1:Connected:Primary(SyncTarget UpToDate 18.48) "
        "2:StandAlone:Unknown(Off DUnknown 51.2)"
    ),
    "status.q-xcpng-9.2-primary.json": (
        "xcp-volume-patate Primary 0:UpToDate:2109208 | 0:Connected:Secondary(Established UpToDate 100.0)"
    ),
    "status.q-xcpng-9.2-secondary.json": (
        "xcp-volume-patate Secondary 0:UpToDate:2109208 | 1:Connected:Primary(Established UpToDate 100.0)"
    ),
    "status.salt-shaptools-18.json": (
        "beijing Primary 0:UpToDate:307152 | 2:Connected:Secondary(Established UpToDate 100.0)"
    ),
    "status.salt-shaptools-26.json": (
        "shanghai Secondary 0:UpToDate:699332 | 2:Connected:Secondary(Established UpToDate 100.0)"
    ),
    "status.salt-shaptools-27.json": (
        "shanghai Secondary 0:UpToDate:699332 | 2:Connected:Secondary(Established UpToDate 100.0)"
    ),
    "status.salt-shaptools-28.json": (
        "shanghai Secondary 0:UpToDate:699332 | 2:Connected:Secondary(Established UpToDate 100.0)"
    ),
    "status.salt-shaptools-29.invalid-nan.json": (
        "shanghai Primary 0:UpToDate:409600 | 2:Connected:Secondary(SyncSource Inconsistent 0.0)"
    ),
}

BROKEN = {"status.piraeus-0.json": "devices: expected an array, found nothing"}
"""Connections in place of resources: a piece that a test of another project took out of its context."""


@needs_corpus
def test_corpus_is_complete() -> None:
    assert names("drbd", "status.*.json", "live*.txt") == EXPECTED.keys() | BROKEN.keys()


@needs_corpus
def test_each_output_of_the_corpus_is_read() -> None:
    assert outcomes("drbd", EXPECTED, lambda output: summary(parse(output))) == EXPECTED


@needs_corpus
def test_each_broken_output_has_its_error() -> None:
    assert unexpected_errors("drbd", BROKEN, parse) == {}


@needs_corpus
def test_numbers_of_the_corpus() -> None:
    first, second = parse(read("drbd/status.hce-TestDrbdParsing-0.json"))
    for item in (first, second):
        on_disk, peer = item.volumes[0], item.connections[0].peers[0]
        assert (on_disk.read_kib, on_disk.written_kib) == (654321, 123456)
        assert (on_disk.al_writes, on_disk.bm_writes, on_disk.upper_pending, on_disk.lower_pending) == (123, 321, 1, 2)
        assert (peer.received_kib, peer.sent_kib, peer.pending, peer.unacked) == (456, 654, 3, 4)
    assert (first.volumes[0].quorum, second.volumes[0].quorum) == (True, False)
    assert parse(read("drbd/status.q-pm-resync-standalone.json"))[1].connections[0].peers[0].out_of_sync_kib == 819200


def test_a_document_of_more_values_than_drbdsetup_prints_is_refused_at_once() -> None:
    """Python's JSON parser keeps the interpreter for as long as it takes, and the event loop waits for it."""
    for unit in ("[],", "0,", '{"a":0},'):
        with pytest.raises(ParseError, match="more values than a document of this size has"):
            parse(b"[" + unit.encode() * (4_000_000 // len(unit)) + b"0]")
    resources = [f"{text}" for text in [STATUS.strip().removeprefix("[").removesuffix("]")] * 1000]
    assert len(parse(f"[{','.join(resources)}]".encode())) == 1000
