"""Booth's metrics."""

from __future__ import annotations

from gateway.samples import MILLI, Metric, counter, gauge
from gateway.subsystems.booth.booth_list import STATES

_DAEMON = ("configuration",)
_TICKET = ("configuration", "ticket")
_PEER = ("configuration", "peer")

UP = gauge("booth_up", "Whether the booth daemon of this site or arbitrator answers.", *_DAEMON, mib="haClusterBoothUp")
RUNNING = gauge(
    "booth_running",
    "Whether the booth daemon runs on this host; one node of a site runs it.",
    *_DAEMON,
    mib="haClusterBoothRunning",
)
INFO = gauge(
    "booth_info",
    "Information about this member of booth; always 1.",
    *_DAEMON,
    "type",
    "address",
    mib="haClusterBoothDaemonEntry",
)
TICKET_INFO = gauge(
    "booth_ticket_info",
    "Information about a ticket as booth sees it: its mode, and the site that holds it; always 1.",
    *_TICKET,
    "mode",
    "leader",
    mib="haClusterBoothTicketEntry",
)
TICKET_STATE = gauge(
    "booth_ticket_state",
    "State of a ticket as booth sees it; 1 for the current state.",
    *_TICKET,
    states=STATES,
    state_label="state",
    mib="haClusterBoothTicketState",
)
TICKET_HERE = gauge(
    "booth_ticket_granted_here",
    "Whether booth has granted a ticket to this site.",
    *_TICKET,
    mib="haClusterBoothTicketHere",
)
TICKET_CONFLICT = gauge(
    "booth_ticket_conflict",
    "Manual ticket that several sites hold, as booth sees it; always 1.",
    *_TICKET,
    "sites",
    mib="haClusterBoothTicketConflict",
)
TICKET_EXPIRY = gauge(
    "booth_ticket_expiry_timestamp_seconds",
    "Time at which a ticket expires unless it is renewed, in Unix seconds.",
    *_TICKET,
    mib="haClusterBoothTicketExpiry",
)
TICKET_RENEWED = gauge(
    "booth_ticket_renewed_timestamp_seconds",
    "Time of the last renewal of a ticket, in Unix seconds: its expiry minus the configured validity.",
    *_TICKET,
    mib="haClusterBoothTicketRenewed",
)
TICKET_VALIDITY = gauge(
    "booth_ticket_validity_seconds",
    "Time for which a ticket is valid after a renewal, as configured (expire).",
    *_TICKET,
    mib="haClusterBoothTicketValidity",
    mib_factor=MILLI,
)
TICKET_RENEWAL = gauge(
    "booth_ticket_renewal_interval_seconds",
    "Time between two renewals of a ticket, as configured (renewal-freq, or half of expire).",
    *_TICKET,
    mib="haClusterBoothTicketRenewal",
    mib_factor=MILLI,
)
TICKET_RETRY = gauge(
    "booth_ticket_retry_seconds",
    "Time for which booth tries to reach members about a ticket, as configured (timeout and retries).",
    *_TICKET,
    mib="haClusterBoothTicketRetry",
    mib_factor=MILLI,
)
TICKET_ACQUIRE_AFTER = gauge(
    "booth_ticket_acquire_after_seconds",
    "Time that other sites wait after a ticket has expired, as configured (acquire-after).",
    *_TICKET,
    mib="haClusterBoothTicketAcquireAfter",
    mib_factor=MILLI,
)
PEER_INFO = gauge(
    "booth_peer_info",
    "Other member of booth, and what it is; always 1.",
    *_PEER,
    "type",
    mib="haClusterBoothPeerEntry",
)
PEER_LAST_CONTACT = gauge(
    "booth_peer_last_contact_timestamp_seconds",
    "Time at which the booth daemon last received a message from a member, in Unix seconds.",
    *_PEER,
    mib="haClusterBoothPeerLastContact",
)
_COUNTERS = {
    "sent": ("sent_total", "Messages that were sent to a member.", "Sent"),
    "send_errors": ("send_errors_total", "Messages that could not be sent to a member.", "SendErrors"),
    "resends": ("resends_total", "Messages to a member that were repeated for lack of an answer.", "Resends"),
    "received": ("received_total", "Messages that were received from a member.", "Received"),
    "receive_errors": ("receive_errors_total", "Malformed messages from a member.", "ReceiveErrors"),
    "authentication_failures": (
        "authentication_failures_total",
        "Messages from a member that could not be authenticated.",
        "AuthFailures",
    ),
    "invalid": ("invalid_total", "Messages from a member about an unknown ticket or site.", "Invalid"),
}
PEER_COUNTERS: dict[str, Metric] = {
    name: counter(f"booth_peer_{suffix}", text, *_PEER, mib=f"haClusterBoothPeer{column}")
    for name, (suffix, text, column) in _COUNTERS.items()
}
"""The counters of messages, by their names in ``booth_peers.COUNTERS``."""

METRICS: tuple[Metric, ...] = (
    *(value for value in list(vars().values()) if isinstance(value, Metric)),
    *PEER_COUNTERS.values(),
)
"""Every metric, in the order of this file."""
