"""Runs the managers of ``integrations`` against the demo: ``make integrations``."""
