"""The remote nodes that the replicas of a bundle are: connected, unreachable, or stopped on purpose."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from gateway.alarms.notification import Change
from gateway.conditions.model import Reason
from gateway.subsystems.pacemaker import metrics
from tests.alarms.documents import Outputs, bundle, crm_mon, node, resource
from tests.alarms.states import State, raised, read, walk

AGENT = "ocf:pacemaker:remote"


class Replica(NamedTuple):
    """A replica as crm_mon shows it.

    Attributes:
        container: the node with the container; empty if that is stopped.
        connection: the node with the connection; empty if that is stopped.
        states: the states of the remote node.
        role: the role of the connection; empty for the one that follows from where it is.
        failed: whether the connection has failed.
        target: the target role of the bundle, which its resources inherit; empty for none.
        managed: whether the cluster manages the bundle.
    """

    container: str = "n1"
    connection: str = "n1"
    states: tuple[str, ...] = ()
    role: str = ""
    failed: bool = False
    target: str = ""
    managed: bool = True

    def resources(self, number: int) -> list[str]:
        """Returns its container, its connection and the resource in it."""
        common: dict[str, str | bool] = {"managed": self.managed}
        if self.target:
            common["target_role"] = self.target
        role = {"role": self.role} if self.role else {}
        inside = [f"web-{number}"] if "offline" not in self.states else []
        return [
            resource(f"web-docker-{number}", *filter(None, [self.container]), **common),
            resource("http", *inside, **common),
            resource(
                f"web-{number}",
                *filter(None, [self.connection]),
                resource_agent=AGENT,
                failed=self.failed,
                **common,
                **role,
            ),
        ]


OFFLINE = ("offline",)
CONNECTED = Replica()
CONNECTING = Replica(connection="n8", role="Starting")
CONTAINER_STOPPED = Replica(container="", connection="", states=OFFLINE)


def cluster(*replicas: Replica) -> State:
    """Returns a cluster of n1 and n8 with a bundle."""
    names = enumerate(replicas)
    guests = [
        node(f"web-{number}", *replica.states, node_type="remote", id_as_resource=f"web-docker-{number}")
        for number, replica in names
    ]
    resources = [replica.resources(number) for number, replica in enumerate(replicas)]
    status = crm_mon(nodes=[node("n1", "dc"), node("n8"), *guests], resources=[bundle("web", *resources)])
    return read(Outputs(status, b"<constraints/>"))


def connection(state: State, name: str) -> tuple[str, str]:
    """Returns the state of the connection to a node, and the node that has it."""
    flags = state.samples[metrics.REMOTE_CONNECTION][name,]
    assert isinstance(flags, tuple)
    hosts = dict(state.samples.get(metrics.REMOTE_CONNECTION_HOST, {}))
    return metrics.REMOTE_CONNECTION.states[flags.index(True)], next((on for to, on in hosts if to == name), "")


UNREACHABLE = {("remote-unreachable", "web-1")}
DISCONNECTED = {("remote-disconnected", "web-1")}
DEGRADED = {("bundle-degraded", "web")}


@pytest.mark.parametrize(
    ("replica", "state", "alarms"),
    [
        (CONNECTED, ("connected", "n1"), set()),
        (CONNECTING, ("connecting", "n8"), UNREACHABLE),
        (Replica(failed=True), ("failed", "n1"), UNREACHABLE),
        (Replica(connection="", states=OFFLINE, failed=True), ("failed", ""), UNREACHABLE),
        (Replica(connection="", states=OFFLINE), ("stopped", ""), UNREACHABLE),
        (Replica(connection="", states=OFFLINE, target="Stopped"), ("stopped", ""), DISCONNECTED),
        (CONTAINER_STOPPED, ("stopped", ""), DEGRADED),
    ],
)
def test_a_replica_is_expected_while_its_container_runs(
    replica: Replica, state: tuple[str, str], alarms: set[tuple[str, str]]
) -> None:
    shown = cluster(CONNECTED, replica)
    assert connection(shown, "web-0") == ("connected", "n1")
    assert connection(shown, "web-1") == state
    assert raised(walk(shown)) == alarms


def test_a_bundle_that_is_stopped_on_purpose_has_no_alarms() -> None:
    stopped = CONTAINER_STOPPED._replace(target="Stopped")
    assert raised(walk(cluster(stopped, stopped))) == frozenset()


def test_a_bundle_that_is_not_managed_is_known_to_an_administrator() -> None:
    lost = Replica(connection="", states=OFFLINE, managed=False)
    assert raised(walk(cluster(CONNECTED, lost))) == DISCONNECTED | {("resource-unmanaged", "web")}


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (cluster(CONNECTED, CONNECTED), Reason.RECOVERED),
        (cluster(CONNECTED, CONTAINER_STOPPED), Reason.RECOVERED),
        (cluster(CONNECTED), Reason.GONE),
    ],
    ids=["connected", "container stopped", "one replica less"],
)
def test_the_alarm_of_a_replica_ends(after: State, reason: Reason) -> None:
    events = walk(cluster(CONNECTED, CONNECTING), after)
    ends = [event for event in events if event.change is Change.CLEARED]
    assert [(event.alarm.condition.name, event.alarm.object, event.reason) for event in ends] == [
        ("remote-unreachable", "web-1", reason)
    ]
