"""Booth: the tickets of a geo cluster, as its sites and arbitrators see them."""

from __future__ import annotations

from gateway.options.model import OptionValues
from gateway.status import Status
from gateway.subsystems.booth import conditions, facts, metrics, mib_rows, options, role, summary
from gateway.subsystems.booth.collector import BoothCollector
from gateway.subsystems.subsystem import Subsystem, ToolSpec

_TOOL = ToolSpec(name="booth", purpose="tickets and members", output_limit=512 << 10)


def _make_collector(values: OptionValues) -> BoothCollector:
    directory = values[options.DIRECTORY] or options.DIRECTORY.default
    return BoothCollector(directory=directory, has_prefix=bool(values[_TOOL.prefix]))


SUBSYSTEM = Subsystem(
    name="booth",
    title="Booth",
    tools=(_TOOL,),
    options=options.OPTIONS,
    metrics=metrics.METRICS,
    mib_rows=mib_rows.MIB_ROWS,
    conditions=conditions.CONDITIONS,
    summaries=summary.SUMMARIES,
    accumulators=facts.ACCUMULATORS,
    describe_host=role.describe_host,
    make_collector=_make_collector,
    advice={
        Status.NOT_RUNNING: "booth is configured here, but its daemon does not answer: on an arbitrator, run systemctl "
        "start booth@NAME; on a site, check the resources of booth and of its address.",
        Status.FAILED: "booth reads its whole configuration first. If it reports a mistake in it, or a host name that "
        "it cannot resolve, correct /etc/booth/NAME.conf or the resolution of names on this host.",
        Status.KILLED: "booth ends by signal 6 if no address in its configuration is one of this host or of its "
        "networks: correct /etc/booth/NAME.conf, or remove it from hosts that are no member.",
        Status.NOT_PERMITTED: "{user} may not read the key of booth (authfile), which only its owner may. Give it a "
        "copy of the key and of the configuration, as in docs/install.md, Booth; the unit prevents sudo.",
    },
)
"""Collects the state of booth with ``booth list``, ``booth peers`` and ``booth status``."""
