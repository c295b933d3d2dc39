"""The files of a node: what it sees as /etc/corosync, /var/lib/pacemaker and so on, and their first contents."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from tests.lab.systems import PACKAGES_INSIDE, System, systems
from tests.programs import PACKAGES, ROOT

if TYPE_CHECKING:
    from tests.lab.base import Options

EMPTY = ("/etc/corosync", "/var/lib/corosync", "/var/lib/pacemaker", "/var/log")
_COPIED = ("/etc/default", "/etc/sysconfig")  # as the node's system has them
_DIRECTORIES = ("var-log/cluster", "var-log/crmsh")
_HACLUSTER = (
    "var-log/pacemaker",
    "var-lib-pacemaker",
    *(f"var-lib-pacemaker/{name}" for name in ("cib", "cores", "pengine", "blackbox")),
)


def own_directories(system: System) -> dict[str, str]:
    """Returns the directories that each node has for itself: path inside -> name in the node's directory outside."""
    return {path: path[1:].replace("/", "-") for path in (*EMPTY, *_COPIED) if system.inside(path).is_dir()}


def shared_directories() -> dict[str, str]:
    """Returns what a node with a tree sees of the machine: path outside -> path inside."""
    shared = [tempfile.gettempdir(), str(ROOT)]
    return {**{path: path for path in shared}, str(PACKAGES / "gateway"): f"{PACKAGES_INSIDE}/gateway"}


def address(number: int, ring: int) -> str:
    """Returns the address of a node, counted from 1, in a ring."""
    return f"10.{61 + ring}.0.{number}"


def make_node_directory(root: Path, options: Options, system: System) -> None:
    """Makes the directory that holds a node's own directories, ready for its first start."""
    root.mkdir()
    write_system(root, system)
    for own in _DIRECTORIES:
        (root / own).mkdir()
    for own in _HACLUSTER:
        (root / own).mkdir(exist_ok=True)
        (root / own).chmod(0o770 if own == "var-log/pacemaker" else 0o750)
        os.chown(root / own, *system.ids("hacluster"))
    (root / "etc-corosync/corosync.conf").write_text(corosync_conf(options), encoding="ascii")
    cib = root / "var-lib-pacemaker/cib/cib.xml"
    cib.write_text(first_cib(options), encoding="utf-8")
    cib.chmod(0o600)
    os.chown(cib, *system.ids("hacluster"))


def write_system(root: Path, system: System) -> None:
    """Writes what a node's init mounts, and makes the own directories that the node does not have yet."""
    (root / "tree").unlink(missing_ok=True)
    if not system.is_machine:
        (root / "tree").write_text(f"{system.root}\n", encoding="utf-8")
        (root / "root").mkdir(exist_ok=True)
    shared = "".join(f"{outside} {inside}\n" for outside, inside in shared_directories().items())
    (root / "shared").write_text(shared, encoding="utf-8")
    mounts = own_directories(system)
    (root / "mounts").write_text("".join(f"{own} {path}\n" for path, own in mounts.items()), encoding="ascii")
    for path, own in mounts.items():
        if path in _COPIED and not (root / own).exists():
            shutil.copytree(system.inside(path), root / own, symlinks=True)
        else:
            (root / own).mkdir(exist_ok=True)


def change_system(root: Path, old: System, new: System) -> None:
    """Changes the directory of a node, which keeps its files, for another system, whose users have other numbers."""
    write_system(root, new)
    for own in _HACLUSTER:
        for path in (root / own, *(root / own).iterdir()):
            if path.stat().st_uid == old.ids("hacluster")[0]:
                os.chown(path, *new.ids("hacluster"))


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


def first_cib(options: Options) -> str:
    """Returns a CIB with nothing but cluster properties, in the newest schema that the first node's Pacemaker knows."""
    cib = ET.fromstring(systems(options)[0].tool("cibadmin", "--empty"))
    config = cib.find("configuration/crm_config")
    assert config is not None
    property_set = ET.SubElement(config, "cluster_property_set", id="cib-bootstrap-options")
    for name, value in options.properties.items():
        ET.SubElement(property_set, "nvpair", id=f"cib-bootstrap-options-{name}", name=name, value=value)
    return ET.tostring(cib, encoding="unicode")
