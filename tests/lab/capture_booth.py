"""Records the output of booth's tools in many situations: ``python -m tests.lab.capture_booth DIR``.

Two sites, node1 and node2, are clusters of one node each. node3 is the arbitrator, without Corosync and Pacemaker. Each
situation is ``DIR/booth/SITUATION``; the README of the captures describes them.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from tests.lab.base import BASE_ENV, LabError, Options
from tests.lab.cluster import Cluster

SITE_1, SITE_2, ARBITRATOR = "node1", "node2", "node3"
BOOTH = {
    "booth-list": "booth list -c /etc/booth/booth.conf",
    "booth-peers": "booth peers -c /etc/booth/booth.conf",
    "booth-status": "booth status -c /etc/booth/booth.conf",
}
SITE = {
    **BOOTH,
    "crm_mon--output-as=xml": "crm_mon -1 --output-as=xml --inactive",
    "cibadmin-constraints": "cibadmin --query --local --scope constraints",
    "corosync-quorumtool-p": "corosync-quorumtool -p",
    "corosync-cfgtool-s": "corosync-cfgtool -s",
}
CONFIGURATION = """\
authfile = "/etc/booth/authkey"
site = "10.61.0.1"
site = "10.61.0.2"
arbitrator = "10.61.0.3"
ticket = "__defaults__"
    timeout = 1
    retries = 3
ticket = "db"
    expire = 30
    renewal-freq = 10
    acquire-after = 5
ticket = "manual"
    mode = manual
