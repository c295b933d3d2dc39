"""Prometheus and SNMP gateway for Pacemaker, Corosync, SBD and DRBD clusters."""

__version__ = "0.1.0"
