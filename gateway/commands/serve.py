"""The subcommand ``serve``: serves the metrics of this node."""

from __future__ import annotations

import argparse

from gateway import app, runtime
from gateway.collection import build_local_host
from gateway.commands.exit_status import ExitStatus
from gateway.commands.flags import load_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds nothing: the flags that every subcommand accepts suffice."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT."""
    config = load_config(arguments)
    runtime.run(app.serve(config, build_local_host(config)))
    return ExitStatus.OK
