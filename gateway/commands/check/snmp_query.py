"""One question to an SNMP agent, as a manager would ask it: whether it shows what the gateway serves through it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from gateway.snmp import oid as oids
from gateway.snmp.oid import Oid

_TIMEOUT = 2.0
_ATTEMPTS = 2
_MAX_MESSAGE = 65535


async def shows(host: str, port: int, community: str, name: Oid) -> bool | None:
    """Asks an agent for a variable by SNMPv2c.

    Args:
        host: where the agent is.
        port: its UDP port.
        community: whom to ask as.
        name: the variable.

    Returns:
        Whether there is such a variable for this community; None without an answer.
    """
    # imported here: it is large, and the program that serves has no use for it
    from pyasn1.codec.ber import decoder, encoder  # type: ignore[import-untyped]  # noqa: PLC0415
    from pyasn1.error import PyAsn1Error  # type: ignore[import-untyped]  # noqa: PLC0415
    from pysnmp.proto import api  # type: ignore[import-untyped]  # noqa: PLC0415

    protocol = api.PROTOCOL_MODULES[api.SNMP_VERSION_2C]
    answer = await _exchange(host, port, bytes(encoder.encode(_request(protocol, community, name))))
    if answer is None:
        return None
    try:
        message, _ = decoder.decode(answer, asn1Spec=protocol.Message())
    except PyAsn1Error:
        return None
    pdu = protocol.apiMessage.get_pdu(message)
    if protocol.apiPDU.get_error_status(pdu):
        return False
    ((_, value),) = protocol.apiPDU.get_varbinds(pdu)
    return type(value).__name__ not in {"NoSuchObject", "NoSuchInstance"}


def _request(protocol: Any, community: str, name: Oid) -> Any:
    pdu = protocol.GetRequestPDU()
    protocol.apiPDU.set_defaults(pdu)
    protocol.apiPDU.set_varbinds(pdu, ((oids.decode(name), protocol.null),))
    message = protocol.Message()
    protocol.apiMessage.set_defaults(message)
    protocol.apiMessage.set_community(message, community)
    protocol.apiMessage.set_pdu(message, pdu)
    return message


async def _exchange(host: str, port: int, request: bytes) -> bytes | None:
    """Sends a datagram, again if need be, and returns the answer; None without one."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0)
        for _ in range(_ATTEMPTS):
            try:
                async with asyncio.timeout(_TIMEOUT):
                    await loop.sock_connect(sock, (host, port))
                    await loop.sock_sendall(sock, request)
                    return await loop.sock_recv(sock, _MAX_MESSAGE)
            except OSError:  # a time-out is one, too
                continue
    return None
