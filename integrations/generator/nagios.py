"""The checks for Nagios and Icinga 2: ``check_snmp`` of the monitoring plugins, with a threshold for each scalar."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.snmp import oid as oids
from gateway.snmp.mib.module import Mib
from integrations.generator import watched
from integrations.generator.watched import Check

_FLAGS = {watched.WARNING: "-w", watched.CRITICAL: "-c"}
_VARIABLES = {watched.WARNING: "snmp_warn", watched.CRITICAL: "snmp_crit"}

_NAGIOS = """\
# The checks of ha-cluster-gateway for Nagios. Generated from HA-CLUSTER-MIB: see README.md.

define command {
    command_name    check_ha_cluster
    command_line    $USER1$/check_snmp -H '$HOSTADDRESS$' $_HOSTSNMP_OPTIONS$ -o '$ARG1$' $ARG2$ -l '$ARG3$'
}
"""
_ICINGA = """\
// The checks of ha-cluster-gateway for Icinga 2. Generated from HA-CLUSTER-MIB: see README.md.

template Service "ha-cluster" {
  check_command = "snmp"
  check_interval = 1m
  retry_interval = 30s
  max_check_attempts = 3
  vars.snmp_version = "2c"
}
"""


def nagios(mib: Mib) -> str:
    """Returns the command and the services for Nagios."""
    return "".join((_NAGIOS, *(_service(mib, check) for check in watched.SCALAR_CHECKS)))


def _service(mib: Mib, check: Check) -> str:
    command = f"check_ha_cluster!{_instance(mib, check)}!{_FLAGS[check.severity]} {check.range}!{_label(check)}"
    return f"""
define service {{
    use                     generic-service
    hostgroup_name          ha-cluster
    service_description     HA cluster: {_label(check)}
    notes                   {check.severity}: {check.text}
    check_command           {command}
}}
"""


def icinga(mib: Mib) -> str:
    """Returns the services for Icinga 2, with the command ``snmp`` of its template library."""
    return "".join((_ICINGA, *(line for check in watched.SCALAR_CHECKS for line in _apply(mib, check))))


def _apply(mib: Mib, check: Check) -> Iterator[str]:
    yield f"""
apply Service "ha-cluster-{_label(check).replace(" ", "-")}" {{
  import "ha-cluster"
  notes = "{check.severity}: {check.text}"
  vars.snmp_oid = "{_instance(mib, check)}"
  vars.{_VARIABLES[check.severity]} = "{check.range}"
  vars.snmp_label = "{_label(check)}"
  assign where host.vars.ha_cluster
}}
"""


def _instance(mib: Mib, check: Check) -> str:
    return f"{oids.dotted(mib[check.object].oid)}.0"


def _label(check: Check) -> str:
    return watched.words(check.object).lower()
