"""Two sites of a geo cluster and their arbitrator, for minutes: ``make arbitration``. Not part of ``make test``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests import series
from tests.lab.cluster import Options
from tests.lab.conftest import MakeCluster
from tests.lab.gateways import NodeGateway, configuration
from tests.lab.geo import ARBITRATOR, CONFIGURATION, SITE_1, SITE_2, Geo

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

ADDRESSES = {SITE_1: "10.61.0.1", SITE_2: "10.61.0.2", ARBITRATOR: "10.61.0.3"}
NO_LEADER = {("booth-ticket-no-leader", "booth/db"), ("booth-ticket-no-leader", "booth/manual")}
CONFLICT = {("booth-ticket-conflict", "booth/manual")}
_COLLECTORS = "".join(f'{name} = "off"\n' for name in ("qdevice", "qnetd", "sbd", "drbd"))
_ON_ARBITRATOR = f'{_COLLECTORS}pacemaker = "off"\ncorosync = "off"\n'


def unreachable(*nodes: str) -> set[tuple[str, str]]:
    """Returns the alarms about members that are not heard of."""
    return {("booth-peer-unreachable", f"booth/{ADDRESSES[node]}") for node in nodes}


class Gateways:
    """The gateways of the three hosts."""

    def __init__(self, geo: Geo, gateways: dict[str, NodeGateway]) -> None:
        self._geo = geo
        self._gateways = gateways

    def __getitem__(self, node: str) -> NodeGateway:
        return self._gateways[node]

    def alarms(self, node: str) -> set[tuple[str, str]]:
        """Returns the alarms of a host that are about booth."""
        return {alarm for alarm in self[node].alarms() if "booth" in alarm[0] or "booth" in alarm[1]}

    def wait_for_alarms(self, **expected: set[tuple[str, str]]) -> None:
        """Waits until each host shows exactly these alarms; hosts that are not named have none."""
        alarms = {node: expected.get(node, set()) for node in ADDRESSES}
        self._geo.cluster.wait_for(
            lambda: {node: self.alarms(node) for node in ADDRESSES} == alarms, 180, what=f"{alarms}"
        )

    def number(self, node: str, name: str, **labels: str) -> float | None:
        """Returns the value of a metric of booth."""
        return self[node].page().get(series.key(f"booth_{name}", configuration="booth", **labels))

    def wait_for_holder(self, ticket: str, holder: str | None) -> None:
        """Waits until all hosts show which site holds a ticket, and each site whether it is the one."""
        address = ADDRESSES[holder] if holder else ""

        def shown(node: str) -> bool:
            page = self[node].page()
            infos = [dict(labels) for labels in series.named(page, "ha_cluster_booth_ticket_info")]
            leaders = [labels["leader"] for labels in infos if labels["ticket"] == ticket]
            here = page.get(series.key("booth_ticket_granted_here", configuration="booth", ticket=ticket))
            return leaders == [address] and here == (node == holder)

        self._geo.cluster.wait_for(lambda: all(map(shown, ADDRESSES)), 90, what=f"{ticket} held by {holder}")


@contextmanager
def gateways(geo: Geo, directory: Path) -> Iterator[Gateways]:
    """Starts a gateway on each of the three hosts."""
    with ExitStack() as stack:
        started = {}
        for number, node in enumerate(ADDRESSES):
            collectors = _ON_ARBITRATOR if node == ARBITRATOR else _COLLECTORS
            config = configuration(directory, port=9664 + number, collectors=collectors)
            started[node] = stack.enter_context(NodeGateway(geo.cluster, node, config, port=9664 + number))
        yield Gateways(geo, started)


@pytest.fixture
def geo(make_cluster: MakeCluster) -> Geo:
    """Returns the sites and the arbitrator, on which booth does not run yet."""
    geo = Geo(make_cluster(Options(nodes=3, cluster_name="geo"), daemons=False))
    geo.prepare()
    return geo


def test_tickets_are_granted_renewed_moved_lost_and_split(geo: Geo, tmp_path: Path) -> None:
    cluster = geo.cluster
    geo.start(*ADDRESSES)
    with gateways(geo, tmp_path) as shown:
        shown.wait_for_alarms(node1=NO_LEADER, node2=NO_LEADER, node3=NO_LEADER)

        geo.grant(SITE_1, "db")
        geo.grant(SITE_1, "manual")
        shown.wait_for_holder("db", SITE_1)
        shown.wait_for_holder("manual", SITE_1)
        shown.wait_for_alarms()
        renewed = shown.number(SITE_1, "ticket_renewed_timestamp_seconds", ticket="db")
        assert renewed is not None
        cluster.wait_for(
            lambda: (shown.number(SITE_1, "ticket_renewed_timestamp_seconds", ticket="db") or 0) >= renewed + 15,
            what="two renewals",
        )

        geo.revoke(SITE_1, "db")
        shown.wait_for_holder("db", None)
        assert shown.number(ARBITRATOR, "ticket_state", ticket="db", state="revoked") == 1
        geo.grant(SITE_2, "db")
        shown.wait_for_holder("db", SITE_2)
        shown.wait_for_alarms()

        cluster.cut(SITE_2)
        expiring = ("booth-ticket-expiring", "booth/db")
        cluster.wait_for(lambda: expiring in shown.alarms(SITE_2), what=f"{expiring}")
        cluster.wait_for(lambda: shown.number(SITE_1, "ticket_granted_here", ticket="db") == 1, 90, what="a takeover")
        # only the site that holds a ticket is in touch with all members: the others miss nobody else
        shown.wait_for_alarms(
            node1=unreachable(SITE_2), node2={("booth-ticket-no-leader", "booth/db"), *unreachable(SITE_1)}
        )
        cluster.heal(SITE_2)
        shown.wait_for_holder("db", SITE_1)
        shown.wait_for_alarms()

        geo.grant(SITE_2, "manual", "-F")
        shown.wait_for_alarms(node1=CONFLICT, node2=CONFLICT, node3=CONFLICT)
        geo.revoke(SITE_2, "manual", "-w")
        shown.wait_for_alarms()


def last_granted(shown: Gateways) -> float | None:
    """Returns when Pacemaker was last told on node1 that the manual ticket is granted."""
    page = shown[SITE_1].page()
    return page.get(series.key("pacemaker_tickets_last_granted_timestamp_seconds", ticket="manual"))


def test_booth_and_pacemaker_disagree(geo: Geo, tmp_path: Path) -> None:
    geo.start(*ADDRESSES)
    geo.grant(SITE_1, "manual")
    with gateways(geo, tmp_path) as shown:
        shown.wait_for_holder("manual", SITE_1)
        geo.run(SITE_2, "crm_ticket --ticket manual --grant --force")
        shown.wait_for_alarms(
            node1={("booth-ticket-no-leader", "booth/db")},
            node2={("booth-ticket-no-leader", "booth/db"), ("booth-grant-stale", "booth/manual")},
            node3={("booth-ticket-no-leader", "booth/db")},
        )
        geo.run(SITE_2, "crm_ticket --ticket manual --revoke --force")
        # booth grants it again with its next message, a minute after the last one: begin right after a message
        before = last_granted(shown)
        geo.run(SITE_1, "crm_ticket --ticket manual --revoke --force")
        geo.cluster.wait_for(lambda: last_granted(shown) != before, 90, what="a grant by booth")
        geo.run(SITE_1, "crm_ticket --ticket manual --revoke --force")
        missing = ("booth-grant-missing", "booth/manual")
        geo.cluster.wait_for(lambda: missing in shown.alarms(SITE_1), what=f"{missing}")
        others = {("booth-ticket-no-leader", "booth/db")}
        shown.wait_for_alarms(node1=others, node2=others, node3=others)


def test_daemons_that_are_killed_or_suspended(geo: Geo, tmp_path: Path) -> None:
    geo.start(*ADDRESSES)
    geo.grant(SITE_1, "db")
    geo.grant(SITE_1, "manual")
    with gateways(geo, tmp_path) as shown:
        shown.wait_for_holder("db", SITE_1)
        shown.wait_for_alarms()

        geo.kill(ARBITRATOR)
        shown.wait_for_alarms(node1=unreachable(ARBITRATOR), node3={("booth-down", "booth")})
        assert shown.number(ARBITRATOR, "up") == 0
        geo.start(ARBITRATOR)
        shown.wait_for_alarms()

        geo.signal(SITE_1, "STOP")
        geo.wait(SITE_2, "ticket: db, leader: 10.61.0.2")
        shown[SITE_1].once("alarm raised", condition="collector-failing")
        assert shown.number(SITE_1, "up") is None
        geo.signal(SITE_1, "CONT")
        shown.wait_for_holder("db", SITE_2)
        shown.wait_for_alarms()


def test_a_site_that_does_not_exist(geo: Geo, tmp_path: Path) -> None:
    absent = CONFIGURATION.replace("10.61.0.2", "10.61.0.9")
    for node in (SITE_1, ARBITRATOR):
        geo.run(node, "cat > /etc/booth/booth.conf", text=absent)
    geo.start(SITE_1, ARBITRATOR)
    geo.run(SITE_2, "rm /etc/booth/booth.conf")
    missing = {("booth-peer-unreachable", "booth/10.61.0.9")}
    with gateways(geo, tmp_path) as shown:
        shown.wait_for_alarms(node1=NO_LEADER | missing, node3=NO_LEADER | missing)
        geo.grant(SITE_1, "db")
        geo.wait(ARBITRATOR, "ticket: db, leader: 10.61.0.1")
        manual = {("booth-ticket-no-leader", "booth/manual")}
        shown.wait_for_alarms(node1=manual | missing, node3=manual | missing)
