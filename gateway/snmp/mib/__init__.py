"""HA-CLUSTER-MIB: its objects and notifications, and the conversion of values to its syntaxes."""
