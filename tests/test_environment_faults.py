"""The machine lacks something, or changes: descriptors, memory, disks, the time, the name of the host.

``docs/reference/faults.md`` lists these tests.
"""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path

import pytest

from gateway.alarms.notification import Notification, NotificationKind
from gateway.alarms.service import AlarmService
from gateway.engine.engine import Engine
from gateway.host.replay import DEMO, Recording, ReplayHost
from gateway.runtime.event_loop import EX_OUT_OF_MEMORY
from gateway.snapshot import Snapshot
from tests import series
from tests.complete_gateway import CompleteGateway
from tests.config_values import alarm_settings
from tests.conftest import needs_root
from tests.programs import CRM_MON
from tests.subsystems import make_collectors
from tests.waiting import wait_until

COLLECTORS = {"pacemaker", "corosync", "sbd", "drbd"}
OK, FAILED = 2, 3
"""Values of haClusterCollectorState."""

PAGE = os.sysconf("SC_PAGE_SIZE")


def check_quiet(complete: CompleteGateway) -> None:
    """Checks that no alarm of the cluster was notified, and that no bug was logged."""
    assert {one.condition for one in complete.notified} <= {"started", "collector-failing"}
    assert "Traceback" not in complete.log
    assert "exception" not in complete.log


def check_recovered(complete: CompleteGateway, page: series.Series) -> None:
    wait_until(lambda: complete.cluster_page() == page, what="the page as before")
    wait_until(lambda: complete.alarms() == {("fencing-disabled", "")}, what="the alarms as before")
    assert complete.manager.value("haClusterCollectorState", "pacemaker") == OK
    check_quiet(complete)


# --- Descriptors -----------------------------------------------------------------------------------------------------


@pytest.mark.daemon
def test_a_limit_of_24_descriptors(tmp_path: Path) -> None:
    with CompleteGateway(tmp_path, prefix=("prlimit", "--nofile=24:24")) as complete:
        complete.gateway.wait_for_logged("connections limited")
        shown = complete.cluster_page()
        assert {dict(labels)["collector"] for labels in series.named(shown, "ha_cluster_scrape_success")} == COLLECTORS
        assert {condition for condition, _ in complete.alarms()} <= {"fencing-disabled", "collector-failing"}
        assert complete.manager.value("haClusterCollectorState", "pacemaker") in {OK, FAILED}
        check_quiet(complete)


