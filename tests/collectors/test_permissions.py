"""A missing permission is reported neither as a cluster that is down nor as a broken tool."""

from __future__ import annotations

import errno
import os

from gateway.status import Status
from gateway.subsystems.sbd.collector import CONFIGURATIONS
from tests import series
from tests.fakes import FakeHost
from tests.series import ended
from tests.subsystems import make_collector

CONFIGURATION = b'SBD_DEVICE="/dev/sdb"\n'
UNREADABLE = ended(b"==Dumping header on disk /dev/sdb\n", 1, b"== disk /dev/sdb unreadable!\n")
# what crm_mon prints, with exit status 0, for a user whose ACLs permit nothing
NOTHING = ended(b'<pacemaker-result><pacemakerd state="running"/><status code="0" message="OK"/></pacemaker-result>')
DENIED = ended(b"", 4, b"cibadmin: Permission denied\n")


def sbd_host(*, readable: bool) -> FakeHost:
    """Returns a host with one SBD device."""
    return FakeHost(files={CONFIGURATIONS[0]: CONFIGURATION}, readable=readable)


def test_a_device_that_may_not_be_read_is_not_unhealthy() -> None:
    results = {"dump /dev/sdb": UNREADABLE}
    unreadable = series.collected(make_collector("sbd"), results, sbd_host(readable=True))
    not_permitted = series.collected(make_collector("sbd"), results, sbd_host(readable=False))
    assert series.named(unreadable, "ha_cluster_sbd_devices") == {
        frozenset({("device", "/dev/sdb"), ("status", "unhealthy")}): 1
    }
    assert not series.named(not_permitted, "ha_cluster_sbd_devices")
    plan = make_collector("sbd").plan(sbd_host(readable=False))
    assert plan is not None
    assert series.readings(plan.probes, results)["dump /dev/sdb"].status is Status.NOT_PERMITTED


def test_an_empty_document_for_an_unprivileged_user_does_not_mean_down() -> None:
    not_permitted = series.collected(make_collector("pacemaker"), {"crm_mon": NOTHING, "cibadmin": DENIED}, FakeHost())
    down = series.collected(make_collector("pacemaker"), {"crm_mon": NOTHING, "cibadmin": ended(b"", 102)}, FakeHost())
    assert series.key("pacemaker_up") not in not_permitted
    assert down[series.key("pacemaker_up")] == 0
    assert not_permitted[series.key("pacemaker_daemon_state", state="running")] == 1


class WithoutCorosyncConf(FakeHost):
    """A host whose corosync.conf this user may not read."""

    def read_file(self, path: str) -> bytes | None:
        """Raises an error."""
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def test_an_unreadable_file_does_not_hide_that_pacemaker_is_down() -> None:
    results = {"crm_mon": ended(b"", 102, b"Connection refused\n"), "cibadmin": ended(b"", 102)}
    found = series.collected(make_collector("pacemaker"), results, WithoutCorosyncConf())
    assert found[series.key("pacemaker_up")] == 0
