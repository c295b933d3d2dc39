"""Pacemaker's conditions of the cluster as a whole."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.matching import has_number, number_equals, samples_where
from gateway.conditions.model import CLUSTER, Absent, Condition, Finding, Gone, Severity, Source
from gateway.conditions.view import ClusterView
from gateway.subsystems.pacemaker import facts, metrics
from gateway.subsystems.pacemaker.evidence import CRM_MON


def find_missing_dc(view: ClusterView) -> Iterator[Finding]:
    """Yields a finding if Pacemaker is running, but there is no designated controller."""
    if view.number(metrics.UP) and facts.has_no_dc(view):
        yield Finding("", {})


def find_down(view: ClusterView) -> Iterator[Finding]:
    """Yields a finding if Pacemaker is not running, unless it is merely installed."""
    if view.number(metrics.UP) == 0 and not view.is_unused("pacemaker"):
        yield Finding("", {})


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="pacemaker-down",
        severity=Severity.CRITICAL,
        category=CLUSTER,
        raised="Pacemaker is not running on this node",
        cleared="Pacemaker is running on this node again",
        meaning="The node runs no resources of the cluster, or runs them without supervision.",
        action="Run `systemctl status pacemaker` and `journalctl -u pacemaker` for the reason, then `systemctl start "
        "pacemaker`.",
        source=Source(collector="pacemaker"),
        find=find_down,
        absent=Absent("crm_mon gets an answer from Pacemaker", lambda view, _: view.number(metrics.UP) == 1),
        gone=Gone(
            "Pacemaker does not run, and neither corosync.conf nor a configuration of Pacemaker exists",
            "This node is no longer a member of a cluster",
            lambda view, _: view.is_unused("pacemaker"),
        ),
        local=True,
    ),
    Condition(
        name="dc-missing",
        severity=Severity.MAJOR,
        category=CLUSTER,
        raised="The cluster has no designated controller",
        cleared="The cluster has a designated controller again",
        meaning="No node decides where resources run, so nothing is recovered.",
        action="An election takes seconds. If it does not end, read `journalctl -u pacemaker` on all nodes, and check "
        "the network between them with `corosync-cfgtool -s`.",
        source=CRM_MON,
        find=find_missing_dc,
        absent=Absent("crm_mon names the designated controller", lambda view, _: facts.dc(view)),
        hold=30.0,
    ),
    Condition(
        name="maintenance-mode",
        severity=Severity.MINOR,
        category=CLUSTER,
        raised="The cluster is in maintenance mode",
        cleared="The cluster is no longer in maintenance mode",
        meaning="The cluster does not react to anything that happens to its resources.",
        action="When the work is done, run `crm configure property maintenance-mode=false` or `pcs property set "
        "maintenance-mode=false`.",
        source=CRM_MON,
        find=number_equals(metrics.MAINTENANCE_MODE_ENABLED, 1),
        absent=Absent("crm_mon prints maintenance-mode as false", has_number(metrics.MAINTENANCE_MODE_ENABLED)),
    ),
    Condition(
        name="stop-all-resources",
        severity=Severity.MAJOR,
        category=CLUSTER,
        raised="The option stop-all-resources is set",
        cleared="The option stop-all-resources is no longer set",
        meaning="The cluster stops all resources, and starts none.",
        action="Unless this is intended, run `crm configure property stop-all-resources=false` or `pcs property set "
        "stop-all-resources=false`.",
        source=CRM_MON,
        find=samples_where(metrics.CLUSTER_OPTION, lambda row: row["option"] == "stop-all-resources" and row["value"]),
        absent=Absent(
            "crm_mon prints stop-all-resources as false",
            lambda view, _: any(view.rows(metrics.CLUSTER_OPTION, option="stop-all-resources")),
        ),
    ),
    Condition(
        name="fencing-disabled",
        severity=Severity.WARNING,
        category=CLUSTER,
        raised="Fencing is disabled",
        cleared="Fencing is enabled",
        meaning="The cluster cannot recover safely from a node that does not respond. Data may be damaged.",
        action="Configure a fencing device, then run `crm configure property stonith-enabled=true` or `pcs property "
        "set stonith-enabled=true`.",
        source=CRM_MON,
        find=number_equals(metrics.STONITH_ENABLED, 0),
        absent=Absent("crm_mon prints fencing as enabled", has_number(metrics.STONITH_ENABLED)),
    ),
)
