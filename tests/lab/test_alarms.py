"""Alarms of a real cluster reach all receivers at once, in order and once, even if a process dies."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest

from gateway.alarms.notifier import GRACE
from tests import series
from tests.lab import alarms
from tests.lab.alarms import BEHIND, LIMIT, check_received, cut_and_heal, run_testbed
from tests.lab.cluster import Cluster, Options
from tests.lab.conftest import MakeCluster
from tests.lab.event_programs import ALERT, corosync_readers, install_agent
from tests.lab.gateways import NodeGateway, configuration
from tests.lab.receivers import (
    CHANNELS,
    LOST,
    PORT,
    REGAINED,
    STARTED,
    gateway_and_receiver,
    inside,
    notifications,
    target,
    trapd,
    wait_for_notification,
)
from tests.lab.storm import MALFORMED, measure_latency, start_storm
from tests.snmpd import Snmpd
from tests.snmptrapd import Snmptrapd

pytestmark = pytest.mark.lab

NODE = "node1"
PATIENT = 10
"""Seconds for which Prometheus waits by default. `make flood` measures response times; here the machine may be busy."""


# --- All receivers ---------------------------------------------------------------------------------------------------


def test_a_lost_quorum_is_notified_at_once(make_cluster: MakeCluster, tmp_path: Path) -> None:
    """The machine may be busy, so the quickest notification of each channel counts here.

    ``python -m tests.lab.alarms`` measures the slowest of many.
    """
    with run_testbed(make_cluster(), tmp_path) as running:
        decisions = [decision for number in (1, 2, 3) for decision in cut_and_heal(running, number)]
        check_received(running, cuts=3)
    print(alarms.table(decisions))
    for channel in CHANNELS:
        delays = [decision.delay(channel) for decision in decisions]
        assert min(delays) <= LIMIT, channel
        assert max(delays) < 1, channel
        assert min(decision.behind(channel) for decision in decisions) <= BEHIND, channel


def test_a_receiver_that_was_down_gets_everything_afterwards(make_cluster: MakeCluster, tmp_path: Path) -> None:
    alarms.outage(make_cluster(), tmp_path)


# --- Deaths ----------------------------------------------------------------------------------------------------------


def test_killed_daemons_are_notified_and_clear_no_alarm(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster()
    with gateway_and_receiver(cluster, tmp_path) as (gateway, receiver):
        gateway.once("quorum watched")
        cluster.cut(NODE)
        wait_for_notification(cluster, receiver, "quorum-lost", "raised")

        (reader,) = corosync_readers(cluster, NODE)
        seen = len(gateway.log)
        os.kill(reader, signal.SIGKILL)
        gateway.once("quorum not watched", after=seen, state="killed")
        gateway.once("quorum watched", after=seen, quorate=False)

        cluster.stop_corosync(NODE, kill=True)
        wait_for_notification(cluster, receiver, "corosync-down", "raised")
        cluster.stop_pacemaker(NODE, kill=True)
        wait_for_notification(cluster, receiver, "pacemaker-down", "raised")
        assert {("quorum-lost", ""), ("corosync-down", ""), ("pacemaker-down", "")} <= gateway.alarms()
        cluster.start_corosync(NODE)
        wait_for_notification(cluster, receiver, "corosync-down", "cleared")
        cluster.start_pacemaker(NODE)
        wait_for_notification(cluster, receiver, "pacemaker-down", "cleared")
        seen = len(notifications(receiver))
        cluster.stop_pacemaker(NODE, kill=True)
        wait_for_notification(cluster, receiver, "pacemaker-down", "raised", after=seen)
        assert ("quorum-lost", "") in gateway.alarms()

        before = notifications(receiver)
        assert [one.sequence for one in before] == list(range(1, len(before) + 1))
        gateway.kill()
        cluster.wait_for(lambda: not corosync_readers(cluster, NODE), what="the end of the reader")
        config = tmp_path / "gateway-9664.conf"
        with NodeGateway(cluster, NODE, config) as again:
            cluster.wait_for(lambda: len(notifications(receiver)) > len(before), what="the second start")
            started = notifications(receiver)[len(before)]
            assert (started.sequence, started.notification) == (1, STARTED)
            assert "quorum-lost" in started.text
            assert "pacemaker-down" in started.text
            cluster.start_pacemaker(NODE)
            wait_for_notification(cluster, receiver, "pacemaker-down", "cleared", after=len(before))
            again.once("quorum watched")
            assert ("quorum-lost", "") in again.alarms()
            assert REGAINED not in [one.notification for one in notifications(receiver)]

            cluster.heal(NODE)
            wait_for_notification(cluster, receiver, "quorum-lost", "cleared")
            assert cluster.quorate(NODE)
            assert ("quorum-lost", "") not in again.alarms()
            quorum = [one.notification for one in notifications(receiver) if one.condition == "quorum-lost"]
            assert quorum == [LOST, LOST, REGAINED], "the second gateway raises what is critical or major, too"


# --- Conditions ------------------------------------------------------------------------------------------------------

RESOURCES = """
primitive blocked ocf:heartbeat:Dummy op monitor interval=1s on-fail=block
primitive moved ocf:heartbeat:Dummy op monitor interval=1s meta migration-threshold=1
location blocked-here blocked 100: node1
location moved-here moved 100: node1
"""
HOMELESS = """
primitive homeless ocf:heartbeat:Dummy
location nowhere-1 homeless -inf: node1
location nowhere-2 homeless -inf: node2
location nowhere-3 homeless -inf: node3
"""


class Alarm(NamedTuple):
    condition: str
    object: str = ""


class AlarmObserver:
    """Compares what a receiver receives and what a scrape shows, for one alarm after the other."""

    def __init__(self, cluster: Cluster, gateway: NodeGateway, receiver: Snmptrapd) -> None:
        self._cluster, self._gateway, self._receiver = cluster, gateway, receiver
        self._after = 0

    def begin(self) -> None:
        """Ignores the notifications received until now."""
        self._after = len(notifications(self._receiver))

    def raised(self, *expected: Alarm) -> None:
        self._wait_for("raised", expected)
        assert set(expected) <= self._gateway.alarms()

    def cleared(self, *expected: Alarm) -> None:
        self._wait_for("cleared", expected)
        assert not set(expected) & self._gateway.alarms()

    def _wait_for(self, change: str, alarms: Sequence[Alarm]) -> None:
        for condition, about in alarms:
            wait_for_notification(self._cluster, self._receiver, condition, change, about, after=self._after)


def fail(cluster: Cluster, resource: str, node: str = NODE) -> None:
    """Makes the next monitor of a Dummy fail."""
    cluster.run(node, "rm", f"/run/resource-agents/Dummy-{resource}.state")


def test_conditions_of_nodes_and_links(make_cluster: MakeCluster, tmp_path: Path) -> None:
    """At the same time, the first election of another cluster takes too long."""
    slow = {"dc-deadtime": "40s", "stonith-enabled": "false"}
    waiting = make_cluster(Options(nodes=1, properties=slow), daemons=False)
    waiting.start_corosync(NODE)
    cluster = make_cluster(Options(rings=2))
    with (
        gateway_and_receiver(waiting, tmp_path / "waiting") as (other, others),
        gateway_and_receiver(cluster, tmp_path / "watched") as (gateway, receiver),
    ):
        waiting.start_pacemaker(NODE)
        observer = AlarmObserver(cluster, gateway, receiver)
        run = partial(cluster.run, "node2")
        run("crm_attribute", "-n", "maintenance-mode", "-v", "true")
        observer.raised(alarm := Alarm("maintenance-mode"))
        run("crm_attribute", "-n", "maintenance-mode", "-D")
        observer.cleared(alarm)
        run("crm_standby", "-N", "node3", "-v", "on")
        observer.raised(alarm := Alarm("node-standby", "node3"))
        run("crm_standby", "-N", "node3", "-D")
        observer.cleared(alarm)
        run("crm_attribute", "-N", "node3", "-n", "maintenance", "-v", "true")
        observer.raised(alarm := Alarm("node-maintenance", "node3"))
        run("crm_attribute", "-N", "node3", "-n", "maintenance", "-D")
        observer.cleared(alarm)

        cluster.cut(NODE, 1)
        observer.raised(alarm := Alarm("link-down", "link 1"))
        cluster.heal(NODE, 1)
        observer.cleared(alarm)
        cluster.cut("node3", 1)
        observer.raised(alarm := Alarm("link-peer-down", "link 1 to node3"))
        cluster.heal("node3", 1)
        observer.cleared(alarm)

        cluster.kill("node3")
        observer.raised(lost := Alarm("node-lost", "node3"), missing := Alarm("votes-missing"))
        cluster.start_node("node3")
        observer.cleared(lost, missing)

        # without a device nothing can be fenced, until somebody confirms that the node is off
        run("crm_attribute", "-n", "stonith-enabled", "-v", "true")
        observer.cleared(Alarm("fencing-disabled"))
        cluster.wait_idle()
        observer.begin()
        cluster.kill("node3")
        observer.raised(unclean := Alarm("node-unclean", "node3"))
        run("stonith_admin", "--fence", "node3", "--timeout", "5", check=False)
        observer.raised(failed := Alarm("fencing-failed", "node3"))
        run("stonith_admin", "--confirm", "node3")
        observer.cleared(unclean, failed)
        observer.raised(Alarm("fencing-performed", "node3"))
        run("crm_attribute", "-n", "stonith-enabled", "-v", "false")
        observer.raised(Alarm("fencing-disabled"))

        received = notifications(receiver)
        assert [one.sequence for one in received] == list(range(1, len(received) + 1))
        for change in ("raised", "cleared"):
            wait_for_notification(waiting, others, "dc-missing", change)
        assert ("dc-missing", "") not in other.alarms()


def has_in_pacemakers_form(receiver: Snmptrapd, pattern: str) -> bool:
    """Returns whether a notification in the form of ``alert_snmp.sh`` names this node and operation or attribute."""
    for received in receiver.received:
        if received.notification == "1.3.6.1.4.1.32723.2.1":
            values = [received.varbinds[f"1.3.6.1.4.1.32723.1.{number}"][1] for number in (1, 2, 3, 8, 9)]
            node, resource, task, name, value = (one.decode() if isinstance(one, bytes) else "" for one in values)
            if re.fullmatch(pattern, f"{node} {resource} {task}" if name == "n/a" else f"{node} {name}={value}"):
                return True
    return False


def test_conditions_of_resources(make_cluster: MakeCluster, tmp_path: Path) -> None:
    """At first the gateway collects in its interval, then Pacemaker's alerts start collections."""
    cluster = make_cluster()
    cluster.load(RESOURCES)
    run = partial(cluster.run, "node2")
    with gateway_and_receiver(cluster, tmp_path) as (gateway, receiver):
        observer = AlarmObserver(cluster, gateway, receiver)
        cluster.load(HOMELESS)
        cluster.wait_idle()
        fail(cluster, "blocked")
        failed, blocked = Alarm("resource-failed", "blocked on node1"), Alarm("resource-blocked", "blocked on node1")
        action = Alarm("failed-action", "monitor of blocked on node1")
        observer.raised(failed, blocked, action)
        run("crm_resource", "--cleanup", "--resource", "blocked")
        observer.cleared(failed, blocked, action)

        fail(cluster, "moved")
        away, count = Alarm("resource-moved", "moved"), Alarm("fail-count", "moved on node1")
        observer.raised(away, count)
        run("crm_resource", "--cleanup", "--resource", "moved")
        observer.cleared(count)

        run("crm_resource", "--ban", "--resource", "blocked", "--node", "node2")
        observer.raised(left := Alarm("move-left-behind", "cli-ban-blocked-on-node2"))
        run("crm_resource", "--clear", "--resource", "blocked")
        observer.cleared(left)

        observer.raised(stopped := Alarm("resource-stopped", "homeless"))
        cluster.run("node2", "crm", "--force", "configure", "delete", "nowhere-2")
        observer.cleared(stopped)

        install_agent(cluster, NODE)
        cluster.load(ALERT)
        assert gateway.stop() == 0
    settings = 'interval = 3600\ncompat = ["pacemaker"]'
    with gateway_and_receiver(cluster, tmp_path / "alerts", alarms=settings) as (gateway, receiver):
        observer = AlarmObserver(cluster, gateway, receiver)
        before = time.monotonic()
        fail(cluster, "blocked")
        wait_for_notification(cluster, receiver, *failed[:1], "raised", failed.object)
        wait_for_notification(cluster, receiver, *action[:1], "raised", action.object)
        run("crm_resource", "--cleanup", "--resource", "blocked")
        wait_for_notification(cluster, receiver, *action[:1], "cleared", action.object)
        assert time.monotonic() - before < 20

        # that form also reports events that are not alarms
        old = run("crm_resource", "--resource", "moved", "--locate", "--quiet").stdout.strip()
        run("attrd_updater", "--name", "lab", "--update", "7", "--node", NODE)
        run("crm_resource", "--ban", "--resource", "moved", "--node", old)
        for pattern in ("node1 blocked monitor", "node1 lab=7", f"{old} moved stop", f"(?!{old})node. moved start"):
            cluster.wait_for(partial(has_in_pacemakers_form, receiver, pattern), what=pattern)
        received = notifications(receiver)
        assert [one.sequence for one in received] == list(range(1, len(received) + 1))


