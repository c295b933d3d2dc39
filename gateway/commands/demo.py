"""The subcommand ``demo``: serves the metrics of a recorded cluster."""

from __future__ import annotations

import argparse
import asyncio
import math
import time
from collections.abc import Iterable, Iterator
from functools import partial

from gateway.alarms.notification import Notification, NotificationKind
from gateway.alarms.sources.recorded_quorum import quorum_of_step
from gateway.app.serve import ListeningAddresses, require_addresses, serve
from gateway.commands.console import print_line
from gateway.commands.exit_status import MEANINGS, ExitStatus
from gateway.commands.flags import add_flags, load_config, read_config
from gateway.config.config import Config
from gateway.errors import StartError
from gateway.host import replay
from gateway.runtime import event_loop
from gateway.snmp import oid as oids

_DEFAULTS = {
    "web.listen": ["127.0.0.1:9664"],
    "corosync.statistics": True,
    # the host's own snmpd must not serve an invented cluster
    "snmp.agentx": "off",
    "snmp.agent.listen": ["127.0.0.1:1161"],
    "snmp.agent.community": [{"name": "public"}],
    "alarms.socket": "",
    # alarms are printed for people instead
    "alarms.raise_at_start": True,
    "log.level": "error",
}

_OTHER_PORTS = (
    "to choose free ports: --web.listen-address=127.0.0.1:0 --snmp.agent.listen=127.0.0.1:0 (with make demo, in ARGS)"
)

EXIT_STATUSES = {
    ExitStatus.OK: "Stopped by SIGTERM or SIGINT.",
    ExitStatus.UNAVAILABLE: "It cannot listen: an address is in use.",
    ExitStatus.OUT_OF_MEMORY: MEANINGS[ExitStatus.OUT_OF_MEMORY],
    ExitStatus.INTERRUPTED: "Interrupted from the keyboard while it was starting.",
}
"""The exit statuses that only this subcommand has, or to which it gives another meaning."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags, with the demo's own defaults, and the speed of the recording."""
    add_flags(parser, defaults=_DEFAULTS)
    parser.add_argument(
        "--speed",
        type=_positive_number,
        default=1.0,
        metavar="FACTOR",
        help="Play the recording this many times as fast. (default: 1)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT, and prints what happens to the cluster and the alarms that follow.

    Raises:
        StartError: an address is in use.
    """
    config = load_config(arguments, defaults=_DEFAULTS, search=False)
    recording = replay.Recording.load(replay.DEMO)
    host = replay.ReplayHost(recording, quorum=quorum_of_step, scale=1 / arguments.speed)
    read_again = partial(read_config, arguments, defaults=_DEFAULTS, search=False)
    seconds = sum(step.seconds for step in recording.steps) / arguments.speed

    async def play() -> None:
        try:
            await require_addresses(config)  # somebody waits for the demo: it does not try again for long
        except StartError as error:
            raise StartError(f"{error}; {_OTHER_PORTS}") from None
        narrator = _Narrator(host)
        printing = asyncio.ensure_future(narrator.print_steps())

        def announce(addresses: ListeningAddresses) -> None:
            narrator.begin(_describe(config, addresses, seconds))

        try:
            await serve(
                config,
                host,
                read_config=read_again,
                announce=announce,
                on_notification=narrator.on_notification,
                removal_time=replay.REMOVAL_TIME,
            )
        finally:
            printing.cancel()

    event_loop.run(play())
    return ExitStatus.OK


def _describe(config: Config, addresses: ListeningAddresses, seconds: float) -> Iterator[str]:
    """Yields what there is to see, in lines."""
    url = f"{addresses.scheme}://{addresses.http[0]}"
    yield f"A recorded cluster, which starts over after {seconds:.0f} s. Ctrl-C ends the demo."
    yield f"  status page      {url}/"
    yield f"  Prometheus       curl {url}{config.web.telemetry_path}"
    if addresses.snmp:
        root = oids.dotted(config.snmp.root.root)
        yield f"  SNMP             snmpbulkwalk -v2c -c public {addresses.snmp[0]} {root}"
    yield ""


class _Narrator:
    """Prints the steps of the time line, and the alarms that follow from each.

    Args:
        host: plays the time line.
    """

    def __init__(self, host: replay.ReplayHost) -> None:
        self._host = host
        self._step: replay.Step | None = None
        self._waiting: list[str] | None = []

    def begin(self, lines: Iterable[str]) -> None:
        """Prints some lines, and then everything that has happened and will happen."""
        for line in (*lines, *(self._waiting or ())):
            print_line(line, flush=True)
        self._waiting = None

    async def print_steps(self) -> None:
        """Prints each step when it begins, for ever."""
        async for step in self._host.steps():
            self._print_step(step)

    def on_notification(self, notification: Notification) -> None:
        """Prints an alarm that was raised or cleared, below the step that it belongs to."""
        if notification.kind is NotificationKind.CONDITION:
            self._print_step(self._host.step)
            change, severity = notification.change.value, notification.severity.value
            self._print(f"  {change:8}{severity:10}{notification.condition}: {notification.text}")

    def _print_step(self, step: replay.Step) -> None:
        if step is not self._step:
            self._step = step
            self._print(f"{step.situation}: {step.description}")

    def _print(self, text: str) -> None:
        line = f"{time.strftime('%H:%M:%S')}  {text}"
        if self._waiting is None:
            print_line(line, flush=True)
        else:
            self._waiting.append(line)


def _positive_number(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError("expected a number above 0")
    return number
