"""Two nodes with a quorum device, and their arbitrator: corosync-qdevice and corosync-qnetd in a lab.

node1 and node2 run Corosync and corosync-qdevice, without Pacemaker. node3 runs corosync-qnetd, without a cluster.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.lab import namespaces

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.cluster import Cluster

NODES = ("node1", "node2")
ARBITRATOR = "node3"
EXPIRED = {"authority": "-n QNet CA -s", "arbitrator": "-n QNetd Cert", "node": "-C -v"}
"""Whose certificate can have expired -> what the arguments of the certutil contain that makes it."""

_ARBITRATOR_CERTIFICATES, _NODE_CERTIFICATES = "/etc/corosync/qnetd/nssdb", "/etc/corosync/qdevice/net/nssdb"
_EXPIRING_CERTUTIL = """\
mkdir -p /run/certutil
cat >/run/certutil/certutil <<'END'
#!/bin/bash
# The certificate is valid for six months, from a year ago.
case "$*" in
    *"$EXPIRED"*) exec /usr/bin/certutil "${@/#1200/6}" -w -12 ;;
    *) exec /usr/bin/certutil "$@" ;;
esac
END
chmod +x /run/certutil/certutil
"""
_DEVICE = """\
    device {{
        model: net
        votes: 1
        timeout: 3000
        sync_timeout: 4000
        net {{
            host: {host}
            algorithm: {algorithm}
            tls: {tls}
        }}
{heuristics}    }}
"""
_HEURISTICS = """\
        heuristics {
            mode: on
            exec_test: /usr/bin/test -e /run/reachable
        }
"""


class Arbitration:
    """The daemons of a quorum device in a lab of three hosts.

    Args:
        cluster: a lab of three hosts on which no daemon runs.
        algorithm: the algorithm of the arbitrator.
        tls: the setting of the nodes: ``off``, ``on`` or ``required``.
        heuristics: whether the nodes run a command, which succeeds while /run/reachable exists.
        name: the name of the cluster.
        host: the address of the arbitrator; by default that of the lab.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        algorithm: str = "ffsplit",
        tls: str = "off",
        heuristics: bool = False,
        name: str = "pair",
        host: str = "",
    ) -> None:
        self.cluster = cluster
        self.name = name
        device = _DEVICE.format(
            host=host or cluster.address(ARBITRATOR),
            algorithm=algorithm,
            tls=tls,
            heuristics=_HEURISTICS if heuristics else "",
        )
        for node in NODES:
            path = cluster.path(node, "/etc/corosync") / "corosync.conf"
            head, _, rest = path.read_text(encoding="ascii").partition("nodelist {")
            nodes = "".join(_node(each, cluster.address(each)) for each in NODES)
            quorum = rest.partition("quorum {")[2].replace("    two_node: 0\n", device)
            head = head.replace(f"cluster_name: {cluster.options.cluster_name}\n", f"cluster_name: {name}\n")
            path.write_text(f"{head}nodelist {{\n{nodes}}}\nquorum {{{quorum}", encoding="utf-8")

    def start(self, *options: str) -> None:
        """Starts all daemons, and does not wait for votes; the options are corosync-qnetd's."""
        self.start_qnetd(*options)
        for node in NODES:
            self.cluster.start_corosync(node)
            self.start_qdevice(node)

    def start_qnetd(self, *options: str) -> None:
        """Starts corosync-qnetd, by default without TLS."""
        arguments = " ".join(options or ("-s", "off"))
        self._shell(ARBITRATOR, f"mkdir -p /run/corosync-qnetd && corosync-qnetd {arguments}")

    def start_qdevice(self, node: str) -> None:
        """Starts corosync-qdevice."""
        self._shell(node, "mkdir -p /run/corosync-qdevice && corosync-qdevice")

    def signal(self, node: str, daemon: str, number: signal.Signals) -> None:
        """Sends a signal to a daemon; after SIGKILL and SIGTERM, waits for its end."""
        namespaces.signal_all(self._pids(node, daemon), number)
        if number in {signal.SIGKILL, signal.SIGTERM}:
            self.cluster.wait_for(lambda: not self._pids(node, daemon), what=f"the end of {daemon}")

    def kill(self, node: str, daemon: str) -> None:
        """Kills a daemon."""
        self.signal(node, daemon, signal.SIGKILL)

    def has_vote(self, node: str) -> bool:
        """Returns whether Corosync counts the vote of the device on a node."""
        return " A,V,NMW " in self.cluster.run(node, "corosync-quorumtool", "-p", check=False).stdout

    def device(self, node: str) -> str:
        """Returns what ``corosync-qdevice-tool -s -v`` prints."""
        return self.cluster.run(node, "corosync-qdevice-tool", "-s", "-v", check=False).stdout

    def listing(self) -> str:
        """Returns what ``corosync-qnetd-tool -l -v`` prints."""
        return self.cluster.run(ARBITRATOR, "corosync-qnetd-tool", "-l", "-v", check=False).stdout

    def wait(self, predicate: Callable[[], object], *, what: str) -> None:
        """Waits until a predicate is true."""
        self.cluster.wait_for(predicate, what=what)

    def make_certificates(self, *, expired: str = "") -> None:
        """Makes certificates for the arbitrator and for both nodes, as the manual pages describe.

        Args:
            expired: whose certificate has expired, one of ``EXPIRED``; nobody's if it is empty.
        """
        name, (first, second) = self.name, NODES
        variable = f"PATH=/run/certutil:$PATH EXPIRED='{EXPIRED[expired]}' " if expired else ""
        self._shell(ARBITRATOR, _EXPIRING_CERTUTIL)
        self._shell(ARBITRATOR, f"{variable}corosync-qnetd-certutil -i")
        for node in NODES:
            self._copy(ARBITRATOR, f"{_ARBITRATOR_CERTIFICATES}/qnetd-cacert.crt", node, "/run/ca.crt")
            self._shell(node, "corosync-qdevice-net-certutil -i -c /run/ca.crt")
        self._shell(first, f"corosync-qdevice-net-certutil -r -n {name}")
        self._copy(first, f"{_NODE_CERTIFICATES}/qdevice-net-node.crq", ARBITRATOR, "/run/node.crq")
        self._shell(ARBITRATOR, f"{variable}corosync-qnetd-certutil -s -c /run/node.crq -n {name}")
        self._copy(ARBITRATOR, f"{_ARBITRATOR_CERTIFICATES}/cluster-{name}.crt", first, f"/run/cluster-{name}.crt")
        self._shell(first, f"corosync-qdevice-net-certutil -M -c /run/cluster-{name}.crt")
        self._copy(first, f"{_NODE_CERTIFICATES}/qdevice-net-node.p12", second, "/run/node.p12")
        self._shell(second, "corosync-qdevice-net-certutil -m -c /run/node.p12")

    def _pids(self, node: str, daemon: str) -> list[int]:
        return list(namespaces.processes(self.cluster.init_pid(node), [daemon]))

    def _shell(self, node: str, script: str) -> str:
        return self.cluster.run(node, "sh", "-c", script).stdout

    def _copy(self, source: str, path: str, target: str, copy: str) -> None:
        content = self.cluster.run(source, "base64", path).stdout
        self.cluster.run(target, "sh", "-c", f"base64 -d > {copy}", input=content)


def _node(name: str, address: str) -> str:
    number = name.removeprefix("node")
    return f"    node {{\n        ring0_addr: {address}\n        name: {name}\n        nodeid: {number}\n    }}\n"
