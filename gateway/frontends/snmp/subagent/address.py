"""Where a master agent listens, how to connect to it, and what stands in the way."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

MAX_PATH = 107
"""Bytes of the longest name that a unix socket may have on Linux."""

_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A unix socket, by its absolute path."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A port of a host, by its name or address. Whoever can reach it can be answered: AgentX knows no passwords."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp:[{self.host}]:{self.port}" if ":" in self.host else f"tcp:{self.host}:{self.port}"


Address = UnixAddress | TcpAddress


def parse_agentx(text: str) -> Address | None:
    """Returns the address of ``unix:PATH`` or ``tcp:HOST:PORT``, None for ``off``.

    An IPv6 address is in brackets.

    Raises:
        ValueError: it is none of these; the message says what was expected.
    """
    kind, _, place = text.partition(":")
    if text == "off":
        return None
    if kind == "unix" and place.startswith("/") and "\0" not in place:
        if len(os.fsencode(place)) > MAX_PATH:
            raise ValueError(f"expected a socket's path of at most {MAX_PATH} bytes, found {place!r}")
        return UnixAddress(place)
    host, _, port = place.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= len(str(_MAX_PORT)) else 0
    if kind == "tcp" and host and bracketed == (":" in host) and 0 < number <= _MAX_PORT:
        return TcpAddress(host, number)
    raise ValueError(f'expected "unix:PATH" with an absolute path, "tcp:HOST:PORT" or "off", found {text!r}')


async def connect(address: Address, factory: Callable[[], asyncio.BaseProtocol]) -> None:
    """Connects a protocol.

    Raises:
        OSError: it cannot be done; ``explain`` says why.
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
    """Returns a connected socket: that takes no time, be the other side as slow as it may."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(0)
    try:
        # not by the event loop: it takes EAGAIN, a full queue of connections, for a connection under way
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock


async def _tcp_socket(address: TcpAddress) -> socket.socket:
    """Returns a socket that is connected to the first of a name's addresses that takes it."""
    loop = asyncio.get_running_loop()
    lacking = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    for family, kind, protocol, _, place in await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        sock.settimeout(0)
        try:
            await loop.sock_connect(sock, place)
        except OSError as error:
            sock.close()
            lacking = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise lacking


class Reason(StrEnum):
    """Why there is no session, or no registration."""

    NOT_THERE = "not_there"
    """There is no socket of this name: snmpd does not run, or not with ``master agentx``."""
    NOT_LISTENING = "not_listening"
    """Nobody listens there: snmpd does not run; a socket's file outlives it."""
    NOT_PERMITTED = "not_permitted"
    """This user may not connect."""
    HUNG = "hung"
    """The other side is there, but does not answer, or does not read."""
    CLOSED = "closed"
    """The other side has closed the connection, or the session."""
    NOT_AGENTX = "not_agentx"
    """What comes from the other side is not AgentX."""
    DUPLICATE = "duplicate"
    """The subtree is registered by another session."""
    REFUSED = "refused"
    """The master agent refuses the session, or the registration."""
    FAILED = "failed"
    """Anything else; the details say more."""


_REASONS = {
    errno.ENOENT: Reason.NOT_THERE,
    errno.ENOTDIR: Reason.NOT_THERE,
    errno.ECONNREFUSED: Reason.NOT_LISTENING,
    errno.EACCES: Reason.NOT_PERMITTED,
    errno.EPERM: Reason.NOT_PERMITTED,
    errno.EAGAIN: Reason.HUNG,
    errno.ETIMEDOUT: Reason.HUNG,
}

_ADVICE = {
    Reason.NOT_THERE: 'is snmpd running, with "master agentx" in its configuration?',
    Reason.NOT_LISTENING: "is snmpd running?",
    Reason.NOT_PERMITTED: 'snmpd.conf needs "agentXPerms 0660 0755 root haclient", and this user the group haclient',
    Reason.HUNG: "snmpd does not accept connections at present",
}


def explain(address: Address, error: OSError) -> tuple[Reason, str]:
    """Returns why a connection could not be made, as a word and in words that say what to do."""
    reason = _REASONS.get(error.errno or 0, Reason.FAILED)
    text = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
    advice = _ADVICE.get(reason)
    return reason, f"{address}: {text}; {advice}" if advice else f"{address}: {text}"
