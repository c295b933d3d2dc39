"""Logging: structlog to standard error, as logfmt or JSON lines."""

from __future__ import annotations

import atexit
import logging
import sys
import traceback
from collections.abc import Callable, MutableMapping, Sequence
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, Any

from gateway.log_writer import LogWriter
from gateway.printable import printable

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


_METHOD_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "warn": logging.WARNING}
"""The severities of the methods of loggers; all others are errors."""


class _Settings:
    """What can be changed while loggers exist; its methods are processors that all of them share."""

    def __init__(self) -> None:
        self.level = logging.INFO
        self.renderer: Callable[[Any, str, MutableMapping[str, Any]], str] = lambda _logger, _name, event: str(event)

    def filter(self, logger: Any, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Drops an event below the level."""
        import structlog  # noqa: PLC0415 - a third of the time that --help takes

        del logger
        if _METHOD_LEVELS.get(name, logging.ERROR) < self.level:
            raise structlog.DropEvent
        return event

    def render(self, logger: Any, name: str, event: MutableMapping[str, Any]) -> str:
        """Renders an event in the current format."""
        return self.renderer(logger, name, event)


_settings = _Settings()

_EXIT_TIMEOUT = 2.0
"""Seconds to wait at the end of the program until the log has been written."""

_writer: LogWriter | None = None
"""Writes the log of this process; None until it is configured."""


def configure(*, level: LogLevel, log_format: LogFormat) -> None:
    """Configures logging for the whole process.

    Args:
        level: the lowest severity to log.
        log_format: the format of the lines.
    """
    import structlog  # noqa: PLC0415 - a third of the time that --help takes

    common: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
    ]
    reconfigure(level=level, log_format=log_format)
    renderer = _settings.render
    writer = _replace_writer(LogWriter(sys.stderr, _make_dropped_renderer([*common, renderer])))
    structlog.configure(
        processors=[_settings.filter, *common, renderer],
        # not the level of the configuration, which loggers that exist would keep for ever
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.WriteLoggerFactory(file=writer),  # type: ignore[arg-type]  # it only writes and flushes
        cache_logger_on_first_use=True,
    )
    # aiohttp and asyncio report unexpected errors through the standard library: errors only, in the same format
    handler = logging.StreamHandler(writer)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=common,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=logging.ERROR, handlers=[handler], force=True)
    sys.excepthook = _log_crash


def reconfigure(*, level: LogLevel, log_format: LogFormat) -> None:
    """Changes the level and the format of all loggers, including those that exist already."""
    _settings.level = _STANDARD_LEVELS[level]
    _settings.renderer = _make_renderer(log_format)


def flush() -> None:
    """Waits until the log has been written, but not for long: its reader may have stopped reading."""
    if _writer is not None:
        _writer.drain(_EXIT_TIMEOUT)


def lines_dropped() -> int:
    """Returns the number of lines that were dropped because nobody read the log, or that could not be written."""
    return 0 if _writer is None else _writer.dropped


def _replace_writer(writer: LogWriter) -> LogWriter:
    global _writer  # noqa: PLW0603 - standard error is global, and so is its writer
    if _writer is None:
        atexit.register(flush)
    else:
        _writer.drain(_EXIT_TIMEOUT)
    _writer = writer
    return writer


def _make_renderer(log_format: LogFormat) -> Callable[[Any, str, MutableMapping[str, Any]], str]:
    """Returns the last processor: it renders an event as one line in which nothing can control a terminal."""
    import structlog  # noqa: PLC0415 - as above

    if log_format is LogFormat.JSON:
        render_json = structlog.processors.JSONRenderer(ensure_ascii=False)
        return lambda logger, name, event: printable(str(render_json(logger, name, event)))
    render = structlog.processors.LogfmtRenderer(key_order=["ts", "level", "event"], bool_as_flag=False)
    return lambda logger, name, event: printable(render(logger, name, {key: _as_text(event[key]) for key in event}))


def _as_text(value: Any) -> Any:
    """Returns a value for logfmt, which has no lists and no tables: they become text."""
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {each}" for key, each in value.items())
    return value


def _make_dropped_renderer(processors: Sequence[structlog.typing.Processor]) -> Callable[[int], str]:
    def render(count: int) -> str:
        event: Any = {"event": "log lines dropped", "lines": count}
        for process in processors:
            event = process(None, "warning", event)
        return f"{event}\n"

    return render


def _log_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Writes the traceback of an error that ends the program after the lines that were logged before it."""
    text = "".join(traceback.format_exception(kind, error, trace))
    if _writer is not None:
        _writer.write(printable(text, multiline=True))


def disable() -> None:
    """Stops logging the gateway's events, for a subcommand that prints every outcome; libraries still log errors."""
    import structlog  # noqa: PLC0415 - as above

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
