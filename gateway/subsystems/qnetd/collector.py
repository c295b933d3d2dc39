"""Collects the state of the arbitrator with corosync-qnetd-tool; needs neither Corosync nor Pacemaker."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.host.host import CommandResult, Host
from gateway.samples import Metric, SampleSet
from gateway.status import Status
from gateway.subsystems.parsing.partial import Parsed
from gateway.subsystems.probe import Plan, Probe, Reading, parse_output
from gateway.subsystems.qnetd import corosync_qnetd_tool, metrics
from gateway.subsystems.qnetd.corosync_qnetd_tool import NODES, Client, Cluster, QnetdStatus

TOOL = "corosync-qnetd-tool"
SOCKET = "/var/run/corosync-qnetd/corosync-qnetd.sock"
STATUS = "status"
LIST = "list"

_NOT_RUNNING = re.compile(rb"can't connect to qnetd socket", re.IGNORECASE)


def _parse_status(result: CommandResult) -> Parsed[QnetdStatus]:
    return parse_output(result, corosync_qnetd_tool.parse_status, not_running=_NOT_RUNNING)


def _parse_list(result: CommandResult) -> Parsed[tuple[Cluster, ...]]:
    return parse_output(result, corosync_qnetd_tool.parse_list, not_running=_NOT_RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class QnetdCollector:
    """Collects the clusters and nodes that are connected to the arbitrator on this host."""

    name: str = "qnetd"
    presence_tools: tuple[str, ...] = (TOOL,)
    configurations: tuple[str, ...] = ()

    def plan(self, host: Host) -> Plan:
        """Returns the same probes for each run."""
        del host
        return Plan(
            probes=(
                Probe(name=STATUS, tool=TOOL, variants=(("-s", "-v"),), read=_parse_status, socket=SOCKET),
                Probe(name=LIST, tool=TOOL, variants=(("-l", "-v"),), read=_parse_list, socket=SOCKET),
            )
        )

    def make_samples(self, readings: Mapping[str, Reading]) -> SampleSet:
        """Returns the samples of the metrics ``ha_cluster_qnetd_*``."""
        samples = SampleSet()
        status: QnetdStatus | None = readings[STATUS].ok_value
        clusters: tuple[Cluster, ...] | None = readings[LIST].ok_value
        samples.add(metrics.UP, {Status.OK: 1, Status.NOT_RUNNING: 0}.get(readings[STATUS].status))
        if status is not None:
            samples.add(metrics.INFO, 1, status.address, status.tls)
            samples.add(metrics.CLIENTS, status.clients)
            samples.add(metrics.CLUSTERS, status.clusters)
        for cluster in clusters or ():
            samples.add(metrics.CLUSTER_INFO, 1, cluster.name, cluster.algorithm, cluster.tie_breaker)
            for client in cluster.clients:
                _add_client(samples, cluster.name, client)
            if cluster.configured is not None and _is_complete(readings):
                _add_nodes(samples, cluster.name, cluster.configured, cluster.clients)
        return samples


def _is_complete(readings: Mapping[str, Reading]) -> bool:
    """Returns whether no cluster and no node is missing from the list."""
    status: QnetdStatus | None = readings[STATUS].ok_value
    has_all_clusters = status is not None and status.clusters == len(readings[LIST].ok_value)
    return has_all_clusters and not any(NODES in value.incomplete for value in readings[LIST].unreadable)


def _add_client(samples: SampleSet, cluster: str, client: Client) -> None:
    labels = (cluster, str(client.node_id))
    samples.add(metrics.NODE_CONNECTED, 1, *labels)
    samples.add(metrics.NODE_INFO, 1, *labels, client.address)
    samples.add(metrics.NODE_TLS_ACTIVE, client.tls_active, *labels)
    _add_state(samples, metrics.NODE_VOTE, client.vote, labels)
    _add_state(samples, metrics.NODE_HEURISTICS, client.result, labels)


def _add_nodes(samples: SampleSet, cluster: str, configured: frozenset[int], clients: tuple[Client, ...]) -> None:
    """Adds how many nodes a cluster has, and those that are not connected; only a complete list shows these."""
    connected = {client.node_id for client in clients}
    samples.add(metrics.CLUSTER_NODES, len(configured | connected), cluster)
    for node_id in sorted(configured - connected):
        samples.add(metrics.NODE_CONNECTED, 0, cluster, str(node_id))


def _add_state(samples: SampleSet, metric: Metric, state: str | None, labels: tuple[str, str]) -> None:
    samples.add(metric, None if state is None else metric.flags_for(state), *labels)
