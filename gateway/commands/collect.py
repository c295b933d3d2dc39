"""One cycle to standard output: the command ``collect``."""

from __future__ import annotations

import json
import math
import sys
from functools import partial
from typing import Any

from gateway import app
from gateway.config.loader import Config
from gateway.frontends.prometheus import exposition
from gateway.frontends.snmp import listing, tables
from gateway.host.host import Host
from gateway.publication import Publication
from gateway.samples import SamplesByMetric, as_float
from gateway.snapshot import Snapshot
from gateway.snmp.mib.module import Mib, mib
from gateway.status import Status


def take(config: Config, host: Host) -> Snapshot:
    """Returns one snapshot."""

    async def collect() -> Snapshot:
        engine = app.engine(config, host)
        try:
            return await engine.collect()
        finally:
            await engine.close()

    return app.run(collect())


def collect(config: Config, host: Host, *, output: str) -> bool:
    """Prints one snapshot.

    Args:
        config: the configuration.
        host: the machine to ask.
        output: ``prometheus``, ``json`` or ``snmp``.

    Returns:
        Whether a collector has failed.
    """
    snapshot = take(config, host)
    publication = Publication()
    if output == "json":
        page = (
            json.dumps(as_json(snapshot, publication), indent=2, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        )
    elif output == "snmp":
        page = as_snmp(snapshot, publication, mib(config["snmp.root"])).encode("utf-8", "replace")
    else:
        page = exposition.encode_text(publication.merge(snapshot))
    sys.stdout.buffer.write(page)  # UTF-8, whatever the terminal's encoding
    return any(report.present and report.status is not Status.OK for report in snapshot.collectors.values())


def as_snmp(snapshot: Snapshot, publication: Publication, module: Mib) -> str:
    """Returns a snapshot as a walk would show it, a line for each variable."""
    found = tables.build(snapshot, publication.merge(snapshot), module, age=partial(publication.age, snapshot))
    return "".join(f"{line}\n" for line in listing.lines(found, module))


def as_json(snapshot: Snapshot, publication: Publication) -> dict[str, Any]:
    """Returns a snapshot as JSON's own types; numbers that JSON lacks are strings."""
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


def _samples(samples_by_metric: SamplesByMetric) -> Any:
    for metric, samples in samples_by_metric.items():
        for labels, value in samples.items():
            named = dict(zip(metric.labels, labels, strict=True))
            if isinstance(value, tuple):
                states = {state: int(flag) for state, flag in zip(metric.states, value, strict=True)}
                yield {"name": metric.name, "labels": named, metric.state_label: states}
            else:
                infinite = math.isinf(as_float(value))
                number = ("+Inf" if value > 0 else "-Inf") if infinite else value
                yield {"name": metric.name, "labels": named, "value": number}
