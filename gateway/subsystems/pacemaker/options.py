"""Pacemaker's options."""

from __future__ import annotations

from gateway.subsystems.library_source import source_option

SOURCE = source_option("pacemaker")
OPTIONS = (SOURCE,)
