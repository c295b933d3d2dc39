"""Corosync's options."""

from __future__ import annotations

from gateway.options.model import Option
from gateway.options.readers import boolean
from gateway.subsystems.corosync_conf import CONFIG

STATISTICS = Option(
    key="corosync.statistics",
    default=False,
    read=boolean,
    help="Whether to collect the statistics of knet and Totem, which Corosync returns one by one: this takes time.",
    flags=("--corosync.statistics",),
    reloadable=True,
)
OPTIONS = (CONFIG, STATISTICS)
