"""Every process around the gateway, and the gateway itself, is killed, suspended and restarted.

``docs/reference/faults.md`` lists these tests, and those of the lab for Corosync and Pacemaker.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.host import sector_helper
from tests import series
from tests.complete_gateway import TIMEOUT, CompleteGateway
from tests.conftest import is_running, needs_root
from tests.processes import children
from tests.programs import CRM_MON
from tests.sbd_image import header, image, loop_device, mailbox, slot
from tests.series import Series
from tests.snmpd import ARC
from tests.waiting import wait_until

pytestmark = pytest.mark.daemon

DEVICE = image(header(), slot(b"alpha"), mailbox())


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthy:
    """What a gateway shows while everything works."""

    page: Series
    alarms: set[tuple[str, str]]
    mib: object


def look(complete: CompleteGateway) -> Healthy:
    """Returns what a gateway shows now, on its page and in its MIB."""
    page = complete.cluster_page()
    return Healthy(page=page, alarms=complete.alarms(), mib=complete.manager.column("haClusterNodeOnline"))


def check_recovered(complete: CompleteGateway, healthy: Healthy) -> None:
    """Checks that everything is shown as before, and that nothing was reported that was not so."""
    wait_until(lambda: complete.cluster_page() == healthy.page, what="the page as before")
    assert look(complete) == healthy
    assert [one.condition for one in complete.notified if one.condition != "started"] == []
    assert "Traceback" not in complete.log
    assert "exception" not in complete.log


def helper_of(complete: CompleteGateway) -> int:
    """Returns the id of the process that reads devices."""

    def is_helper(pid: int) -> bool:
        return Path(sector_helper.__file__).name.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()

    (pid,) = [pid for pid in children(complete.pid) if is_running(str(pid)) and is_helper(pid)]
    return pid


@contextmanager
def suspended(pid: int) -> Iterator[None]:
    """Suspends a process, and resumes it unless it has ended."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if is_running(str(pid)):
            os.kill(pid, signal.SIGCONT)


def has_snmpd_answered(complete: CompleteGateway) -> bool:
    """Returns whether a manager gets the name of the cluster through snmpd."""
    assert complete.snmpd is not None
    return "demo" in complete.snmpd.get(f"{ARC}.1.1.1.0")


# --- The gateway -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_gateway_that_ends_leaves_nothing_and_starts_again(number: signal.Signals, tmp_path: Path) -> None:
    with CompleteGateway(tmp_path, snmpd=True) as complete:
        assert complete.snmpd is not None
        complete.gateway.wait_for_logged("agentx registered")
        healthy = look(complete)
        pid_file = tmp_path / "pid"
        complete.cluster.does(CRM_MON, f"echo $$ > {pid_file}; exec sleep 1000")
        wait_until(lambda: pid_file.exists() and pid_file.read_text(), what="a tool that hangs")
        complete.gateway.get("/-/healthy")  # a tool that is just being started has no lifeline yet
        tool, others = pid_file.read_text().strip(), children(complete.pid)
        status = complete.gateway.stop(number)
        assert status == (0 if number is signal.SIGTERM else -number)
        wait_until(lambda: not any(map(is_running, (tool, *map(str, others)))), what="the end of all children")

        complete.cluster.restore()
        pid_file.unlink()
        complete.start()
        wait_until(lambda: len(complete.notified) == 2, what="the notification of the start")
        assert [one.sequence for one in complete.notified] == [1, 1]
        complete.gateway.wait_for_logged("agentx registered")
        complete.send_alert()  # the socket of the gateway that was killed was replaced
        wait_until(lambda: complete.page()[series.key("gateway_alerts_received_total")] == 1, what="the alert")
        assert has_snmpd_answered(complete)
        check_recovered(complete, healthy)


def test_a_gateway_that_was_suspended_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    """As a virtual machine is for a snapshot: its tools have ended, their deadlines have passed, requests wait."""
    with CompleteGateway(tmp_path, snmpd=True) as complete:
        assert complete.snmpd is not None
        complete.gateway.wait_for_logged("agentx registered")
        healthy = look(complete)
        started = tmp_path / "started"
        printed = tmp_path / "printed"
        printed.write_bytes(complete.cluster.printed(CRM_MON))
        complete.cluster.does(CRM_MON, f"touch {started}; sleep 0.2; exec cat {printed}")
        wait_until(started.exists, what="a tool in progress")
        pages: list[str] = []
        with suspended(complete.pid):
            waiting = threading.Thread(target=lambda: pages.append(complete.gateway.get()))
            waiting.start()
            assert not has_snmpd_answered(complete)
            waiting.join(2 * TIMEOUT)  # its deadlines pass; no answer can come
        waiting.join(30)
        assert len(pages) == 1
        wait_until(lambda: has_snmpd_answered(complete), what="an answer through snmpd")
        check_recovered(complete, healthy)
        assert "collector failing" not in complete.log


# --- A tool ----------------------------------------------------------------------------------------------------------


def test_a_tool_that_is_suspended_times_out_and_is_gone(tmp_path: Path) -> None:
    with CompleteGateway(tmp_path) as complete:
        healthy = look(complete)
        pids = tmp_path / "pids"
        complete.cluster.does(CRM_MON, f"echo $$ >> {pids}; kill -STOP $$; exit 0")
        complete.gateway.wait_for("collector failing")
        assert complete.state_of("pacemaker") == "timed_out"
        assert complete.manager.value("haClusterCollectorState", "pacemaker") == TIMED_OUT
        complete.cluster.restore()
        wait_until(lambda: not any(map(is_running, pids.read_text().split())), what="the end of every such tool")
        check_recovered(complete, healthy)


