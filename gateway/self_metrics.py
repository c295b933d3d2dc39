"""The metrics that the gateway exports about itself: collectors, SNMP, alarms and notifications."""

from __future__ import annotations

from functools import cache

from gateway.samples import Metric, MetricKind, MibRow, ObjectByLabel, counter, gauge
from gateway.status import STATUSES

SCRAPE_SUCCESS = gauge(
    "scrape_success",
    "Whether a collector learned all that it should.",
    "collector",
    drop_in=True,
    mib="haClusterCollectorSuccess",
)
SCRAPE_DURATION = gauge(
    "scrape_duration_seconds",
    "How long a collector took.",
    "collector",
    drop_in=True,
    mib="haClusterCollectorDuration",
)
BUILD_INFO = gauge(
    "gateway_build_info",
    "The version of the gateway and of Python.",
    "version",
    "python",
    mib={"version": "haClusterGatewayVersion", "python": "haClusterGatewayPython"},
)
COLLECTOR_STATE = gauge(
    "gateway_collector_state",
    "How a collector's last run ended.",
    "collector",
    states=tuple(STATUSES),
    state_label="state",
    mib="haClusterCollectorState",
)
COMMAND_DURATION = gauge(
    "gateway_command_duration_seconds",
    "How long the last run of a command took.",
    "collector",
    "command",
    mib="haClusterCommandDuration",
)
COMMAND_FAILURES = counter(
    "gateway_command_failures_total",
    "Runs of a command that did not end well, by reason.",
    "collector",
    "command",
    "reason",
    mib="haClusterCommandFailureCount",
)
COMMAND_TIMEOUTS = counter(
    "gateway_command_timeouts_total",
    "Runs of a command that were killed at their deadline or not awaited any longer.",
    "collector",
    "command",
    mib="haClusterCommandTimeouts",
)
SAMPLES_DROPPED = counter(
    "gateway_samples_dropped_total",
    "Samples that were dropped: no number, or a second one for the same labels.",
    "collector",
    mib="haClusterCollectorSamplesDropped",
)
SNAPSHOT_AGE = gauge(
    "gateway_snapshot_age_seconds",
    "Age of the oldest thing on this page.",
    mib="haClusterSnapshotAge",
)
SCRAPES = counter(
    "gateway_scrapes_total",
    "Scrapes answered.",
    mib="haClusterHttpScrapes",
)
RUNS = counter(
    "gateway_runs_total",
    "Runs of the collectors; scrapes that arrive together share one.",
    mib="haClusterCollectorRuns",
)
AGENTX_STATE = gauge(
    "gateway_agentx_state",
    "The state of the session with the SNMP master agent.",
    states=("off", "waiting", "connecting", "opening", "registering", "registered"),
    state_label="state",
    mib="haClusterAgentxState",
)
AGENTX_SESSIONS = counter(
    "gateway_agentx_sessions_total",
    "Sessions that were registered with the SNMP master agent.",
    mib="haClusterAgentxSessions",
)
AGENTX_REQUESTS = counter(
    "gateway_agentx_requests_total",
    "Requests of the SNMP master agent that were answered.",
    mib="haClusterAgentxRequests",
)
AGENTX_REJECTED = counter(
    "gateway_agentx_rejected_total",
    "Messages of the SNMP master agent that did not keep to the protocol.",
    mib="haClusterAgentxRejected",
)
AGENT_REQUESTS = counter(
    "gateway_snmp_agent_requests_total",
    "Requests to the built-in SNMP agent that were answered.",
    mib="haClusterAgentRequests",
)
AGENT_MALFORMED = counter(
    "gateway_snmp_agent_malformed_total",
    "Datagrams to the built-in SNMP agent that were dropped: they were no messages for an agent.",
    mib="haClusterAgentMalformed",
)
AGENT_REFUSED = counter(
    "gateway_snmp_agent_refused_total",
    "Messages to the built-in SNMP agent whose sender may not ask: unknown, with a wrong password, or by SNMPv1.",
    mib="haClusterAgentRefused",
)
SEVERITIES = ("critical", "major", "minor", "warning")
ALARMS = gauge(
    "gateway_alarms",
    "An alarm condition that is raised; what it is about is empty where it is the cluster or this node.",
    "condition",
    "object",
    "severity",
    mib="haClusterAlarmEntry",
)
ALARMS_SINCE = gauge(
    "gateway_alarms_since_timestamp_seconds",
    "When an alarm condition was raised.",
    "condition",
    "object",
    mib="haClusterAlarmSince",
)
ALARMS_ACTIVE = gauge(
    "gateway_alarms_active",
    "How many alarm conditions of a severity are raised.",
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
    "Alerts of Pacemaker's that the alert agent has handed over.",
    mib="haClusterAlertsReceived",
)
ALERTS_DROPPED = counter(
    "gateway_alerts_dropped_total",
    "Alerts that were dropped: malformed, or too many at once.",
    mib="haClusterAlertsDropped",
)
ALERTS_COALESCED = counter(
    "gateway_alerts_coalesced_total",
    "Alerts that a later one about the same object has replaced.",
    mib="haClusterAlertsCoalesced",
)
NOTIFICATION_SEQUENCE = gauge(
    "gateway_notification_sequence",
    "The sequence number of the last notification since the start of the gateway.",
    mib="haClusterNoticeSequence",
)
TARGET_STATE = gauge(
    "gateway_notification_target_state",
    "How the last delivery of a notification to a target went.",
    "target",
    "kind",
    states=("idle", "ok", "failing"),
    state_label="state",
    mib="haClusterTargetState",
)
NOTIFICATIONS_SENT = counter(
    "gateway_notifications_sent_total",
    "Notifications sent to a target; those through the master agent that it has accepted.",
    "target",
    mib="haClusterTargetSent",
)
NOTIFICATIONS_ACKNOWLEDGED = counter(
    "gateway_notifications_acknowledged_total",
    "Notifications that a target has acknowledged; a trap is never acknowledged.",
    "target",
    mib="haClusterTargetAcknowledged",
)
NOTIFICATION_RETRIES = counter(
    "gateway_notification_retries_total",
    "How often a notification was sent to a target again.",
    "target",
    mib="haClusterTargetRetries",
)
NOTIFICATIONS_FAILED = counter(
    "gateway_notifications_failed_total",
    "Deliveries to a target that were given up for the time being.",
    "target",
    mib="haClusterTargetFailed",
)
NOTIFICATIONS_DROPPED = counter(
    "gateway_notifications_dropped_total",
    "Notifications to a target that were dropped: too many were waiting, or the gateway ended.",
    "target",
    mib="haClusterTargetDropped",
)
NOTIFICATIONS_QUEUED = gauge(
    "gateway_notifications_queued",
    "Notifications that wait to be sent to a target, or to be acknowledged by it.",
    "target",
    mib="haClusterTargetQueued",
)


@cache
def process_metric(name: str, text: str, kind: MetricKind) -> Metric:
    """Returns a ``process_*`` metric, whose names are not the gateway's to choose."""
    return Metric(name=name, help=text, kind=kind)


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
