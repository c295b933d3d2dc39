"""Pacemaker: the state of the cluster, its nodes and its resources."""

from __future__ import annotations

from gateway.options.model import OptionValues
from gateway.status import Status
from gateway.subsystems.corosync_conf import CONFIG
from gateway.subsystems.library_source import choose_source
from gateway.subsystems.pacemaker import (
    cib_alerts,
    conditions,
    facts,
    metrics,
    mib_rows,
    options,
    resource_totals,
    role,
    summary,
)
from gateway.subsystems.pacemaker.collector import PacemakerCollector
from gateway.subsystems.subsystem import AlertAgents, Subsystem, ToolSpec

_TOOLS = (
    ToolSpec(name="crm_mon", purpose="nodes, resources, failures and fencing", output_limit=32 << 20),
    ToolSpec(name="cibadmin", purpose="constraints", output_limit=16 << 20),
    ToolSpec(name="crm_node", purpose="the name of a remote or guest node; optional", output_limit=64 << 10),
    ToolSpec(name="crmadmin", purpose="whether this is a remote or guest node; optional", output_limit=64 << 10),
)


def _make_collector(values: OptionValues) -> PacemakerCollector:
    return PacemakerCollector(
        corosync_configuration=values[CONFIG],
        source=choose_source(values, options.SOURCE, _TOOLS),
        has_prefix=any(values[tool.prefix] for tool in _TOOLS),
    )


SUBSYSTEM = Subsystem(
    name="pacemaker",
    title="Pacemaker",
    tools=_TOOLS,
    options=options.OPTIONS,
    metrics=metrics.METRICS,
    mib_rows=mib_rows.MIB_ROWS,
    mib_counts=mib_rows.MIB_COUNTS,
    mib_summaries=resource_totals.MIB_SUMMARIES,
    conditions=conditions.CONDITIONS,
    summaries=summary.SUMMARIES,
    describe_host=role.describe_host,
    alert_agents=AlertAgents(
        tool="cibadmin",
        arguments=("--query", "--local", "--scope", "alerts"),
        parse=cib_alerts.parse,
        advice="To configure it, run on any one node:\n"
        "          pcs alert create path={path} id=ha-cluster-gateway-alert\n"
        "      or  crm configure alert ha-cluster-gateway-alert {path}",
    ),
    accumulators=facts.ACCUMULATORS,
    group="haclient",
    advice={
        Status.NOT_RUNNING: "Start the cluster on this node if it should run: systemctl start pacemaker, on a remote "
        "node pacemaker_remote.",
        Status.NOT_PERMITTED: "Pacemaker's ACLs hide the cluster from {user}. Run, on any one node,\n"
        "          pcs acl role create ha-cluster-gateway-read read xpath /cib\n"
        "          pcs acl user create {user} ha-cluster-gateway-read\n"
        "      or  crm configure role ha-cluster-gateway-read read xpath:/cib\n"
        "          crm configure acl_target {user} ha-cluster-gateway-read",
    },
    make_collector=_make_collector,
)
