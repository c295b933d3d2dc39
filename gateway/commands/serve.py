"""The subcommand ``serve``: serves the metrics of this node."""

from __future__ import annotations

import argparse
from functools import partial

from gateway.app.collection import build_local_host
from gateway.app.serve import serve
from gateway.commands.exit_status import MEANINGS, ExitStatus
from gateway.commands.flags import add_flags, load_config, read_config
from gateway.runtime import event_loop

EXIT_STATUSES = {
    ExitStatus.OK: "Stopped by SIGTERM or SIGINT.",
    ExitStatus.UNAVAILABLE: "The gateway cannot start for now: the state directory cannot be used.",
    ExitStatus.OUT_OF_MEMORY: MEANINGS[ExitStatus.OUT_OF_MEMORY],
    ExitStatus.INTERRUPTED: "Interrupted from the keyboard while it was starting.",
}
"""The exit statuses that only this subcommand has, or to which it gives another meaning."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the configuration."""
    add_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT."""
    config = load_config(arguments)
    event_loop.show_fatal_signals()
    event_loop.run(serve(config, build_local_host(config), read_config=partial(read_config, arguments)))
    return ExitStatus.OK
