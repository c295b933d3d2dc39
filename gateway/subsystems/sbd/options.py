"""SBD's options."""

from __future__ import annotations

from enum import StrEnum

from gateway.options.model import Option
from gateway.options.readers import host_path, member_of


class Source(StrEnum):
    """How the devices are read."""

    AUTO = "auto"
    """In-process, unless a path or a prefix is set for the tool."""
    DEVICE = "device"
    """In-process, which requires permission to read them."""
    TOOL = "tool"
    """With ``sbd dump`` and ``sbd list``, which require permission to write to them as well."""


CONFIG = Option(
    key="sbd.config",
    default="",
    read=host_path,
    help="Path of SBD's configuration; empty for /etc/sysconfig/sbd or /etc/default/sbd.",
    flags=("--sbd-config-path",),
    reloadable=True,
)
SOURCE = Option(
    key="sbd.source",
    default="auto",
    read=member_of(Source),
    help="How SBD's devices are read: device (read-only, without a tool), tool (sbd dump and list), auto (tool if its "
    "path or prefix is set, otherwise device).",
    reloadable=True,
)
OPTIONS = (CONFIG, SOURCE)
