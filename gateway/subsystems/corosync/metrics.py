"""Corosync's metrics."""

from __future__ import annotations

from gateway.samples import MICRO, MILLI, Metric, ObjectByLabel, counter, gauge

QUORATE = gauge(
    "corosync_quorate",
    "Whether the partition of this node has quorum.",
    drop_in=True,
    mib="haClusterQuorate",
)
QUORUM_VOTES = gauge(
    "corosync_quorum_votes",
    "Number of votes in votequorum, by type.",
    "type",
    drop_in=True,
    mib=ObjectByLabel(
        label="type",
        objects={
            "expected_votes": "haClusterVotesExpected",
            "highest_expected": "haClusterVotesHighestExpected",
            "total_votes": "haClusterVotesTotal",
            "quorum": "haClusterVotesQuorum",
        },
    ),
)
MEMBER_VOTES = gauge(
    "corosync_member_votes",
    "Number of votes of a member, or of the quorum device (node ID 0).",
    "node_id",
    "node",
    "local",
    drop_in=True,
    mib="haClusterMemberVotes",
)
RINGS = gauge(
    "corosync_rings",
    "Whether a link (ring before Corosync 3) is healthy: not marked as faulty, and every member reached over it.",
    "ring_id",
    "node_id",
    "number",
    "address",
    drop_in=True,
    mib="haClusterLinkHealthy",
)
RING_ERRORS = gauge(
    "corosync_ring_errors",
    "Number of links of this node that are marked as faulty, or over which a member is not reached.",
    drop_in=True,
    mib="haClusterLinksFaulty",
)
UP = gauge(
    "corosync_up",
    "Whether Corosync is running on this node.",
    mib="haClusterCorosyncUp",
)
INFO = gauge(
    "corosync_info",
    "Information about Corosync, its configuration and this node; always 1.",
    "cluster_name",
    "transport",
    "version",
    "node",
    mib={
        "cluster_name": "haClusterName",
        "transport": "haClusterCorosyncTransport",
        "version": "haClusterCorosyncVersion",
        "node": "haClusterLocalNode",
    },
)
LINK_CONNECTED = gauge(
    "corosync_link_connected",
    "Whether a peer is connected over a link; also 0 for a peer that is down.",
    "number",
    "address",
    "peer_node_id",
    "peer",
    mib="haClusterLinkPeerConnected",
)
LINK_PEER_ADDRESS = gauge(
    "corosync_link_peer_address",
    "Address or host name of a peer on a link, from corosync.conf; always 1.",
    "number",
    "peer_node_id",
    "peer_address",
    mib="haClusterLinkPeerRemoteAddress",
)
QUORUM_FLAGS = gauge(
    "corosync_quorum_flags",
    "Flags of votequorum that are set; always 1.",
    "flag",
    mib="haClusterQuorumFlagSet",
)
MEMBER_QDEVICE = gauge(
    "corosync_member_qdevice",
    "State of the quorum device as a member sees it.",
    "node_id",
    "node",
    states=("registered", "alive", "vote", "master_wins"),
    state_label="flag",
    mib="haClusterMemberQdeviceRegistered haClusterMemberQdeviceAlive "
    "haClusterMemberQdeviceVote haClusterMemberQdeviceMasterWins",
)
QDEVICE_CONFIGURED = gauge(
    "corosync_qdevice_configured",
    "Whether the configuration of Corosync has a quorum device.",
    mib="haClusterQdeviceConfigured",
)
KNET_LATENCY = gauge(
    "corosync_knet_link_latency_seconds",
    "Round-trip time to a peer over a link, measured by knet.",
    "number",
    "peer_node_id",
    "statistic",
    mib=ObjectByLabel(
        label="statistic",
        objects={
            "average": "haClusterLinkPeerLatencyAverage",
            "maximum": "haClusterLinkPeerLatencyMaximum",
            "minimum": "haClusterLinkPeerLatencyMinimum",
        },
    ),
    mib_factor=MICRO,
)
KNET_MTU = gauge(
    "corosync_knet_link_mtu_bytes",
    "Maximum payload of a packet on a link.",
    "number",
    "peer_node_id",
    mib="haClusterLinkPeerMtu",
)
KNET_DOWN = counter(
    "corosync_knet_link_down_total",
    "Number of times that a link to a peer went down.",
    "number",
    "peer_node_id",
    mib="haClusterLinkPeerDowns",
)
KNET_UP = counter(
    "corosync_knet_link_up_total",
    "Number of times that a link to a peer came up.",
    "number",
    "peer_node_id",
    mib="haClusterLinkPeerUps",
)
KNET_ERRORS = counter(
    "corosync_knet_link_transmit_errors_total",
    "Number of packets that could not be sent over a link.",
    "number",
    "peer_node_id",
    mib="haClusterLinkPeerTransmitErrors",
)
KNET_RECEIVED_BYTES = counter(
    "corosync_knet_link_received_bytes_total",
    "Number of bytes received from a peer over a link.",
    "number",
    "peer_node_id",
    mib="haClusterLinkPeerReceived",
)
KNET_SENT_BYTES = counter(
    "corosync_knet_link_sent_bytes_total",
    "Number of bytes sent to a peer over a link.",
    "number",
    "peer_node_id",
    mib="haClusterLinkPeerSent",
)
TOTEM_RETRANSMITS = counter(
    "corosync_totem_retransmits_total",
    "Number of messages that Totem retransmitted.",
    mib="haClusterTotemRetransmits",
)
TOTEM_TOKEN_LOST = counter(
    "corosync_totem_token_losses_total",
    "Number of times that the Totem token was lost.",
    mib="haClusterTotemTokenLosses",
)
TOTEM_TOKEN_INTERVAL = gauge(
    "corosync_totem_token_interval_seconds",
    "Mean time between two arrivals of the Totem token.",
    mib="haClusterTotemTokenInterval",
    mib_factor=MILLI,
)

METRICS: tuple[Metric, ...] = tuple(value for value in list(vars().values()) if isinstance(value, Metric))
"""Every metric, in the order of this file."""
