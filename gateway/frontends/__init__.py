"""Translations of a snapshot into the protocols of monitoring systems."""
