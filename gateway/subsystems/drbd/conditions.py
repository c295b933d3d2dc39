"""DRBD's conditions."""

from __future__ import annotations

from gateway.conditions.model import Condition
from gateway.subsystems.drbd import (
    connection_conditions,
    disk_conditions,
    io_conditions,
    replication_conditions,
)

CONDITIONS: tuple[Condition, ...] = (
    *disk_conditions.CONDITIONS,
    *connection_conditions.CONDITIONS,
    *replication_conditions.CONDITIONS,
    *io_conditions.CONDITIONS,
)
