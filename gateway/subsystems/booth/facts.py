"""Facts about booth's tickets and members, as conditions and the summary need them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gateway.conditions.view import Accumulator, ClusterView
from gateway.samples import Metric
from gateway.subsystems.booth import metrics
from gateway.subsystems.booth.renewal import Renewal

REJECTIONS = ("receive_errors", "authentication_failures", "invalid")
"""The counters of received messages that booth rejects. Each of them is also counted as received."""

CLOCK_TOLERANCE = 60.0
"""Seconds by which the times of booth may disagree with the clock of this host."""

MANUAL_INTERVAL = 60.0
"""Seconds between two messages about a manual ticket, which is not renewed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket as booth sees it; what is unknown is None. All times and durations are in seconds.

    Attributes:
        configuration: the configuration of booth that it belongs to.
        name: its name.
        state: one of ``booth_list.STATES``; empty if unknown.
        leader: the address of the site that holds it; empty if none does.
        manual: whether an administrator alone moves it.
        here: whether this site holds it.
        expiry: when it expires, in Unix seconds.
        validity: how long it is valid after a renewal.
        renewal: the time between two renewals.
        retry: how long booth tries to reach members that do not answer.
        acquire_after: how long other sites wait after it has expired.
    """

    configuration: str
    name: str
    state: str
    leader: str
    manual: bool
    here: bool | None
    expiry: float | None
    validity: float | None
    renewal: float | None
    retry: float | None
    acquire_after: float | None

    @property
    def key(self) -> str:
        """Identifies the ticket among those of all configurations."""
        return key(self.configuration, self.name)

    def has_plausible_expiry(self, now: float) -> bool:
        """Returns whether its expiry can be right: booth drops tickets that have expired, and renews none too far."""
        if self.expiry is None or self.validity is None:
            return False
        left = self.expiry - now
        return -(self.acquire_after or 0) - CLOCK_TOLERANCE <= left <= self.validity + CLOCK_TOLERANCE


def key(configuration: str, name: str) -> str:
    """Returns what identifies a ticket or a member among those of all configurations."""
    return f"{configuration}/{name}"


def _numbers(view: ClusterView, metric: Metric) -> Mapping[str, float]:
    name = metric.labels[1]
    return {key(str(row["configuration"]), str(row[name])): float(row["value"]) for row in view.rows(metric)}


def tickets(view: ClusterView) -> Mapping[str, Ticket]:
    """Returns the tickets that booth lists, by their keys."""
    states = {
        key(str(row["configuration"]), str(row["ticket"])): next(
            (state for state in metrics.TICKET_STATE.states if row[state]), ""
        )
        for row in view.rows(metrics.TICKET_STATE)
    }
    here, expiry = _numbers(view, metrics.TICKET_HERE), _numbers(view, metrics.TICKET_EXPIRY)
    validity, renewal = _numbers(view, metrics.TICKET_VALIDITY), _numbers(view, metrics.TICKET_RENEWAL)
    retry, acquire_after = _numbers(view, metrics.TICKET_RETRY), _numbers(view, metrics.TICKET_ACQUIRE_AFTER)
    listed = (
        Ticket(
            configuration=str(row["configuration"]),
            name=str(row["ticket"]),
            state=states.get(name, ""),
            leader=str(row["leader"]),
            manual=row["mode"] == "manual",
            here=None if name not in here else bool(here[name]),
            expiry=expiry.get(name),
            validity=validity.get(name),
            renewal=renewal.get(name),
            retry=retry.get(name),
            acquire_after=acquire_after.get(name),
        )
        for row in view.rows(metrics.TICKET_INFO)
        for name in (key(str(row["configuration"]), str(row["ticket"])),)
    )
    return {ticket.key: ticket for ticket in listed}


def configurations_with_tickets(view: ClusterView) -> frozenset[str]:
    """Returns the configurations of which booth lists a ticket."""
    return frozenset(ticket.configuration for ticket in view.fact(tickets).values())


def leaderless_since(view: ClusterView, previous: Mapping[str, float] | None) -> Mapping[str, float]:
    """Accumulates since when the manual tickets have no leader, on the monotonic clock."""
    before, now = previous or {}, view.snapshot.started
    manual = (ticket.key for ticket in view.fact(tickets).values() if ticket.manual and ticket.state == "no_leader")
    return {key: before.get(key, now) for key in manual}


def may_have_leader(view: ClusterView, ticket: Ticket) -> bool:
    """Returns whether a site can hold a ticket that has no leader here.

    A daemon that was restarted learns the leader of a manual ticket only from the next message about it.
    """
    if not ticket.manual:
        return False
    lasting = view.snapshot.started - view.accumulated(leaderless_since).get(ticket.key, view.snapshot.started)
    return lasting <= MANUAL_INTERVAL + (ticket.retry or 0)


def configured_tickets(view: ClusterView) -> frozenset[str]:
    """Returns the keys of the tickets that the configurations name."""
    return frozenset(_numbers(view, metrics.TICKET_VALIDITY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another member.

    Attributes:
        configuration: the configuration of booth that it belongs to.
        address: its address.
        type: ``site`` or ``arbitrator``.
        last_contact: when a message from it was last received, in Unix seconds; None if never or unknown.
        received: the messages that were received from it since the daemon was started; None if unknown.
        rejected: how many of them were rejected; None if unknown.
    """

    configuration: str
    address: str
    type: str
    last_contact: float | None
    received: float | None
    rejected: float | None

    @property
    def key(self) -> str:
        """Identifies the member among those of all configurations."""
        return key(self.configuration, self.address)

    @property
    def accepted(self) -> float | None:
        """How many of the messages were not rejected; None if unknown."""
        if self.received is None or self.rejected is None or self.rejected > self.received:
            return None
        return self.received - self.rejected