TIMED_OUT, KILLED, FAILED = 6, 8, 9


def test_a_tool_that_is_killed_costs_one_run(tmp_path: Path) -> None:
    with CompleteGateway(tmp_path) as complete:
        healthy = look(complete)
        complete.cluster.does(CRM_MON, "kill -KILL $$")
        complete.gateway.wait_for("collector failing")
        assert complete.state_of("pacemaker") == "killed"
        complete.cluster.restore()
        check_recovered(complete, healthy)


# --- The helper that reads devices -----------------------------------------------------------------------------------


@needs_root
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_helper_for_devices_that_is_killed_is_replaced(number: signal.Signals, tmp_path: Path) -> None:
    with loop_device(tmp_path / "disk", DEVICE) as device, CompleteGateway(tmp_path / "all", device=device) as complete:
        healthy = look(complete)
        assert healthy.page[series.key("sbd_devices", device=device, status="healthy")] == 1
        helper = helper_of(complete)
        os.kill(helper, number)
        wait_until(lambda: not is_running(str(helper)), what="the end of the helper")
        check_recovered(complete, healthy)
        assert helper_of(complete) != helper


@needs_root
def test_a_helper_for_devices_that_is_suspended_raises_no_alarm_of_the_device(tmp_path: Path) -> None:
    with loop_device(tmp_path / "disk", DEVICE) as device, CompleteGateway(tmp_path / "all", device=device) as complete:
        healthy = look(complete)
        helper = helper_of(complete)
        os.kill(helper, signal.SIGSTOP)
        complete.gateway.wait_for("collector failing")
        check_recovered(complete, healthy)
        assert helper_of(complete) != helper
        assert not is_running(str(helper))


# --- snmpd -----------------------------------------------------------------------------------------------------------


def agentx_state(complete: CompleteGateway) -> str:
    states = series.named(complete.page(), "ha_cluster_gateway_agentx_state")
    return next(dict(labels)["state"] for labels, on in states.items() if on)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_snmpd_that_ends_costs_nobody_else_anything(number: signal.Signals, tmp_path: Path) -> None:
    with CompleteGateway(tmp_path, snmpd=True) as complete:
        assert complete.snmpd is not None
        complete.gateway.wait_for_logged("agentx registered")
        healthy = look(complete)
        complete.snmpd.stop(number)
        wait_until(lambda: agentx_state(complete) != "registered", what="the end of the session")
        assert look(complete) == healthy
        complete.snmpd.start()
        wait_until(lambda: agentx_state(complete) == "registered", what="another session")
        assert has_snmpd_answered(complete)
        check_recovered(complete, healthy)


def test_snmpd_that_is_suspended_costs_nobody_else_anything(tmp_path: Path) -> None:
    with CompleteGateway(tmp_path, snmpd=True) as complete:
        assert complete.snmpd is not None
        complete.gateway.wait_for_logged("agentx registered")
        healthy = look(complete)
        with complete.snmpd.held():
            assert look(complete) == healthy
        wait_until(lambda: has_snmpd_answered(complete), what="an answer through snmpd")
        assert agentx_state(complete) == "registered"
        check_recovered(complete, healthy)


# --- A receiver of notifications -------------------------------------------------------------------------------------


def raise_and_clear(complete: CompleteGateway) -> None:
    """Raises an alarm without a hold-down time, and clears it."""
    seen = complete.page()[series.key("gateway_notification_sequence")]
    printed = complete.cluster.printed(CRM_MON)
    complete.cluster.prints(CRM_MON, printed.replace(b'maintenance-mode="false"', b'maintenance-mode="true"'))
    wait_until(lambda: ("maintenance-mode", "") in complete.alarms(), what="the alarm")
    complete.cluster.restore()
    wait_until(lambda: ("maintenance-mode", "") not in complete.alarms(), what="its end")
    assert complete.page()[series.key("gateway_notification_sequence")] == seen + 2


def target_state(complete: CompleteGateway) -> str:
    states = series.named(complete.page(), "ha_cluster_gateway_notification_target_state")
    return next(dict(labels)["state"] for labels, on in states.items() if on)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM])
def test_a_receiver_that_is_killed_suspended_or_restarted_gets_everything(
    number: signal.Signals, tmp_path: Path
) -> None:
    with CompleteGateway(tmp_path) as complete:
        process = complete.receiver._process
        assert process is not None
        process.send_signal(number)
        if number is not signal.SIGSTOP:
            process.wait(20)
        raise_and_clear(complete)
        complete.gateway.wait_for("notifications not delivered")
        assert target_state(complete) == "failing"
        if number is signal.SIGSTOP:
            process.send_signal(signal.SIGCONT)
        else:
            complete.receiver.start()
        complete.gateway.wait_for("notifications delivered")
        complete.wait_for_notification("maintenance-mode", "cleared")
        assert target_state(complete) == "ok"
        received = [(one.sequence, one.condition, one.change) for one in complete.notified]
        expected = [(1, "started", "info"), (2, "maintenance-mode", "raised"), (3, "maintenance-mode", "cleared")]
        # a receiver that was suspended reads what it has been sent meanwhile, and its retransmissions
        assert sorted(set(received)) == expected
        assert "Traceback" not in complete.log
