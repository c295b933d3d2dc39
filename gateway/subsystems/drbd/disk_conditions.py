"""Conditions of DRBD's disks."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.matching import is_among
from gateway.conditions.model import DRBD, Absent, Condition, Finding, Severity
from gateway.conditions.view import ClusterView
from gateway.subsystems.drbd import facts
from gateway.subsystems.drbd.evidence import (
    DRBDSETUP,
    VOLUME_GONE,
    volume_finding,
)


def find_bad_disks(view: ClusterView) -> Iterator[Finding]:
    """Yields the volumes whose disk is not up to date, and is not being brought up to date."""
    idle = view.fact(facts.idle_volumes)
    for (resource, volume), state in view.fact(facts.disk_states).items():
        if state in facts.NOT_UP_TO_DATE and (resource, volume) in idle:
            yield volume_finding(resource, volume, state=state)


def good_disks(view: ClusterView) -> frozenset[str]:
    """Returns the volumes that are up to date, and those of clients."""
    states = view.fact(facts.disk_states)
    good = {key for key, state in states.items() if state == "uptodate"} | view.fact(facts.clients)
    return frozenset(f"{resource}/{volume}" for resource, volume in good)


def find_lost_disks(view: ClusterView) -> Iterator[Finding]:
    """Yields the volumes that have lost their disk, except for clients."""
    states = view.fact(facts.disk_states)
    for resource, volume in sorted(view.fact(facts.lost_disks)):
        yield volume_finding(resource, volume, state=states[resource, volume])


def volumes_with_data(view: ClusterView) -> frozenset[str]:
    """Returns the volumes whose disk has data, and those of clients."""
    states = view.fact(facts.disk_states)
    attached = {key for key, state in states.items() if state in facts.WITH_DATA} | view.fact(facts.clients)
    return frozenset(f"{resource}/{volume}" for resource, volume in attached)


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="drbd-disk",
        severity=Severity.MAJOR,
        category=DRBD,
        about="the resource and the volume",
        raised="DRBD volume {name} is {state}",
        cleared="DRBD volume {name} is up to date again",
        meaning="The copy of the data on this node is not up to date, and no resynchronization runs.",
        action="Run `drbdadm status RESOURCE`. If no peer with an UpToDate disk is connected, run `drbdadm adjust "
        "RESOURCE` on both nodes.",
        source=DRBDSETUP,
        find=find_bad_disks,
        absent=Absent("drbdsetup shows the volume as up to date, or as that of a client", is_among(good_disks)),
        gone=VOLUME_GONE,
        hold=30.0,
        local=True,
    ),
    Condition(
        name="drbd-disk-lost",
        severity=Severity.MAJOR,
        category=DRBD,
        about="the resource and the volume",
        raised="DRBD volume {name} has lost its disk: the state is {state}",
        cleared="DRBD volume {name} has its disk again",
        meaning="This node has no copy of the data. A primary reads and writes over the network.",
        action="Check the backing device and `journalctl -k`. If the disk was replaced, run `drbdadm create-md "
        "RESOURCE`. Then run `drbdadm attach RESOURCE`.",
        source=DRBDSETUP,
        find=find_lost_disks,
        absent=Absent(
            "drbdsetup shows a disk with data, or the volume as that of a client", is_among(volumes_with_data)
        ),
        gone=VOLUME_GONE,
        hold=10.0,
        local=True,
    ),
)