# --- Send from the DC ------------------------------------------------------------------------------------------------


def test_only_the_dc_notifies_of_the_cluster(make_cluster: MakeCluster, tmp_path: Path) -> None:
    """Each node reports on itself; if the designated controller dies, its successor reports that."""
    cluster = make_cluster(Options(rings=2))
    first = cluster.wait_dc()
    second, third = (node for node in cluster.nodes if node != first)
    settings = 'interval = 1\nsend_from = "dc"'
    with (
        gateway_and_receiver(cluster, tmp_path / first, node=first, alarms=settings) as (_, of_first),
        gateway_and_receiver(cluster, tmp_path / second, node=second, alarms=settings) as (_, of_second),
    ):
        cluster.run(third, "crm_standby", "-N", third, "-v", "on")
        wait_for_notification(cluster, of_first, "node-standby", "raised", third)
        cluster.cut(third, 1)
        for receiver in (of_first, of_second):
            wait_for_notification(cluster, receiver, "link-peer-down", "raised", f"link 1 to {third}")
        cluster.run(third, "crm_standby", "-N", third, "-D")
        wait_for_notification(cluster, of_first, "node-standby", "cleared", third)
        cluster.heal(third, 1)
        for receiver in (of_first, of_second):
            wait_for_notification(cluster, receiver, "link-peer-down", "cleared", f"link 1 to {third}")
        assert {one.condition for one in notifications(of_second)} == {"started", "link-peer-down"}

        cluster.run(third, "crm_attribute", "-n", "maintenance-mode", "-v", "true")
        wait_for_notification(cluster, of_first, "maintenance-mode", "raised")
        cluster.stop_pacemaker(third)
        wait_for_notification(cluster, of_first, "node-lost", "raised", third)
        cluster.kill(first)
        cluster.wait_for(lambda: cluster.dc(second) == second, 60, what="another designated controller")
        wait_for_notification(cluster, of_second, "node-lost", "raised", first)
        wait_for_notification(cluster, of_second, "votes-missing", "raised")
        assert {one.condition for one in notifications(of_second)} <= {
            *("started", "link-peer-down", "link-down", "node-lost", "votes-missing", "quorum-lost"),
        }
        assert ("node-lost", third) not in {(one.condition, one.object) for one in notifications(of_second)}


