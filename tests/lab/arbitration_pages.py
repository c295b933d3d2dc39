"""What the gateways of a node with a quorum device and of its arbitrator show, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

from tests import series
from tests.lab.arbitration import ARBITRATOR, NODES, Arbitration
from tests.lab.gateways import PORT, NodeGateway, configuration
from tests.lab.witness import Witness, witness
from tests.series import Series

ON_NODE = 'pacemaker = "off"\nqnetd = "off"\n'
NOT_ON_AN_ARBITRATOR = "".join(
    f'{name} = "off"\n' for name in ("pacemaker", "corosync", "qdevice", "sbd", "drbd", "booth")
)
"""Collectors of what an arbitrator does not have; the machine of the lab has all of it installed."""


class Device(NamedTuple):
    """What a node shows of its quorum device; None if it shows nothing."""

    up: float | None
    state: str | None
    vote: float | None
    tls: float | None


VOTING = Device(1, "connected", 1, 0)
LOST = (Device(1, "connecting", 0, None), Device(1, "connect_failed", 0, None))


class Listing(NamedTuple):
    """What an arbitrator shows: whether each node is connected, by its ID, and the number of clusters."""

    up: float | None
    clusters: float | None
    nodes: dict[str, float]


class HasPage(Protocol):
    """A gateway."""

    def page(self) -> Series:
        """Returns a scrape."""


Seen = TypeVar("Seen", bound=HasPage)


class Gateways(Generic[Seen]):
    """The gateways of node1 and of the arbitrator."""

    def __init__(self, arbitration: Arbitration, node: Seen, arbitrator: Seen) -> None:
        self._cluster = arbitration.cluster
        self.node, self.arbitrator = node, arbitrator

    def device(self) -> Device:
        """Returns what node1 shows."""
        page = self.node.page()
        up, vote, tls = (page.get(series.key(f"qdevice_{name}")) for name in ("up", "vote", "tls_active"))
        shown = series.named(page, "ha_cluster_qdevice_state")
        return Device(up, next((dict(labels)["state"] for labels, value in shown.items() if value), None), vote, tls)

    def listing(self) -> Listing:
        """Returns what the arbitrator shows."""
        page = self.arbitrator.page()
        up, clusters = (page.get(series.key(f"qnetd_{name}")) for name in ("up", "clusters"))
        connected = series.named(page, "ha_cluster_qnetd_node_connected")
        return Listing(up, clusters, {dict(labels)["node_id"]: value for labels, value in connected.items()})

    def wait_for_device(self, *expected: Device) -> None:
        """Waits until node1 shows one of the expected states."""
        self._cluster.wait_for(lambda: self.device() in expected, what=f"{expected}")

    def wait_for_listing(self, *, up: float = 1, clusters: float | None = 1, **nodes: float) -> None:
        """Waits until the arbitrator shows these nodes, by their names."""
        expected = Listing(up, clusters, {name.removeprefix("node"): value for name, value in nodes.items()})
        self._cluster.wait_for(lambda: self.listing() == expected, what=f"{expected}")


@contextmanager
def gateways(arbitration: Arbitration, directory: Path) -> Iterator[Gateways[NodeGateway]]:
    """Starts the gateways of node1 and of the arbitrator."""
    cluster = arbitration.cluster
    on_node = configuration(directory, collectors=ON_NODE)
    on_arbitrator = configuration(directory, port=PORT + 1, collectors=NOT_ON_AN_ARBITRATOR)
    with (
        NodeGateway(cluster, NODES[0], on_node) as node,
        NodeGateway(cluster, ARBITRATOR, on_arbitrator, port=PORT + 1) as arbitrator,
    ):
        yield Gateways(arbitration, node, arbitrator)


@contextmanager
def witnesses(arbitration: Arbitration, directory: Path) -> Iterator[Gateways[Witness]]:
    """Starts the gateways of node1 and of the arbitrator, with everything that shows what their users see."""
    with ExitStack() as stack:
        node, arbitrator = (
            stack.enter_context(witness(arbitration.cluster, host, directory / host, collectors=collectors))
            for host, collectors in ((NODES[0], ON_NODE), (ARBITRATOR, NOT_ON_AN_ARBITRATOR))
        )
        yield Gateways(arbitration, node, arbitrator)
