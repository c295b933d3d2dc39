"""Corosync's metrics."""

from __future__ import annotations

from gateway.samples import Metric, ObjectByLabel, counter, gauge

QUORATE = gauge(
    "corosync_quorate",
    "Whether this node's partition has quorum.",
    drop_in=True,
    mib="haClusterQuorate",
)
QUORUM_VOTES = gauge(
    "corosync_quorum_votes",
    "Votes: expected, highest expected, present, and needed for quorum.",
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
    "Votes that a member, or the quorum device under node id 0, brings.",
    "node_id",
    "node",
    "local",
    drop_in=True,
    mib="haClusterMemberVotes",
)
RINGS = gauge(
    "corosync_rings",
    "Whether all peers are reached over a link (a ring, before Corosync 3).",
    "ring_id",
    "node_id",
    "number",
    "address",
    drop_in=True,
    mib="haClusterLinkHealthy",
)
RING_ERRORS = gauge(
    "corosync_ring_errors",
    "How many links of this node are faulty.",
    drop_in=True,
    mib="haClusterLinksFaulty",
)
UP = gauge(
    "corosync_up",
    "Whether Corosync runs on this node and answers.",
    mib="haClusterCorosyncUp",
)
INFO = gauge(
    "corosync_info",
    "Corosync's version and how it is configured.",
    "cluster_name",
    "transport",
    "version",
    mib={
        "cluster_name": "haClusterName",
        "transport": "haClusterCorosyncTransport",
        "version": "haClusterCorosyncVersion",
    },
)
LINK_CONNECTED = gauge(
    "corosync_link_connected",
    "Whether one peer is reached over one link.",
    "number",
    "address",
    "peer_node_id",
    "peer",
    mib="haClusterLinkPeerConnected",
)
QUORUM_FLAGS = gauge(
    "corosync_quorum_flags",
    "A flag that votequorum shows.",
    "flag",
    mib="haClusterQuorumFlagSet",
)
MEMBER_QDEVICE = gauge(
    "corosync_member_qdevice",
    "How a member stands with its quorum device.",
    "node_id",
    "node",
    states=("registered", "alive", "vote", "master_wins"),
    state_label="flag",
    mib="haClusterMemberQdeviceRegistered haClusterMemberQdeviceAlive "
    "haClusterMemberQdeviceVote haClusterMemberQdeviceMasterWins",
)
KNET_LATENCY = gauge(
    "corosync_knet_link_latency_seconds",
    "Round trip to a peer over a link, as knet measures it.",
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
)
KNET_MTU = gauge(
    "corosync_knet_link_mtu_bytes",
    "Usable size of a packet on a link.",
    "number",
    "peer_node_id",
    mib="haClusterLinkPeerMtu",
)
KNET_DOWN = counter(
    "corosync_knet_link_down_total",
    "How often a link to a peer went down.",
    "number",
    "peer_node_id",
    mib="haClusterLinkPeerDowns",
)
KNET_UP = counter(
    "corosync_knet_link_up_total",
    "How often a link to a peer came up.",
    "number",
    "peer_node_id",
    mib="haClusterLinkPeerUps",
)
KNET_ERRORS = counter(
    "corosync_knet_link_transmit_errors_total",
    "Packets that could not be sent on a link.",
    "number",
    "peer_node_id",
    mib="haClusterLinkPeerTransmitErrors",
)
KNET_RECEIVED_BYTES = counter(
    "corosync_knet_link_received_bytes_total",
    "Bytes received from a peer over a link.",
    "number",
    "peer_node_id",
    mib="haClusterLinkPeerReceived",
)
KNET_SENT_BYTES = counter(
    "corosync_knet_link_sent_bytes_total",
    "Bytes sent to a peer over a link.",
    "number",
    "peer_node_id",
    mib="haClusterLinkPeerSent",
)
TOTEM_RETRANSMITS = counter(
    "corosync_totem_retransmits_total",
    "Messages that Totem had to send again.",
    mib="haClusterTotemRetransmits",
)
TOTEM_TOKEN_LOST = counter(
    "corosync_totem_token_losses_total",
    "How often the token was lost.",
    mib="haClusterTotemTokenLosses",
)
TOTEM_TOKEN_INTERVAL = gauge(
    "corosync_totem_token_interval_seconds",
    "Mean time between two arrivals of the token.",
    mib="haClusterTotemTokenInterval",
)

METRICS: tuple[Metric, ...] = tuple(value for value in list(vars().values()) if isinstance(value, Metric))
"""Every metric, in the order of this file."""
