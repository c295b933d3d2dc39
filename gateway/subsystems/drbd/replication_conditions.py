"""Conditions of the replication of DRBD's volumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.conditions.model import DRBD, Absent, Condition, Finding, Severity
from gateway.conditions.view import ClusterView
from gateway.subsystems.drbd import facts
from gateway.subsystems.drbd.evidence import DRBDSETUP, PEER_VOLUME_GONE
from gateway.subsystems.drbd.facts import PeerVolume


def _peer_name(view: ClusterView, key: PeerVolume) -> str:
    return view.accumulated(facts.peer_names).get(key[:2], f"node {key.peer_node_id}")


def _peer_volume_finding(view: ClusterView, key: PeerVolume, **fields: str) -> Finding:
    peer = _peer_name(view, key)
    name = f"{key.resource}/{key.volume}"
    return Finding(f"{name} to {peer}", {**key._asdict(), "name": name, "peer": peer, **fields})


def _key(finding: Finding) -> PeerVolume:
    return PeerVolume(*(finding.fields[field] for field in PeerVolume._fields))


_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def _amount(size: float) -> str:
    """Returns an amount of data for people."""
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.3g} {_UNITS[unit]}"


def find_out_of_sync(view: ClusterView) -> Iterator[Finding]:
    """Yields the volumes that differ from a peer if nothing makes the difference smaller.

    Two disks with data that are connected should not differ for long: after a verification, or after a
    resynchronization that did not finish, nothing copies the data.
    """
    progress, states = view.accumulated(facts.progress), view.fact(facts.replication_states)
    disks, peer_disks = view.fact(facts.disk_states), view.fact(facts.peer_disk_states)
    idle = view.fact(facts.idle_volumes)
    for key, size in progress.amounts.items():
        volume = (key.resource, key.volume)
        have_data = {disks.get(volume), peer_disks.get(key)} <= facts.WITH_DATA
        is_idle = states.get(key) == "Established" and volume in idle
        is_stalled = key in progress.compared
        if size > 0 and have_data and key not in progress.shrinking and (is_idle or is_stalled):
            yield _peer_volume_finding(view, key, amount=_amount(size))


def is_in_sync(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a volume does not differ from a connected peer, or the difference shrinks."""
    key = _key(finding)
    if view.fact(facts.replication_states).get(key, "") in {"", "Off"}:
        return False
    return key in view.accumulated(facts.progress).shrinking or view.fact(facts.out_of_sync).get(key) == 0


RESYNC_REASONS: Mapping[str, str] = {
    "user": "an administrator has paused it",
    "peer": "the peer has suspended it",
    "dependency": "it waits for another resynchronization",
    "max-parallel": "too many run at the same time",
}
"""What a reason for the suspension of a resynchronization means, by DRBD's word."""


def find_suspended_resyncs(view: ClusterView) -> Iterator[Finding]:
    """Yields the suspended resynchronizations that do not just wait for one that makes progress."""
    states = view.fact(facts.replication_states)
    for key, reasons in view.fact(facts.suspensions).items():
        is_resync = states.get(key) in facts.RESYNCING | facts.RESYNC_WAITING
        if reasons and is_resync and ("user" in reasons or facts.is_queue_stuck(view)):
            yield _peer_volume_finding(view, key, why=", ".join(RESYNC_REASONS[reason] for reason in reasons))


def is_resync_in_order(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a resynchronization runs, is over, or waits for one that makes progress."""
    key = _key(finding)
    state, reasons = view.fact(facts.replication_states).get(key), view.fact(facts.suspensions).get(key)
    if reasons is None or state not in facts.RESYNCING | facts.RESYNC_WAITING:
        return state == "Established"
    return "user" not in reasons and (not reasons or view.fact(facts.is_queue_moving))


BEHIND: Mapping[str, str] = {
    "Ahead": "{peer} has fallen behind",
    "Behind": "this node has fallen behind {peer}",
}
"""What is wrong, by the state of the replication."""


def find_congested_replications(view: ClusterView) -> Iterator[Finding]:
    """Yields the volumes whose replication was interrupted by congestion."""
    for key, state in view.fact(facts.replication_states).items():
        if state in BEHIND:
            what = BEHIND[state].format(peer=_peer_name(view, key))
            yield _peer_volume_finding(view, key, state=state, what=what)


def is_replicated(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a volume is replicated or resynchronized again."""
    state = view.fact(facts.replication_states).get(_key(finding))
    return state == "Established" or state in facts.RESYNCING | facts.RESYNC_WAITING


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="drbd-out-of-sync",
        severity=Severity.MINOR,
        category=DRBD,
        about="the resource, the volume and the peer",
        raised="DRBD volume {name} stays out of sync with {peer}: {amount}",
        cleared="DRBD volume {name} is in sync with {peer}, or is catching up",
        meaning="The copies are not equal although they are connected, and nothing copies the data.",
        action="Find the reason in `journalctl -k`. On the node whose copy is wrong, which must not be primary, run "
        "`drbdadm invalidate RESOURCE/VOLUME`: DRBD then copies the volume from a peer.",
        source=DRBDSETUP,
        find=find_out_of_sync,
        absent=Absent("drbdsetup counts no difference, or less than before", is_in_sync),
        gone=PEER_VOLUME_GONE,
        hold=300.0,
        local=True,
    ),
    Condition(
        name="drbd-resync-suspended",
        severity=Severity.MINOR,
        category=DRBD,
        about="the resource, the volume and the peer",
        raised="Resync of {name} with {peer} is suspended: {why}",
        cleared="Resync of {name} with {peer} is running, finished or queued",
        meaning="One of the copies stays incomplete, and no other resynchronization makes progress.",
        action="If an administrator has paused it, run `drbdadm resume-sync RESOURCE`. Otherwise run `drbdadm status` "
        "on all nodes to find the resynchronization that it waits for.",
        source=DRBDSETUP,
        find=find_suspended_resyncs,
        absent=Absent(
            "drbdsetup shows that it runs or is over, or that another one makes progress", is_resync_in_order
        ),
        gone=PEER_VOLUME_GONE,
        hold=300.0,
        local=True,
    ),
    Condition(
        name="drbd-behind",
        severity=Severity.WARNING,
        category=DRBD,
        about="the resource, the volume and the peer",
        raised="Replication of DRBD volume {name} is {state}: {what}",
        cleared="DRBD volume {name} is replicated with {peer} again",
        meaning="The connection was congested, and the policy of the resource interrupts replication instead of "
        "slowing down writes. A failover now would lose the latest writes.",
        action="Check the bandwidth to the peer, and the load of its disk.",
        source=DRBDSETUP,
        find=find_congested_replications,
        absent=Absent("drbdsetup shows that the volume is replicated or resynchronized", is_replicated),
        gone=PEER_VOLUME_GONE,
        hold=60.0,
        local=True,
    ),
)
