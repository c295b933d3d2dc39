"""Corosync: its tools, metrics and conditions."""
