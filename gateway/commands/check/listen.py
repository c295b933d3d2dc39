"""Checks that the HTTP server and the built-in SNMP agent can listen on their addresses."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from typing import NamedTuple

from gateway import runtime
from gateway.commands.check.check_result import CheckResult, Outcome
from gateway.config.config import Config
from gateway.errors import StartError
from gateway.network import Address, OpenSocket, bind, open_tcp, open_udp


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


def check_listen_addresses(config: Config) -> Iterator[CheckResult]:
    """Yields whether each address of the two servers is free, and whether this user may listen on it."""
    for address in config.web.listen:
        yield _check_address(address, _TCP)
    for host, port in config.snmp.agent.listen:
        yield _check_address(Address(host, port), _UDP)


def _check_address(address: Address, transport: _Transport) -> CheckResult:
    subject = f"listen {transport.prefix}{address}"
    try:
        sockets = runtime.run(bind(address, open_socket=transport.open_socket, kind=transport.kind))
    except StartError as error:
        return CheckResult(
            outcome=Outcome.FAIL, subject=subject, text=str(error), advice=_advise(str(error), transport)
        )
    for sock in sockets:
        sock.close()
    return CheckResult(subject=subject, text="free")


def _advise(reason: str, transport: _Transport) -> str:
    if os.strerror(errno.EADDRINUSE) in reason:
        return (
            "If the gateway is already running, this is normal. Otherwise stop the program that uses the address "
            f"({transport.lists_owners} shows it), or set {transport.option}. {_TRIED_AGAIN}"
        )
    if os.strerror(errno.EACCES) in reason:
        return (
            "Ports below 1024 need a capability. Add AmbientCapabilities=CAP_NET_BIND_SERVICE and "
            "CapabilityBoundingSet=CAP_NET_BIND_SERVICE to the unit (systemctl edit ha-cluster-gateway), or set "
            f"{transport.option} to a higher port."
        )
    return f"Set {transport.option} to an address of this host (ip address shows them). {_TRIED_AGAIN}"
