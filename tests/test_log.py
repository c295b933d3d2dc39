"""The log: one event a line, in one form, and never the reason for a failure."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from gateway import log
from gateway.log import LogFormat, LogLevel
from tests.programs import FakeCluster, environment, get
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """Gives the test the root logger for itself, and restores the defaults after it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def written(*, level: LogLevel = LogLevel.INFO, log_format: LogFormat = LogFormat.LOGFMT) -> list[str]:
    """Logs in every possible way, and returns the lines."""
    with contextlib.redirect_stderr(io.StringIO()) as stream:
        logging.getLogger().handlers.clear()  # pytest's
        log.configure(level=level, log_format=log_format)
        logger = structlog.get_logger("test")
        logger.debug("scrape", seconds=0.5)
        logger.info("started", listen=":9664", pair=None, flag=True)
        logger.warning("collector failing", reason='two\nlines, "quoted" = \\ é \udcff', line=3)
        logger.error("odd", exception="Traceback:\n  File\nKeyError: 'x'")
        logging.getLogger("aiohttp.server").warning("not logged")
        try:
            int("of a library")
        except ValueError:
            logging.getLogger("asyncio").exception("Task %s failed", "x")
        log.flush()
    return stream.getvalue().splitlines()


def test_logfmt_is_one_event_a_line() -> None:
    lines = written()
    assert len(lines) == 4
    for line, level in zip(lines, ("info", "warning", "error", "error"), strict=True):
        assert re.match(rf"ts=\d{{4}}-\d\d-\d\dT[\d:.]+Z level={level} event=", line)
    assert lines[0].endswith("event=started listen=:9664 pair= flag=true")
    assert r"reason=" in lines[1]
    assert r"two\nlines, \"quoted\" = " in lines[1]
    assert lines[1].endswith(" line=3")
    assert r"Traceback:\n  File\nKeyError: 'x'" in lines[2]
    assert 'event="Task x failed"' in lines[3]
    assert "ValueError: invalid literal" in lines[3]


def test_lists_and_tables_are_text_in_logfmt_and_themselves_in_json() -> None:
    values = {"problems": ["first", "second"], "states": {"a": "ok", "b": "failed"}}
    for log_format in LogFormat:
        with contextlib.redirect_stderr(io.StringIO()) as stream:
            log.configure(level=LogLevel.INFO, log_format=log_format)
            structlog.get_logger("test").info("event", **values)
            log.flush()
        (line,) = stream.getvalue().splitlines()
        if log_format is LogFormat.JSON:
            assert {key: json.loads(line)[key] for key in values} == values
        else:
            assert line.endswith(' event=event problems="first; second" states="a: ok, b: failed"')


def test_json_is_one_object_a_line() -> None:
    lines = written(level=LogLevel.DEBUG, log_format=LogFormat.JSON)
    events = [json.loads(line) for line in lines]
    assert [event["level"] for event in events] == ["debug", "info", "warning", "error", "error"]
    assert events[0]["seconds"] == 0.5
    assert events[1]["flag"] is True
    assert events[2]["reason"].startswith('two\nlines, "quoted" = \\ é')
    assert events[4]["event"] == "Task x failed"
    assert events[4]["exception"].endswith("with base 10: 'of a library'")
    assert all(event["ts"].endswith("Z") for event in events)


@pytest.mark.parametrize(("level", "count"), list(zip(LogLevel, (5, 4, 3, 2), strict=True)))
def test_events_below_the_level_are_dropped(level: LogLevel, count: int) -> None:
    assert len(written(level=level)) == count


def test_a_broken_stream_costs_only_the_line() -> None:
    reading, writing = os.pipe()
    os.close(reading)  # as when the journal was restarted
    broken = open(writing, "w", buffering=1)  # noqa: SIM115, PTH123 - it has no path
    closed = io.StringIO()
    closed.close()
    for stream in (broken, closed):
        with contextlib.redirect_stderr(stream):
            logging.getLogger().handlers.clear()
            log.configure(level=LogLevel.INFO, log_format=LogFormat.LOGFMT)
            structlog.get_logger("test").info("started")
            logging.getLogger("x").error("odd")
            log.flush()
        assert log.lines_dropped() > 0
    broken.close()


def is_listening(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as client:
        return client.connect_ex((host, int(port))) == 0


@pytest.mark.daemon
def test_a_full_disk_does_not_cost_a_scrape(cluster: FakeCluster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    argv = [sys.executable, "-m", "gateway", f"--web.listen-address={address}", f"--config={cluster.config}"]
    with (
        Path("/dev/full").open("w") as full,
        subprocess.Popen(argv, stderr=full, cwd=cluster.directory, env=environment()) as process,
    ):
        wait_until(lambda: is_listening(address), what="a gateway that cannot log that it has started")
        assert "ha_cluster_pacemaker_up 1\n" in get(address)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.mark.parametrize("log_format", LogFormat)
def test_a_value_cannot_control_a_terminal_or_forge_a_line(log_format: LogFormat) -> None:
    hostile = "\x1b]0;owned\x07\r\x9b2J\u2028\u202eevil\udc80\nts=now level=info event=forged"
    with contextlib.redirect_stderr(io.StringIO()) as stream:
        log.configure(level=LogLevel.INFO, log_format=log_format)
        structlog.get_logger("test").info(hostile, node=hostile)
        logging.getLogger("asyncio").error(hostile)
        log.flush()
    output = stream.getvalue()
    assert output.count("\n") == 2
    assert not set("\x1b\x07\r\x9b\u2028\u202e\udc80") & set(output)
    if log_format is LogFormat.JSON:
        assert [json.loads(line)["event"] for line in output.splitlines()] == [hostile, hostile]


CRASH = """
import structlog
from gateway import log
log.configure(level=log.LogLevel.INFO, log_format=log.LogFormat.LOGFMT)
structlog.get_logger("test").info("before")
raise RuntimeError("the last \x1b words")
"""


@pytest.mark.daemon
def test_the_traceback_of_a_crash_is_the_end_of_the_log() -> None:
    done = subprocess.run([sys.executable, "-c", CRASH], capture_output=True, text=True, env=environment(), check=False)
    assert done.returncode == 1
    first, *_, last = done.stderr.splitlines()
    assert "event=before" in first
    assert last == r"RuntimeError: the last \u001b words"


@pytest.mark.daemon
def test_a_log_that_nobody_reads_stops_nothing(cluster: FakeCluster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    argv = [sys.executable, "-m", "gateway", f"--web.listen-address={address}", f"--config={cluster.config}"]
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)  # as a service manager hands it over
    with subprocess.Popen(argv, stderr=writing, cwd=cluster.directory, env=environment()) as process:
        os.close(writing)
        wait_until(lambda: is_listening(address), what="a gateway whose log nobody reads")
        for _ in range(3):
            assert "ha_cluster_pacemaker_up 1\n" in get(address)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    os.close(reading)
