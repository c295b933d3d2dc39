"""Corosync's options."""

from __future__ import annotations

from gateway.options.model import Option
from gateway.options.readers import absolute_path, switch

CONFIG = Option(
    key="corosync.config",
    default="/etc/corosync/corosync.conf",
    read=absolute_path,
    help="Corosync's configuration, for the name of the cluster.",
)
STATISTICS = Option(
    key="corosync.statistics",
    default=False,
    read=switch,
    help="Whether to collect statistics of knet and Totem; Corosync is asked for each number, which takes time.",
    flags=("--corosync.statistics",),
)
OPTIONS = (CONFIG, STATISTICS)
