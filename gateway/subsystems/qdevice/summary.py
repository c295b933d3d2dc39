"""What a person has to know about the quorum device. Pure."""

from __future__ import annotations

from gateway.conditions.model import Category
from gateway.conditions.view import ClusterView
from gateway.samples import Metric
from gateway.subsystems.qdevice import metrics
from gateway.subsystems.qdevice.conditions import ANSWER
from gateway.summary import UNKNOWN, Cell, Description, Fact, Health, Summary, moment, yes_or_no

QDEVICE = Category(name="Qdevice", title="Quorum device", rank=1)

_SETTINGS = {
    "host": "Arbitrator",
    "algorithm": "Algorithm",
    "tie_breaker": "Tie breaker",
    "tls": "TLS",
    "heuristics": "Heuristics",
}


def describe_qdevice(view: ClusterView) -> Description:
    """Describes the quorum device, its connection and its vote."""
    info = next(view.rows(metrics.INFO), {})
    settings = tuple(Fact(title, _text(info.get(label))) for label, title in _SETTINGS.items())
    return Description(
        headline=_headline(view),
        facts=(
            Fact("Connection", _state(view, metrics.STATE, good="connected")),
            Fact("Casts its vote", yes_or_no(view.number(metrics.VOTE), bad=False)),
            *settings,
            Fact("Connected since", moment(view.number(metrics.CONNECTED_SINCE))),
            Fact("Last answer of the arbitrator", moment(view.number(metrics.LAST_REPLY))),
            Fact("Last poll", moment(view.number(metrics.LAST_POLL))),
        ),
    )


def _text(value: object) -> Cell:
    return Cell(str(value)) if value else UNKNOWN


def _state(view: ClusterView, metric: Metric, *, good: str) -> Cell:
    row = next(view.rows(metric), {})
    state = next((name for name in metric.states if row.get(name)), "")
    return Cell(state.replace("_", " "), Health.OK if state == good else Health.PROBLEM) if state else UNKNOWN


def _headline(view: ClusterView) -> Cell:
    if view.number(metrics.UP) == 0:
        return Cell("corosync-qdevice is not running on this node", Health.PROBLEM)
    state, vote = _state(view, metrics.STATE, good="connected"), view.number(metrics.VOTE)
    if vote is None or state.health is not Health.OK:
        return state
    return Cell("connected, votes", Health.OK) if vote else Cell("connected, casts no vote", Health.WARNING)


SUMMARIES = (Summary(category=QDEVICE, source=ANSWER, describe=describe_qdevice),)
