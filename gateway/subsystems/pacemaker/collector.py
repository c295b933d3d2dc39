"""Collects the state of the cluster with ``crm_mon`` and ``cibadmin``, or with Pacemaker's libraries."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from gateway.errors import ParseError
from gateway.host.host import CommandResult, Host
from gateway.host.library import CONSTRAINTS, STATUS, Stack
from gateway.samples import Labels, SampleSet
from gateway.status import Status
from gateway.subsystems import corosync_conf
from gateway.subsystems.library_source import LibrarySource, query
from gateway.subsystems.pacemaker import cib, crm_mon, metrics, remote_host, remote_nodes
from gateway.subsystems.pacemaker.cluster_status import BOOLEAN_OPTIONS, ClusterStatus, FenceEvent, Resource
from gateway.subsystems.parsing.partial import Parsed
from gateway.subsystems.parsing.xml import INFINITY_SCORE
from gateway.subsystems.probe import CommandError, Plan, Probe, Reading, Varying, parse_output

_T = TypeVar("_T")

_EXIT_INSUFFICIENT_PRIVILEGES = 4
_EXIT_DISCONNECTED = 102
_NOT_RUNNING = re.compile(
    rb"not connected|cluster is not available|connection to cluster failed|could not connect|connection refused"
    rb"|transport endpoint is not connected|no such device or address",
    re.IGNORECASE,
)

# -1 always: without it crm_mon has been seen to wait forever
_CRM_MON = (("-1", "--output-as=xml", "--inactive"), ("-1", "-X", "--inactive"))
# --local: a node without quorum cannot query another node
_CIBADMIN = (("--query", "--local", "--scope", "constraints"), ("--query", "--local"))


def _parse_status(result: CommandResult) -> Parsed[ClusterStatus]:
    """Returns the state of the cluster.

    Raises:
        CommandError: crm_mon is not connected to the cluster; its value is what crm_mon shows nevertheless.
        ParseError: the output shows neither the cluster nor why it does not.
    """
    parsed = parse_output(result, crm_mon.parse, not_running=_NOT_RUNNING)
    status = parsed.value
    if status.connected:
        return parsed
    # the document contains more details than the exit status
    code, message = result.exit_status, ""
    if status.status is not None:
        code, message = status.status.code, status.status.message.removeprefix("OK").removeprefix(": ")
    if code == _EXIT_INSUFFICIENT_PRIVILEGES:
        raise CommandError(Status.NOT_PERMITTED, message or "insufficient privileges", value=status)
    not_running = (
        status.disconnected
        or status.daemon_state
        or _EXIT_DISCONNECTED in {code, result.exit_status}
        or _NOT_RUNNING.search(message.encode() + result.stderr)
    )
    # crm_mon 2.0 exits with 0 although it had no answer, for example from pacemaker-fenced
    if not (not_running or code or result.exit_status or message or result.stderr.strip()):
        raise ParseError("expected <summary>, <nodes> and <resources>, found none of them")
    state = Status.NOT_RUNNING if not_running else Status.FAILED
    raise CommandError(state, message or "no information about the cluster", value=status)


def _parse_constraints(result: CommandResult) -> Parsed[cib.Constraints]:
    return parse_output(result, cib.parse, not_running=_NOT_RUNNING)


def _unless_refused(read: Callable[[CommandResult], _T], may_connect: Callable[[], bool]) -> Callable[..., _T]:
    """Returns a reader that knows that Pacemaker 2.0 reports the same if it does not run and if it refuses the user.

    So does cibadmin of 2.1.
    """

    def read_or_refused(result: CommandResult) -> _T:
        try:
            return read(result)
        except CommandError as error:
            if error.status is not Status.NOT_RUNNING or may_connect():
                raise
            detail = f"{error.detail}; Pacemaker refuses users who may not read {_STATE}"
            raise CommandError(Status.NOT_PERMITTED, detail, value=error.value) from None

    return read_or_refused


def _may_read_state(host: Host) -> bool:
    """Returns whether the user has the group of Pacemaker's daemons, which owns this directory, or is root."""
    try:
        host.list_directory(_STATE)
    except PermissionError:
        return False
    except OSError:
        return True
    return True


_STATE = "/var/lib/pacemaker"

