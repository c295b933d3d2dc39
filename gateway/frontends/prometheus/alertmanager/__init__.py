"""Sends alarms to Alertmanager."""