# --- Storms ----------------------------------------------------------------------------------------------------------


def test_a_storm_of_alerts_delays_nothing_and_raises_no_alarm(cluster: Cluster, tmp_path: Path) -> None:
    number = 30_000
    with (
        trapd(cluster, NODE, tmp_path / "trapd", port=PORT) as receiver,
        Snmpd(tmp_path, **inside(cluster, NODE)) as snmpd,
    ):
        snmp = f'agentx = "unix:{snmpd.agentx}"'
        config = configuration(tmp_path, snmp=snmp, alarms="interval = 3600", targets=target(PORT, "inform"))
        with NodeGateway(cluster, NODE, config) as gateway:
            gateway.once("agentx registered")
            gateway.once("alarms ready")
            before = gateway.alarms()
            http, by_snmp = measure_latency(gateway, snmpd, start_storm(cluster, NODE, number))
            for name, seconds in (("HTTP", http), ("SNMP", by_snmp)):
                print(
                    f"{name}: {len(seconds)} answers, median {1000 * median(seconds):.0f} ms, "
                    f"longest {1000 * max(seconds):.0f} ms"
                )
                assert max(seconds) < PATIENT, name

            counts = {
                what: gateway.page()[series.key(f"gateway_alerts_{what}_total")]
                for what in ("received", "dropped", "coalesced")
            }
            assert counts["received"] == number
            assert counts["dropped"] == number / MALFORMED
            assert counts["coalesced"] > 0
            assert gateway.alarms() == before
            assert [one.condition for one in notifications(receiver)] == ["started"]

            start_storm(cluster, NODE, 1000).wait(30)
            cluster.run(NODE, "crm_standby", "-N", "node3", "-v", "on")
            start_storm(cluster, NODE, MALFORMED).wait(30)
            wait_for_notification(cluster, receiver, "node-standby", "raised", "node3")
            cluster.run(NODE, "crm_standby", "-N", "node3", "-D")
            start_storm(cluster, NODE, MALFORMED).wait(30)
            wait_for_notification(cluster, receiver, "node-standby", "cleared", "node3")
            cluster.wait_idle()