def peers(view: ClusterView) -> Mapping[str, Peer]:
    """Returns the other members, by their keys."""
    contacts = _numbers(view, metrics.PEER_LAST_CONTACT)
    received = _numbers(view, metrics.PEER_COUNTERS["received"])
    rejected = [_numbers(view, metrics.PEER_COUNTERS[name]) for name in REJECTIONS]
    listed = (
        Peer(
            configuration=str(row["configuration"]),
            address=str(row["peer"]),
            type=str(row["type"]),
            last_contact=contacts.get(name),
            received=received.get(name),
            rejected=sum(each[name] for each in rejected) if all(name in each for each in rejected) else None,
        )
        for row in view.rows(metrics.PEER_INFO)
        for name in (key(str(row["configuration"]), str(row["peer"])),)
    )
    return {peer.key: peer for peer in listed}


class ValidMessages(NamedTuple):
    """The messages from a member that were not rejected.

    Attributes:
        number: how many the daemon has received since it was started.
        time: when the last one can have been received, in Unix seconds; None if never.
    """

    number: float
    time: float | None


def valid_messages(view: ClusterView, previous: Mapping[str, ValidMessages] | None) -> Mapping[str, ValidMessages]:
    """Accumulates when members were last heard of: the last contact that booth shows may be a rejected message."""
    valid = dict(previous or {})
    for peer in view.fact(peers).values():
        number, contact = peer.accepted, peer.last_contact
        if number is None:
            continue
        known = valid.get(peer.key)
        if known is None or known.number != number:
            valid[peer.key] = ValidMessages(number, contact if number else None)
        elif known.time is not None and contact is not None:
            valid[peer.key] = ValidMessages(number, min(known.time, contact))  # the clock may have been set back
    return valid


def last_valid_contact(view: ClusterView, peer: Peer) -> float | None:
    """Returns when a valid message from a member was last received; None if never or unknown."""
    if peer.accepted is None:
        return peer.last_contact
    return view.accumulated(valid_messages)[peer.key].time


def has_own_clock(view: ClusterView, configuration: str) -> bool:
    """Returns whether the times of a daemon can be compared with the clock of this host.

    They are local times without a time zone. The daemon may have another time zone than the gateway, or run on another
    node.
    """
    return configuration not in view.fact(other_clocks)


def other_clocks(view: ClusterView) -> frozenset[str]:
    """Returns the configurations whose daemons print times that cannot be right by the clock of this host."""
    now = view.snapshot.time
    contacts = (
        peer.configuration
        for peer in view.fact(peers).values()
        if peer.last_contact is not None and peer.last_contact > now + CLOCK_TOLERANCE
    )
    expiries = (
        ticket.configuration
        for ticket in view.fact(tickets).values()
        if ticket.expiry is not None and not ticket.has_plausible_expiry(now)
    )
    return frozenset((*contacts, *expiries))


def renewals(view: ClusterView, previous: Mapping[str, Renewal] | None) -> Mapping[str, Renewal]:
    """Accumulates what was observed of the renewals of each ticket; one that no site holds begins anew."""
    latest = dict(previous or {})
    for name, ticket in view.fact(tickets).items():
        if not ticket.leader:
            latest.pop(name, None)
        elif ticket.expiry is not None:
            seen = Renewal(ticket.expiry, view.snapshot.time, view.snapshot.started)
            latest[name] = latest[name].followed_by(seen) if name in latest else seen
    return latest


def least_time(view: ClusterView, ticket: Ticket) -> float:
    """Returns the seconds before its expiry by which a ticket should have been renewed; 0 if that is unknown.

    Half of the time between the renewal and the expiry is left for renewals that are late.
    """
    renewal = view.accumulated(renewals).get(ticket.key)
    if ticket.validity is None or ticket.renewal is None:
        return 0.0
    if renewal is None:
        return max((ticket.validity - ticket.renewal) / 2, 0.0)
    if renewal.contradicts(ticket.validity):
        return 0.0
    return max((ticket.validity - max(ticket.renewal, renewal.interval)) / 2, 0.0)


def _renewal_interval(view: ClusterView, ticket: Ticket) -> float | None:
    """Returns the time between two renewals: the configured one, or a longer one that was observed."""
    if ticket.manual or ticket.renewal is None:
        return MANUAL_INTERVAL if ticket.manual else None
    renewal = view.accumulated(renewals).get(ticket.key)
    return ticket.renewal if renewal is None else max(ticket.renewal, renewal.interval)


def longest_silence(view: ClusterView, peer: Peer) -> float | None:
    """Returns the seconds after which a member should have been heard of; None if nothing requires a message.

    The site that holds a ticket sends each member a message when it renews it, and every member answers. Other members
    have nothing to tell each other.
    """
    intervals = [
        interval + ticket.retry
        for ticket in view.fact(tickets).values()
        if ticket.configuration == peer.configuration
        and ticket.leader
        and (ticket.here or ticket.leader == peer.address)
        and ticket.retry is not None
        and (interval := _renewal_interval(view, ticket)) is not None
    ]
    return min(intervals, default=None)


ACCUMULATORS: tuple[Accumulator, ...] = (renewals, valid_messages, leaderless_since)
