"""The subcommand ``demo``: serves the metrics of a recorded cluster."""

from __future__ import annotations

import argparse
import math
from functools import partial

from gateway import app, runtime
from gateway.alarms.sources.recorded_quorum import STREAMS
from gateway.commands.console import print_line
from gateway.commands.exit_status import ExitStatus
from gateway.commands.flags import add_flags, load_config, read_config
from gateway.host import replay
from gateway.snmp import oid as oids

_DEFAULTS = {
    "web.listen": ["127.0.0.1:9664"],
    "corosync.statistics": True,
    # the host's own snmpd must not serve an invented cluster
    "snmp.agentx": "off",
    "snmp.agent.listen": ["127.0.0.1:1161"],
    "snmp.agent.community": [{"name": "public"}],
    "alarms.socket": "",
}


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
    """Serves until SIGTERM or SIGINT."""
    config = load_config(arguments, defaults=_DEFAULTS, search=False)
    recording = replay.Recording.load(replay.DEMO)
    speed: float = arguments.speed

    def announce(addresses: app.ListeningAddresses) -> None:
        url = f"{addresses.scheme}://{addresses.http[0]}{config.web.telemetry_path}"
        print_line(f"The demo cluster's metrics are at {url}")
        if addresses.snmp:
            root = oids.dotted(config.snmp.root.root)
            print_line(f"Over SNMP: snmpbulkwalk -v2c -c public {addresses.snmp[0]} {root}", flush=True)
        for step in recording.steps:
            print_line(f"  {step.seconds / speed:4.0f} s  {step.situation}: {step.description}", flush=True)

    host = replay.ReplayHost(recording, streams=STREAMS, scale=1 / speed)
    read_again = partial(read_config, arguments, defaults=_DEFAULTS, search=False)

    async def serve() -> None:
        await app.require_addresses(config)  # somebody waits for the demo: it does not try again for long
        await app.serve(config, host, read_config=read_again, announce=announce)

    runtime.run(serve())
    return ExitStatus.OK


def _positive_number(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError("expected a number above 0")
    return number
