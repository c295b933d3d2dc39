"""The checks for Nagios and Icinga 2 with ``check_snmp`` of the monitoring plugins.

A scalar with a threshold is a service of each host. A column with a threshold is a template for services, because
neither program discovers rows: whoever uses it names the row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gateway.snmp import oid as oids
from gateway.snmp.mib.module import Mib
from integrations.generator import watched
from integrations.generator.actions import action
from integrations.generator.watched import Check

GROUPS: Mapping[str, tuple[str, str, Sequence[Check]]] = {
    "commands.cfg": ("ha-cluster", "a node", watched.NODE_CHECKS),
    "qdevices.cfg": ("ha-qdevice", "a node with a quorum device", watched.QDEVICE_CHECKS),
    "arbitrators.cfg": ("ha-arbitrator", "a host with corosync-qnetd", watched.ARBITRATOR_CHECKS),
    "booth.cfg": ("ha-booth", "an arbitrator of booth", watched.BOOTH_CHECKS),
    "remotes.cfg": ("ha-remote", "a remote or guest node", watched.REMOTE_CHECKS),
}
"""The files for Nagios: the group of hosts, what they are, and their checks. Icinga has variables with these names."""
_FLAGS = {watched.WARNING: "-w", watched.CRITICAL: "-c"}
_VARIABLES = {watched.WARNING: "snmp_warn", watched.CRITICAL: "snmp_crit"}
_PATTERN, _PATTERN_VARIABLE = "-r", "snmp_ereg"
"""For a threshold that is no range; what does not match is critical, whatever its severity."""

_HEADER = "# The checks of {hosts} for Nagios. Generated from HA-CLUSTER-MIB: see README.md.\n"
_COMMANDS = """
define command {
    command_name    check_ha_cluster
    command_line    $USER1$/check_snmp -H '$HOSTADDRESS$' $_HOSTSNMP_OPTIONS$ -o '$ARG1$' $ARG2$ -l '$ARG3$'
}

define command {
    command_name    check_ha_cluster_row
    command_line    $USER1$/check_snmp -H '$HOSTADDRESS$' $_HOSTSNMP_OPTIONS$ -o '$ARG1$.$_SERVICEINDEX$' $ARG2$ \
-l '$SERVICEDESC$'
}
"""
_NAGIOS_ROWS = """\
# Templates of services for single rows, for Nagios. Generated from HA-CLUSTER-MIB: see README.md.
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


def nagios(mib: Mib, name: str) -> str:
    """Returns a file with the services of some hosts for Nagios; that of the nodes has the commands as well."""
    group, hosts, checks = GROUPS[name]
    commands = _COMMANDS if checks is watched.NODE_CHECKS else ""
    return "".join((_HEADER.format(hosts=hosts), commands, *(_service(mib, check, group) for check in checks)))


def _service(mib: Mib, check: Check, group: str) -> str:
    command = f"check_ha_cluster!{_oid(mib, check)}.0!{options(check)}!{label(check)}"
    return f"""
define service {{
    use                     generic-service
    hostgroup_name          {group}
    service_description     HA cluster: {label(check)}
    notes                   {_notes(check)}
    check_command           {command}
}}
"""


def nagios_rows(mib: Mib) -> str:
    """Returns the templates for single rows, for Nagios."""
    return _NAGIOS_ROWS + "".join(_row(mib, check) for check in row_checks())


def row_checks() -> Sequence[Check]:
    """Returns the thresholds of columns."""
    return tuple(check for table in watched.TABLES for check in table.checks)


def template_name(check: Check) -> str:
    """Returns the name of the template for a column."""
    return f"ha-cluster-{label(check).replace(' ', '-')}"


def _row(mib: Mib, check: Check) -> str:
    return f"""
define service {{
    use                     generic-service
    name                    {template_name(check)}
    register                0
    notes                   {_notes(check)}
    check_command           check_ha_cluster_row!{_oid(mib, check)}!{options(check)}
}}
"""


def icinga(mib: Mib) -> str:
    """Returns the services and the templates for Icinga 2, with the command ``snmp`` of its template library."""
    services = (line for check in watched.SCALAR_CHECKS for line in _apply(mib, check))
    templates = (line for check in row_checks() for line in _template(mib, check))
    return "".join((_ICINGA, *services, *templates))


def _apply(mib: Mib, check: Check) -> Iterator[str]:
    yield f"""
apply Service "ha-cluster-{label(check).replace(" ", "-")}" {{
  import "ha-cluster"
  notes = "{_notes(check)}"
  vars.snmp_oid = "{_oid(mib, check)}.0"
  {_variable(check)}
  vars.snmp_label = "{label(check)}"
"""
    for group, _, checks in GROUPS.values():
        if check in checks:
            yield f"  assign where host.vars.{group.replace('-', '_')}\n"
    yield "}\n"


def _template(mib: Mib, check: Check) -> Iterator[str]:
    yield f"""
template Service "{template_name(check)}" {{
  import "ha-cluster"
  notes = "{_notes(check)}"
  vars.snmp_oid = "{_oid(mib, check)}.$ha_index$"
  {_variable(check)}
  vars.snmp_label = "$service.name$"
}}
"""


def options(check: Check) -> str:
    """Returns the options of check_snmp for a threshold."""
    return f"{_PATTERN} '{_pattern(check)}'" if check.others else f"{_FLAGS[check.severity]} {check.range}"


def severity(check: Check) -> str:
    """Returns the severity of what check_snmp finds wrong."""
    return watched.CRITICAL if check.others else check.severity


def _variable(check: Check) -> str:
    name, value = (_PATTERN_VARIABLE, _pattern(check)) if check.others else (_VARIABLES[check.severity], check.range)
    return f'vars.{name} = "{value}"'


def _pattern(check: Check) -> str:
    """Returns a pattern for states of one digit, in what snmpget prints."""
    return f"INTEGER:.[{check.lowest}{''.join(map(str, check.others))}]"


def _notes(check: Check) -> str:
    """Returns what is wrong, and what to do."""
    return f"{severity(check)}: {check.text}. {action(check.object)}"


def _oid(mib: Mib, check: Check) -> str:
    return oids.dotted(mib[check.object].oid)


def label(check: Check) -> str:
    """Returns the name of a service, without the prefix that the program gives it."""
    return watched.words(check.object).lower()