_CONFIGURATIONS = ("/etc/sysconfig/pacemaker", "/etc/default/pacemaker")
"""Where distributions keep the settings of Pacemaker's daemons: SUSE and Red Hat, Debian."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PacemakerCollector:
    """Collects the state of the cluster as Pacemaker on this node sees it.

    Attributes:
        corosync_configuration: the path of corosync.conf, for the name of the cluster.
        source: whether libpacemaker is asked for the state.
        has_prefix: whether a tool runs behind a prefix, and so as another user.
    """

    name: str = "pacemaker"
    presence_tools: tuple[str, ...] = ("crm_mon", "cibadmin")
    corosync_configuration: str
    source: LibrarySource = LibrarySource.TOOLS
    has_prefix: bool = False

    @property
    def configurations(self) -> tuple[str, ...]:
        """Corosync's configuration, and Pacemaker's own, which a remote node has."""
        return (self.corosync_configuration, *_CONFIGURATIONS)

    def plan(self, host: Host) -> Plan:
        """Returns two probes, and Corosync's configuration; without that, also those that recognize a remote node."""
        may_connect = (lambda: True) if self.has_prefix else partial(_may_read_state, host)
        read_status = _unless_refused(_parse_status, may_connect)
        read_constraints = _unless_refused(_parse_constraints, may_connect)
        configuration = corosync_conf.read(host, self.corosync_configuration)
        return Plan(
            probes=(
                Probe(
                    name="crm_mon",
                    tool="crm_mon",
                    variants=_CRM_MON,
                    read=read_status,
                    varying=Varying(pattern=crm_mon.LAST_UPDATE, update=crm_mon.with_last_update),
                    library=query(self.source, host, Stack.PACEMAKER, STATUS),
                ),
                Probe(
                    name="cibadmin",
                    tool="cibadmin",
                    variants=_CIBADMIN,
                    read=read_constraints,
                    library=query(self.source, host, Stack.PACEMAKER, CONSTRAINTS),
                ),
                *(remote_host.probes() if configuration.status is Status.NOT_INSTALLED else ()),
            ),
            files={"corosync.conf": configuration},
        )

    def make_samples(self, readings: Mapping[str, Reading]) -> SampleSet:
        """Returns the samples of the metrics ``ha_cluster_pacemaker_*``."""
        samples = SampleSet()
        reading = readings["crm_mon"]
        others = [readings[name] for name in ("cibadmin", remote_host.CRM_NODE) if name in readings]
        not_permitted = any(other.status is Status.NOT_PERMITTED for other in others)
        this_host = remote_host.recognize(readings)
        _add_daemon(samples, reading, not_permitted=not_permitted, is_remote=this_host is not None)
        if this_host is not None:
            remote_host.add_samples(samples, this_host)
        if (status := reading.ok_value) is not None:
            configuration = readings["corosync.conf"].ok_value
            _add_summary(samples, status, (configuration and configuration.cluster_name) or "")
            _add_nodes(samples, status)
            _add_connections(samples, status)
            _add_resources(samples, status)
            _add_history(samples, status)
            _add_events(samples, status)
            _add_tickets_and_bans(samples, status)
        now = status.summary.last_update if status is not None else None
        if (constraints := readings["cibadmin"].ok_value) is not None:
            _add_locations(samples, constraints.locations, now)
            _add_colocations(samples, constraints.colocations)
            _add_ticket_constraints(samples, constraints.tickets)
        return samples


def _add_locations(samples: SampleSet, constraints: Iterable[cib.LocationConstraint], now: float | None) -> None:
    """Adds the scores of the constraints that are in effect; one that has expired has no score any more."""
    for constraint in constraints:
        labels = (constraint.id, constraint.node, constraint.resource, constraint.role.lower())
        samples.add(metrics.LOCATION_EXPIRES, constraint.expires, *labels)
        if now is None or constraint.expires is None or now < constraint.expires:
            samples.add(metrics.LOCATION_CONSTRAINTS, constraint.score, *labels)
        else:
            samples.add(metrics.LOCATION_EXPIRED, 1, *labels)


def _add_colocations(samples: SampleSet, constraints: Iterable[cib.ColocationConstraint]) -> None:
    for constraint in constraints:
        labels = (
            constraint.id,
            constraint.resource,
            constraint.role.lower(),
            constraint.with_resource,
            constraint.with_role.lower(),
        )
        samples.add(metrics.COLOCATION_CONSTRAINTS, constraint.score, *labels)


