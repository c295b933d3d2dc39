"""Collects the tickets and members of booth, from the daemon of this site or arbitrator."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.host.host import CommandResult, Host
from gateway.samples import SampleSet
from gateway.status import Status
from gateway.subsystems.booth import booth_conf, booth_list, booth_peers, booth_status, metrics
from gateway.subsystems.booth.booth_conf import BoothConfig
from gateway.subsystems.booth.booth_list import BoothTicket
from gateway.subsystems.booth.booth_peers import BoothPeer
from gateway.subsystems.booth.booth_status import BoothStatus
from gateway.subsystems.parsing.partial import Parsed
from gateway.subsystems.probe import Plan, Probe, Reading, list_directory, parse_output, read_file

TOOL = "booth"

_NAME = re.compile(r"[A-Za-z0-9_@.-]{1,64}", re.ASCII)
_CONFIGURATION = re.compile(rf"({_NAME.pattern})\.conf", re.ASCII)
_PID_FILE = "/var/run/booth/{}.pid"
_NOT_RUNNING = re.compile(rb"connect to \S+ got (?:an error|a timeout)", re.IGNORECASE)
_NOT_ON_THIS_HOST = 7
"""The exit status of ``booth status`` if boothd does not run on this host, as of every OCF resource agent."""


def _read_tickets(result: CommandResult) -> Parsed[tuple[BoothTicket, ...]]:
    return parse_output(result, booth_list.parse, not_running=_NOT_RUNNING)


def _read_peers(result: CommandResult) -> Parsed[tuple[BoothPeer, ...]]:
    return parse_output(result, booth_peers.parse, not_running=_NOT_RUNNING)


def _read_status(result: CommandResult) -> Parsed[BoothStatus] | None:
    """Returns the daemon on this host, or None if there is none: another node of the site may run it."""
    if result.exit_status == _NOT_ON_THIS_HOST:
        return None
    return parse_output(result, booth_status.parse, not_running=_NOT_RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoothCollector:
    """Collects the state of booth on a site or an arbitrator.

    Attributes:
        directory: the directory with the configurations.
        has_prefix: whether ``booth`` runs behind a prefix, and so as another user.
    """

    name: str = "booth"
    presence_tools: tuple[str, ...] = (TOOL,)
    directory: str
    has_prefix: bool

    @property
    def configurations(self) -> tuple[str, ...]:
        """The configurations, whatever their names."""
        return (f"{self.directory}/*.conf",)

    def plan(self, host: Host) -> Plan | None:
        """Returns three probes for each configuration, or None if there is no configuration."""
        listing = list_directory(host, self.directory)
        matches = map(_CONFIGURATION.fullmatch, listing.ok_value or ())
        files = {
            match[1]: read_file(host, f"{self.directory}/{match[0]}", booth_conf.parse) for match in matches if match
        }
        if listing.status is Status.OK and not files:
            return None
        daemons = {name: self._daemon(name, reading, host) for name, reading in files.items()}
        return Plan(
            probes=tuple(
                probe
                for name, daemon in daemons.items()
                for probe in (*self._probes(name), *((daemon,) if isinstance(daemon, Probe) else ()))
            ),
            files={
                "configurations": listing,
                **{f"configuration {name}": reading for name, reading in files.items()},
                **{f"PID file {name}": daemon for name, daemon in daemons.items() if isinstance(daemon, Reading)},
            },
            required_files=("configurations", *(f"configuration {name}" for name in files)),
        )

    def make_samples(self, readings: Mapping[str, Reading]) -> SampleSet:
        """Returns the samples of the metrics ``ha_cluster_booth_*``."""
        samples = SampleSet()
        for name in [name.removeprefix("configuration ") for name in readings if name.startswith("configuration ")]:
            _add_configuration(samples, name, readings)
        return samples

    def _path(self, name: str) -> str:
        return f"{self.directory}/{name}.conf"

    def _probes(self, name: str) -> tuple[Probe, Probe]:
        of_configuration = ("-c", self._path(name))
        return (
            Probe(name=f"list {name}", tool=TOOL, variants=(("list", *of_configuration),), read=_read_tickets),
            Probe(name=f"peers {name}", tool=TOOL, variants=(("peers", *of_configuration),), read=_read_peers),
        )

    def _daemon(self, name: str, configuration: Reading, host: Host) -> Probe | Reading:
        """Returns the probe that shows the daemon on this host, or what its PID file shows.

        ``booth status`` has to open the PID file for writing. Without this permission, it prints that there is none.
        """
        config: BoothConfig | None = configuration.ok_value
        path = _PID_FILE.format(config.name if config and _NAME.fullmatch(config.name) else name)
        daemon = read_file(host, path, booth_status.parse)
        if daemon.status is Status.NOT_INSTALLED or self.has_prefix or host.may_write(path):
            arguments = ("status", "-c", self._path(name))
            return Probe(name=f"status {name}", tool=TOOL, variants=(arguments,), read=_read_status, required=False)
        return daemon


def _add_configuration(samples: SampleSet, name: str, readings: Mapping[str, Reading]) -> None:
    config: BoothConfig | None = readings[f"configuration {name}"].ok_value
    listing, peering = readings[f"list {name}"], readings[f"peers {name}"]
    samples.add(metrics.UP, {Status.OK: 1, Status.NOT_RUNNING: 0}.get(listing.status), name)
    status = readings.get(f"status {name}")
    if status is not None and status.status is Status.OK:
        samples.add(metrics.RUNNING, 0 if status.value is None else 1, name)
    others = _other_members(config, peering)
    own = _running_member(readings, name) or _own_member(config, others)
    if own is not None:
        samples.add(metrics.INFO, 1, name, own.type or "", own.address)
    validity = _add_settings(samples, name, config)
    for ticket in listing.ok_value or ():
        _add_ticket(samples, name, ticket, validity.get(ticket.name))
        samples.add(metrics.TICKET_HERE, _is_granted_here(ticket, own, others), name, ticket.name)
    for peer in peering.ok_value or ():
        _add_peer(samples, name, peer)


def _add_peer(samples: SampleSet, name: str, peer: BoothPeer) -> None:
    labels = (name, peer.address)
    samples.add(metrics.PEER_INFO, 1, *labels, peer.type)
    samples.add(metrics.PEER_LAST_CONTACT, peer.last_contact, *labels)
    for counter, number in peer.counters.items():
        samples.add(metrics.PEER_COUNTERS[counter], number, *labels)


def _running_member(readings: Mapping[str, Reading], name: str) -> BoothStatus | None:
    """Returns the daemon on this host, as the tool or its PID file shows it; None if neither does."""
    shown = (readings.get(source) for source in (f"status {name}", f"PID file {name}"))
    return next((reading.ok_value for reading in shown if reading is not None and reading.ok_value is not None), None)


def _other_members(config: BoothConfig | None, peering: Reading) -> frozenset[str] | None:
    """Returns the addresses of all other members; None unless the list is certainly complete."""
    peers: tuple[BoothPeer, ...] | None = peering.ok_value
    if config is None or peers is None or len(peers) != len(config.members) - 1:
        return None
    return frozenset(peer.address for peer in peers)


def _own_member(config: BoothConfig | None, others: frozenset[str] | None) -> BoothStatus | None:
    """Returns the member that the daemon does not list as another one; None if that has a host name.

    A node that does not run the daemon of its site knows only in this way which site it belongs to. Booth prints the
    addresses as they are configured, and resolves host names.
    """
    if config is None or others is None:
        return None
    own = [address for address in config.members if _is_address(address) and address not in others]
    return BoothStatus(type=config.members[own[0]], address=own[0]) if len(own) == 1 else None


def _is_address(text: str) -> bool:
    """Returns whether booth takes a text for an address, as inet_pton(3) does, and not for a host name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _is_granted_here(ticket: BoothTicket, own: BoothStatus | None, others: frozenset[str] | None) -> bool | None:
    """Returns whether this site holds a ticket: its leader is a member, and so either another one or this one."""
    if not ticket.leader:
        return False
    if own is not None:
        return ticket.leader == own.address
    return None if others is None else ticket.leader not in others


