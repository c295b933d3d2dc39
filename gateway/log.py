"""Logging: structlog to standard error, as logfmt or JSON lines."""

from __future__ import annotations

import contextlib
import logging
import sys
from enum import Enum
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    import structlog


class LogLevel(Enum):
    """The severity of an event."""

    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class LogFormat(Enum):
    """The format of the log's lines."""

    LOGFMT = "logfmt"
    JSON = "json"


_STANDARD_LEVELS = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARN: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}


class _Stream:
    """A stream that loses what cannot be written: a full disk or a restarted journal must not fail a scrape."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            return self._stream.write(text)
        return 0

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def configure(*, level: LogLevel, log_format: LogFormat) -> None:
    """Configures logging for the whole process.

    Args:
        level: the lowest severity to log; events below it cost nothing.
        log_format: the format of the lines.
    """
    import structlog  # noqa: PLC0415 - a third of the time that --help takes

    stream = _Stream(sys.stderr)
    common: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format is LogFormat.JSON
        else structlog.processors.LogfmtRenderer(key_order=["ts", "level", "event"], bool_as_flag=False)
    )
    structlog.configure(
        processors=[*common, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_STANDARD_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=stream),  # type: ignore[arg-type]  # it only writes and flushes
        cache_logger_on_first_use=True,
    )
    # aiohttp and asyncio report unexpected errors through the standard library: errors only, in the same format
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=common,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=logging.ERROR, handlers=[handler], force=True)


def disable() -> None:
    """Stops logging the gateway's events, for a subcommand that prints every outcome; libraries still log errors."""
    import structlog  # noqa: PLC0415 - as above

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
