"""HA-CLUSTER-MIB: what objects and notifications there are, where, and how values become theirs.

Shared by what serves it (``gateway.frontends.snmp``) and what sends its notifications (``gateway.alarms``).
"""
