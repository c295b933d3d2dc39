"""What a person has to know about the arbitrator and its clusters. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.model import Category
from gateway.conditions.view import ClusterView
from gateway.samples import Metric
from gateway.subsystems.qnetd import facts, metrics
from gateway.subsystems.qnetd.conditions import ANSWER
from gateway.summary import (
    UNKNOWN,
    Cell,
    Description,
    Fact,
    Health,
    Row,
    Summary,
    Table,
    count_of,
    number,
    urgent_first,
    yes_or_no,
)

QNETD = Category(name="Qnetd", title="Quorum arbitrator", rank=1)


def describe_qnetd(view: ClusterView) -> Description:
    """Describes the arbitrator, its clusters and their nodes."""
    info = next(view.rows(metrics.INFO), {})
    return Description(
        headline=_headline(view),
        facts=(
            Fact("Address", _text(info.get("address"))),
            Fact("TLS", _text(info.get("tls"))),
            Fact("Connected clusters", number(view.number(metrics.CLUSTERS))),
            Fact("Connections", number(view.number(metrics.CLIENTS))),
        ),
        tables=(
            Table(
                caption="Clusters",
                columns=("Cluster", "Connected nodes", "Algorithm", "Tie breaker"),
                rows=urgent_first(_clusters(view)),
                empty="No cluster is connected.",
            ),
            Table(
                caption="Nodes",
                columns=("Node", "Cluster", "Connection", "Vote", "TLS", "Heuristics", "Address"),
                rows=urgent_first(_nodes(view)),
            ),
        ),
    )


def _text(value: object) -> Cell:
    return Cell(str(value)) if value else UNKNOWN


def _headline(view: ClusterView) -> Cell:
    up, sizes = view.number(metrics.UP), view.fact(facts.cluster_sizes)
    if up is None:
        return UNKNOWN
    if not up:
        return Cell("corosync-qnetd is not running on this host", Health.PROBLEM)
    if not facts.has_listed_all_clusters(view) or sizes.keys() != view.fact(facts.clusters):
        return UNKNOWN
    if not sizes:
        return Cell("no cluster is connected")
    return count_of(sum(view.fact(facts.connected_nodes).values()), sum(sizes.values()), "nodes connected")


def _clusters(view: ClusterView) -> Iterator[Row]:
    connected, sizes = view.fact(facts.connected_nodes), view.fact(facts.cluster_sizes)
    for row in view.rows(metrics.CLUSTER_INFO):
        name = row["cluster_name"]
        yield (
            Cell(name),
            count_of(connected.get(name, 0), sizes[name], "connected") if name in sizes else UNKNOWN,
            _text(row["algorithm"]),
            _text(row["tie_breaker"]),
        )


def _nodes(view: ClusterView) -> Iterator[Row]:
    addresses = {(row["cluster_name"], row["node_id"]): row["address"] for row in view.rows(metrics.NODE_INFO)}
    encrypted = {(row["cluster_name"], row["node_id"]): row["value"] for row in view.rows(metrics.NODE_TLS_ACTIVE)}
    votes, results = _states(view, metrics.NODE_VOTE), _states(view, metrics.NODE_HEURISTICS)
    for node, is_connected in view.fact(facts.nodes).items():
        if not is_connected:
            yield (Cell(node.node_id), Cell(node.cluster), Cell("not connected", Health.PROBLEM), *(Cell(""),) * 4)
            continue
        yield (
            Cell(node.node_id),
            Cell(node.cluster),
            Cell("connected", Health.OK),
            _text(votes.get(node)),
            yes_or_no(encrypted.get(node)),
            _text(results.get(node)),
            _text(addresses.get(node)),
        )


def _states(view: ClusterView, metric: Metric) -> dict[tuple[str, str], str]:
    """Returns the current state of each node that has one."""
    return {
        (row["cluster_name"], row["node_id"]): state.replace("_", " ")
        for row in view.rows(metric)
        for state in metric.states
        if row[state]
    }


SUMMARIES = (Summary(category=QNETD, source=ANSWER, describe=describe_qnetd),)
