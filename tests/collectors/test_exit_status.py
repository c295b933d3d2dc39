"""Output that can be parsed counts, regardless of the exit status; if there is none, the message of the tool counts."""

from __future__ import annotations

import pytest

from gateway.host.host import CommandResult
from gateway.status import Status
from gateway.subsystems.probe import Reading
from gateway.subsystems.sbd.collector import CONFIGURATIONS
from tests import series
from tests.fakes import FakeHost
from tests.series import ended
from tests.subsystems import WITH_STATISTICS, WITHOUT_MODULE, make_collector

QUORUM = b"""\
Quorum information
------------------
Nodes:            1
Node ID:          1
Ring ID:          1/8
Quorate:          Yes

Votequorum information
----------------------
Expected votes:   1
Highest expected: 1
Total votes:      1
Quorum:           1 \x20
Flags:            Quorate\x20

Membership information
----------------------
    Nodeid      Votes    Qdevice Name
         1          1         NR one (local)
"""
LINKS = b"""\
Printing ring status.
Local node ID 1
RING ID 0
\tid\t= 192.0.2.1
\tstatus\t= Marking ringid 0 interface 192.0.2.1 FAULTY
"""
HEADER = b"""\
==Dumping header on disk /dev/sdb
Header version     : 2.1
Timeout (watchdog) : 5
Timeout (msgwait)  : 10
==Header on disk /dev/sdb is dumped
"""
STATUS = b"""\
<pacemaker-result>
  <summary>
    <current_dc present="false"/>
    <nodes_configured number="0"/>
    <resources_configured number="0" disabled="0" blocked="0"/>
    <cluster_options stonith-enabled="true" symmetric-cluster="true" maintenance-mode="false"
                     stop-all-resources="false"/>
  </summary>
  <nodes/>
  <resources/>
  <status code="%d" message="Error"/>
</pacemaker-result>
"""
ANSWERS = {
    "corosync-quorumtool": ("corosync", QUORUM),
    "corosync-cfgtool": ("corosync", LINKS),
    "corosync": ("corosync", b"Corosync Cluster Engine, version '2.4.5'\n"),
    "corosync-cmapctl": ("corosync", b"stats.srp.mcast_retx (u64) = 1\n"),
    "crm_mon": ("pacemaker", STATUS),
    "cibadmin": ("pacemaker", b"<constraints/>\n"),
    "dump /dev/sdb": ("sbd", HEADER),
    "drbdsetup": ("drbd", b"[\n]\n"),
}
"""The subsystem and an answer of each command."""

PROBES = {**{name: subsystem for name, (subsystem, _) in ANSWERS.items()}, "list /dev/sdb": "sbd"}

NOT_RUNNING = {
    "corosync-quorumtool": ended(b"", 1, b"Cannot initialize QUORUM service\n"),
    "corosync-cfgtool": ended(b"Printing ring status.\nCould not initialize corosync configuration API error 2\n", 1),
    "corosync-cmapctl": ended(b"", 1, b"Failed to initialize the cmap API. Error CS_ERR_LIBRARY\n"),
    "crm_mon": ended(b"", 102, b"crm_mon: Error: cluster is not available on this node\n"),
    "cibadmin": ended(b"", 102, b"cibadmin: Connection to cluster failed: Connection refused\n"),
    "drbdsetup": ended(b"", 20, b"modprobe: FATAL: Module drbd not found.\n"),
}


def read(command: str, result: CommandResult) -> Reading:
    """Returns the reading of one command."""
    host = FakeHost(files={CONFIGURATIONS[0]: b"SBD_DEVICE=/dev/sdb\n"})
    plan = make_collector(PROBES[command], options={**WITH_STATISTICS, **WITHOUT_MODULE}).plan(host)
    assert plan is not None
    return series.readings(plan.probes, {command: result})[command]


def answer(command: str, exit_status: int) -> bytes:
    output = ANSWERS[command][1]
    return output % exit_status if output is STATUS else output


@pytest.mark.parametrize("command", ANSWERS)
@pytest.mark.parametrize("exit_status", [0, 1, 2, 102, 255])
def test_an_answer_counts(command: str, exit_status: int) -> None:
    reading = read(command, ended(answer(command, exit_status), exit_status, b"something else went wrong\n"))
    assert reading.status is Status.OK
    assert reading.value == read(command, ended(answer(command, exit_status))).value
    assert reading.unreadable == ()


@pytest.mark.parametrize("command", PROBES)
@pytest.mark.parametrize("output", [b"", b"\n", b"words\n"])
def test_what_is_no_answer_is_explained_by_the_exit_status(command: str, output: bytes) -> None:
    reading = read(command, ended(output, 3, b"boom\n"))
    assert (reading.status, reading.value, reading.detail) == (Status.FAILED, None, "exit status 3: boom")


@pytest.mark.parametrize("command", [name for name in PROBES if name not in {"list /dev/sdb", "drbdsetup"}])
def test_no_output_is_no_answer_with_exit_status_0_either(command: str) -> None:
    assert read(command, ended(b"")).status is Status.UNPARSABLE
    reading = read(command, ended(b"", 0, b"Cannot connect, is it loaded?\n"))
    assert (reading.status, reading.detail) == (Status.FAILED, "exit status 0: Cannot connect, is it loaded?")


