"""Remote and guest nodes in the status of a cluster: the connections to them. Pure.

A remote or guest node runs ``pacemaker-remoted`` in place of Corosync and Pacemaker. A cluster node has the connection
to it, which is a resource of the agent ``ocf:pacemaker:remote`` with the name of the node. For a guest node, Pacemaker
adds this resource itself.

crm_mon shows a node as online while the cluster tries in vain to connect to it: a start that is in progress counts as
started (``determine_remote_online_status`` in Pacemaker's ``unpack.c``). The role of the connection tells the
difference. Pacemaker 3 may show it as started; it has failed then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gateway.subsystems.pacemaker.cluster_status import ClusterStatus, Node, Resource

REMOTE = "remote"
"""The type of remote and guest nodes."""

CONNECTED, CONNECTING, FAILED, STOPPED = CONNECTION_STATES = ("connected", "connecting", "failed", "stopped")
"""The states of a connection. One that has failed is neither established nor being established."""

_ONLINE = 0
"""The position of ``online`` among the states of a node."""

_ESTABLISHED = frozenset({"started", "migrating"})
_ENDED = frozenset({"stopped", "stopping"})


class Connection(NamedTuple):
    """The connection to a remote or guest node.

    Attributes:
        node: the name of the node.
        state: one of ``CONNECTION_STATES``.
        host: the cluster node that has the connection or establishes it; empty if none or more than one does.
    """

    node: str
    state: str
    host: str


def is_connection(agent: str) -> bool:
    """Returns whether a resource agent is that of connections, in the spelling of any version."""
    return agent.endswith(":pacemaker:remote")


def connections(status: ClusterStatus) -> Iterator[Connection]:
    """Yields the connections whose states are known."""
    nodes = {node.name: node for node in status.nodes if node.type == REMOTE}
    if not nodes:
        return
    for resource in status.resources:
        if resource.id in nodes and is_connection(resource.agent):
            state = _state(resource, nodes[resource.id])
            if state is not None:
                host = resource.nodes[0] if len(resource.nodes) == 1 else ""
                yield Connection(resource.id, state, host)


def _state(connection: Resource, node: Node) -> str | None:
    """Returns the state of a connection; None if it is unknown."""
    role, online = connection.role.lower(), node.states[_ONLINE]
    if role == "starting":
        return CONNECTING
    if connection.failed:
        return FAILED
    if None in (connection.failed, connection.active, online):
        return None
    if role in _ESTABLISHED and connection.active:
        return CONNECTED if online else FAILED
    return STOPPED if role in _ENDED else None
