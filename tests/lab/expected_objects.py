"""What a manager reads about quorum devices, arbitrators, booth and alarms, as the metrics say it. Pure.

The objects are listed by hand: a mistake in the program's own tables would otherwise be repeated by the test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from tests import series
from tests.series import Series

Labels = Mapping[str, str]
Show = Callable[[Labels, float], str | None]
"""Returns the text for a series, or None if this series is not shown."""


def _count(_: Labels, value: float) -> str:
    return f"{value:.0f}"


def _milliseconds(_: Labels, value: float) -> str:
    return f"{1000 * value:.0f}"


def _truth(_: Labels, value: float) -> str:
    return "true" if value else "false"


def _date(_: Labels, value: float) -> str:
    return datetime.fromtimestamp(int(value), UTC).isoformat()


def _label(name: str) -> Show:
    return lambda labels, _: labels[name]


def _state(name: str) -> Show:
    """Returns what shows the label of the series whose value is 1, as the MIB spells it: connectFailed."""

    def show(labels: Labels, value: float) -> str | None:
        first, *rest = labels[name].split("_")
        return first + "".join(map(str.capitalize, rest)) if value else None

    return show


class Shown(NamedTuple):
    """An object of the MIB.

    Attributes:
        metric: the metric that it shows.
        text: returns its text.
        labels: the labels in its index.
    """

    metric: str
    text: Show
    labels: Sequence[str] = ()


_CLUSTER, _NODE = ("cluster_name",), ("cluster_name", "node_id")
_DAEMON, _TICKET, _PEER = ("configuration",), ("configuration", "ticket"), ("configuration", "peer")

OBJECTS: Mapping[str, Shown] = {
    "QdeviceConfigured": Shown("corosync_qdevice_configured", _truth),
    "QdeviceUp": Shown("qdevice_up", _truth),
    "QdeviceModel": Shown("qdevice_info", _label("model")),
    "QdeviceHost": Shown("qdevice_info", _label("host")),
    "QdeviceClusterName": Shown("qdevice_info", _label("cluster_name")),
    "QdeviceAlgorithm": Shown("qdevice_info", _label("algorithm")),
    "QdeviceTieBreaker": Shown("qdevice_info", _label("tie_breaker")),
    "QdeviceTls": Shown("qdevice_info", _label("tls")),
    "QdeviceHeuristics": Shown("qdevice_info", _label("heuristics")),
    "QdeviceState": Shown("qdevice_state", _state("state")),
    "QdeviceVote": Shown("qdevice_vote", _truth),
    "QdeviceLastPoll": Shown("qdevice_last_poll_timestamp_seconds", _date),
    "QdeviceConnectedSince": Shown("qdevice_connected_since_timestamp_seconds", _date),
    "QdeviceLastReply": Shown("qdevice_last_reply_timestamp_seconds", _date),
    "QdeviceTlsActive": Shown("qdevice_tls_active", _truth),
    "QdeviceHeuristicsResult": Shown("qdevice_heuristics_result", _state("result")),
    "QnetdUp": Shown("qnetd_up", _truth),
    "QnetdAddress": Shown("qnetd_info", _label("address")),
    "QnetdTls": Shown("qnetd_info", _label("tls")),
    "QnetdClients": Shown("qnetd_clients", _count),
    "QnetdClusters": Shown("qnetd_clusters", _count),
    "QnetdClusterName": Shown("qnetd_cluster_info", _label("cluster_name"), _CLUSTER),
    "QnetdClusterAlgorithm": Shown("qnetd_cluster_info", _label("algorithm"), _CLUSTER),
    "QnetdClusterTieBreaker": Shown("qnetd_cluster_info", _label("tie_breaker"), _CLUSTER),
    "QnetdClusterNodes": Shown("qnetd_cluster_nodes", _count, _CLUSTER),
    "QnetdNodeClusterName": Shown("qnetd_node_connected", _label("cluster_name"), _NODE),
    "QnetdNodeConnected": Shown("qnetd_node_connected", _truth, _NODE),
    "QnetdNodeAddress": Shown("qnetd_node_info", _label("address"), _NODE),
    "QnetdNodeVote": Shown("qnetd_node_vote", _state("vote"), _NODE),
    "QnetdNodeTlsActive": Shown("qnetd_node_tls_active", _truth, _NODE),
    "QnetdNodeHeuristics": Shown("qnetd_node_heuristics_result", _state("result"), _NODE),
    "BoothConfiguration": Shown("booth_up", _label("configuration"), _DAEMON),
    "BoothUp": Shown("booth_up", _truth, _DAEMON),
    "BoothRunning": Shown("booth_running", _truth, _DAEMON),
    "BoothType": Shown("booth_info", _label("type"), _DAEMON),
    "BoothAddress": Shown("booth_info", _label("address"), _DAEMON),
    "BoothTicketName": Shown("booth_ticket_validity_seconds", _label("ticket"), _TICKET),
    "BoothTicketMode": Shown("booth_ticket_info", _label("mode"), _TICKET),
    "BoothTicketLeader": Shown("booth_ticket_info", _label("leader"), _TICKET),
    "BoothTicketState": Shown("booth_ticket_state", _state("state"), _TICKET),
    "BoothTicketHere": Shown("booth_ticket_granted_here", _truth, _TICKET),
    "BoothTicketConflict": Shown("booth_ticket_conflict", _label("sites"), _TICKET),
    "BoothTicketExpiry": Shown("booth_ticket_expiry_timestamp_seconds", _date, _TICKET),
    "BoothTicketRenewed": Shown("booth_ticket_renewed_timestamp_seconds", _date, _TICKET),
    "BoothTicketValidity": Shown("booth_ticket_validity_seconds", _milliseconds, _TICKET),
    "BoothTicketRenewal": Shown("booth_ticket_renewal_interval_seconds", _milliseconds, _TICKET),
    "BoothTicketRetry": Shown("booth_ticket_retry_seconds", _milliseconds, _TICKET),
    "BoothTicketAcquireAfter": Shown("booth_ticket_acquire_after_seconds", _milliseconds, _TICKET),
    "BoothPeerAddress": Shown("booth_peer_info", _label("peer"), _PEER),
    "BoothPeerType": Shown("booth_peer_info", _label("type"), _PEER),
    "BoothPeerLastContact": Shown("booth_peer_last_contact_timestamp_seconds", _date, _PEER),
    "BoothPeerSent": Shown("booth_peer_sent_total", _count, _PEER),
    "BoothPeerSendErrors": Shown("booth_peer_send_errors_total", _count, _PEER),
    "BoothPeerResends": Shown("booth_peer_resends_total", _count, _PEER),
    "BoothPeerReceived": Shown("booth_peer_received_total", _count, _PEER),
    "BoothPeerReceiveErrors": Shown("booth_peer_receive_errors_total", _count, _PEER),
    "BoothPeerAuthFailures": Shown("booth_peer_authentication_failures_total", _count, _PEER),
    "BoothPeerInvalid": Shown("booth_peer_invalid_total", _count, _PEER),
    "AlarmCondition": Shown("gateway_alarms", _label("condition"), ("condition", "object")),
    "AlarmObject": Shown("gateway_alarms", _label("object"), ("condition", "object")),
    "AlarmSeverity": Shown("gateway_alarms", _label("severity"), ("condition", "object")),
}
"""The objects of HA-CLUSTER-MIB, without their prefix."""

_LINE = re.compile(r"^HA-CLUSTER-MIB::haCluster(?P<name>\w+)(?:\.0|(?P<index>\[.*?\])) (?P<text>.*)$", re.MULTILINE)

Variables = Mapping[tuple[str, tuple[str, ...]], str]
"""The texts of the objects, by name and index."""


def expected_variables(page: Series) -> Variables:
    """Returns what both agents have to show, from the metrics of the same moment."""
    variables: dict[tuple[str, tuple[str, ...]], str] = {}
    for name, (metric, text, names) in OBJECTS.items():
        for pairs, value in series.named(page, f"ha_cluster_{metric}").items():
            labels = dict(pairs)
            if (shown := text(labels, value)) is not None:
                variables[name, tuple(labels[each] or "-" for each in names)] = shown
    return variables


def walked_variables(walk: str) -> tuple[Variables, Mapping[str, str]]:
    """Returns the objects in a walk with ``-OqUX``, and the texts of the alarms, by condition and object."""
    variables: dict[tuple[str, tuple[str, ...]], str] = {}
    texts: dict[str, str] = {}
    for match in _LINE.finditer(walk):
        name, text = match["name"], match["text"]
        labels = tuple(match["index"][1:-1].split("][")) if match["index"] else ()
        if name == "AlarmText":
            texts["/".join(labels)] = text
        elif name in OBJECTS:
            variables[name, labels] = _iso(text) if OBJECTS[name].text is _date else text
    return variables, texts


def _iso(text: str) -> str:
    """Returns 2026-11-28,10:46:54.0,+0:0 in ISO 8601, in UTC."""
    date, time, offset = text.split(",")
    assert offset.strip("+-") == "0:0", text
    year, month, day = map(int, date.split("-"))
    hour, minute, second = map(float, time.split(":"))
    return datetime(year, month, day, int(hour), int(minute), int(second), tzinfo=UTC).isoformat()
