"""What this host is for Pacemaker. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.view import ClusterView
from gateway.subsystems.pacemaker import facts, metrics
from gateway.subsystems.subsystem import Role

_DISCONNECTED = (
    "Pacemaker Remote runs here, but no cluster node is connected to it. Run crm_mon -1 -r on a cluster node: if it "
    "does not list this node,\n      add it; if its connection is stopped, start it; if the cluster tries to connect, "
    "check the network (TCP port 3121) and /etc/pacemaker/authkey."
)


def describe_host(view: ClusterView) -> Iterator[Role]:
    """Yields that this host is a remote or guest node, if it is one."""
    if not view.has(metrics.REMOTE_INFO):
        return
    text = f"remote or guest node {facts.remote_name(view)}".strip()
    is_connected = view.number(metrics.REMOTE_CONNECTED)
    if is_connected is None:
        yield Role(text)
    elif is_connected:
        yield Role(f"{text}, connected to the cluster")
    else:
        yield Role(f"{text}, not connected to the cluster", advice=_DISCONNECTED)
