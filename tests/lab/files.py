"""The files of a node: what it sees as /etc/corosync, /var/lib/pacemaker and so on, and their first contents."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from tests.lab.base import tool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.lab.base import Options

_EMPTY = ("/etc/corosync", "/var/lib/corosync", "/var/lib/pacemaker", "/var/log")
_COPIED = ("/etc/default", "/etc/sysconfig")  # as the machine has them
_DIRECTORIES = ("var-log/cluster", "var-log/crmsh")
_HACLUSTER = (
    "var-log/pacemaker",
    "var-lib-pacemaker",
    *(f"var-lib-pacemaker/{name}" for name in ("cib", "cores", "pengine", "blackbox")),
)


def own_directories() -> dict[str, str]:
    """Returns the directories that each node has for itself: path inside -> name in the node's directory outside."""
    return {path: path[1:].replace("/", "-") for path in (*_EMPTY, *_COPIED) if Path(path).is_dir()}


def address(number: int, ring: int) -> str:
    """Returns the address of a node, counted from 1, in a ring."""
    return f"10.{61 + ring}.0.{number}"


def make_node_directory(root: Path, options: Options) -> None:
    """Makes the directory that holds a node's own directories, ready for its first start."""
    root.mkdir()
    mounts = own_directories()
    (root / "mounts").write_text("".join(f"{own} {path}\n" for path, own in mounts.items()), encoding="ascii")
    for path, own in mounts.items():
        if path in _COPIED:
            shutil.copytree(path, root / own, symlinks=True)
        else:
            (root / own).mkdir()
    for own in _DIRECTORIES:
        (root / own).mkdir()
    for own in _HACLUSTER:
        (root / own).mkdir(exist_ok=True)
        (root / own).chmod(0o770 if own == "var-log/pacemaker" else 0o750)
        shutil.chown(root / own, "hacluster", "haclient")
    (root / "etc-corosync/corosync.conf").write_text(corosync_conf(options), encoding="ascii")
    cib = root / "var-lib-pacemaker/cib/cib.xml"
    cib.write_text(first_cib(options.properties), encoding="utf-8")
    cib.chmod(0o600)
    shutil.chown(cib, "hacluster", "haclient")


def corosync_conf(options: Options) -> str:
    """Returns the configuration of Corosync, corosync.conf(5), the same on all nodes."""
    two_node = options.nodes == 2 if options.two_node is None else options.two_node
    nodes = "".join(
        "    node {\n"
        + "".join(f"        ring{ring}_addr: {address(number, ring)}\n" for ring in range(options.rings))
        + f"        name: node{number}\n        nodeid: {number}\n    }}\n"
        for number in range(1, options.nodes + 1)
    )
    # knet_pmtud_interval: when a link was down so shortly that not all nodes noticed, the nodes may fail to reach each
    # other until the next run of knet's path MTU discovery (Corosync 3.1.7), which is 30 s later by default.
    # move_to_root_cgroup: the nodes stay in the control group that the lab was started in.
    return f"""\
totem {{
    version: 2
    cluster_name: {options.cluster_name}
    transport: knet
    crypto_cipher: none
    crypto_hash: none
    token: {options.token}
    knet_pmtud_interval: 1
}}
nodelist {{
{nodes}}}
quorum {{
    provider: corosync_votequorum
    two_node: {two_node:d}
}}
logging {{
    to_logfile: yes
    logfile: /var/log/cluster/corosync.log
    to_syslog: no
    to_stderr: no
    timestamp: hires
}}
system {{
    move_to_root_cgroup: no
}}
"""


def first_cib(properties: Mapping[str, str]) -> str:
    """Returns a CIB with nothing but cluster properties, in the newest schema that the installed Pacemaker knows."""
    cib = ET.fromstring(tool("cibadmin", "--empty"))
    config = cib.find("configuration/crm_config")
    assert config is not None
    property_set = ET.SubElement(config, "cluster_property_set", id="cib-bootstrap-options")
    for name, value in properties.items():
        ET.SubElement(property_set, "nvpair", id=f"cib-bootstrap-options-{name}", name=name, value=value)
    return ET.tostring(cib, encoding="unicode")