def _add_ticket_constraints(samples: SampleSet, constraints: Iterable[cib.TicketConstraint]) -> None:
    for constraint in constraints:
        labels = (
            constraint.id,
            constraint.resource,
            constraint.role.lower(),
            constraint.ticket,
            constraint.loss_policy,
        )
        samples.add(metrics.TICKET_CONSTRAINTS, 1, *labels)


def _add_daemon(samples: SampleSet, reading: Reading, *, not_permitted: bool, is_remote: bool) -> None:
    """Adds whether Pacemaker is running; unknown if a tool was not permitted, because the other then fails as well.

    On a remote node it is running even while the cluster is not connected to it.
    """
    status: ClusterStatus | None = reading.value
    is_down = reading.status is Status.NOT_RUNNING and not not_permitted and not is_remote
    if is_remote or is_down:
        samples.add(metrics.UP, int(is_remote))
    elif reading.status is Status.OK and status is not None:
        samples.add(metrics.UP, int(status.connected))
    state = remote_nodes.REMOTE if is_remote else status.daemon_state if status is not None else ""
    if not state and is_down:
        state = "not_connected"
    if state:
        samples.add(metrics.DAEMON_STATE, metrics.DAEMON_STATE.flags_for(state))


def _add_summary(samples: SampleSet, status: ClusterStatus, cluster_name: str) -> None:
    summary, dc = status.summary, status.summary.dc
    if dc is not None:
        samples.add(metrics.INFO, 1, summary.version, dc.name, summary.stack, cluster_name)
        samples.add(metrics.QUORATE, _flag(dc.with_quorum))
        samples.add(metrics.MIXED_VERSION, _flag(dc.mixed_version))
    samples.add(metrics.CONFIG_LAST_CHANGE, summary.last_change)
    samples.add(metrics.NODES_CONFIGURED, summary.nodes_configured)
    for state, count in summary.resources.items():
        samples.add(metrics.RESOURCES_CONFIGURED, count, state)
    if (total := summary.resources.get("total")) is not None:
        samples.add(metrics.RESOURCES_UNLISTED, max(0, total - len(status.resources)))
    samples.add(metrics.STONITH_TIMEOUT, summary.stonith_timeout)
    _add_options(samples, summary.options)


def _add_options(samples: SampleSet, options: Mapping[str, str]) -> None:
    flags = {name: int(options[name] == "true") for name in BOOLEAN_OPTIONS if name in options}
    samples.add(metrics.STONITH_ENABLED, flags.get("stonith-enabled"))
    samples.add(metrics.MAINTENANCE_MODE_ENABLED, flags.get("maintenance-mode"))
    for name, flag in flags.items():
        samples.add(metrics.CLUSTER_OPTION, flag, name)
    if policy := options.get("no-quorum-policy"):
        samples.add(metrics.NO_QUORUM_POLICY, metrics.NO_QUORUM_POLICY.flags_for(policy))


def _add_nodes(samples: SampleSet, status: ClusterStatus) -> None:
    for node in status.nodes:
        samples.add(metrics.NODES, node.states, node.name, node.type)
        samples.add(metrics.NODE_INFO, 1, node.name, node.id, node.feature_set)
        if node.container:
            samples.add(metrics.GUEST_NODES, 1, node.name, node.container)
        samples.add(metrics.NODE_RESOURCES_RUNNING, node.resources_running, node.name)
        if node.health:
            samples.add(metrics.NODE_HEALTH, metrics.NODE_HEALTH.flags_for(node.health), node.name)
    for attribute in status.attributes:
        samples.add(metrics.NODE_ATTRIBUTES, 1, attribute.node, attribute.name, attribute.value)


def _add_connections(samples: SampleSet, status: ClusterStatus) -> None:
    """Adds the connections to remote and guest nodes."""
    for connection in remote_nodes.connections(status):
        flags = metrics.REMOTE_CONNECTION.flags_for(connection.state)
        samples.add(metrics.REMOTE_CONNECTION, flags, connection.node)
        if connection.host:
            samples.add(metrics.REMOTE_CONNECTION_HOST, 1, connection.node, connection.host)