"""
RESOURCES = """
primitive db ocf:heartbeat:Dummy op monitor interval=30s
rsc_ticket db-at-active-site db: db loss-policy=stop
"""
# booth 1.0-283 waits for ever for the end of the list of IPv6 addresses, which newer kernels append to the last address
_PREPARE = """
sysctl -q -w net.ipv6.conf.all.disable_ipv6=1
mkdir -p /run/booth && chown hacluster /run/booth && mount -t tmpfs none /etc/booth && cat > /etc/booth/booth.conf
printf 'the key of the lab' > /etc/booth/authkey && chmod 600 /etc/booth/authkey
"""
_START = "{ setsid boothd daemon -S -c /etc/booth/booth.conf </dev/null >/var/log/boothd.out 2>&1 & }"


class Geo:
    """Two sites and an arbitrator, and the directory for what their tools print."""

    def __init__(self, cluster: Cluster, directory: Path) -> None:
        self.cluster = cluster
        self.directory = directory

    def prepare(self) -> None:
        """Starts the clusters of the sites, and booth on all hosts."""
        for node in (SITE_1, SITE_2):
            path = self.cluster.path(node, "/etc/corosync") / "corosync.conf"
            head, _, rest = path.read_text(encoding="ascii").partition("nodelist {")
            number = node.removeprefix("node")
            own = (
                f"    node {{\n        ring0_addr: 10.61.0.{number}\n        name: {node}\n        nodeid: 1\n    }}\n"
            )
            path.write_text(f"{head}nodelist {{\n{own}}}\nquorum {rest.partition('quorum ')[2]}", encoding="ascii")
            self.cluster.start_corosync(node)
            self.cluster.start_pacemaker(node)
        for node in (SITE_1, SITE_2):
            self.cluster.wait_dc(node)
            self.cluster.load(RESOURCES, node)
            self.cluster.wait_idle(node)
        for node in self.cluster.nodes:
            self.run(node, _PREPARE, text=CONFIGURATION)

    def run(self, node: str, script: str, *, text: str = "", check: bool = True) -> str:
        """Runs a shell script on a host, and returns what it printed."""
        done = self.cluster.run(node, "sh", "-c", script, input=text, check=check)
        return done.stdout + done.stderr

    def start(self, *nodes: str) -> None:
        """Starts boothd, and waits until it answers."""
        for node in nodes:
            self.run(node, _START)
        self.cluster.wait_for(lambda: all("ticket: " in self.tickets(node) for node in nodes), what="boothd")

    def kill(self, node: str) -> None:
        """Kills boothd, which leaves its PID file behind."""
        self.run(node, "kill -9 $(pidof boothd); while pidof boothd; do sleep 0.1; done")

    def tickets(self, node: str) -> str:
        """Returns what ``booth list`` prints."""
        return self.run(node, BOOTH["booth-list"], check=False)

    def wait(self, node: str, text: str, *, timeout: float = 90) -> None:
        """Waits until ``booth list`` prints a text."""
        self.cluster.wait_for(lambda: text in self.tickets(node), timeout, what=f"{text!r} on {node}")

    def record(self, situation: str, node: str = SITE_1, *, user: str | None = None) -> None:
        """Runs the tools on a host and writes their output."""
        print(situation, flush=True)
        folder = self.directory / "booth" / situation
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, command in (BOOTH if node == ARBITRATOR or user else SITE).items():
            done = self.cluster.run(node, *command.split(), user=user, check=False, env=BASE_ENV)
            (folder / f"{name}.stdout").write_bytes(done.stdout.encode(errors="surrogateescape"))
            (folder / f"{name}.stderr").write_bytes(done.stderr.encode(errors="surrogateescape"))
            (folder / f"{name}.rc").write_text(f"{done.returncode}\n", encoding="ascii")


def tickets(geo: Geo) -> None:
    """Records tickets that were never granted, granted, renewed, revoked, moved and pending."""
    geo.record("not-granted")
    geo.record("not-granted-arbitrator", ARBITRATOR)
    geo.run(SITE_1, "booth grant db", check=False)
    geo.run(SITE_1, "booth grant manual", check=False)
    geo.wait(ARBITRATOR, "ticket: db, leader: 10.61.0.1")
    geo.wait(ARBITRATOR, "ticket: manual, leader: 10.61.0.1")
    geo.cluster.wait_idle(SITE_1)
    geo.record("granted")
    geo.record("granted-other-site", SITE_2)
    geo.record("granted-arbitrator", ARBITRATOR)
    before = geo.tickets(SITE_1)
    geo.cluster.wait_for(lambda: geo.tickets(SITE_1) != before, what="a renewal")
    geo.record("renewed")
    geo.run(SITE_1, "booth revoke db", check=False)
    geo.wait(ARBITRATOR, "ticket: db, leader: none")
    geo.record("revoked")
    geo.record("revoked-arbitrator", ARBITRATOR)
    geo.run(SITE_2, "booth grant db", check=False)
    geo.wait(SITE_1, "ticket: db, leader: 10.61.0.2")
    geo.cluster.wait_idle(SITE_1)
    geo.cluster.wait_idle(SITE_2)
    geo.record("moved")
    geo.record("moved-there", SITE_2)
    geo.run(SITE_2, "booth revoke db", check=False)
    geo.wait(SITE_1, "ticket: db, leader: none")


def failures(geo: Geo) -> None:
    """Records a site that is cut off, a daemon that was killed, and tickets that differ from Pacemaker's."""
    geo.cluster.cut(SITE_2)
    geo.run(SITE_1, "booth grant db", check=False)
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
    geo.run(SITE_1, "booth grant -F manual", check=False)
    geo.cluster.heal(SITE_1)
    geo.wait(SITE_1, "ticket: db, leader: 10.61.0.2")
    geo.run(SITE_2, "booth grant -F manual", check=False)
    geo.wait(ARBITRATOR, "WARNING")
    geo.record("two-leaders-arbitrator", ARBITRATOR)
    geo.record("two-leaders")
    geo.run(SITE_2, "booth revoke -w manual", check=False)
    geo.run(SITE_2, "crm_ticket --ticket db --revoke --force")
    geo.cluster.wait_idle(SITE_2)
    geo.record("revoked-in-pacemaker", SITE_2)
    geo.run(SITE_1, "crm_ticket --ticket db --grant --force")
    geo.cluster.wait_idle(SITE_1)
    geo.record("granted-in-pacemaker")
    geo.run(SITE_1, "crm_ticket --ticket db --revoke --force")


def daemons(geo: Geo) -> None:
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


def main() -> int:
    """Records all situations."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--only", choices=list(_PARTS), help="record only one part of the time line")
    arguments = parser.parse_args()
    cluster = Cluster(Options(nodes=3, cluster_name="geo"))
    try:
        cluster.start(daemons=False)
        geo = Geo(cluster, arguments.directory)
        geo.prepare()
        geo.start(*cluster.nodes)
        for record in [_PARTS[arguments.only]] if arguments.only else _PARTS.values():
            record(geo)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        cluster.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
