"""The built-in agent: HA-CLUSTER-MIB over UDP, for hosts without an snmpd. It only reads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import structlog

from gateway.frontends.snmp.agent.udp import UdpServer
from gateway.frontends.snmp.agent.view import Scalars, Value
from gateway.frontends.snmp.variable_source import VariableSource
from gateway.snmp import oid as oids
from gateway.snmp.credentials import Community, UsmUser, is_insecure, is_loopback
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.values import Type

if TYPE_CHECKING:
    from gateway.frontends.snmp.agent.engine import Responder

_SYSTEM = oids.parse("1.3.6.1.2.1.1")
_APPLICATION_LAYER = 64
"""sysServices (RFC 3418): a host that offers applications."""
_MAX_TICKS = 2**32


class BuiltInAgent:
    """An SNMP agent: SNMPv2c for communities, SNMPv3 for users, no SNMPv1.

    Args:
        answers: what is asked for HA-CLUSTER-MIB.
        identity: of the SNMP engine.
        addresses: hosts and ports to listen on.
        communities: who may read by SNMPv2c.
        users: who may read by SNMPv3, each at the highest level that it can, and at no lower one.
        description: sysDescr, such as ``ha-cluster-gateway 1.0``.
        name: sysName, the name of this host.
    """

    def __init__(
        self,
        *,
        answers: VariableSource,
        identity: EngineIdentity,
        addresses: Sequence[tuple[str, int]],
        communities: Sequence[Community] = (),
        users: Sequence[UsmUser] = (),
        description: str,
        name: str,
    ) -> None:
        self._answers = answers
        self._identity = identity
        self._addresses = addresses
        self._communities = communities
        self._users = users
        self._system = _system(answers, description, name)
        self._log = structlog.get_logger("snmp")
        self._responder: Responder | None = None
        self._server = UdpServer(self._answer)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that are listened on, as ``HOST:PORT``."""
        return self._server.addresses

    @property
    def requests(self) -> Mapping[str, int]:
        """How many requests there were, by kind: get, getnext, getbulk, set."""
        return {kind.value: count for kind, count in self._responder.requests.items()} if self._responder else {}

    @property
    def malformed(self) -> int:
        """How many datagrams were dropped because they are no messages, or none for an agent."""
        return self._responder.malformed if self._responder else 0

    @property
    def refused(self) -> int:
        """How many messages there were whose sender may not ask, or not so: unknown, wrong password, SNMPv1."""
        return self._responder.refused if self._responder else 0

    async def start(self) -> None:
        """Listens.

        Raises:
            StartError: an address cannot be listened on.
        """
        # keys are made of passwords, a megabyte of hashing each, and pysnmp is large: the event loop has other duties
        self._responder = await asyncio.to_thread(self._make)
        await self._server.start(self._addresses)
        far = [host or "all interfaces" for host, _ in self._addresses if not is_loopback(host)]
        if far and is_insecure(self._communities, self._users):
            self._log.warning(
                "communities and users without auth are answered off loopback, where passers-by can learn them",
                listen=", ".join(far),
            )

    async def close(self) -> None:
        """Stops listening."""
        self._server.close()

    def _make(self) -> Responder:
        from gateway.frontends.snmp.agent.engine import Responder  # noqa: PLC0415 - 25 MB, only for agents in use

        return Responder(
            identity=self._identity,
            communities=self._communities,
            users=self._users,
            sources=[self._answers, self._system],
        )

    def _answer(self, message: bytes) -> bytes | None:
        return self._responder.answer(message) if self._responder else None


def _system(answers: VariableSource, description: str, name: str) -> Scalars:
    """Returns the group system (RFC 3418)."""
    started = time.monotonic()
    values: Mapping[int, Value] = {
        1: (Type.OCTET_STRING, description.encode),  # sysDescr
        2: (Type.OBJECT_IDENTIFIER, lambda: answers.root),  # sysObjectID
        3: (Type.TIME_TICKS, lambda: int((time.monotonic() - started) * 100) % _MAX_TICKS),  # sysUpTime
        4: (Type.OCTET_STRING, bytes),  # sysContact
        5: (Type.OCTET_STRING, name.encode),  # sysName
        6: (Type.OCTET_STRING, bytes),  # sysLocation
        7: (Type.INTEGER, lambda: _APPLICATION_LAYER),  # sysServices
    }
    return Scalars(_SYSTEM, {_SYSTEM + oids.encode((number,)): value for number, value in values.items()})
