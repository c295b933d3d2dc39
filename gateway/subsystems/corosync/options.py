"""Corosync's options."""

from __future__ import annotations

from gateway.options.model import Option
from gateway.options.readers import boolean, host_path

CONFIG = Option(
    key="corosync.config",
    default="/etc/corosync/corosync.conf",
    read=host_path,
    help="Corosync's configuration, for the name of the cluster.",
)
STATISTICS = Option(
    key="corosync.statistics",
    default=False,
    read=boolean,
    help="Whether to collect statistics of knet and Totem; Corosync is asked for each number, which takes time.",
    flags=("--corosync.statistics",),
)
OPTIONS = (CONFIG, STATISTICS)
