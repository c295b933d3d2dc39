"""Checks that the HTTP server and the built-in SNMP agent can listen on their addresses."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.commands import PROGRAM
from gateway.commands.check.check_result import CheckResult, Outcome
from gateway.commands.check.service_user import UNIT
from gateway.commands.listeners import BoundSocket, Process, find_sockets
from gateway.config.config import Config
from gateway.errors import StartError
from gateway.files import user_name
from gateway.ip_addresses import IpAddress
from gateway.network import Address, OpenSocket, bind, open_tcp, open_udp, resolve
from gateway.runtime import event_loop


class _Transport(NamedTuple):
    """What differs between the two servers.

    Attributes:
        prefix: the word before an address.
        open_socket: opens a socket.
        kind: the type of socket.
        option: the option with the addresses.
        lists_owners: the command that shows which program uses an address.
    """

    prefix: str
    open_socket: OpenSocket
    kind: socket.SocketKind
    option: str
    lists_owners: str


_TCP = _Transport("", open_tcp, socket.SOCK_STREAM, "web.listen", "ss -ltnp")
_UDP = _Transport("UDP ", open_udp, socket.SOCK_DGRAM, "snmp.agent.listen", "ss -lunp")

_TRIED_AGAIN = "Until then the gateway tries again, and everything else works."


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What runs on this host. Root reads it before it becomes the user of the service, who sees less.

    Attributes:
        processes: all processes.
        service: the main process of the unit; 0 if it does not run, or systemd does not say.
    """

    processes: Sequence[Process] = ()
    service: int = 0


def check_listen_addresses(config: Config, running: Running) -> Iterator[CheckResult]:
    """Yields whether each address of the two servers is free or the gateway's, and whether this user may use it."""
    for address in config.web.listen:
        yield _check_address(address, _TCP, running)
    for host, port in config.snmp.agent.listen:
        yield _check_address(Address(host, port), _UDP, running)


def _check_address(address: Address, transport: _Transport, running: Running) -> CheckResult:
    subject = f"listen {transport.prefix}{address}"
    try:
        sockets = event_loop.run(bind(address, open_socket=transport.open_socket, kind=transport.kind))
    except StartError as error:
        failed = CheckResult(outcome=Outcome.FAIL, subject=subject, text=str(error), advice=_advise(error, transport))
        if error.number == errno.EADDRINUSE:
            return _check_holder(subject, address, transport, running)
        if error.number == errno.EACCES:  # which hides that the service has the address already
            holder = _check_holder(subject, address, transport, running)
            return failed if holder.outcome is Outcome.FAIL else holder
        return failed
    for sock in sockets:
        sock.close()
    return CheckResult(subject=subject, text="free")


def _advise(error: StartError, transport: _Transport) -> str:
    if error.number == errno.EACCES:
        return (
            "Ports below 1024 need a capability. Add AmbientCapabilities=CAP_NET_BIND_SERVICE and "
            "CapabilityBoundingSet=CAP_NET_BIND_SERVICE to the unit (systemctl edit ha-cluster-gateway), or set "
            f"{transport.option} to a higher port."
        )
    return f"Set {transport.option} to an address of this host (ip address shows them). {_TRIED_AGAIN}"


# --- An address in use -----------------------------------------------------------------------------------------------


def _check_holder(subject: str, address: Address, transport: _Transport, running: Running) -> CheckResult:
    """Returns whether an address is in use by the gateway, or by which other process."""
    try:
        wanted = event_loop.run(_resolve(address, transport.kind))
    except OSError:
        wanted = ()
    results = [
        _judge(subject, sock, transport, running)
        for sock in find_sockets(transport.kind, address.port)
        if any(map(sock.overlaps, wanted))
    ]
    unseen = _fail(subject, "in use, by a program that cannot be seen from here", transport)
    return min(results, key=lambda result: result.outcome is Outcome.OK, default=unseen)


async def _resolve(address: Address, kind: socket.SocketKind) -> Sequence[IpAddress]:
    if not address.host:
        return [ipaddress.IPv6Address(0)]
    resolved = await resolve(*address, kind=kind, flags=socket.AI_PASSIVE)
    return [ipaddress.ip_address(sockaddr[0].partition("%")[0]) for _, _, _, _, sockaddr in resolved]


def _judge(subject: str, sock: BoundSocket, transport: _Transport, running: Running) -> CheckResult:
    """Returns whether it is the gateway that has opened a socket."""
    holders = [process for process in running.processes if sock.link in (process.links or ())]
    if any(process.number == running.service for process in holders):
        return CheckResult(subject=subject, text=f"in use by this service (process {running.service})")
    # another user could give its own program this command line
    gateway = next((each for each in holders if each.is_gateway and each.user_id in {0, os.geteuid()}), None)
    if gateway is not None and not running.service:
        return CheckResult(subject=subject, text=f"in use by a running gateway (process {gateway.number})")
    if gateway is not None:
        others = f"another gateway (process {gateway.number}), not by {UNIT} (process {running.service})"
        return _fail(subject, f"in use by {others}", transport)
    if holders:
        return _fail(subject, f"in use by {holders[0]}", transport)
    return _guess(subject, sock, transport, running)


def _guess(subject: str, sock: BoundSocket, transport: _Transport, running: Running) -> CheckResult:
    """Returns what is known about a socket whose process this user may not see."""
    text = f"in use by a process of {user_name(sock.user_id)}, which this user may not see"
    gateways = [process for process in running.processes if process.is_gateway or process.number == running.service]
    is_service_hidden = running.service and running.service not in {process.number for process in gateways}
    if is_service_hidden or any(each.links is None and each.user_id == sock.user_id for each in gateways):
        return CheckResult(
            outcome=Outcome.SKIP,
            subject=subject,
            text=f"{text}; it may be the gateway",
            advice=f"Run check as root, who sees it: sudo {PROGRAM} check",
        )
    return _fail(subject, text, transport)


def _fail(subject: str, text: str, transport: _Transport) -> CheckResult:
    advice = f"Stop that program ({transport.lists_owners} shows it to root), or set {transport.option}. {_TRIED_AGAIN}"
    return CheckResult(outcome=Outcome.FAIL, subject=subject, text=text, advice=advice)
