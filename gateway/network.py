"""Addresses, and the TCP and UDP sockets that servers listen on."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from gateway.errors import StartError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Address(NamedTuple):
    """An IP address or host name, and a port.

    Attributes:
        host: the name or address, without brackets; empty for all interfaces.
        port: the TCP or UDP port.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Returns the address of ``HOST:PORT``, ``[IPv6]:PORT`` or ``:PORT``.

        Raises:
            ValueError: the text is none of these; the message says why.
        """
        host, colon, port = text.rpartition(":")
        if host.startswith("[") and host.endswith("]") and ":" in host:
            host = host[1:-1]
        elif set(host) & set("[]:"):
            raise ValueError(f"{text}: an IPv6 address needs brackets")
        if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
            raise ValueError(f"{text}: expected a port from 0 to 65535")
        return cls(host, int(port))


def socket_address(sock: socket.socket) -> Address:
    """Returns the address that an IP socket is bound to."""
    host, port = sock.getsockname()[:2]
    return Address(host, port)


AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]
"""Family, type, protocol, canonical name and socket address, as ``socket.getaddrinfo`` returns them."""


async def resolve(host: str, port: int, *, kind: socket.SocketKind, flags: int = 0) -> Sequence[AddressInfo]:
    """Returns the addresses of a host, the preferred one first.

    A name is resolved in a thread of its own, not in the thread pool of the event loop: while the name servers are down
    it takes many seconds, and neither other work nor the end of the program may wait for that.

    Raises:
        OSError: the host has no address, or it is not a valid name.
    """
    with contextlib.suppress(OSError):
        return _resolve(host, port, kind, flags | socket.AI_NUMERICHOST)
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Sequence[AddressInfo]] = loop.create_future()

    def set_outcome(outcome: Sequence[AddressInfo] | OSError) -> None:
        if future.done():
            return
        if isinstance(outcome, OSError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    def run() -> None:
        outcome: Sequence[AddressInfo] | OSError
        try:
            outcome = _resolve(host, port, kind, flags)
        except OSError as error:
            outcome = error
        with contextlib.suppress(RuntimeError):  # the event loop is closed
            loop.call_soon_threadsafe(set_outcome, outcome)

    threading.Thread(target=run, name=f"resolve {host}", daemon=True).start()
    return await future


def _resolve(host: str, port: int, kind: socket.SocketKind, flags: int) -> Sequence[AddressInfo]:
    try:
        return socket.getaddrinfo(host, port, type=kind, flags=flags)
    except UnicodeError:  # labels that are empty or too long
        raise OSError("not a valid host name") from None


class OpenSocket(Protocol):
    """Opens and binds one socket."""

    def __call__(self, family: int, address: tuple[Any, ...], *, dual: bool, reuse_port: bool = False) -> socket.socket:
        """Returns a bound socket; with ``dual``, an IPv6 socket that also serves IPv4.

        With ``reuse_port``, it has SO_REUSEPORT.
        """
        ...


def open_tcp(family: int, address: tuple[Any, ...], *, dual: bool, reuse_port: bool = False) -> socket.socket:
    """Returns a listening TCP socket."""
    return socket.create_server(address, family=family, dualstack_ipv6=dual, reuse_port=reuse_port)


def open_udp(family: int, address: tuple[Any, ...], *, dual: bool, reuse_port: bool = False) -> socket.socket:
    """Returns a bound UDP socket."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.settimeout(0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, reuse_port)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not dual)
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock


BoundAddresses = Mapping[Address, Sequence[socket.socket]]
"""The sockets that are bound to each address."""


async def bind_all(
    addresses: Iterable[Address],
    *,
    bound: BoundAddresses | None = None,
    open_socket: OpenSocket = open_tcp,
    kind: socket.SocketKind = socket.SOCK_STREAM,
) -> BoundAddresses:
    """Returns sockets for several addresses: those that are bound already, and new ones.

    A server can move from all interfaces to one of them, or back, without closing its port first: until the new sockets
    are bound, its own have SO_REUSEPORT.

    Args:
        addresses: the addresses to listen on.
        bound: the addresses that the server listens on already.
        open_socket: as for ``bind``.
        kind: as for ``bind``.

    Raises:
        StartError: as ``bind``; the new sockets are closed.
    """
    bound = bound or {}
    ports = {address.port for address in bound}
    new: dict[Address, Sequence[socket.socket]] = {}
    addresses = tuple(addresses)
    try:
        _set_reuse_port(bound, value=True)
        for address in addresses:
            if address not in bound:
                open_shared = partial(open_socket, reuse_port=address.port in ports)
                new[address] = await bind(address, open_socket=open_shared, kind=kind)
    except BaseException:
        close_all(new)
        raise
    finally:
        _set_reuse_port({**bound, **new}, value=False)
    return {address: bound.get(address) or new[address] for address in addresses}


def close_all(bound: BoundAddresses) -> None:
    """Closes the sockets of all addresses."""
    for sockets in bound.values():
        for sock in sockets:
            sock.close()


def _set_reuse_port(bound: BoundAddresses, *, value: bool) -> None:
    for sockets in bound.values():
        for sock in sockets:
            if sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, value)


async def bind(
    address: Address, *, open_socket: OpenSocket = open_tcp, kind: socket.SocketKind = socket.SOCK_STREAM
) -> list[socket.socket]:
    """Returns sockets that are bound to all IP addresses of a host.

    Without a host, one socket serves both IPv6 and IPv4 on all interfaces, as in Go's servers.

    Args:
        address: the address to listen on.
        open_socket: opens each socket.
        kind: the type of socket for which the host is resolved.

    Raises:
        StartError: the address is in use, does not belong to this host, or must not be used.
    """
    try:
        if not address.host:
            return [_open_any_interface(address.port, open_socket)]
        resolved = await resolve(*address, kind=kind, flags=socket.AI_PASSIVE)
        return _open_all([(family, sockaddr) for family, _, _, _, sockaddr in dict.fromkeys(resolved)], open_socket)
    except OSError as error:
        number = error.errno if error.errno is not None and error.errno > 0 else None  # getaddrinfo's are negative
        reason = os.strerror(number) if number is not None else error.strerror or str(error)
        protocol = "UDP " if kind is socket.SOCK_DGRAM else ""
        raise StartError(f"cannot listen on {protocol}{address}: {reason}", number=number) from None


def _open_any_interface(port: int, open_socket: OpenSocket) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return open_socket(socket.AF_INET6, ("", port), dual=True)
    return open_socket(socket.AF_INET, ("", port), dual=False)


def _open_all(addresses: Sequence[tuple[int, tuple[Any, ...]]], open_socket: OpenSocket) -> list[socket.socket]:
    """Returns sockets for all addresses of a name, except those that this host lacks, such as IPv6's localhost."""
    sockets: list[socket.socket] = []
    unavailable: OSError | None = None
    for family, address in addresses:
        try:
            sockets.append(open_socket(family, address, dual=False))
        except OSError as error:
            if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                for sock in sockets:
                    sock.close()
                raise
            unavailable = error
    if unavailable is not None and not sockets:
        raise unavailable
    return sockets