def _add_resources(samples: SampleSet, status: ClusterStatus) -> None:
    add = samples.add
    instances: list[Labels] = []
    for resource in status.resources:
        flags = (resource.active, resource.orphaned, resource.blocked, resource.failed, resource.failure_ignored)
        managed = _word(resource.managed)
        labels = (resource.id, resource.role.lower(), managed, resource.agent, resource.group, resource.clone)
        for node in resource.nodes or ("",):
            instance: Labels = (node, *labels)
            add(metrics.RESOURCES, flags, *instance)
            instances.append(instance)
        if resource.target_role or resource.pending or resource.locked_to or resource.maintenance:
            _add_resource_info(samples, resource)
    if len(samples.samples_by_metric.get(metrics.RESOURCES, ())) < len(instances):  # counting takes time, and is rare
        for combination, count in Counter(instances).items():
            if count > 1:
                add(metrics.RESOURCE_COPIES, count, *combination)
    for bundle in status.bundles:
        add(metrics.BUNDLE_REPLICAS, bundle.replicas, bundle.id, "total")
        add(metrics.BUNDLE_REPLICAS, bundle.running, bundle.id, "running")


def _add_resource_info(samples: SampleSet, resource: Resource) -> None:
    labels = (resource.target_role.lower(), resource.pending, resource.locked_to, _word(resource.maintenance))
    for node in resource.nodes or ("",):
        samples.add(metrics.RESOURCE_INFO, 1, resource.id, node, resource.group, resource.clone, *labels)


def _add_history(samples: SampleSet, status: ClusterStatus) -> None:
    add = samples.add
    for node, resource, count, threshold, operations in status.history:
        infinite = count is not None and count >= INFINITY_SCORE
        add(metrics.FAIL_COUNT, math.inf if infinite else count, node, resource)
        add(metrics.MIGRATION_THRESHOLD, threshold, node, resource)
        for task, interval, duration in operations:
            add(metrics.OPERATION_DURATION, duration, node, resource, task, interval)


def _add_events(samples: SampleSet, status: ClusterStatus) -> None:
    for failure in status.failures:
        labels = (failure.node, failure.resource, failure.operation, failure.interval, failure.status)
        samples.add(metrics.FAILED_ACTIONS, 1, *labels)
        samples.add(metrics.FAILED_ACTIONS_TIMESTAMP, failure.time, *labels)
        samples.add(metrics.FAILED_ACTION_REASONS, 1, *labels[:4], failure.execution, failure.reason)
    events = [
        ((event.target, event.action, event.status, event.delegate, event.origin), event.time)
        for event in status.fence_events
    ]
    for labels, time in events:
        samples.add(metrics.FENCE_EVENTS_TIMESTAMP, time, *labels)
    for event in _newest_with_reason(status.fence_events):
        samples.add(metrics.FENCE_EVENT_REASONS, 1, event.target, event.action, event.status, event.reason)
    for labels, count in Counter(labels for labels, _ in events).items():
        samples.add(metrics.FENCE_EVENTS, count, *labels)


def _newest_with_reason(events: Iterable[FenceEvent]) -> Iterable[FenceEvent]:
    """Returns the newest event of each target, action and status that has a reason."""
    newest: dict[tuple[str, str, str], FenceEvent] = {}
    for event in events:
        key = (event.target, event.action, event.status)
        if event.reason and (key not in newest or (event.time or 0) > (newest[key].time or 0)):
            newest[key] = event
    return newest.values()


def _add_tickets_and_bans(samples: SampleSet, status: ClusterStatus) -> None:
    for ticket in status.tickets:
        revoked = None if ticket.granted is None else not ticket.granted
        flags = (ticket.granted, revoked, ticket.standby)
        samples.add(metrics.TICKETS, flags, ticket.id)
        samples.add(metrics.TICKETS_LAST_GRANTED, ticket.last_granted, ticket.id)
    for ban in status.bans:
        samples.add(metrics.BANS, ban.weight, ban.id, ban.resource, ban.node, _word(ban.promoted_only))


def _flag(value: bool | None) -> int | None:  # noqa: FBT001 - the value to convert
    return None if value is None else int(value)


def _word(value: bool | None) -> str:  # noqa: FBT001 - the value to convert
    """Returns a flag as the value of a label, which is empty if the flag is unknown."""
    return "" if value is None else "true" if value else "false"
