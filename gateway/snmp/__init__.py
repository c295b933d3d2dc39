"""SNMP without I/O and without clusters: identifiers, values, encodings, messages, AgentX and the MIB."""
