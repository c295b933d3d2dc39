"""Prometheus and SNMP gateway for Pacemaker, Corosync, SBD and DRBD clusters."""

import sys

# structlog imports rich where it is installed, for tracebacks that the gateway does not print: four megabytes
sys.modules.setdefault("rich", None)  # type: ignore[arg-type]

__version__ = "0.1.0"
