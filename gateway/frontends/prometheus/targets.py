"""The nodes of the cluster as targets for Prometheus' HTTP service discovery. Pure.

Prometheus replaces its targets by each list that it receives, so a node that is missing from a list is no longer
scraped. A node is therefore left out only if Pacemaker's complete list of nodes does not have it::

    crm_mon lists all nodes             its nodes, whether or not they are online
    it fails, lists none or not all     what it lists, the nodes that were known before, and those of corosync.conf

Guest nodes are left out: they are containers, or virtual machines without Corosync.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.conditions.view import ClusterView
from gateway.network import Address
from gateway.snapshot import Snapshot
from gateway.subsystems.corosync_conf import CorosyncConfig
from gateway.subsystems.pacemaker import metrics
from gateway.subsystems.pacemaker.cluster_status import NODES

_PREFIX = "__meta_ha_cluster_"

_STATES = ("online", "standby", "maintenance", "dc")
"""The states of a node that are labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterNode:
    """A node on which a gateway can run.

    Attributes:
        name: its name in Pacemaker; or, until that is known, its name or an address in corosync.conf.
        id: its ID; empty if it is unknown.
        type: ``member`` or ``remote``; empty if it is unknown.
        states: whether it has a state, without the states that are unknown now.
    """

    name: str
    id: str = ""
    type: str = ""
    states: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSettings:
    """How Prometheus reaches the nodes.

    Attributes:
        link: the link of Corosync whose addresses are used; None to use the names of the nodes.
        port: the port of the gateway, on all nodes.
        scheme: ``http`` or ``https``.
        metrics_path: the path of the metrics page.
    """

    link: int | None
    port: int
    scheme: str
    metrics_path: str


def known_nodes(
    snapshot: Snapshot, configuration: CorosyncConfig | None, before: Sequence[ClusterNode]
) -> tuple[ClusterNode, ...]:
    """Returns all nodes that may exist, by name.

    Args:
        snapshot: has the samples of Pacemaker.
        configuration: Corosync's, or None if it has not been read.
        before: the nodes that were known before.
    """
    view = ClusterView(snapshot)
    listed = list(_listed_nodes(view))
    if not listed or not view.has_read_all("pacemaker", "crm_mon", NODES):
        _add_missing(listed, [replace(node, states={}) for node in before])
        _add_missing(listed, list(_configured_nodes(configuration)))
    return tuple(sorted(listed, key=lambda node: node.name))


def _listed_nodes(view: ClusterView) -> Iterator[ClusterNode]:
    ids = {row["node"]: row["id"] for row in view.rows(metrics.NODE_INFO)}
    guests = {row["node"] for row in view.rows(metrics.GUEST_NODES)}
    for row in view.rows(metrics.NODES):
        name = row["node"]
        if name not in guests:
            states = {state: row[state] for state in _STATES if row[state] is not None}
            yield ClusterNode(name=name, id=ids.get(name, ""), type=row["type"], states=states)


def _configured_nodes(configuration: CorosyncConfig | None) -> Iterator[ClusterNode]:
    for node in configuration.nodes if configuration is not None else ():
        if name := node.name or next(iter(node.addresses.values()), ""):
            yield ClusterNode(name=name, id=node.id, type="member")


def _add_missing(nodes: list[ClusterNode], others: Sequence[ClusterNode]) -> None:
    """Adds the nodes whose name and ID are new. Without a name in corosync.conf, only the ID is the same."""
    names, ids = {node.name for node in nodes}, {node.id for node in nodes if node.id}
    nodes += (node for node in others if node.name not in names and node.id not in ids)


# --- The document ----------------------------------------------------------------------------------------------------


def encode(
    nodes: Sequence[ClusterNode],
    configuration: CorosyncConfig | None,
    snapshot: Snapshot,
    *,
    settings: TargetSettings,
) -> bytes:
    """Returns the document: a group of one target for each node, because each has its own labels.

    Args:
        nodes: the nodes.
        configuration: Corosync's, for the name of the cluster and the addresses; None if it has not been read.
        snapshot: has the tickets.
        settings: how Prometheus reaches the nodes.
    """
    common = dict(_common_labels(configuration, snapshot, settings))
    groups = [
        {
            "targets": [str(Address(_host(node, configuration, settings.link), settings.port))],
            "labels": {**common, **_node_labels(node)},
        }
        for node in nodes
    ]
    # ASCII: a name cannot affect a program that prints the document
    return f"{json.dumps(groups, indent=2)}\n".encode("ascii")


def _host(node: ClusterNode, configuration: CorosyncConfig | None, link: int | None) -> str:
    """Returns the address of a node on a link, or its name: remote nodes have no link."""
    if link is None or configuration is None:
        return node.name
    same = (each for each in configuration.nodes if (each.id == node.id if each.id else each.name == node.name))
    return next((each.addresses[link] for each in same if link in each.addresses), node.name)


def _common_labels(
    configuration: CorosyncConfig | None, snapshot: Snapshot, settings: TargetSettings
) -> Iterator[tuple[str, str]]:
    # only what differs from Prometheus' defaults: it would override the configuration of the job
    if settings.scheme != "http":
        yield "__scheme__", settings.scheme
    if settings.metrics_path != "/metrics":
        yield "__metrics_path__", settings.metrics_path
    if configuration is not None and configuration.cluster_name:
        yield f"{_PREFIX}name", configuration.cluster_name
    granted: list[Any] = [row["ticket"] for row in ClusterView(snapshot).rows(metrics.TICKETS, state="granted")]
    if granted:  # with a comma at both ends, as in other service discoveries, so that .*,NAME,.* matches
        yield f"{_PREFIX}tickets", f",{','.join(sorted(granted))},"


def _node_labels(node: ClusterNode) -> Mapping[str, str]:
    labels = {"node": node.name, "node_id": node.id, "node_type": node.type}
    labels |= {f"node_{state}": "true" if flag else "false" for state, flag in node.states.items()}
    return {f"{_PREFIX}{name}": value for name, value in labels.items() if value}
