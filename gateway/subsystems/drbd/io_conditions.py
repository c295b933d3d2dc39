"""Conditions that stop the I/O of DRBD's resources, or endanger their data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.conditions.matching import is_among, names_in, samples_where
from gateway.conditions.model import DRBD, Absent, Condition, Finding, Severity, Source
from gateway.conditions.view import ClusterView
from gateway.subsystems.drbd import facts, metrics
from gateway.subsystems.drbd.evidence import (
    DRBDSETUP,
    RESOURCE_GONE,
    VOLUME_GONE,
    volume_finding,
)


def find_split_brains(view: ClusterView) -> Iterator[Finding]:
    """Yields the split brains that the handler has recorded.

    drbdsetup does not report a split brain: a connection is also StandAlone after `drbdadm disconnect`, or if the peer
    has been removed.
    """
    for row in view.rows(metrics.SPLIT_BRAIN):
        yield volume_finding(str(row["resource"]), str(row["volume"]))


def find_lost_quorum(view: ClusterView) -> Iterator[Finding]:
    """Yields the volumes without quorum, with what it means on this node."""
    for row in view.rows(metrics.QUORUM):
        if row["value"] == 0:
            resource = str(row["resource"])
            yield volume_finding(resource, str(row["volume"]), effect=_effect_of_lost_quorum(view, resource))


def _effect_of_lost_quorum(view: ClusterView, resource: str) -> str:
    role = view.fact(facts.roles).get(resource)
    if role == "Primary":
        suspended = next((row["value"] for row in view.rows(metrics.SUSPENDED, resource=resource)), None)
        if suspended is None:
            return "I/O is suspended or can fail"
        return "I/O is suspended" if suspended else "I/O can fail"
    return "this node cannot become primary" if role == "Secondary" else "its role is unknown"


volumes_with_quorum = names_in(metrics.QUORUM, lambda row: row["value"] == 1, about="{resource}/{volume}")

SUSPENSION_REASONS: Mapping[str, str] = {
    "user": "an administrator has suspended it",
    "no-data": "no up-to-date data can be reached",
    "fencing": "the peer has to be fenced first",
    "quorum": "quorum is lost",
}
"""What a reason for the suspension of I/O means, by DRBD's word."""


def find_suspended_resources(view: ClusterView) -> Iterator[Finding]:
    """Yields the resources whose I/O is suspended, with the reasons."""
    reasons = {
        row["resource"]: ", ".join(text for reason, text in SUSPENSION_REASONS.items() if row[reason])
        for row in view.rows(metrics.SUSPENDED_REASON)
    }
    for row in view.rows(metrics.SUSPENDED):
        if row["value"]:
            resource = str(row["resource"])
            why = reasons.get(resource) or "drbdsetup does not report the reason"
            yield Finding(resource, {"resource": resource, "why": why})


running_resources = names_in(metrics.SUSPENDED, lambda row: row["value"] == 0, about="{resource}")
resources_without_failures = names_in(metrics.FORCE_IO_FAILURES, lambda row: row["value"] == 0, about="{resource}")

CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="drbd-split-brain",
        severity=Severity.CRITICAL,
        category=DRBD,
        about="the resource and the volume",
        raised="Split brain of DRBD volume {name}, recorded by the handler",
        cleared="The split brain of DRBD volume {name} is resolved",
        meaning="Both nodes have written to the volume. The copies differ, and one of them must be discarded.",
        action="Decide whose changes to discard. There, run `drbdadm disconnect RESOURCE`, `drbdadm secondary "
        "RESOURCE` and `drbdadm connect --discard-my-data RESOURCE`. On the other node, run `drbdadm connect "
        "RESOURCE`. Then delete the handler's file.",
        source=Source(
            collector="drbd",
            requires=lambda view: facts.is_readable(view) and view.has_succeeded("drbd", "split brain"),
        ),
        find=find_split_brains,
        absent=Absent("the file of the handler was removed", lambda _view, _finding: True),
        gone=RESOURCE_GONE,
        local=True,
    ),
    Condition(
        name="drbd-quorum",
        severity=Severity.CRITICAL,
        category=DRBD,
        about="the resource and the volume",
        raised="DRBD volume {name} has no quorum: {effect}",
        cleared="DRBD volume {name} has quorum again",
        meaning="Too few peers are connected. A primary stops its I/O or lets it fail, and a secondary cannot become "
        "primary.",
        action="Run `drbdadm status RESOURCE` to see which peers are missing. Bring them back, and check the "
        "replication network.",
        source=DRBDSETUP,
        find=find_lost_quorum,
        absent=Absent("drbdsetup shows the volume with quorum", is_among(volumes_with_quorum)),
        gone=VOLUME_GONE,
        local=True,
    ),
    Condition(
        name="drbd-suspended",
        severity=Severity.CRITICAL,
        category=DRBD,
        about="the resource",
        raised="I/O of DRBD resource {resource} is suspended: {why}",
        cleared="I/O of DRBD resource {resource} has resumed",
        meaning="Every program that uses the resource hangs.",
        action="Remove the reason: reconnect the peers, or check why fencing does not finish. If an administrator has "
        "suspended it, run `drbdadm resume-io RESOURCE`.",
        source=DRBDSETUP,
        find=find_suspended_resources,
        absent=Absent("drbdsetup shows the resource without a suspension", is_among(running_resources)),
        gone=RESOURCE_GONE,
        local=True,
    ),
    Condition(
        name="drbd-io-failures",
        severity=Severity.CRITICAL,
        category=DRBD,
        about="the resource",
        raised="I/O of DRBD resource {resource} fails: it was forced to be secondary",
        cleared="I/O of DRBD resource {resource} works again",
        meaning="Programs that still have a volume open get errors. DRBD clears the state when the last one closes it.",
        action="Run `fuser -vm /dev/drbdMINOR` to find the programs that use the volumes, and stop them.",
        source=DRBDSETUP,
        find=samples_where(metrics.FORCE_IO_FAILURES, lambda row: row["value"] == 1, about="{resource}"),
        absent=Absent("drbdsetup shows the resource without forced failures", is_among(resources_without_failures)),
        gone=RESOURCE_GONE,
        hold=5.0,
        local=True,
    ),
)
