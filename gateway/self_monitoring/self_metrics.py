"""The metrics that the gateway exports about itself: collectors, SNMP, alarms and notifications."""

from __future__ import annotations

from gateway.samples import MILLI, Metric, MibRow, ObjectByLabel, counter, gauge
from gateway.status import SOURCES, STATUSES

SCRAPE_SUCCESS = gauge(
    "scrape_success",
    "Whether the last run of a collector succeeded.",
    "collector",
    drop_in=True,
    mib="haClusterCollectorSuccess",
)
SCRAPE_DURATION = gauge(
    "scrape_duration_seconds",
    "Duration of the last run of a collector.",
    "collector",
    drop_in=True,
    mib="haClusterCollectorDuration",
    mib_factor=MILLI,
)
BUILD_INFO = gauge(
    "gateway_build_info",
    "Versions of the gateway and of Python; always 1.",
    "version",
    "python",
    mib={"version": "haClusterGatewayVersion", "python": "haClusterGatewayPython"},
)
COLLECTOR_STATE = gauge(
    "gateway_collector_state",
    "Result of the last run of a collector; 1 for the current state.",
    "collector",
    states=tuple(STATUSES),
    state_label="state",
    mib="haClusterCollectorState",
)
COMMAND_DURATION = gauge(
    "gateway_command_duration_seconds",
    "Duration of the last run of a command.",
    "collector",
    "command",
    mib="haClusterCommandDuration",
    mib_factor=MILLI,
)
COMMAND_SOURCE = gauge(
    "gateway_command_source",
    "Where the result of a command comes from in the last run: the tool, a library or a block device; 1 for the "
    "current source.",
    "collector",
    "command",
    states=tuple(SOURCES),
    state_label="source",
    mib="haClusterCommandSource",
)
COMMAND_FAILURES = counter(
    "gateway_command_failures_total",
    "Failed runs of a command, by reason.",
    "collector",
    "command",
    "reason",
    mib="haClusterCommandFailureCount",
)
COMMAND_TIMEOUTS = counter(
    "gateway_command_timeouts_total",
    "Runs of a command that were killed at their deadline.",
    "collector",
    "command",
    mib="haClusterCommandTimeouts",
)
VALUES_UNREADABLE = counter(
    "gateway_values_unreadable_total",
    "Values in the output of a command, or in a file, that could not be read and are absent.",
    "collector",
    "command",
    mib="haClusterCommandValuesUnreadable",
)
SAMPLES_DROPPED = counter(
    "gateway_samples_dropped_total",
    "Samples dropped because the value was not a number or the labels were duplicates.",
    "collector",
    mib="haClusterCollectorSamplesDropped",
)
SNAPSHOT_AGE = gauge(
    "gateway_snapshot_age_seconds",
    "Age of the data on this page: the time since the collectors were started.",
    mib="haClusterSnapshotAge",
)
SCRAPES = counter(
    "gateway_scrapes_total",
    "Scrapes served.",
    mib="haClusterHttpScrapes",
)
SCRAPES_INCOMPLETE = counter(
    "gateway_scrapes_incomplete_total",
    "Scrapes that ran out of time before all commands had finished.",
    mib="haClusterHttpIncomplete",
)
HTTP_CONNECTIONS = gauge(
    "gateway_http_connections",
    "Open HTTP connections.",
    mib="haClusterHttpConnections",
)
HTTP_CLOSED = counter(
    "gateway_http_connections_closed_total",
    "HTTP connections that the gateway refused or closed to protect itself, by reason.",
    "reason",
    mib=ObjectByLabel(
        label="reason",
        objects={
            "rejected": "haClusterHttpRejected",
            "evicted": "haClusterHttpEvicted",
            "request_timeout": "haClusterHttpRequestTimeouts",
            "request_too_large": "haClusterHttpTooLarge",
            "response_timeout": "haClusterHttpResponseTimeouts",
        },
    ),
)
HTTP_REFUSED = counter(
    "gateway_http_refused_total",
    "Connections and requests that were refused because of the web configuration, by reason.",
    "reason",
    mib=ObjectByLabel(
        label="reason",
        objects={
            "handshake": "haClusterHttpRefusedHandshakes",
            "certificate": "haClusterHttpRefusedCertificates",
            "password": "haClusterHttpRefusedPasswords",
            "busy": "haClusterHttpRefusedBusy",
            "rate_limit": "haClusterHttpRefusedRateLimit",
        },
    ),
)
WEB_CONFIG_SUCCESSFUL = gauge(
    "gateway_web_config_last_reload_successful",
    "Whether the web configuration was valid when its files were read last; if not, an earlier one is in use.",
    mib="haClusterHttpConfigValid",
)
WEB_CONFIG_TIMESTAMP = gauge(
    "gateway_web_config_last_reload_success_timestamp_seconds",
    "Time at which the web configuration in use was read, in Unix seconds.",
    mib="haClusterHttpConfigTime",
)
WEB_CERTIFICATE_EXPIRY = gauge(
    "gateway_web_certificate_expiry_timestamp_seconds",
    "Time at which the certificate of the HTTP server expires, in Unix seconds.",
    mib="haClusterHttpCertificateExpiry",
)
LISTENING = gauge(
    "gateway_listening",
    "Whether the gateway listens on a configured address; 0 while it cannot yet, and tries again.",
    "server",
    "address",
    mib="haClusterListenActive",
)
PUBLICATION_FAILURES = counter(
    "gateway_publication_failures_total",
    "Metrics that could not be published because of a bug in the gateway.",
    mib="haClusterPublicationFailures",
)
RUNS = counter(
    "gateway_runs_total",
    "Runs of the collectors. Concurrent scrapes share a run.",
    mib="haClusterCollectorRuns",
)
AGENTX_STATE = gauge(
    "gateway_agentx_state",
    "State of the AgentX session with the SNMP master agent; 1 for the current state.",
    states=("off", "waiting", "connecting", "opening", "registering", "registered"),
    state_label="state",
    mib="haClusterAgentxState",
)
AGENTX_SESSIONS = counter(
    "gateway_agentx_sessions_total",
    "AgentX sessions registered with the SNMP master agent.",
    mib="haClusterAgentxSessions",
)
AGENTX_REQUESTS = counter(
    "gateway_agentx_requests_total",
    "AgentX requests from the SNMP master agent that were answered.",
    mib="haClusterAgentxRequests",
)
AGENTX_REJECTED = counter(
    "gateway_agentx_rejected_total",
    "Messages from the SNMP master agent that violated the AgentX protocol.",
    mib="haClusterAgentxRejected",
)
AGENT_REQUESTS = counter(
    "gateway_snmp_agent_requests_total",
    "Requests that the built-in SNMP agent answered.",
    mib="haClusterAgentRequests",
)
AGENT_MALFORMED = counter(
    "gateway_snmp_agent_malformed_total",
    "Datagrams that the built-in SNMP agent dropped because they were not valid requests.",
    mib="haClusterAgentMalformed",
)
AGENT_REFUSED = counter(
    "gateway_snmp_agent_refused_total",
    "Messages that the built-in SNMP agent refused: another network, unknown community or user, wrong password, or "
    "SNMPv1.",
    mib="haClusterAgentRefused",
)
AGENT_LIMITED = counter(
    "gateway_snmp_agent_limited_total",
    "Datagrams that the built-in SNMP agent dropped because their source had sent too many.",
    mib="haClusterAgentLimited",
)
AGENT_UNSENT = counter(
    "gateway_snmp_agent_unsent_total",
    "Responses of the built-in SNMP agent that could not be sent.",
    mib="haClusterAgentUnsent",
)
MIB_OMITTED = counter(
    "gateway_snmp_values_omitted_total",
    "Values and rows that the MIB did not show, because they do not fit their objects, or because of an error.",
    mib="haClusterValuesOmitted",
)
SEVERITIES = ("critical", "major", "minor", "warning")
ALARMS = gauge(
    "gateway_alarms",
    "Active alarms; always 1. The object is empty if the alarm concerns the whole cluster or this node.",
    "condition",
    "object",
    "severity",
    mib="haClusterAlarmEntry",
)
ALARMS_SINCE = gauge(
    "gateway_alarms_since_timestamp_seconds",
    "Time at which an active alarm was raised, in Unix seconds.",
    "condition",
    "object",
    mib="haClusterAlarmSince",
)
ALARMS_ACTIVE = gauge(
    "gateway_alarms_active",
    "Number of active alarms, by severity.",
    "severity",
    mib=ObjectByLabel(
        label="severity",
        objects={
            "critical": "haClusterAlarmsCritical",
            "major": "haClusterAlarmsMajor",
            "minor": "haClusterAlarmsMinor",
            "warning": "haClusterAlarmsWarning",
        },
    ),
)
ALERTS_RECEIVED = counter(
    "gateway_alerts_received_total",
    "Pacemaker alerts received from the alert agent.",
    mib="haClusterAlertsReceived",
)
ALERTS_DROPPED = counter(
    "gateway_alerts_dropped_total",
    "Pacemaker alerts dropped because they were malformed or too many arrived at once.",
    mib="haClusterAlertsDropped",
)
ALERTS_COALESCED = counter(
    "gateway_alerts_coalesced_total",
    "Pacemaker alerts replaced by a later alert about the same object.",
    mib="haClusterAlertsCoalesced",
)
CONFIG_RELOAD_SUCCESSFUL = gauge(
    "gateway_config_last_reload_successful",
    "Whether the last attempt to read the configuration was successful.",
    mib="haClusterConfigReloadSuccessful",
)
CONFIG_RELOAD_TIME = gauge(
    "gateway_config_last_reload_success_timestamp_seconds",
    "Time of the last successful reading of the configuration, in Unix seconds.",
    mib="haClusterConfigReloadTime",
)
LOG_LINES_DROPPED = counter(
    "gateway_log_lines_dropped_total",
    "Lines of the log that were dropped because nobody read it, or that could not be written.",
    mib="haClusterLogLinesDropped",
)
NOTIFICATION_SEQUENCE = gauge(
    "gateway_notification_sequence",
    "Sequence number of the last notification since the gateway started.",
    mib="haClusterNoticeSequence",
)
TARGET_STATE = gauge(
    "gateway_notification_target_state",
    "Result of the last delivery to a notification target; 1 for the current state.",
    "target",
    "kind",
    states=("idle", "ok", "failing"),
    state_label="state",
    mib="haClusterTargetState",
)
NOTIFICATIONS_SENT = counter(
    "gateway_notifications_sent_total",
    "Notifications sent to a target; for the master agent, those that it accepted.",
    "target",
    mib="haClusterTargetSent",
)
NOTIFICATIONS_ACKNOWLEDGED = counter(
    "gateway_notifications_acknowledged_total",
    "Notifications acknowledged by a target. Traps are never acknowledged.",
    "target",
    mib="haClusterTargetAcknowledged",
)
NOTIFICATION_RETRIES = counter(
    "gateway_notification_retries_total",
    "Retransmissions of notifications to a target.",
    "target",
    mib="haClusterTargetRetries",
)
NOTIFICATIONS_FAILED = counter(
    "gateway_notifications_failed_total",
    "Failed attempts to deliver a notification to a target.",
    "target",
    mib="haClusterTargetFailed",
)
NOTIFICATIONS_DROPPED = counter(
    "gateway_notifications_dropped_total",
    "Notifications to a target that were dropped because the queue was full or the gateway stopped.",
    "target",
    mib="haClusterTargetDropped",
)
NOTIFICATIONS_QUEUED = gauge(
    "gateway_notifications_queued",
    "Notifications queued for a target, or waiting for its acknowledgement.",
    "target",
    mib="haClusterTargetQueued",
)