def test_a_gateway_that_ends_delivers_for_five_seconds_and_logs_the_rest(cluster: Cluster, tmp_path: Path) -> None:
    with trapd(cluster, NODE, tmp_path / "trapd", port=PORT) as receiver:
        targets = target(PORT, "inform") + target(PORT + 1, "inform", timeout=1.0)
        config = configuration(tmp_path, alarms="interval = 1", targets=targets)
        with NodeGateway(cluster, NODE, config) as gateway:
            gateway.once("notifications not delivered", target=f"127.0.0.1:{PORT + 1}")
            cluster.run(NODE, "crm_standby", "-N", "node3", "-v", "on")
            wait_for_notification(cluster, receiver, "node-standby", "raised", "node3")
            cluster.run(NODE, "crm_standby", "-N", "node3", "-D")
            wait_for_notification(cluster, receiver, "node-standby", "cleared", "node3")
            before = time.monotonic()
            assert gateway.stop() == 0
            assert time.monotonic() - before < GRACE + 1
            (lost,) = [entry for entry in gateway.log if entry["event"] == "notifications lost"]
            assert lost["target"] == f"127.0.0.1:{PORT + 1}"
            assert lost["lost"] == len(notifications(receiver))
            assert lost["notifications"][:2] == ["1 started info", "2 node-standby raised node3"]
            cluster.wait_idle()
