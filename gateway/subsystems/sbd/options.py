"""SBD's options."""

from __future__ import annotations

from gateway.options.model import Option
from gateway.options.readers import host_path

CONFIG = Option(
    key="sbd.config",
    default="",
    read=host_path,
    help="Path of SBD's configuration; empty for /etc/sysconfig/sbd or /etc/default/sbd.",
    flags=("--sbd-config-path",),
)
OPTIONS = (CONFIG,)
