"""Pacemaker: its tools, metrics and conditions."""
