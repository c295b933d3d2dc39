"""A configuration with one of everything that the gateway shows, in the language of ``crm configure load``."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Dummy and Stateful do nothing but keep a state file in /run, which each of the lab's nodes has for itself.
DEMO_RESOURCES = """
node 1: node1 attributes rack=a
node 2: node2 attributes rack=b
primitive vip ocf:heartbeat:Dummy op monitor interval=10s timeout=20s meta migration-threshold=3
primitive nfs-export ocf:heartbeat:Dummy op monitor interval=10s timeout=20s
primitive nfs-ip ocf:heartbeat:Dummy op monitor interval=10s timeout=20s
group g-nfs nfs-export nfs-ip
primitive ping ocf:heartbeat:Dummy op monitor interval=10s timeout=20s
clone cl-ping ping meta interleave=true
primitive db ocf:pacemaker:Stateful \\
    op monitor interval=10s role=Promoted timeout=20s op monitor interval=11s role=Unpromoted timeout=20s
clone db-clone db meta promotable=true promoted-max=1 notify=true
primitive lvm ocf:heartbeat:Dummy op monitor interval=10s timeout=20s
primitive fs ocf:heartbeat:Dummy op monitor interval=10s timeout=20s
group g-storage lvm fs
clone cl-storage g-storage meta interleave=true
primitive backup ocf:heartbeat:Dummy op monitor interval=10s timeout=20s meta target-role=Stopped
location vip-prefers-node1 vip 100: node1
location vip-never-on-node3 vip -inf: node3
location nfs-by-rule g-nfs rule 200: #uname eq node2 rule -50: #uname eq node3
location db-by-rule db-clone rule $role=Promoted 50: #uname eq node1
location backup-hours backup resource-discovery=never rule -inf: #uname ne node2 or not_defined backup-host
location set-on-node2 { nfs-export nfs-ip } 10: node2
location nfs-by-pattern /^nfs-.*/ 5: node2
colocation nfs-with-vip -100: g-nfs vip
order storage-before-nfs Optional: cl-storage g-nfs
"""

_OLD_ROLES = {"Promoted": "Master", "Unpromoted": "Slave"}


def role(name: str, pacemaker: tuple[int, ...]) -> str:
    """Returns what a version of Pacemaker calls the role Promoted or Unpromoted."""
    return _OLD_ROLES[name] if pacemaker < (2, 1) else name


def adapted(text: str, pacemaker: tuple[int, ...]) -> str:
    """Returns a configuration that is written for Pacemaker 2.1 as another version accepts it."""
    if pacemaker < (2, 1):
        return re.sub(r"\b(Promoted|Unpromoted)\b", lambda match: _OLD_ROLES[match[1]], text)
    if pacemaker >= (3,):
        return "".join(line for one in text.splitlines(keepends=True) for line in _single_rules(one))
    return text


def _single_rules(line: str) -> Iterator[str]:
    """Yields a constraint for each rule of a location constraint: since version 3, it has at most one."""
    constraint, *rules = re.split(r"(?= rule )", line.rstrip("\n"))
    if not re.match(r"location \S+ \S+$", constraint) or len(rules) < 2:
        yield line
        return
    for number, rule in enumerate(rules, 1):
        name = "" if number == 1 else f"-{number}"
        yield re.sub(r"^location \S+", lambda match, name=name: match[0] + name, constraint) + rule + "\n"
