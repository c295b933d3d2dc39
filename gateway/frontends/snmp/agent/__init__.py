"""The built-in agent: HA-CLUSTER-MIB over UDP."""
