"""Makes the CIB of a large cluster, for the real ``crm_mon`` and ``cibadmin`` to print with ``CIB_file`` set.

    python tests/bench/large_cib.py --nodes 32 --instances 2400 > big.xml
    CIB_file=$PWD/big.xml crm_mon -1 --output-as=xml --inactive

A quarter of the instances are plain primitives, a quarter are members of groups of three, and half are copies of
clones that run on every node. Every instance has a start and a monitor in its node's history.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

DIGEST = "f2317cad3d54cec5d7d7aa7d0bf35cf8"
UUID = "4b2b8ae6-5d4f-4a24-a6c1-0b7c2b9d2a10"
LAST_CHANGE = 1790000000


def operation(name: str, operation: str, interval: int, call: int) -> str:
    key = f"{call}:1:0:{UUID}"
    return (
        f'<lrm_rsc_op id="{name}_{operation}_{interval}" operation_key="{name}_{operation}_{interval}" '
        f'operation="{operation}" crm_feature_set="3.16.1" transition-key="{key}" transition-magic="0:0;{key}" '
        f'call-id="{call}" rc-code="0" op-status="0" interval="{interval}" last-rc-change="{LAST_CHANGE}" '
        f'exec-time="{10 + call % 90}" queue-time="0" op-digest="{DIGEST}"/>'
    )


def history(name: str, call: int) -> str:
    operations = operation(name, "start", 0, call) + operation(name, "monitor", 10000, call + 1)
    return f'<lrm_resource id="{name}" class="ocf" provider="pacemaker" type="Dummy">{operations}</lrm_resource>'


def primitive(name: str) -> str:
    monitor = f'<operations><op id="{name}-monitor" name="monitor" interval="10s"/></operations>'
    return f'<primitive id="{name}" class="ocf" provider="pacemaker" type="Dummy">{monitor}</primitive>'


def group(name: str, members: list[str]) -> str:
    return f'<group id="{name}">' + "".join(map(primitive, members)) + "</group>"


def cib(nodes: int, instances: int) -> Iterator[str]:
    """Yields the pieces of the CIB."""
    names = [f"node{number:02}" for number in range(1, nodes + 1)]
    plain = [f"rsc-{number:05}" for number in range(instances // 4)]
    groups = [[f"g{number:04}-{member}" for member in ("fs", "ip", "app")] for number in range(instances // 12)]
    clones = [f"c{number:03}" for number in range(instances // 2 // nodes)]
    running: dict[str, list[str]] = {name: list(clones) for name in names}
    for number, resource in enumerate(plain):
        running[names[number % nodes]].append(resource)
    for number, members in enumerate(groups):
        running[names[number % nodes]].extend(members)

    yield (
        '<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" epoch="42" num_updates="7" admin_epoch="0" '
        'cib-last-written="Mon Sep 21 14:13:20 2026" update-origin="node01" update-client="cibadmin" '
        'update-user="root" have-quorum="1" dc-uuid="1"><configuration><crm_config>'
        '<cluster_property_set id="cib-bootstrap-options">'
        '<nvpair id="o1" name="stonith-enabled" value="false"/>'
        '<nvpair id="o2" name="cluster-infrastructure" value="corosync"/>'
        '<nvpair id="o3" name="dc-version" value="2.1.5-a3f44794f94"/></cluster_property_set></crm_config><nodes>'
    )
    for number, name in enumerate(names, 1):
        yield f'<node id="{number}" uname="{name}"/>'
    yield "</nodes><resources>"
    yield from map(primitive, plain)
    for number, members in enumerate(groups):
        yield group(f"g{number:04}", members)
    for clone in clones:
        yield f'<clone id="{clone}-clone">{primitive(clone)}</clone>'
    yield "</resources><constraints>"
    for number, resource in enumerate(plain):
        yield f'<rsc_location id="l-{resource}" rsc="{resource}" node="{names[number % nodes]}" score="100"/>'
    yield "</constraints></configuration><status>"
    for number, name in enumerate(names, 1):
        yield (
            f'<node_state id="{number}" uname="{name}" in_ccm="true" crmd="online" crm-debug-origin="x" '
            'join="member" expected="member"><lrm><lrm_resources>'
        )
        for call, resource in enumerate(running[name]):
            yield history(resource, 2 * call + 1)
        yield (
            f'</lrm_resources></lrm><transient_attributes id="{number}"><instance_attributes id="status-{number}">'
            f'<nvpair id="status-{number}-ping" name="pingd" value="1000"/></instance_attributes>'
            "</transient_attributes></node_state>"
        )
    yield "</status></cib>"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=32)
    parser.add_argument("--instances", type=int, default=2400)
    arguments = parser.parse_args()
    sys.stdout.writelines(cib(arguments.nodes, arguments.instances))


if __name__ == "__main__":
    main()
