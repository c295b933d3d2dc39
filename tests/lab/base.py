"""What a lab is made of, and what it needs on the machine."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PATIENCE = 60.0
"""Seconds for what takes a moment: on a busy machine it may take many. No test waits that long if all is well."""

BASE_ENV: Mapping[str, str] = {"LC_ALL": "C", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
# crmsh keeps caches and histories in the home and temporary directories: it gets those of the node.
NODE_ENV: Mapping[str, str] = {**BASE_ENV, "HOME": "/run/root", "TMPDIR": "/run/tmp", "PCMK_logfacility": "none"}

# Debian package -> what the lab uses of it: on the machine, and on the system of each node
MACHINE_PACKAGES: Mapping[str, tuple[str, ...]] = {
    "iproute2": ("ip",),
    "util-linux": ("unshare", "nsenter"),
    "mount": ("mount", "losetup"),
}
NODE_PACKAGES: Mapping[str, tuple[str, ...]] = {
    "pacemaker": ("pacemakerd",),
    "pacemaker-cli-utils": ("crm_mon", "crm_simulate", "cibadmin"),
    "corosync": ("corosync", "corosync-quorumtool", "corosync-cfgtool"),
    "crmsh": ("crm",),
    "sbd": ("sbd",),
    "util-linux": ("setpriv",),
    "resource-agents": ("/usr/lib/ocf/resource.d/heartbeat/Dummy",),
    "pacemaker-resource-agents": ("/usr/lib/ocf/resource.d/pacemaker/Stateful",),
}


class LabError(Exception):
    """A lab operation failed; the message gives the reason in one line."""


def default_trees() -> tuple[str, ...]:
    """Returns the tree that the nodes of every lab run; none for the machine's own system."""
    tree = os.environ.get("LAB_TREE")
    return (tree,) if tree else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a lab is made of.

    Attributes:
        nodes: Number of nodes, 1 to 16; their names are node1, node2, ...
        rings: Number of rings (knet links), 1 to 8.
        cluster_name: As in corosync.conf.
        two_node: The option two_node of votequorum; None enables it exactly if there are two nodes.
        token: Corosync's token timeout in milliseconds. Corosync adds 650 for every node after the second.
        properties: Cluster properties that are set before the first start.
        trees: The trees of other Debian releases that the nodes run, in the order of the nodes; the last one is also
            for the nodes after it, and an empty text is the machine's own system. Nodes may differ: the first one is
            the oldest. By default it is the tree that the variable LAB_TREE names.
    """

    nodes: int = 3
    rings: int = 1
    cluster_name: str = "lab"
    two_node: bool | None = None
    token: int = 1000
    # The first election waits for dc-deadtime, by default 20 s.
    properties: Mapping[str, str] = field(
        default_factory=lambda: {"stonith-enabled": "false", "dc-deadtime": "1s"},
    )
    trees: Sequence[str] = field(default_factory=default_trees)

    def __post_init__(self) -> None:
        if not 1 <= self.nodes <= 16:
            raise LabError(f"a lab has 1 to 16 nodes, not {self.nodes}")
        if not 1 <= self.rings <= 8:
            raise LabError(f"a lab has 1 to 8 rings, not {self.rings}")


def tool(*argv: str, input: str = "") -> str:  # noqa: A002 - the name that subprocess.run gives it
    """Runs a command on the machine itself, and returns its output.

    Raises:
        LabError: Its exit status is not 0.
    """
    done = subprocess.run(argv, input=input, check=False, capture_output=True, text=True, env=BASE_ENV, timeout=30)
    if done.returncode != 0:
        message = (done.stderr or done.stdout).strip().replace("\n", " | ")
        raise LabError(f"{' '.join(argv)}: exit status {done.returncode}: {message}")
    return done.stdout
