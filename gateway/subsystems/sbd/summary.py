"""What a person has to know about SBD: its devices, and the messages in their slots. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.model import SBD, Source
from gateway.conditions.view import ClusterView
from gateway.subsystems.sbd import metrics
from gateway.summary import UNKNOWN, Cell, Description, Fact, Health, Summary, Table, count_of, number, urgent_first
from gateway.summary import Row as TableRow

_TIMEOUTS = ("watchdog", "msgwait", "loop", "allocate")


def describe_sbd(view: ClusterView) -> Description:
    """Describes the devices and their slots."""
    watchdog = next((str(row["watchdog_device"]) for row in view.rows(metrics.INFO)), None)
    return Description(
        headline=_headline(view),
        facts=(
            Fact("Devices configured", number(view.number(metrics.DEVICES_CONFIGURED))),
            Fact("Watchdog device", UNKNOWN if watchdog is None else Cell(watchdog or "default")),
            Fact("Watchdog timeout", number(view.number(metrics.WATCHDOG_TIMEOUT), " s")),
        ),
        tables=(
            Table(
                caption="Devices",
                columns=("Device", "State", *(f"{name} (s)" for name in _TIMEOUTS)),
                rows=urgent_first(_devices(view)),
            ),
            Table(
                caption="Slots",
                columns=("Node", "Message", "From", "Device"),
                rows=urgent_first(_slots(view)),
            ),
        ),
    )


def _headline(view: ClusterView) -> Cell:
    configured = view.number(metrics.DEVICES_CONFIGURED)
    if configured is None:
        return UNKNOWN
    if not configured:
        return Cell("diskless")
    states = [row["status"] for row in view.rows(metrics.DEVICES)]
    headline = count_of(states.count("healthy"), int(configured), "devices healthy")
    if "unhealthy" in states or len(states) >= configured:
        return headline
    return headline._replace(health=Health.UNKNOWN)


def _devices(view: ClusterView) -> Iterator[TableRow]:
    states = {str(row["device"]): str(row["status"]) for row in view.rows(metrics.DEVICES)}
    timeouts = {(str(row["device"]), str(row["type"])): float(row["value"]) for row in view.rows(metrics.TIMEOUTS)}
    for device in sorted({*states, *(device for device, _ in timeouts)}):
        state = states.get(device)
        health = Health.OK if state == "healthy" else Health.PROBLEM
        yield (
            Cell(device),
            UNKNOWN if state is None else Cell(state, health),
            *(number(timeouts.get((device, name)))._replace(health=Health.NONE) for name in _TIMEOUTS),
        )


def _slots(view: ClusterView) -> Iterator[TableRow]:
    senders = {(row["device"], row["node"]): str(row["sender"]) for row in view.rows(metrics.SLOT_SENDER)}
    for row in view.rows(metrics.SLOTS):
        message = str(row["message"])
        yield (
            Cell(str(row["node"])),
            Cell(message, Health.NONE if message == "clear" else Health.WARNING),
            Cell(senders.get((row["device"], row["node"]), "")),
            Cell(str(row["device"])),
        )


SUMMARIES = (Summary(category=SBD, source=Source(collector="sbd"), describe=describe_sbd),)
