"""The metrics of the quorum device."""

from __future__ import annotations

from gateway.samples import Metric, gauge
from gateway.subsystems.parsing.quorum_device import RESULTS
from gateway.subsystems.qdevice.corosync_qdevice_tool import STATES

UP = gauge(
    "qdevice_up",
    "Whether corosync-qdevice runs on this node; 0 only if corosync.conf configures a quorum device.",
    mib="haClusterQdeviceUp",
)
INFO = gauge(
    "qdevice_info",
    "Information about the quorum device as configured on this node; always 1.",
    "model",
    "host",
    "cluster_name",
    "algorithm",
    "tie_breaker",
    "tls",
    "heuristics",
    mib={
        "model": "haClusterQdeviceModel",
        "host": "haClusterQdeviceHost",
        "cluster_name": "haClusterQdeviceClusterName",
        "algorithm": "haClusterQdeviceAlgorithm",
        "tie_breaker": "haClusterQdeviceTieBreaker",
        "tls": "haClusterQdeviceTls",
        "heuristics": "haClusterQdeviceHeuristics",
    },
)
STATE = gauge(
    "qdevice_state",
    "State of the connection from the quorum device to its arbitrator; 1 for the current state.",
    states=STATES,
    state_label="state",
    mib="haClusterQdeviceState",
)
VOTE = gauge(
    "qdevice_vote",
    "Whether the quorum device casts its vote for the partition of this node.",
    mib="haClusterQdeviceVote",
)
LAST_POLL = gauge(
    "qdevice_last_poll_timestamp_seconds",
    "Time at which the quorum device last reported its vote to Corosync, in Unix seconds.",
    mib="haClusterQdeviceLastPoll",
)
CONNECTED_SINCE = gauge(
    "qdevice_connected_since_timestamp_seconds",
    "Time at which the quorum device connected to its arbitrator, in Unix seconds.",
    mib="haClusterQdeviceConnectedSince",
)
LAST_REPLY = gauge(
    "qdevice_last_reply_timestamp_seconds",
    "Time of the last heartbeat that the arbitrator answered, in Unix seconds.",
    mib="haClusterQdeviceLastReply",
)
TLS_ACTIVE = gauge(
    "qdevice_tls_active",
    "Whether the connection to the arbitrator is encrypted.",
    mib="haClusterQdeviceTlsActive",
)
HEURISTICS_RESULT = gauge(
    "qdevice_heuristics_result",
    "Result of the heuristics of the quorum device; 1 for the current result.",
    states=RESULTS,
    state_label="result",
    mib="haClusterQdeviceHeuristicsResult",
)

METRICS: tuple[Metric, ...] = tuple(value for value in list(vars().values()) if isinstance(value, Metric))
"""Every metric, in the order of this file."""
