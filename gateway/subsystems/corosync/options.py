"""Corosync's options."""

from __future__ import annotations

from gateway.options.model import Option
from gateway.options.readers import boolean, host_path

CONFIG = Option(
    key="corosync.config",
    default="/etc/corosync/corosync.conf",
    read=host_path,
    help="Path of Corosync's configuration, which contains the names of the cluster and its nodes.",
)
STATISTICS = Option(
    key="corosync.statistics",
    default=False,
    read=boolean,
    help="Whether to collect the statistics of knet and Totem, which Corosync returns one by one: this takes time.",
    flags=("--corosync.statistics",),
)
OPTIONS = (CONFIG, STATISTICS)
