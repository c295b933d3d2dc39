"""The built-in agent: serves HA-CLUSTER-MIB over UDP, read-only, on hosts without an snmpd."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from gateway.clock import Clock, SystemClock
from gateway.frontends.snmp.agent.admission import Admission, Verdict
from gateway.frontends.snmp.agent.udp import UdpServer
from gateway.frontends.snmp.agent.view import ScalarReader, scalars
from gateway.frontends.snmp.variable_source import VariableSource
from gateway.frontends.snmp.variable_table import VariableTable
from gateway.network import Address, Network
from gateway.snmp import oid as oids
from gateway.snmp.credentials import Community, UsmUser, is_insecure, is_loopback
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.values import Type

if TYPE_CHECKING:
    from gateway.frontends.snmp.agent.command_responder import CommandResponder

_SYSTEM = oids.parse("1.3.6.1.2.1.1")
_APPLICATION_LAYER = 64
"""The value of sysServices (RFC 3418) for a host that offers applications."""
_TIME_TICKS = 2**32


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """What a reload can change of the built-in agent.

    Attributes:
        addresses: hosts and ports to listen on.
        communities: communities that may read by SNMPv2c.
        users: users that may read by SNMPv3, each at its highest security level only.
        allowed: the networks whose requests are processed; empty for all.
        identity: the identity of the SNMP engine.
    """

    addresses: Sequence[tuple[str, int]]
    communities: Sequence[Community] = ()
    users: Sequence[UsmUser] = ()
    allowed: Sequence[Network] = ()
    identity: EngineIdentity


class BuiltInAgent:
    """An SNMP agent: SNMPv2c for communities, SNMPv3 for users, no SNMPv1.

    Args:
        settings: where it listens, and who may read.
        source: the variables of HA-CLUSTER-MIB.
        aliases: the same below other roots.
        description: sysDescr, for example ``ha-cluster-gateway 1.0``.
        name: sysName, the name of this host.
        clock: measures sysUpTime, and the rate of requests.

    Attributes:
        settings: the settings in effect.
    """

    def __init__(
        self,
        settings: AgentSettings,
        *,
        source: VariableSource,
        aliases: Sequence[VariableSource] = (),
        description: str,
        name: str,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings
        self._sources = (source, *aliases)
        clock = clock or SystemClock()
        self._system_group = _make_system_group(source, description, name, clock)
        self._admission = Admission(settings.allowed, clock)
        self._verdicts = Counter[Verdict]()
        self._log = structlog.get_logger("snmp")
        self._responder: CommandResponder | None = None
        self._server = UdpServer(self._admit, self._process_message)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that the agent listens on, as ``HOST:PORT``."""
        return self._server.addresses

    @property
    def listening(self) -> Mapping[Address, bool]:
        """Whether the agent listens on each of its addresses."""
        return self._server.listening

    @property
    def pending(self) -> Mapping[Address, str]:
        """The addresses that the agent cannot listen on yet, and the reasons."""
        return self._server.pending

    @property
    def requests(self) -> Mapping[str, int]:
        """Number of requests by kind: get, getnext, getbulk, set."""
        return {kind.value: count for kind, count in self._responder.requests.items()} if self._responder else {}

    @property
    def malformed(self) -> int:
        """Number of datagrams that were dropped because they are not valid SNMP requests."""
        return self._responder.malformed if self._responder else 0

    @property
    def refused(self) -> int:
        """Number of messages without access: another network, community, user, password or version."""
        refused = self._responder.refused if self._responder else 0
        return refused + self._verdicts[Verdict.NOT_ALLOWED]

    @property
    def limited(self) -> int:
        """Number of datagrams that were dropped because their source had sent too many."""
        return self._verdicts[Verdict.LIMITED]

    @property
    def unsent(self) -> int:
        """Number of responses that could not be sent."""
        return self._server.unsent

    async def start(self) -> None:
        """Starts to listen; an address for which that fails is tried again."""
        self._responder = await self._make_responder(self.settings)
        await self._server.start(self.settings.addresses)
        self._warn_if_exposed()

    async def prepare(self, settings: AgentSettings, rollback: AsyncExitStack) -> Callable[[], None]:
        """Prepares other settings, and returns a function that takes them over; no counter begins anew.

        Args:
            settings: the other settings.
            rollback: closes what was prepared.

        Raises:
            StartError: the agent cannot listen on a new address.
        """
        responder = await self._make_responder(settings)
        listen = await self._server.prepare(settings.addresses, rollback)

        def commit() -> None:
            self.settings = settings
            self._responder = responder
            self._admission.allowed = settings.allowed
            listen()
            self._warn_if_exposed()

        return commit

    async def close(self) -> None:
        """Stops listening. Idempotent."""
        self.stop_listening()

    def stop_listening(self) -> None:
        """Closes the sockets at once. Idempotent."""
        self._server.close()

    async def _make_responder(self, settings: AgentSettings) -> CommandResponder:
        # imported here because of the ciphers, which a gateway without the agent does not need
        from gateway.frontends.snmp.agent.command_responder import CommandResponder  # noqa: PLC0415

        # deriving keys, a megabyte of hashing for each password, would block the event loop
        return await asyncio.to_thread(
            CommandResponder,
            identity=settings.identity,
            communities=settings.communities,
            users=settings.users,
            sources=[*self._sources, self._system_group],
            previous=self._responder,
        )

    def _warn_if_exposed(self) -> None:
        exposed = [host or "all interfaces" for host, _ in self.settings.addresses if not is_loopback(host)]
        if exposed and is_insecure(self.settings.communities, self.settings.users):
            self._log.warning(
                "agent accepts communities, or users without auth, from the network, where others can read them",
                listen=", ".join(exposed),
            )

    def _admit(self, host: str) -> bool:
        verdict = self._admission.judge(host)
        self._verdicts[verdict] += 1
        if verdict is Verdict.LIMITED and self.limited == 1:
            self._log.warning("datagrams dropped, because their source sends too many", source=host)
        return verdict is Verdict.ADMITTED

    def _process_message(self, message: bytes, host: str) -> bytes | None:
        response = self._responder.process_message(message) if self._responder else None
        self._admission.charge(host, len(message) + len(response or b""))
        return response


def _make_system_group(source: VariableSource, description: str, name: str, clock: Clock) -> VariableTable:
    """Returns the group system (RFC 3418)."""
    started = clock.monotonic()
    values: Mapping[int, ScalarReader] = {
        1: (Type.OCTET_STRING, description.encode),  # sysDescr
        2: (Type.OBJECT_IDENTIFIER, lambda: source.root),  # sysObjectID
        3: (Type.TIME_TICKS, lambda: int((clock.monotonic() - started) * 100) % _TIME_TICKS),  # sysUpTime
        4: (Type.OCTET_STRING, bytes),  # sysContact
        5: (Type.OCTET_STRING, name.encode),  # sysName
        6: (Type.OCTET_STRING, bytes),  # sysLocation
        7: (Type.INTEGER, lambda: _APPLICATION_LAYER),  # sysServices
    }
    return scalars(_SYSTEM, {_SYSTEM + oids.encode((number,)): value for number, value in values.items()})
