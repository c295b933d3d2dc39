"""The subcommand ``collect``: collects once and prints the samples."""

from __future__ import annotations

import argparse
from functools import partial

from gateway.app.collection import build_engine, build_local_host
from gateway.commands.console import print_page
from gateway.commands.exit_status import ExitStatus
from gateway.commands.flags import QUIET, add_flags, load_config
from gateway.config.config import Config
from gateway.frontends.prometheus import exposition, snapshot_document
from gateway.frontends.snmp import listing, tables
from gateway.host.host import Host
from gateway.publication import Publication
from gateway.runtime import event_loop
from gateway.snapshot import Snapshot
from gateway.snmp.mib.module import Mib

EXIT_STATUSES = {
    ExitStatus.OK: "No collector has failed. A subsystem that does not run is no failure.",
    ExitStatus.PROBLEM: "A collector has failed.",
}
"""The exit statuses that only this subcommand has, or to which it gives another meaning."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags, and the format of the output."""
    add_flags(parser)
    parser.add_argument(
        "--format",
        choices=("prometheus", "json", "snmp"),
        default="prometheus",
        help="Format of the output. (default: prometheus)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints one snapshot; a collector that fails is a problem."""
    config = load_config(arguments, overrides=QUIET)
    snapshot = event_loop.run(collect_once(config, build_local_host(config)))
    page = format_snapshot(snapshot, arguments.format, config.snmp.root)
    print_page(page)
    failed = any(report.failed for report in snapshot.collectors.values())
    return ExitStatus.PROBLEM if failed else ExitStatus.OK


async def collect_once(config: Config, host: Host) -> Snapshot:
    """Returns one snapshot of a host."""
    engine = build_engine(config, host)
    try:
        return await engine.collect()
    finally:
        await engine.close()


def format_snapshot(snapshot: Snapshot, output_format: str, module: Mib) -> bytes:
    """Returns a snapshot, merged with the gateway's own samples, in one of the formats of ``--format``."""
    publication = Publication()
    if output_format == "snmp":
        return as_snmp(snapshot, publication, module).encode("utf-8", "replace")

    samples_by_metric = publication.merge(snapshot)
    if output_format == "json":  # without alarms: one snapshot does not show how long a condition has been true
        return snapshot_document.encode(snapshot, samples_by_metric, alarms=None, on_error=publication.record_failure)
    return exposition.encode_text(samples_by_metric, on_error=publication.record_failure)


def as_snmp(snapshot: Snapshot, publication: Publication, module: Mib) -> str:
    """Returns a snapshot as a walk would show it, one line for each variable."""
    built = tables.build(snapshot, publication.merge(snapshot), module, age=partial(publication.age, snapshot))
    return "".join(f"{line}\n" for line in listing.lines(built, module))
