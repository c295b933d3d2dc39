"""Whether this host is a remote or guest node, and connected to the cluster. Pure.

There, ``pacemaker-remoted`` offers the sockets of Pacemaker's daemons, and passes requests on to the cluster node that
is connected to it, so that ``crm_mon`` and ``cibadmin`` work as on a cluster node. It refuses with EREMOTEIO, which
nothing else does, if no cluster node is connected, and always for the socket of pacemakerd (``remoted_proxy.c``). Where
that shows:

- crm_mon prints that pacemakerd is ``remote``, and the name of the node, since 2.1.6. Before, its output on a node that
  is not connected is that for a user without permission.
- ``crmadmin --pacemakerd`` prints ``error: Command failed: Remote I/O error``, since 2.1.6 the name of the daemon.
- ``crm_node -n`` prints the name or, if no cluster node is connected, an error like that. Debian has no package with it
  for a remote node.

A remote node has no corosync.conf: both commands run only where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from gateway.host.host import CommandResult
from gateway.samples import SampleSet
from gateway.status import Status
from gateway.subsystems.pacemaker import crm_node, metrics
from gateway.subsystems.pacemaker.cluster_status import ClusterStatus
from gateway.subsystems.pacemaker.remote_nodes import REMOTE
from gateway.subsystems.probe import Probe, Reading, parse_output

CRM_MON, CRM_NODE, CRMADMIN = "crm_mon", "crm_node", "crmadmin"
"""The names of the probes and of their tools."""

_REFUSED = re.compile(rb"remote I/O error|remote-node not connected", re.IGNORECASE)
_NOT_RUNNING = re.compile(rb"connection refused|not connected|no such device or address", re.IGNORECASE)
_DAEMON = re.compile(rb"pacemaker-remoted")


class LocalName(NamedTuple):
    """What ``crm_node`` reports.

    Attributes:
        name: the name of this host in the cluster; empty if it is unknown.
        is_refused: whether pacemaker-remoted has refused the tool, because no cluster node is connected to it.
    """

    name: str = ""
    is_refused: bool = False


class RemoteHost(NamedTuple):
    """What is known about this host, which is certainly a remote or guest node.

    Attributes:
        name: its name in the cluster; empty while that is unknown.
        is_connected: whether the cluster is connected to it; None if that is unknown.
    """

    name: str
    is_connected: bool | None


def probes() -> tuple[Probe, ...]:
    """Returns the probes that recognize a remote node. Neither is required."""
    return (
        Probe(name=CRM_NODE, tool=CRM_NODE, variants=(("-n",),), read=_read_name, required=False),
        Probe(name=CRMADMIN, tool=CRMADMIN, variants=(("--pacemakerd",),), read=_read_daemon, required=False),
    )


def _read_name(result: CommandResult) -> LocalName:
    if result.exit_status and _REFUSED.search(result.stderr):
        return LocalName(is_refused=True)
    return LocalName(name=parse_output(result, crm_node.parse, not_running=_NOT_RUNNING))


def _read_daemon(result: CommandResult) -> bool:
    """Returns whether pacemaker-remoted runs in place of pacemakerd."""
    if result.exit_status and _REFUSED.search(result.stderr):
        return True
    return parse_output(result, lambda output: _DAEMON.search(output) is not None, not_running=_NOT_RUNNING)


def recognize(readings: Mapping[str, Reading]) -> RemoteHost | None:
    """Returns what is known about this host if it is certainly a remote or guest node, else None."""
    crm_mon = readings[CRM_MON]
    status: ClusterStatus | None = crm_mon.value
    local: LocalName = (CRM_NODE in readings and readings[CRM_NODE].ok_value) or LocalName()
    if local.is_refused:
        return RemoteHost("", is_connected=False)
    name = local.name or (status.summary.local_node if status is not None else "")
    types = {node.name: node.type for node in status.nodes} if status is not None else {}
    has_daemon = (CRMADMIN in readings and readings[CRMADMIN].ok_value) or (
        status is not None and status.daemon_state == REMOTE
    )
    if not has_daemon and types.get(name) != REMOTE:
        return None
    return RemoteHost(name, is_connected=_is_connected(readings))


def _is_connected(readings: Mapping[str, Reading]) -> bool | None:
    """Returns whether the cluster is connected to this host, a remote node; None if that is unknown.

    To a user without permission, crm_mon can report the same as on a node that is not connected.
    """
    status = readings[CRM_MON].status
    if status is Status.OK:
        return True
    is_denied = any(reading.status is Status.NOT_PERMITTED for reading in readings.values())
    return False if status is Status.NOT_RUNNING and not is_denied else None


def add_samples(samples: SampleSet, host: RemoteHost) -> None:
    """Adds the samples about a host that is a remote or guest node."""
    samples.add(metrics.REMOTE_INFO, 1, host.name)
    samples.add(metrics.REMOTE_CONNECTED, None if host.is_connected is None else int(host.is_connected))
