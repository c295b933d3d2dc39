"""The AgentX subagent: HA-CLUSTER-MIB through the host's snmpd."""
