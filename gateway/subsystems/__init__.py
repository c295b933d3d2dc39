"""The subsystems: one folder each, with metrics, collector, conditions and one parser module per tool."""

from __future__ import annotations

from gateway.subsystems import booth, corosync, drbd, pacemaker, qdevice, qnetd, sbd
from gateway.subsystems.subsystem import Subsystem

SUBSYSTEMS: tuple[Subsystem, ...] = (
    pacemaker.SUBSYSTEM,
    corosync.SUBSYSTEM,
    qdevice.SUBSYSTEM,
    qnetd.SUBSYSTEM,
    sbd.SUBSYSTEM,
    drbd.SUBSYSTEM,
    booth.SUBSYSTEM,
)
"""Every subsystem, in the order in which it is collected and listed."""
