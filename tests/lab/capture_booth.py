"""Records the output of booth's tools in many situations: ``python -m tests.lab.capture_booth DIR``.

Two sites, node1 and node2, are clusters of one node each. node3 is the arbitrator, without Corosync and Pacemaker. Each
situation is ``DIR/booth/SITUATION``; the README of the captures describes them.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from tests.lab.base import Options
from tests.lab.capture import TOOLS, record_outputs, record_parts
from tests.lab.cluster import Cluster
from tests.lab.geo import ARBITRATOR, CONFIGURATION, LIST, SITE_1, SITE_2, Geo

BOOTH = {
    "booth-list": LIST,
    "booth-peers": "booth peers -c /etc/booth/booth.conf",
    "booth-status": "booth status -c /etc/booth/booth.conf",
}
SITE = {**BOOTH, **TOOLS}


class RecordedGeo(Geo):
    """Sites and an arbitrator whose tools are recorded.

    Args:
        cluster: the lab.
        directory: where the folder of all situations is.
    """

    def __init__(self, cluster: Cluster, directory: Path) -> None:
        super().__init__(cluster)
        self.directory = directory

    def record(self, situation: str, node: str = SITE_1, *, user: str | None = None) -> None:
        """Runs the tools on a host and writes their output."""
        print(situation, flush=True)
        folder = self.directory / "booth" / situation
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        tools = BOOTH if node == ARBITRATOR or user else SITE
        record_outputs(self.cluster, folder, tools, node=node, user=user)


def tickets(geo: RecordedGeo) -> None:
    """Records tickets that were never granted, granted, renewed, revoked, moved and pending."""
    geo.record("not-granted")
    geo.record("not-granted-arbitrator", ARBITRATOR)
    geo.grant(SITE_1, "db")
    geo.grant(SITE_1, "manual")
    geo.wait(ARBITRATOR, "ticket: db, leader: 10.61.0.1")
    geo.wait(ARBITRATOR, "ticket: manual, leader: 10.61.0.1")
    geo.cluster.wait_idle(SITE_1)
    geo.record("granted")
    geo.record("granted-other-site", SITE_2)
    geo.record("granted-arbitrator", ARBITRATOR)
    before = geo.tickets(SITE_1)
    geo.cluster.wait_for(lambda: geo.tickets(SITE_1) != before, what="a renewal")
    geo.record("renewed")
    geo.revoke(SITE_1, "db")
    geo.wait(ARBITRATOR, "ticket: db, leader: none")
    geo.record("revoked")
    geo.record("revoked-arbitrator", ARBITRATOR)
    geo.grant(SITE_2, "db")
    geo.wait(SITE_1, "ticket: db, leader: 10.61.0.2")
    geo.cluster.wait_idle(SITE_1)
    geo.cluster.wait_idle(SITE_2)
    geo.record("moved")
    geo.record("moved-there", SITE_2)
    geo.revoke(SITE_2, "db")
    geo.wait(SITE_1, "ticket: db, leader: none")


def failures(geo: RecordedGeo) -> None:
    """Records a site that is cut off, a daemon that was killed, and tickets that differ from Pacemaker's."""
    geo.cluster.cut(SITE_2)
    geo.grant(SITE_1, "db")
    geo.wait(ARBITRATOR, "ticket: db, leader: 10.61.0.1")
    geo.record("site-unreachable")
    geo.cluster.heal(SITE_2)
    geo.wait(SITE_2, "ticket: db, leader: 10.61.0.1")
    geo.cluster.wait_for(lambda: "pending" not in geo.tickets(SITE_1), what="the commit")
    geo.cluster.wait_idle(SITE_1)
    geo.cluster.cut(SITE_1)
    time.sleep(18)  # a renewal and all of its retries have failed, the ticket has not expired
    geo.record("cut-off")
    geo.record("cut-off-seen-elsewhere", ARBITRATOR)
    geo.wait(SITE_1, "ticket: db, leader: NONE")
    geo.cluster.wait_idle(SITE_1)
    geo.record("lost")
    geo.wait(SITE_2, "ticket: db, leader: 10.61.0.2")
    geo.cluster.wait_idle(SITE_2)
    geo.record("taken-over", SITE_2)
    geo.record("taken-over-arbitrator", ARBITRATOR)
    geo.grant(SITE_1, "manual", "-F")
    geo.cluster.heal(SITE_1)
    geo.wait(SITE_1, "ticket: db, leader: 10.61.0.2")
    geo.grant(SITE_2, "manual", "-F")
    geo.wait(ARBITRATOR, "WARNING")
    geo.record("two-leaders-arbitrator", ARBITRATOR)
    geo.record("two-leaders")
    geo.record("two-leaders-there", SITE_2)
    geo.revoke(SITE_2, "manual", "-w")
    geo.run(SITE_2, "crm_ticket --ticket db --revoke --force")
    geo.cluster.wait_idle(SITE_2)
    geo.record("revoked-in-pacemaker", SITE_2)
    geo.run(SITE_1, "crm_ticket --ticket db --grant --force")
    geo.cluster.wait_idle(SITE_1)
    geo.record("granted-in-pacemaker")
    geo.run(SITE_1, "crm_ticket --ticket db --revoke --force")


def daemons(geo: RecordedGeo) -> None:
    """Records daemons that do not run, users without permissions, and a host that no member is on."""
    geo.record("user-of-pacemaker", user="hacluster")
    geo.record("unprivileged", user="nobody")
    geo.run(SITE_1, "chown hacluster /etc/booth/authkey")
    geo.record("key-of-pacemaker", user="hacluster")
    geo.kill(ARBITRATOR)
    geo.record("killed-arbitrator", ARBITRATOR)
    geo.run(ARBITRATOR, "rm -f /run/booth/booth.pid")
    geo.record("stopped-arbitrator", ARBITRATOR)
    geo.record("arbitrator-stopped")
    foreign = CONFIGURATION.replace("10.61.0.", "10.99.0.")
    geo.run(ARBITRATOR, "cat > /etc/booth/booth.conf", text=foreign)
    geo.record("other-addresses", ARBITRATOR)
    geo.run(ARBITRATOR, "cat > /etc/booth/booth.conf", text="site = 10.61.0.1\nsite 10.61.0.2\n")
    geo.record("configuration-damaged", ARBITRATOR)
    geo.run(ARBITRATOR, "rm /etc/booth/booth.conf")
    geo.record("configuration-missing", ARBITRATOR)


_PARTS = {"tickets": tickets, "failures": failures, "daemons": daemons}


def start(cluster: Cluster, directory: Path) -> RecordedGeo:
    """Starts what is recorded."""
    geo = RecordedGeo(cluster, directory)
    geo.prepare()
    for site in (SITE_1, SITE_2):
        cluster.wait_idle(site)
    geo.start(*cluster.nodes)
    return geo


def main() -> int:
    """Records all situations."""
    return record_parts(__doc__.splitlines()[0], _PARTS, Options(nodes=3, cluster_name="geo"), start)


if __name__ == "__main__":
    sys.exit(main())
