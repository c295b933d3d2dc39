"""SNMP: the snapshot as HA-CLUSTER-MIB, through the host's snmpd (AgentX) or from an agent of the gateway's own."""
