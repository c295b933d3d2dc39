"""What ``check`` finds of snmpd, without looking at the machine that runs the tests."""

from __future__ import annotations

from gateway.commands.check.snmpd_files import LocalSnmpd

NO_SNMPD = LocalSnmpd(installed=False, running=False, contents=(), unreadable=(), path_for_additions="")
"""A host on which snmpd is not installed."""
