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
_WITHOUT_IPV6 = "sysctl -q -w net.ipv6.conf.all.disable_ipv6=1"
_WITH_IPV6 = "ip addr add {address}/64 dev eth0 nodad"
_PREPARE = """
mkdir -p /run/booth && chown hacluster /run/booth && mount -t tmpfs none /etc/booth && cat > /etc/booth/booth.conf
printf 'the key of the lab' > /etc/booth/authkey && chmod 600 /etc/booth/authkey
"""
LIST = "booth list -c /etc/booth/booth.conf"
_NOBODY = "02:00:00:00:00:99"
_START = "{ setsid boothd daemon -S -c /etc/booth/booth.conf </dev/null >/var/log/boothd.out 2>&1 & }"


class Geo:
    """Booth on two sites and an arbitrator, in a lab of three hosts on which no daemon runs.

    Args:
        cluster: the lab.
        network: the network of booth's addresses; that of a host ends with its number.
        same_name: whether the nodes of both sites have the same name.
    """

    def __init__(self, cluster: Cluster, *, network: str = "10.61.0.", same_name: bool = False) -> None:
        self.cluster = cluster
        self.configuration = CONFIGURATION.replace("10.61.0.", network)
        self.addresses = {node: f"{network}{number}" for number, node in enumerate(cluster.nodes, 1)}
        self._names = {node: SITE_1 if same_name and node == SITE_2 else node for node in cluster.nodes}

    def prepare(self) -> None:
        """Starts the clusters of the sites, and booth on all hosts."""
        for node in (SITE_1, SITE_2):
            self._configure(node)
            self.run(node, f"hostname {self._names[node]}")
            self.cluster.start_corosync(node)
            self.cluster.start_pacemaker(node)
        for node in (SITE_1, SITE_2):
            self.cluster.wait_dc(node)
            self.cluster.load(RESOURCES, node)
        for node, address in self.addresses.items():
            self.run(node, _WITH_IPV6.format(address=address) if ":" in address else _WITHOUT_IPV6)
            self.run(node, _PREPARE, text=self.configuration)

    def _configure(self, node: str) -> None:
        path = self.cluster.path(node, "/etc/corosync") / "corosync.conf"
        head, _, rest = path.read_text(encoding="ascii").partition("nodelist {")
        address, name = self.cluster.address(node), self._names[node]
        own = f"    node {{\n        ring0_addr: {address}\n        name: {name}\n        nodeid: 1\n    }}\n"
        path.write_text(f"{head}nodelist {{\n{own}}}\nquorum {rest.partition('quorum ')[2]}", encoding="ascii")

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

    def separate(self, one: str, other: str) -> None:
        """Cuts two hosts off from each other only: what they send each other goes to a station that does not exist."""
        for here, there in ((one, other), (other, one)):
            self.run(here, f"ip neigh replace {self.addresses[there]} lladdr {_NOBODY} dev eth0 nud permanent")

    def reunite(self, one: str, other: str) -> None:
        """Reverts ``separate``."""
        for here, there in ((one, other), (other, one)):
            self.run(here, f"ip neigh del {self.addresses[there]} dev eth0")
