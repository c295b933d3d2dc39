"""Two sites of a geo cluster and their arbitrator, with booth, in a lab.

node1 and node2 are clusters of one node each. node3 is the arbitrator, without Corosync and Pacemaker. The ticket
``db`` expires after 30 s, ``manual`` is a manual ticket. Needs the packages booth and booth-pacemaker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.lab.cluster import Cluster

SITE_1, SITE_2, ARBITRATOR = "node1", "node2", "node3"
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
LIST = "booth list -c /etc/booth/booth.conf"
_START = "{ setsid boothd daemon -S -c /etc/booth/booth.conf </dev/null >/var/log/boothd.out 2>&1 & }"


class Geo:
    """Booth on two sites and an arbitrator, in a lab of three hosts on which no daemon runs."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

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
        self.run(node, "kill -KILL $(pidof boothd); while pidof boothd; do sleep 0.1; done")

    def signal(self, node: str, name: str) -> None:
        """Sends a signal to boothd, by its name."""
        self.run(node, f"kill -{name} $(pidof boothd)")

    def tickets(self, node: str) -> str:
        """Returns what ``booth list`` prints."""
        return self.run(node, LIST, check=False)

    def wait(self, node: str, text: str, *, timeout: float = 90) -> None:
        """Waits until ``booth list`` prints a text."""
        self.cluster.wait_for(lambda: text in self.tickets(node), timeout, what=f"{text!r} on {node}")

    def grant(self, node: str, ticket: str, *options: str) -> None:
        """Grants a ticket to the site of a node, and does not wait longer than a moment for the outcome."""
        self.run(node, f"timeout 10 booth grant {' '.join(options)} {ticket}", check=False)

    def revoke(self, node: str, ticket: str, *options: str) -> None:
        """Revokes a ticket, and does not wait longer than a moment for the outcome."""
        self.run(node, f"timeout 10 booth revoke {' '.join(options)} {ticket}", check=False)