METRICS: tuple[Metric, ...] = tuple(value for value in list(vars().values()) if isinstance(value, Metric))
"""Every metric, in the order of this file."""

MIB_ROWS: tuple[MibRow, ...] = (
    MibRow(
        entry="haClusterCollectorEntry",
        index=("collector",),
        columns={"collector": "haClusterCollectorName"},
    ),
    MibRow(
        entry="haClusterCommandEntry",
        index=("collector", "command"),
        columns={"collector": "haClusterCommandCollector", "command": "haClusterCommandName"},
    ),
    MibRow(
        entry="haClusterCommandFailureEntry",
        index=("collector", "command", "reason"),
        columns={"collector": "haClusterCommandFailureCollector", "command": "haClusterCommandFailureCommand"},
    ),
    MibRow(
        entry="haClusterListenEntry",
        index=("server", "address"),
        columns={"address": "haClusterListenAddress"},
    ),
    MibRow(
        entry="haClusterAlarmEntry",
        index=("condition", "object"),
        columns={
            "condition": "haClusterAlarmCondition",
            "object": "haClusterAlarmObject",
            "severity": "haClusterAlarmSeverity",
        },
    ),
    MibRow(
        entry="haClusterTargetEntry",
        index=("target",),
        columns={"target": "haClusterTargetName", "kind": "haClusterTargetKind"},
    ),
)
"""The rows of HA-CLUSTER-MIB that show these metrics."""