@pytest.mark.parametrize("command", PROBES)
@pytest.mark.parametrize("exit_status", [0, 1])
def test_a_refusal_is_not_permitted_whatever_the_exit_status(command: str, exit_status: int) -> None:
    reading = read(command, ended(b"words\n", exit_status, b"Permission denied\n"))
    assert reading.status is Status.NOT_PERMITTED


@pytest.mark.parametrize(("command", "result"), NOT_RUNNING.items(), ids=NOT_RUNNING)
def test_a_daemon_that_does_not_run_is_recognized(command: str, result: CommandResult) -> None:
    assert read(command, result).status is Status.NOT_RUNNING


@pytest.mark.parametrize("command", ["crm_mon", "cibadmin"])
def test_a_damaged_document_does_not_mean_not_running(command: str) -> None:
    document = b"<x>" + b" " * 1000 + b'<failure exitreason="could not connect"/>'
    assert read(command, ended(document)).status is Status.UNPARSABLE
    assert read(command, ended(document, 1)).status is Status.FAILED


def test_a_killed_tool_gave_no_answer() -> None:
    killed = CommandResult(status=Status.KILLED, signal=11, stdout=QUORUM)
    assert read("corosync-quorumtool", killed).status is Status.KILLED


def test_slots_before_an_error_are_known_but_others_may_be_missing() -> None:
    reading = read("list /dev/sdb", ended(b"0\ta\treset\tb\n", 1, b"== Slots on disk /dev/sdb NOT dumped\n"))
    assert reading.status is Status.FAILED
    assert [(slot.node, slot.message) for slot in reading.value] == [("a", "reset")]
    host = FakeHost(files={CONFIGURATIONS[0]: b"SBD_DEVICE=/dev/sdb\n"})
    page = series.collected(make_collector("sbd"), {"list /dev/sdb": ended(b"0\ta\treset\tb\n", 1)}, host)
    assert page[series.key("sbd_slots", device="/dev/sdb", node="a", message="reset")] == 1


BEGIN = HEADER.partition(b"Header")[0]


def device_health(dump: CommandResult) -> list[str]:
    """Returns the statuses of the device on the page."""
    host = FakeHost(files={CONFIGURATIONS[0]: b"SBD_DEVICE=/dev/sdb\n"})
    page = series.collected(make_collector("sbd"), {"dump /dev/sdb": dump}, host)
    return [dict(labels)["status"] for labels in series.named(page, "ha_cluster_sbd_devices")]


@pytest.mark.parametrize(
    "dump",
    [
        ended(b"== disk /dev/sdb unreadable!\n"),
        ended(BEGIN + b"==Header on disk /dev/sdb NOT dumped\n"),
        ended(BEGIN, 1, b"== disk /dev/sdb unreadable!\n==Header on disk /dev/sdb NOT dumped\n"),
        ended(BEGIN, 1, b"==Header on disk /dev/sdb NOT dumped\n"),
        ended(BEGIN, 1),
        CommandResult(status=Status.TIMED_OUT),
    ],
)
def test_a_device_is_unhealthy_if_sbd_reports_it_or_does_not_end(dump: CommandResult) -> None:
    assert device_health(dump) == ["unhealthy"]


@pytest.mark.parametrize(
    "dump",
    [
        ended(b""),
        ended(b"", 1),
        ended(BEGIN),
        ended(HEADER[:-20]),
        ended(HEADER[:-20], 1),
        ended(BEGIN + HEADER),
        ended(b"", 127, b"sbd: error while loading shared libraries: libqb.so.100\n"),
        CommandResult(status=Status.FAILED, detail="/usr/sbin/sbd: Too many open files"),
        CommandResult(status=Status.FAILED, detail="/usr/sbin/sbd: the interpreter was not found"),
        CommandResult(status=Status.NOT_INSTALLED, detail="sbd not found"),
        CommandResult(status=Status.KILLED, signal=9),
        CommandResult(status=Status.TOO_MUCH_OUTPUT),
    ],
)
def test_a_dump_that_is_damaged_or_never_ran_shows_nothing_about_the_device(dump: CommandResult) -> None:
    assert device_health(dump) == []
    assert read("dump /dev/sdb", dump).status is not Status.OK


def test_the_timeouts_of_a_damaged_dump_are_kept() -> None:
    cut_off = read("dump /dev/sdb", ended(HEADER[:-37]))
    assert cut_off.status is Status.UNPARSABLE
    assert cut_off.value.timeouts == {"watchdog": 5}  # the line of msgwait is not complete
    doubled = read("dump /dev/sdb", ended(BEGIN + HEADER))
    assert (doubled.status, doubled.detail) == (
        Status.UNPARSABLE,
        "line 2: expected one header, found '==Dumping header on disk /dev/sdb'",
    )
    assert doubled.value.timeouts == {"watchdog": 5, "msgwait": 10}


def test_a_list_costs_only_the_lines_that_cannot_be_read() -> None:
    reading = read("list /dev/sdb", ended(b"0\ta\tclear\t\n1\t\xffb\toff\ta\n2\tc\toff\ta\n"))
    assert reading.status is Status.OK
    assert [slot.node for slot in reading.value] == ["a", "c"]
    assert [value.line for value in reading.unreadable] == [2]
