"""Two sites of a geo cluster and their arbitrator, for minutes: ``make arbitration``. Not part of ``make test``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import series
from tests.lab.cluster import Options
from tests.lab.conftest import MakeCluster
from tests.lab.geo import ARBITRATOR, CONFIGURATION, SITE_1, SITE_2, Geo
from tests.lab.witness import Alarm, Witness, witness

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

ADDRESSES = {SITE_1: "10.61.0.1", SITE_2: "10.61.0.2", ARBITRATOR: "10.61.0.3"}
EXPIRING = ("booth-ticket-expiring", "booth/db")
SILENT = ("collector-failing", "booth")
DOWN = {("booth-down", "booth")}
NO_DB, NO_MANUAL = ({("booth-ticket-no-leader", f"booth/{ticket}")} for ticket in ("db", "manual"))
MISSING = ("booth-grant-missing", "booth/manual")
NO_LEADER = NO_DB | NO_MANUAL
CONFLICT = {("booth-ticket-conflict", "booth/manual")}
MakeGeo = Callable[..., Geo]

USUAL: Mapping[str, set[Alarm]] = {
    SITE_1: {("fencing-disabled", "")},
    SITE_2: {("fencing-disabled", "")},
    ARBITRATOR: set(),
}
"""The alarms of clusters of one node, which have no fencing."""
_COLLECTORS = "".join(f'{name} = "off"\n' for name in ("qdevice", "qnetd", "sbd", "drbd"))
_ON_ARBITRATOR = f'{_COLLECTORS}pacemaker = "off"\ncorosync = "off"\n'


def unreachable(*nodes: str) -> set[Alarm]:
    """Returns the alarms about members that are not heard of."""
    return {("booth-peer-unreachable", f"booth/{ADDRESSES[node]}") for node in nodes}


class Gateways:
    """The gateways of the three hosts."""

    def __init__(self, geo: Geo, witnesses: Mapping[str, Witness]) -> None:
        self._geo = geo
        self._witnesses = witnesses

    def __getitem__(self, node: str) -> Witness:
        return self._witnesses[node]

    def expect(
        self,
        *,
        passed: Mapping[str, set[Alarm]] | None = None,
        possibly: Mapping[str, set[Alarm]] | None = None,
        **expected: set[Alarm],
    ) -> None:
        """Waits until each host shows exactly these alarms; hosts that are not named have only their usual ones.

        Args:
            passed: the alarms of each host that were raised and cleared since the last call.
            possibly: those that may have been, depending on when the tools ran.
            expected: the alarms of each host.
        """
        for node in ADDRESSES:
            alarms = expected.get(node, set()) | USUAL[node]
            self[node].expect(*alarms, passed=(passed or {}).get(node, ()), possibly=(possibly or {}).get(node, ()))

    def wait_for_alarm(self, alarm: Alarm, *nodes: str) -> None:
        """Waits until an alarm that will pass is active on all of these hosts."""
        self._geo.cluster.wait_for(lambda: all(alarm in self[node].alarms() for node in nodes), 90, what=f"{alarm}")

    def number(self, node: str, name: str, **labels: str) -> float | None:
        """Returns the value of a metric of booth."""
        return self[node].page().get(series.key(f"booth_{name}", configuration="booth", **labels))

    def wait_for_holder(self, ticket: str, holder: str | None) -> None:
        """Waits until all hosts show which site holds a ticket, and each site whether it is the one."""
        address = self._geo.addresses[holder] if holder else ""

        def shown(node: str) -> bool:
            page = self[node].page()
            infos = [dict(labels) for labels in series.named(page, "ha_cluster_booth_ticket_info")]
            leaders = [labels["leader"] for labels in infos if labels["ticket"] == ticket]
            here = page.get(series.key("booth_ticket_granted_here", configuration="booth", ticket=ticket))
            return leaders == [address] and here == (node == holder)

        self._geo.cluster.wait_for(lambda: all(map(shown, ADDRESSES)), 90, what=f"{ticket} held by {holder}")


@contextmanager
def witnesses(geo: Geo, directory: Path) -> Iterator[Gateways]:
    """Starts a gateway on each of the three hosts, with everything that shows what its users see."""
    with ExitStack() as stack:
        yield Gateways(
            geo,
            {
                node: stack.enter_context(
                    witness(
                        geo.cluster,
                        node,
                        directory / node,
                        collectors=_ON_ARBITRATOR if node == ARBITRATOR else _COLLECTORS,
                    )
                )
                for node in ADDRESSES
            },
        )


@pytest.fixture
def make_geo(make_cluster: MakeCluster) -> MakeGeo:
    """Returns a function that returns the sites and the arbitrator, on which booth does not run yet."""

    def make(**options: Any) -> Geo:
        geo = Geo(make_cluster(Options(nodes=3, cluster_name="geo"), daemons=False), **options)
        geo.prepare()
        return geo

    return make


@pytest.fixture
def geo(make_geo: MakeGeo) -> Geo:
    """Returns the sites and the arbitrator, on which booth does not run yet."""
    return make_geo()


@contextmanager
def first_site_has_tickets(geo: Geo, directory: Path) -> Iterator[Gateways]:
    """Starts booth on all hosts and grants both tickets to the first site, which all gateways then show."""
    geo.start(*ADDRESSES)
    geo.grant(SITE_1, "db")
    geo.grant(SITE_1, "manual")
    with witnesses(geo, directory) as shown:
        shown.wait_for_holder("db", SITE_1)
        shown.expect()
        yield shown


def test_tickets_are_granted_renewed_moved_lost_and_split(geo: Geo, tmp_path: Path) -> None:
    cluster = geo.cluster
    geo.start(*ADDRESSES)
    with witnesses(geo, tmp_path) as shown:
        shown.expect(node1=NO_LEADER, node2=NO_LEADER, node3=NO_LEADER)

        geo.grant(SITE_1, "db")
        geo.grant(SITE_1, "manual")
        shown.wait_for_holder("db", SITE_1)
        shown.wait_for_holder("manual", SITE_1)
        shown.expect()
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
        shown.expect()

        cluster.cut(SITE_2)
        shown.wait_for_alarm(EXPIRING, *ADDRESSES)
        cluster.wait_for(lambda: shown.number(SITE_1, "ticket_granted_here", ticket="db") == 1, 90, what="a takeover")
        # only the site that holds a ticket is in touch with all members: the others miss nobody else
        shown.expect(
            node1=unreachable(SITE_2),
            node2=NO_DB | unreachable(SITE_1),
            passed={node: {EXPIRING} for node in ADDRESSES},
        )
        cluster.heal(SITE_2)
        shown.wait_for_holder("db", SITE_1)
        shown.expect()

        geo.grant(SITE_2, "manual", "-F")
        shown.expect(node1=CONFLICT, node2=CONFLICT, node3=CONFLICT)
        geo.revoke(SITE_2, "manual", "-w")
        shown.expect()


def last_granted(shown: Gateways) -> float | None:
    """Returns when Pacemaker was last told on node1 that the manual ticket is granted."""
    page = shown[SITE_1].page()
    return page.get(series.key("pacemaker_tickets_last_granted_timestamp_seconds", ticket="manual"))


def test_booth_and_pacemaker_disagree(geo: Geo, tmp_path: Path) -> None:
    geo.start(*ADDRESSES)
    geo.grant(SITE_1, "manual")
    with witnesses(geo, tmp_path) as shown:
        shown.wait_for_holder("manual", SITE_1)
        geo.run(SITE_2, "crm_ticket --ticket manual --grant --force")
        shown.expect(
            node1=NO_DB,
            node2=NO_DB | {("booth-grant-stale", "booth/manual")},
            node3=NO_DB,
        )
        geo.run(SITE_2, "crm_ticket --ticket manual --revoke --force")
        # booth grants it again with its next message, a minute after the last one: begin right after a message
        before = last_granted(shown)
        geo.run(SITE_1, "crm_ticket --ticket manual --revoke --force")
        geo.cluster.wait_for(lambda: last_granted(shown) != before, 90, what="a grant by booth")
        geo.run(SITE_1, "crm_ticket --ticket manual --revoke --force")
        shown.wait_for_alarm(MISSING, SITE_1)
        shown.expect(node1=NO_DB, node2=NO_DB, node3=NO_DB, passed={SITE_1: {MISSING}})


def test_daemons_that_are_killed_or_suspended(geo: Geo, tmp_path: Path) -> None:
    with first_site_has_tickets(geo, tmp_path) as shown:
        geo.kill(ARBITRATOR)
        shown.expect(node1=unreachable(ARBITRATOR), node3=DOWN)
        assert shown.number(ARBITRATOR, "up") == 0
        geo.start(ARBITRATOR)
        shown.wait_for_holder("manual", SITE_1)  # after the next message about it
        shown.expect()

        geo.signal(SITE_1, "STOP")
        shown.wait_for_alarm(EXPIRING, SITE_2, ARBITRATOR)
        geo.wait(SITE_2, "ticket: db, leader: 10.61.0.2")
        shown.wait_for_alarm(SILENT, SITE_1)
        assert shown.number(SITE_1, "up") is None
        geo.signal(SITE_1, "CONT")
        shown.wait_for_holder("db", SITE_2)
        others = {EXPIRING}
        shown.expect(passed={SITE_1: {SILENT}, SITE_2: others, ARBITRATOR: others}, possibly={SITE_1: others})


def test_a_site_that_does_not_exist(geo: Geo, tmp_path: Path) -> None:
    absent = CONFIGURATION.replace("10.61.0.2", "10.61.0.9")
    for node in (SITE_1, ARBITRATOR):
        geo.run(node, "cat > /etc/booth/booth.conf", text=absent)
    geo.start(SITE_1, ARBITRATOR)
    geo.run(SITE_2, "rm /etc/booth/booth.conf")
    missing = {("booth-peer-unreachable", "booth/10.61.0.9")}
    with witnesses(geo, tmp_path) as shown:
        shown.expect(node1=NO_LEADER | missing, node3=NO_LEADER | missing)
        geo.grant(SITE_1, "db")
        geo.wait(ARBITRATOR, "ticket: db, leader: 10.61.0.1")
        shown.expect(node1=NO_MANUAL | missing, node3=NO_MANUAL | missing)


def test_a_ticket_expires_because_all_others_are_down(geo: Geo, tmp_path: Path) -> None:
    with first_site_has_tickets(geo, tmp_path) as shown:
        geo.kill(SITE_2)
        geo.kill(ARBITRATOR)
        shown.wait_for_alarm(EXPIRING, SITE_1)
        shown.expect(node1=NO_DB | unreachable(SITE_2, ARBITRATOR), node2=DOWN, node3=DOWN, passed={SITE_1: {EXPIRING}})
        assert shown.number(SITE_1, "ticket_granted_here", ticket="db") == 0
        geo.start(SITE_2, ARBITRATOR)
        geo.wait(SITE_2, "ticket: db, leader: 10.61.0.")
        shown.expect()


def test_a_site_is_cut_off_from_the_arbitrator_only(geo: Geo, tmp_path: Path) -> None:
    with first_site_has_tickets(geo, tmp_path) as shown:
        geo.separate(SITE_1, ARBITRATOR)
        shown.wait_for_alarm(EXPIRING, ARBITRATOR)
        shown.expect(node1=unreachable(ARBITRATOR), node3=NO_DB | unreachable(SITE_1), passed={ARBITRATOR: {EXPIRING}})
        assert shown.number(SITE_1, "ticket_granted_here", ticket="db") == 1
        geo.reunite(SITE_1, ARBITRATOR)
        shown.wait_for_holder("db", SITE_1)
        shown.expect()


def test_gateways_are_restarted_while_the_arbitrator_is_down(geo: Geo, tmp_path: Path) -> None:
    with first_site_has_tickets(geo, tmp_path) as shown:
        geo.signal(ARBITRATOR, "TERM")
        shown.expect(node1=unreachable(ARBITRATOR), node3=DOWN)
        for node in ADDRESSES:
            shown[node].restart()
        shown.expect(node1=unreachable(ARBITRATOR), node3=DOWN)
        geo.start(ARBITRATOR)
        shown.expect()


def test_an_arbitrator_with_another_key(geo: Geo, tmp_path: Path) -> None:
    """Its messages arrive, and so do those of the sites. All of them are rejected."""
    geo.run(ARBITRATOR, "mv /etc/booth/authkey /etc/booth/right && echo 'another key' > /etc/booth/authkey")
    geo.run(ARBITRATOR, "chmod 600 /etc/booth/authkey")
    geo.start(*ADDRESSES)
    geo.grant(SITE_1, "db")
    geo.grant(SITE_1, "manual")
    with witnesses(geo, tmp_path) as shown:
        shown.expect(
            node1=unreachable(ARBITRATOR),
            node2=unreachable(ARBITRATOR),
            node3=NO_LEADER | unreachable(SITE_1, SITE_2),
        )
        geo.kill(ARBITRATOR)
        geo.run(ARBITRATOR, "mv /etc/booth/right /etc/booth/authkey")
        geo.start(ARBITRATOR)
        shown.wait_for_holder("db", SITE_1)
        shown.expect()


def test_sites_whose_nodes_have_the_same_name(make_geo: MakeGeo, tmp_path: Path) -> None:
    geo = make_geo(same_name=True)
    with first_site_has_tickets(geo, tmp_path) as shown:
        geo.revoke(SITE_1, "db")
        shown.wait_for_holder("db", None)
        geo.grant(SITE_2, "db")
        shown.wait_for_holder("db", SITE_2)
        shown.expect()


@pytest.mark.not_on("bookworm", reason="booth 1.0-283 hangs on a host with an IPv6 address")
def test_ipv6(make_geo: MakeGeo, tmp_path: Path) -> None:
    geo = make_geo(network="fd00::")
    with first_site_has_tickets(geo, tmp_path) as shown:
        geo.kill(ARBITRATOR)
        shown.expect(node1={("booth-peer-unreachable", "booth/fd00::3")}, node3=DOWN)
        geo.start(ARBITRATOR)
        shown.expect()
