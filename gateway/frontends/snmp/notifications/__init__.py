"""Notifications over SNMP: through the master agent, and directly to receivers."""