@pytest.mark.daemon
def test_descriptors_that_are_all_used_up_later(tmp_path: Path) -> None:
    with CompleteGateway(tmp_path, snmpd=True) as complete:
        complete.gateway.wait_for_logged("agentx registered")
        healthy = complete.cluster_page()
        soft, hard = resource.prlimit(complete.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(complete.pid, resource.RLIMIT_NOFILE, (12, hard))
        complete.gateway.wait_for("collector failing")
        wait_until(
            lambda: complete.manager.value("haClusterCollectorState", "pacemaker") == FAILED,
            what="the state in the MIB",
        )
        resource.prlimit(complete.pid, resource.RLIMIT_NOFILE, (soft, hard))
        check_recovered(complete, healthy)
        assert "Too many open files" in complete.log


# --- Memory ----------------------------------------------------------------------------------------------------------


@pytest.mark.daemon
def test_a_gateway_without_memory_says_so_and_ends(tmp_path: Path) -> None:
    """So that it is restarted: nothing that it goes on to do can be relied on."""
    with CompleteGateway(tmp_path) as complete:
        complete.gateway.wait_for_logged("alarms ready")
        complete.cluster.prints(CRM_MON, b"<!-- " + b"x" * 25_000_000 + b" -->")
        size = int(Path(f"/proc/{complete.pid}/statm").read_text().split()[0]) * PAGE
        resource.prlimit(complete.pid, resource.RLIMIT_AS, (size + 2_000_000, resource.RLIM_INFINITY))
        assert complete.gateway.process.wait(30) == EX_OUT_OF_MEMORY
        complete.cluster.restore()
        complete.start()
        wait_until(lambda: complete.state_of("pacemaker") == "ok", what="a new start")
        check_quiet(complete)
        assert complete.alarms() == {("fencing-disabled", "")}


# --- Disks -----------------------------------------------------------------------------------------------------------


@pytest.mark.daemon
@needs_root
@pytest.mark.parametrize(
    ("options", "reason"), [("size=4k,nr_inodes=1", "No space left on device"), ("ro", "Read-only file system")]
)
def test_a_disk_that_is_full_or_read_only(options: str, reason: str, tmp_path: Path) -> None:
    run, state = tmp_path / "run", tmp_path / "state"
    run.mkdir(mode=0o755)
    state.mkdir(mode=0o700)
    mounts = "".join(
        f"mount -t tmpfs -o {options},mode={mode} tmpfs {path} && "
        for path, mode in ((run, "0755"), (state, "0700"), ("/var/tmp", "1777"))
    )
    prefix = ("unshare", "--mount", "sh", "-c", f'{mounts} exec "$@"', "sh")
    with CompleteGateway(tmp_path / "all", prefix=prefix, run=run, state=state) as complete:
        for event in ("SNMP engine not stored", "alerts not received"):
            assert reason in complete.gateway.wait_for_logged(event)
        wait_until(lambda: complete.state_of("pacemaker") == "ok", what="a page")
        healthy = complete.cluster_page()
        assert series.key("gateway_alerts_received_total") not in complete.page()
        assert complete.manager.value("haClusterCollectorState", "pacemaker") == OK
        inside = ("nsenter", "--target", str(complete.pid), "--mount")
        subprocess.run((*inside, "mount", "-o", "remount,rw,size=1m,nr_inodes=100", str(run)), check=True, timeout=60)
        complete.gateway.wait_for("alerts received", timeout=60)
        assert complete.page()[series.key("gateway_alerts_received_total")] == 0
        check_recovered(complete, healthy)


# --- The name of the host --------------------------------------------------------------------------------------------


@pytest.mark.daemon
@needs_root
def test_a_new_name_of_the_host_changes_nothing_in_the_cluster(tmp_path: Path) -> None:
    """Notifications have the name of the node in the cluster."""
    with CompleteGateway(tmp_path, prefix=("unshare", "--uts")) as complete:
        healthy = complete.cluster_page()
        inside = ("nsenter", "--target", str(complete.pid), "--uts", "hostname", "renamed")
        subprocess.run(inside, check=True, timeout=60)
        check_recovered(complete, healthy)
        printed = complete.cluster.printed(CRM_MON)
        complete.cluster.prints(CRM_MON, printed.replace(b'maintenance-mode="false"', b'maintenance-mode="true"'))
        complete.wait_for_notification("maintenance-mode", "raised")
        assert {one.node for one in complete.notified} == {"node1"}


# --- The time --------------------------------------------------------------------------------------------------------


class SteppedClock:
    """A clock whose time of day is set while its monotonic time goes on."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.elapsed = 1000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.elapsed


def of_the_cluster(snapshot: Snapshot) -> dict[str, object]:
    samples = snapshot.samples_by_metric.items()
    return {metric.name: values for metric, values in samples if "_gateway_" not in metric.name}


@pytest.mark.parametrize("step", [-86400.0, -1.0, 86400.0])
async def test_a_step_of_the_clock_changes_nothing(step: float) -> None:
    clock = SteppedClock()
    host = ReplayHost(Recording.load(DEMO))
    engine = Engine(host, make_collectors(), clock=clock)
    published: list[Notification] = []
    alarms = AlarmService(engine, published.append, alarm_settings(heartbeat=60.0), clock=clock)
    before = await engine.collect()
    alarms.on_snapshot(before)
    active = [(alarm.condition.name, alarm.since) for alarm in alarms.active_alarms]
    clock.now += step
    clock.elapsed += 1.0
    after = await engine.collect()
    alarms.on_snapshot(after)
    alarms._on_timer(clock.monotonic())
    assert of_the_cluster(after) == of_the_cluster(before)
    assert [(alarm.condition.name, alarm.since) for alarm in alarms.active_alarms] == active
    assert [one.kind for one in published] == [NotificationKind.STARTED]
    await engine.close()
