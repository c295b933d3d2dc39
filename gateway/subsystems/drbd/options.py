"""DRBD's options."""

from __future__ import annotations

from gateway.options.model import Option
from gateway.options.readers import host_path

SPLIT_BRAIN_DIRECTORY = Option(
    key="drbd.split_brain_directory",
    default="/var/run/drbd/splitbrain",
    read=host_path,
    help="Path of the directory in which DRBD's split-brain handler leaves its files.",
    flags=("--drbdsplitbrain-path",),
    reloadable=True,
)
OPTIONS = (SPLIT_BRAIN_DIRECTORY,)
