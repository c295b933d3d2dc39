"""Corosync's options."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from gateway.options.model import Option
from gateway.options.readers import InvalidValueError
from gateway.subsystems.corosync_conf import CONFIG
from gateway.subsystems.library_source import source_option


class Statistics(StrEnum):
    """Whether statistics are collected."""

    AUTO = "auto"
    """If a library returns them: that takes a millisecond."""
    ON = "true"
    """Always, if necessary with corosync-cmapctl."""
    OFF = "false"
    """Never."""


def _statistics(value: Any) -> Statistics:
    try:
        return Statistics(str(value).lower() if isinstance(value, bool) else value)
    except ValueError:
        raise InvalidValueError("auto, true or false") from None


SOURCE = source_option("corosync")
STATISTICS = Option(
    key="corosync.statistics",
    default="auto",
    read=_statistics,
    help="Whether to collect the statistics of knet and Totem: auto (if a library returns them, which costs little), "
    "true (if necessary with corosync-cmapctl, which takes as long as everything else), false.",
    flags=("--corosync.statistics",),
    third_value=Statistics.AUTO.value,
    reloadable=True,
)
OPTIONS = (CONFIG, SOURCE, STATISTICS)
