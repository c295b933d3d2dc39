"""The files that are generated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gateway.snmp.mib.module import mib
from integrations.generator import collectd, librenms, nagios, opennms, snmp_exporter, snmptt, zabbix

FOLDER = Path(__file__).resolve().parents[1]
"""The folder ``integrations``."""


def files() -> Mapping[str, str]:
    """Returns the content of each generated file, by its path in the folder."""
    module = mib()
    return {
        "collectd/ha-cluster.conf": collectd.configuration(module),
        "librenms/os_detection/ha-cluster.yaml": librenms.detection(module),
        "librenms/os_discovery/ha-cluster.yaml": librenms.discovery(module),
        **{f"nagios/{name}": nagios.nagios(module, name) for name in nagios.GROUPS},
        "nagios/rows.cfg": nagios.nagios_rows(module),
        "nagios/icinga2.conf": nagios.icinga(module),
        "opennms/ha-cluster.events.xml": opennms.events(module),
        "opennms/ha-cluster.datacollection.xml": opennms.data_collection(module),
        "snmp_exporter/generator.yml": snmp_exporter.generator_input(module),
        "snmp_exporter/snmp.yml": snmp_exporter.module(module),
        "snmptt/ha-cluster.conf": snmptt.configuration(module),
        "zabbix/ha-cluster.yaml": zabbix.template(module),
    }
