"""SBD: its tools, metrics and conditions."""
