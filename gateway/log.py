"""Logging: structlog to standard error, as logfmt or JSON lines."""

from __future__ import annotations

import logging
import sys

import structlog

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
FORMATS = ("logfmt", "json")


def configure(*, level: str, output: str) -> None:
    """Sets up logging for the whole process.

    Args:
        level: one of ``LEVELS``; events below it cost nothing.
        output: one of ``FORMATS``.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer()
            if output == "json"
            else structlog.processors.LogfmtRenderer(key_order=["ts", "level", "event"], bool_as_flag=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    # aiohttp and asyncio complain of broken clients through the standard library: errors only, in the same stream
    logging.basicConfig(
        level=logging.ERROR, stream=sys.stderr, format="level=%(levelname)s logger=%(name)s event=%(message)r"
    )
