"""What the gateway could not ask is not something that a tool has said: nothing is down, broken or gone for it."""

from __future__ import annotations

import pytest

from gateway.host.host import CommandResult
from gateway.status import Status
from gateway.subsystems.corosync_conf import CONFIG
from gateway.subsystems.sbd.collector import CONFIGURATIONS
from tests import series
from tests.fakes import MISSING, FakeHost
from tests.series import ended
from tests.subsystems import WITHOUT_MODULE, make_collector

UNANSWERED = {
    "not installed": MISSING,
    "may not be run": CommandResult(status=Status.NOT_PERMITTED, detail="may not be run"),
    "not started": CommandResult(status=Status.FAILED, detail="could not be started: Too many open files"),
    "killed": CommandResult(status=Status.KILLED, signal=9),
    "too much output": CommandResult(status=Status.TOO_MUCH_OUTPUT),
    "no interpreter": ended(b"", 127, b"env: 'python3': No such file or directory\n"),
    "a library that is being replaced": ended(b"", 127, b"error while loading shared libraries: libqb.so.100\n"),
    "no output": ended(b""),
}
"""Ends of a command that say nothing about the cluster."""

TOOLS = {
    "corosync": ("corosync-quorumtool", "corosync-cfgtool", "corosync"),
    "pacemaker": ("crm_mon", "cibadmin"),
    "sbd": ("dump /dev/sdb",),
    "drbd": ("drbdsetup",),
}

HOST = FakeHost(files={CONFIGURATIONS[0]: b"SBD_DEVICE=/dev/sdb\n"}, directories={"/sys/module/drbd": ("version",)})


FROM_CONFIGURATION = {"ha_cluster_sbd_devices_configured", "ha_cluster_sbd_info"}
"""The metrics that are not read by a tool."""


@pytest.mark.parametrize("collector", TOOLS)
@pytest.mark.parametrize("end", UNANSWERED)
def test_nothing_is_claimed(collector: str, end: str) -> None:
    made = make_collector(collector, options=WITHOUT_MODULE)
    results = dict.fromkeys(TOOLS[collector], UNANSWERED[end])
    assert {name for name, _ in series.collected(made, results, HOST)} <= FROM_CONFIGURATION
    plan = made.plan(HOST)
    assert plan is not None
    readings = series.readings(plan.probes, results)
    assert {readings[tool].status for tool in TOOLS[collector]}.isdisjoint({Status.OK, Status.NOT_RUNNING})


GENERIC = ended(b"", 1, b"Cannot initialize QUORUM service\n")
"""What corosync-quorumtool prints whatever the reason is."""


@pytest.mark.parametrize(
    ("cfgtool", "up"),
    [
        (ended(b"Could not initialize corosync configuration API error 2\n", 1), 0),  # nobody listens
        (ended(b"Could not initialize corosync configuration API error 12\n", 1), 0),  # its socket does not exist
        (ended(b"Could not initialize corosync configuration API error 6\n", 1), None),  # try again: it is starting
        (ended(b"Could not initialize corosync configuration API error 8\n", 1), None),  # no memory
        (CommandResult(status=Status.TIMED_OUT), None),
        (MISSING, None),
    ],
)
def test_corosync_is_down_only_if_nobody_listens(cfgtool: CommandResult, up: int | None) -> None:
    host = FakeHost(files={CONFIG.default: b""})
    page = series.collected(
        make_collector("corosync"), {"corosync-quorumtool": GENERIC, "corosync-cfgtool": cfgtool}, host
    )
    assert page.get(series.key("corosync_up")) == up
    assert page.get(series.key("corosync_quorate")) == up


def test_a_host_without_corosync_conf_is_no_node_whose_corosync_is_down() -> None:
    """A remote node has none, and may have Corosync's tools."""
    nobody_listens = ended(b"Could not initialize corosync configuration API error 2\n", 1)
    results = {"corosync-quorumtool": GENERIC, "corosync-cfgtool": nobody_listens}
    page = series.collected(make_collector("corosync"), results, FakeHost())
    assert series.key("corosync_up") not in page
    assert series.key("corosync_quorate") not in page


NO_SOCKET = ended(b"", 20, b"Could not connect to 'drbd' generic netlink family\n")
"""drbdsetup prints this if the module is not loaded, but also if it gets no socket."""


@pytest.mark.parametrize(
    ("modules", "status"), [({"/sys/module/drbd": ("version",)}, Status.FAILED), ({}, Status.NOT_RUNNING)]
)
def test_without_a_socket_drbd_is_not_without_resources(modules: dict[str, tuple[str, ...]], status: Status) -> None:
    plan = make_collector("drbd", options=WITHOUT_MODULE).plan(FakeHost(directories=modules))
    assert plan is not None
    assert series.readings(plan.probes, {"drbdsetup": NO_SOCKET})["drbdsetup"].status is status


def test_a_list_of_modules_that_cannot_be_read_does_not_mean_that_drbd_is_not_loaded() -> None:
    class Host(FakeHost):
        def list_directory(self, path: str) -> tuple[str, ...]:
            raise PermissionError(path)

    plan = make_collector("drbd").plan(Host())
    assert plan is not None
    assert [probe.name for probe in plan.probes] == ["drbdsetup"]
