"""The address of a master agent, the connection to it, and the reasons why that fails."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from gateway.files import find_obstacle
from gateway.network import resolve

MAX_PATH = 107
"""The longest path of a unix socket on Linux, in bytes."""

_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A unix socket, by its absolute path."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A TCP port of a host, given by name or address. AgentX has no authentication."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp:[{self.host}]:{self.port}" if ":" in self.host else f"tcp:{self.host}:{self.port}"


Address = UnixAddress | TcpAddress


def parse_agentx(text: str) -> Address | None:
    """Returns the address for ``unix:PATH`` or ``tcp:HOST:PORT``; None for ``off``.

    An IPv6 address is in brackets.

    Raises:
        ValueError: the text is none of these.
    """
    kind, _, location = text.partition(":")
    if text == "off":
        return None
    if kind == "unix" and location.startswith("/") and "\0" not in location:
        if len(os.fsencode(location)) > MAX_PATH:
            raise ValueError(f"expected a socket's path of at most {MAX_PATH} bytes, found {location!r}")
        return UnixAddress(location)
    host, _, port = location.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= len(str(_MAX_PORT)) else 0
    if kind == "tcp" and host and bracketed == (":" in host) and 0 < number <= _MAX_PORT:
        return TcpAddress(host, number)
    raise ValueError(f'expected "unix:PATH" with an absolute path, "tcp:HOST:PORT" or "off", found {text!r}')


async def connect(address: Address, factory: Callable[[], asyncio.BaseProtocol]) -> None:
    """Connects a protocol.

    Raises:
        OSError: the connection fails; ``explain`` returns the reason.
    """
    loop = asyncio.get_running_loop()
    if isinstance(address, UnixAddress):
        sock = _unix_socket(address.path)
    else:
        sock = await _tcp_socket(address)
    try:
        await loop.create_connection(factory, sock=sock)
    except BaseException:
        sock.close()
        raise


def _unix_socket(path: str) -> socket.socket:
    """Returns a connected socket; never blocks, however slow the other side is."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(0)
    try:
        # not through the event loop, which takes EAGAIN, a full queue of connections, for a connection in progress
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock


async def _tcp_socket(address: TcpAddress) -> socket.socket:
    """Returns a socket that is connected to the first address of a name that accepts the connection."""
    loop = asyncio.get_running_loop()
    failure = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    candidates = await resolve(address.host, address.port, kind=socket.SOCK_STREAM)
    for family, kind, protocol, _, sockaddr in candidates:
        sock = socket.socket(family, kind, protocol)
        sock.settimeout(0)
        try:
            await loop.sock_connect(sock, sockaddr)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


class SessionFailure(StrEnum):
    """Why there is no session, or no registration; logged as ``reason``."""

    NO_SOCKET = "no_socket"
    """The socket does not exist: snmpd is not running, or runs without ``master agentx``."""
    CONNECTION_REFUSED = "connection_refused"
    """No process listens on the address: snmpd is not running; the file of its socket outlives it."""
    NOT_PERMITTED = "not_permitted"
    """This user may not connect."""
    UNRESPONSIVE = "unresponsive"
    """The master agent is running, but does not respond, or does not read."""
    CLOSED = "closed"
    """The master agent has closed the connection, or the session."""
    NOT_AGENTX = "not_agentx"
    """The received bytes are not AgentX."""
    DUPLICATE = "duplicate"
    """The subtree is registered by another session."""
    REFUSED = "refused"
    """The master agent refuses the session, or the registration."""
    OTHER = "other"
    """Any other reason; the detail has it."""


_FAILURES = {
    errno.ENOENT: SessionFailure.NO_SOCKET,
    errno.ENOTDIR: SessionFailure.NO_SOCKET,
    errno.ECONNREFUSED: SessionFailure.CONNECTION_REFUSED,
    errno.EACCES: SessionFailure.NOT_PERMITTED,
    errno.EPERM: SessionFailure.NOT_PERMITTED,
    errno.EAGAIN: SessionFailure.UNRESPONSIVE,
    errno.ETIMEDOUT: SessionFailure.UNRESPONSIVE,
}

_ADVICE = {
    SessionFailure.NO_SOCKET: 'is snmpd running, with "master agentx" in its configuration?',
    SessionFailure.CONNECTION_REFUSED: "is snmpd running?",
    SessionFailure.UNRESPONSIVE: "snmpd does not accept connections at the moment",
}


def explain(address: Address, error: OSError) -> tuple[SessionFailure, str]:
    """Returns why a connection failed, and a text that explains it and what to do."""
    failure = _FAILURES.get(error.errno or 0, SessionFailure.OTHER)
    text = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
    advice = _ADVICE.get(failure)
    if failure is SessionFailure.NOT_PERMITTED and isinstance(address, UnixAddress):
        advice = _explain_denied(address.path)
    return failure, f"{address}: {text}; {advice}" if advice else f"{address}: {text}"


def _explain_denied(path: str) -> str | None:
    """Returns what keeps this user from connecting to a socket, and what to do."""
    obstacle = find_obstacle(path, os.W_OK)
    if obstacle is None:
        return None
    if obstacle.path == os.path.realpath(path):
        return (
            f'{obstacle.reason}; snmpd.conf needs "agentXPerms 0660 0710 root haclient", this user the group haclient'
        )
    return f"{obstacle.reason}; the drop-in for snmpd.service opens it to haclient when snmpd is restarted"
