"""SBD: the devices through which nodes can be fenced."""

from __future__ import annotations

from gateway.options.model import OptionValues
from gateway.status import Status
from gateway.subsystems.sbd import conditions, metrics, mib_rows, options, summary
from gateway.subsystems.sbd.collector import SbdCollector
from gateway.subsystems.sbd.options import Source
from gateway.subsystems.subsystem import Subsystem, ToolSpec

_TOOL = ToolSpec(name="sbd", purpose="timeouts and slots of its devices", output_limit=512 << 10)


def _make_collector(values: OptionValues) -> SbdCollector:
    has_prefix = bool(values[_TOOL.prefix])
    source = values[options.SOURCE]
    is_tool_set = has_prefix or bool(values[_TOOL.path])
    return SbdCollector(
        configuration=values[options.CONFIG],
        reads_devices=source is Source.DEVICE or (source is Source.AUTO and not is_tool_set),
        has_prefix=has_prefix,
    )


SUBSYSTEM = Subsystem(
    name="sbd",
    title="SBD",
    tools=(_TOOL,),
    options=options.OPTIONS,
    metrics=metrics.METRICS,
    mib_rows=mib_rows.MIB_ROWS,
    conditions=conditions.CONDITIONS,
    summaries=summary.SUMMARIES,
    accumulators=conditions.ACCUMULATORS,
    make_collector=_make_collector,
    advice={
        Status.FAILED: "Run sbd -d DEVICE dump as root to see more. If there is no such device, correct SBD_DEVICE.",
        Status.NOT_PERMITTED: "{user} may not read SBD's device. Either add SupplementaryGroups=disk to the unit, "
        "if that is the group of the device, or give the device the group haclient: "
        "99-ha-cluster-gateway-sbd.rules, in /usr/share/doc/ha-cluster-gateway/examples or in packaging/udev of the "
        "project. With a path or a prefix ([tools.sbd]), sbd itself must be "
        'able to write to it as well: set prefix = ["sudo", "-n"].',
    },
)
