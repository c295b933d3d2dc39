"""Where Pacemaker's conditions are read from, and the proofs that several of them share. Pure."""

from __future__ import annotations

from gateway.conditions.matching import read_from
from gateway.conditions.model import Finding, Gone, Source
from gateway.conditions.view import ClusterView
from gateway.subsystems.pacemaker import facts, metrics, resource_facts
from gateway.subsystems.pacemaker.cluster_status import NODES

CRM_MON = read_from("pacemaker", "crm_mon")
CONSTRAINTS = read_from("pacemaker", "cibadmin", "crm_mon")
"""The constraints in effect; those with a rule may expire, and crm_mon has the time."""
STATES = Source(collector="pacemaker", commands=("crm_mon",), requires=facts.dc)
"""The states of nodes and resources. Without a designated controller they are unknown: crm_mon shows all as offline."""


def node_is_removed(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a node is no longer configured: all configured nodes are listed, and it is not."""
    is_listed = any(True for _ in view.rows(metrics.NODES, node=finding.object))
    return view.has(metrics.NODES) and not is_listed and view.has_read_all("pacemaker", "crm_mon", NODES)


NODE_GONE = Gone(
    "crm_mon lists all configured nodes, but no longer this one", "{node} is no longer configured", node_is_removed
)


def resource_is_removed(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a resource is no longer configured: crm_mon lists all resources, and not this one."""
    is_listed = finding.fields["resource"] in view.fact(resource_facts.resources)
    return not is_listed and resource_facts.all_are_listed(view)


RESOURCE_GONE = Gone(
    "crm_mon lists all configured resources, but no longer this one",
    "{resource} is no longer configured",
    resource_is_removed,
)


def place_is_removed(view: ClusterView, finding: Finding) -> bool:
    """Returns whether the node of a finding about a resource is no longer configured."""
    node = finding.fields["node"]
    return bool(node) and node_is_removed(view, Finding(node, finding.fields))


PLACE_GONE = RESOURCE_GONE._replace(
    otherwise=Gone(
        "crm_mon lists all configured nodes, but no longer the node of the resource",
        "{node}, which had {resource}, is no longer configured",
        place_is_removed,
    )
)
