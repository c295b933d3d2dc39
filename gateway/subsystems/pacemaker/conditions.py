"""Pacemaker's conditions: the cluster, its nodes, fencing and resources."""

from __future__ import annotations

from gateway.conditions.model import Condition
from gateway.subsystems.pacemaker import (
    clone_conditions,
    cluster_conditions,
    fencing_conditions,
    history_conditions,
    node_conditions,
    remote_conditions,
    resource_conditions,
)

CONDITIONS: tuple[Condition, ...] = (
    *cluster_conditions.CONDITIONS,
    *node_conditions.CONDITIONS,
    *remote_conditions.CONDITIONS,
    *fencing_conditions.CONDITIONS,
    *resource_conditions.CONDITIONS,
    *clone_conditions.CONDITIONS,
    *history_conditions.CONDITIONS,
)