def _add_settings(samples: SampleSet, name: str, config: BoothConfig | None) -> Mapping[str, float | None]:
    """Adds the settings of the tickets, and returns for how long each one is valid."""
    for ticket in config.tickets if config else ():
        samples.add(metrics.TICKET_VALIDITY, ticket.expire, name, ticket.name)
        samples.add(metrics.TICKET_RENEWAL, ticket.renewal, name, ticket.name)
        samples.add(metrics.TICKET_RETRY, ticket.retry, name, ticket.name)
        samples.add(metrics.TICKET_ACQUIRE_AFTER, ticket.acquire_after, name, ticket.name)
    return {ticket.name: ticket.expire for ticket in config.tickets} if config else {}


def _add_ticket(samples: SampleSet, name: str, ticket: BoothTicket, validity: float | None) -> None:
    labels = (name, ticket.name)
    samples.add(metrics.TICKET_INFO, 1, *labels, "manual" if ticket.manual else "automatic", ticket.leader)
    samples.add(metrics.TICKET_STATE, metrics.TICKET_STATE.flags_for(ticket.state), *labels)
    samples.add(metrics.TICKET_EXPIRY, ticket.expiry, *labels)
    if ticket.expiry is not None and validity is not None:
        samples.add(metrics.TICKET_RENEWED, ticket.expiry - validity, *labels)
    if ticket.conflict:
        samples.add(metrics.TICKET_CONFLICT, 1, *labels, ", ".join(ticket.conflict))
