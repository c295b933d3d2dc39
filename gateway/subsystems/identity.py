"""Who this host is, put together from what the subsystems know about it."""

from __future__ import annotations

from typing import NamedTuple

from gateway.conditions.view import ClusterView
from gateway.host.host import Host
from gateway.options.model import OptionValues
from gateway.subsystems import corosync_conf
from gateway.subsystems.corosync import facts as corosync_facts
from gateway.subsystems.corosync_conf import CorosyncConfig
from gateway.subsystems.pacemaker import facts as pacemaker_facts


class Names(NamedTuple):
    """The names of this host and of its cluster; empty where they are unknown."""

    node: str
    cluster: str


def names(view: ClusterView) -> Names:
    """Returns the names that a view has.

    corosync.conf has the name by which Pacemaker knows this node, whether or not the daemons run.
    """
    nodes = (
        pacemaker_facts.node_with_id(view, corosync_facts.local_node_id(view)),
        pacemaker_facts.remote_name(view),
        corosync_facts.configured_node(view),
        corosync_facts.local_node(view),
    )
    cluster = pacemaker_facts.cluster_name(view) or corosync_facts.cluster_name(view)
    return Names(next(filter(None, nodes), ""), cluster)


def configured_names(host: Host, values: OptionValues) -> Names:
    """Returns the names in the configuration of the cluster, for which nothing has to run."""
    reading = corosync_conf.read_with_local_name(host, values[corosync_conf.CONFIG])
    configuration: CorosyncConfig | None = reading.ok_value
    if configuration is None:
        return Names("", "")
    return Names(configuration.local_name, configuration.cluster_name or "")


def another_node_is_dc(view: ClusterView) -> bool:
    """Returns whether the designated controller is certainly another node."""
    return pacemaker_facts.another_node_is_dc(view, corosync_facts.local_node_id(view))
