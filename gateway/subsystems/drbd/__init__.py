"""DRBD: its tools, metrics and conditions."""
