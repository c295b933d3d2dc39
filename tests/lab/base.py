"""What a lab is made of, and what it needs on the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

BASE_ENV: Mapping[str, str] = {"LC_ALL": "C", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
# crmsh keeps caches and histories in the home and temporary directories: it gets those of the node.
NODE_ENV: Mapping[str, str] = {**BASE_ENV, "HOME": "/run/root", "TMPDIR": "/run/tmp", "PCMK_logfacility": "none"}

# Debian package -> what the lab uses of it
_PACKAGES: Mapping[str, tuple[str, ...]] = {
    "pacemaker": ("pacemakerd",),
    "pacemaker-cli-utils": ("crm_mon", "crm_simulate", "cibadmin"),
    "corosync": ("corosync", "corosync-quorumtool", "corosync-cfgtool"),
    "crmsh": ("crm",),
    "sbd": ("sbd",),
    "iproute2": ("ip",),
    "util-linux": ("unshare", "nsenter", "setpriv"),
    "mount": ("mount", "losetup"),
    "resource-agents": ("/usr/lib/ocf/resource.d/heartbeat/Dummy",),
    "pacemaker-resource-agents": ("/usr/lib/ocf/resource.d/pacemaker/Stateful",),
}
_PROBE = "ip link add br0 type bridge && ip link add veth0 type veth peer name veth1 && mount -t tmpfs tmpfs /run"


class LabError(Exception):
    """A lab operation failed; the message gives the reason in one line."""


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


def missing_prerequisites() -> str | None:
    """Returns why no lab can run here and the remedy, in one line; None if one can."""
    if os.geteuid() != 0:
        return "the lab needs root"
    path = BASE_ENV["PATH"]
    missing = [name for name, tools in _PACKAGES.items() if not all(shutil.which(one, path=path) for one in tools)]
    if missing:
        return f"the lab needs Debian packages that are not installed: apt-get install {' '.join(missing)}"
    try:
        tool("unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", _PROBE)
    except (LabError, subprocess.TimeoutExpired) as error:
        return f"the lab needs namespaces, bridges and veths, which this machine does not give: {error}"
    return None
