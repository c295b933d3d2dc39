"""What the conditions of DRBD are read from, and what proves that an object is gone. Pure."""

from __future__ import annotations

from gateway.conditions.model import Finding, Gone, Source
from gateway.conditions.view import ClusterView
from gateway.subsystems.drbd import facts

DRBDSETUP = Source(collector="drbd", requires=facts.is_readable)


def is_volume_gone(view: ClusterView, finding: Finding) -> bool:
    """Returns whether the volume of a finding is no longer listed."""
    key = (finding.fields["resource"], finding.fields["volume"])
    return facts.is_complete(view) and key not in view.fact(facts.listed_volumes)


def is_resource_gone(view: ClusterView, finding: Finding) -> bool:
    """Returns whether the resource of a finding is no longer listed."""
    return facts.is_complete(view) and (finding.fields["resource"],) not in view.fact(facts.listed_resources)


def is_connection_gone(view: ClusterView, finding: Finding) -> bool:
    """Returns whether the connection of a finding is no longer listed."""
    key = (finding.fields["resource"], finding.fields["peer_node_id"])
    return facts.is_complete(view) and key not in view.fact(facts.listed_connections)


VOLUME_GONE = Gone(
    "drbdsetup no longer lists the volume",
    "DRBD volume {name} is no longer configured on this node",
    is_volume_gone,
)
RESOURCE_GONE = Gone(
    "drbdsetup no longer lists the resource",
    "DRBD resource {resource} is no longer configured on this node",
    is_resource_gone,
)
CONNECTION_GONE = Gone(
    "drbdsetup no longer lists the connection",
    "DRBD connection {resource} to {peer} is no longer configured on this node",
    is_connection_gone,
)
PEER_VOLUME_GONE = VOLUME_GONE._replace(otherwise=CONNECTION_GONE)


def volume_finding(resource: str, volume: str, **fields: str) -> Finding:
    """Returns a finding about a volume of this node."""
    name = f"{resource}/{volume}"
    return Finding(name, {"resource": resource, "volume": volume, "name": name, **fields})
