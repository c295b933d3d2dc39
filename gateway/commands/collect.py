"""The subcommand ``collect``: collects once and prints the samples."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from functools import partial
from typing import Any

from gateway import runtime
from gateway.assembly import build_engine, build_local_host
from gateway.commands.console import print_page
from gateway.commands.exit_status import ExitStatus
from gateway.commands.flags import QUIET, add_flags, load_config
from gateway.config.config import Config
from gateway.frontends.prometheus import exposition
from gateway.frontends.snmp import listing, tables
from gateway.host.host import Host
from gateway.printable import printable
from gateway.publication import Publication
from gateway.samples import SamplesByMetric, as_float
from gateway.snapshot import Snapshot
from gateway.snmp.mib.module import Mib
from gateway.status import Status


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
    snapshot = runtime.run(collect_once(config, build_local_host(config)))
    page = format_snapshot(snapshot, arguments.format, config.snmp.root)
    print_page(page)
    failed = any(report.present and report.status is not Status.OK for report in snapshot.collectors.values())
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
    if output_format == "json":
        text = json.dumps(as_json(snapshot, publication), indent=2, ensure_ascii=False)
        return f"{printable(text, multiline=True)}\n".encode()
    if output_format == "snmp":
        return as_snmp(snapshot, publication, module).encode("utf-8", "replace")
    return exposition.encode_text(
        publication.merge(snapshot), on_error=lambda metric, error: publication.record_failure(metric.name, error)
    )


def as_snmp(snapshot: Snapshot, publication: Publication, module: Mib) -> str:
    """Returns a snapshot as a walk would show it, one line for each variable."""
    built = tables.build(snapshot, publication.merge(snapshot), module, age=partial(publication.age, snapshot))
    return "".join(f"{line}\n" for line in listing.lines(built, module))


def as_json(snapshot: Snapshot, publication: Publication) -> dict[str, Any]:
    """Returns a snapshot as JSON types; infinite numbers are strings."""
    return {
        "time": snapshot.time,
        "collectors": {
            name: {
                "state": report.status.value,
                "duration_seconds": report.duration,
                "commands": [
                    {
                        "name": command.name,
                        "state": command.status.value,
                        "detail": command.detail,
                        "line": command.line,
                        "required": command.required,
                        "duration_seconds": command.duration,
                    }
                    for command in report.commands
                ],
            }
            for name, report in snapshot.collectors.items()
        },
        "samples": list(_samples(publication.merge(snapshot))),
    }


def _samples(samples_by_metric: SamplesByMetric) -> Iterator[dict[str, Any]]:
    for metric, samples in samples_by_metric.items():
        for labels, value in samples.items():
            named = dict(zip(metric.labels, labels, strict=True))
            if isinstance(value, tuple):
                flags = zip(metric.states, value, strict=True)
                states = {state: int(flag) for state, flag in flags if flag is not None}
                yield {"name": metric.name, "labels": named, metric.state_label: states}
            else:
                infinite = math.isinf(as_float(value))
                number = ("+Inf" if value > 0 else "-Inf") if infinite else value
                yield {"name": metric.name, "labels": named, "value": number}
