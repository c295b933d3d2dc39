"""Queries an SNMP agent as a manager does, to find out whether a community can read a variable."""

from __future__ import annotations

import asyncio
import secrets
import socket

from gateway.errors import DecodeError
from gateway.snmp.decoding import MAX_MESSAGE
from gateway.snmp.message import CommunityCodec
from gateway.snmp.oid import Oid
from gateway.snmp.values import Type

_TIMEOUT = 2.0
"""Seconds to wait for a response."""
_ATTEMPTS = 2


async def is_readable(host: str, port: int, community: str, name: Oid) -> bool | None:
    """Sends a GetRequest by SNMPv2c.

    Args:
        host: address of the agent.
        port: UDP port of the agent.
        community: community to read with.
        name: object identifier of the variable to read.

    Returns:
        Whether the community can read the variable; None without a valid response.
    """
    codec, request_id = CommunityCodec(community), secrets.randbits(31)
    data = await _exchange(host, port, codec.encode_get(request_id, [name]))
    if data is None:
        return None
    try:
        response = codec.decode_response(data)
        if response.request_id != request_id:
            return None
        if response.error_status:
            return False
        return all(varbind.type not in {Type.NO_SUCH_OBJECT, Type.NO_SUCH_INSTANCE} for varbind in response.varbinds)
    except DecodeError:
        return None


async def _exchange(host: str, port: int, request: bytes) -> bytes | None:
    """Sends a datagram, repeats it if there is no response, and returns the response; None without one."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0)
        for _ in range(_ATTEMPTS):
            try:
                async with asyncio.timeout(_TIMEOUT):
                    await loop.sock_connect(sock, (host, port))
                    await loop.sock_sendall(sock, request)
                    return await loop.sock_recv(sock, MAX_MESSAGE + 1)
            except OSError:  # includes TimeoutError
                continue
    return None
