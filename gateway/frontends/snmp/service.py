"""The SNMP frontend as a whole: the tables, the subagent, the built-in agent, and what they say of themselves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass

import gateway
from gateway import self_metrics
from gateway.engine.engine import Engine
from gateway.frontends.snmp.agent.agent import BuiltInAgent
from gateway.frontends.snmp.cache import TableCache
from gateway.frontends.snmp.subagent.address import Address, Reason
from gateway.frontends.snmp.subagent.subagent import NotifyError, Subagent, SubagentState
from gateway.publication import Publication
from gateway.samples import SampleSet
from gateway.snmp.credentials import Community, UsmUser
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.mib.module import Mib
from gateway.snmp.values import VarBind

_DESCRIPTION = f"ha-cluster-gateway {gateway.__version__}: HA-CLUSTER-MIB"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """What the built-in agent is to be.

    Attributes:
        addresses: hosts and ports to listen on.
        communities: who may read by SNMPv2c.
        users: who may read by SNMPv3.
        identity: of its SNMP engine.
    """

    addresses: Sequence[tuple[str, int]]
    communities: Sequence[Community]
    users: Sequence[UsmUser]
    identity: EngineIdentity


class SnmpService:
    """Serves one engine over SNMP.

    Args:
        engine: whom to ask for snapshots.
        publication: adds the gateway's own samples to snapshots.
        mib: the MIB that is served.
        max_age: seconds from which on a request starts a new collection.
        agentx: where the host's snmpd listens; None for not at all.
        agent: whom the built-in agent answers, and where; None for no such agent.
    """

    def __init__(
        self,
        engine: Engine,
        publication: Publication,
        mib: Mib,
        *,
        max_age: float,
        agentx: Address | None = None,
        agent: AgentSettings | None = None,
    ) -> None:
        self.cache = TableCache(engine, publication, mib, max_age=max_age, agentx=agentx is not None)
        self._subagent: Subagent | None = None
        if agentx is not None:
            self._subagent = Subagent(source=self.cache, address=agentx, description=_DESCRIPTION)
        self._agent: BuiltInAgent | None = None
        if agent is not None:
            self._agent = BuiltInAgent(
                source=self.cache,
                identity=agent.identity,
                addresses=agent.addresses,
                communities=agent.communities,
                users=agent.users,
                description=_DESCRIPTION,
                name=socket.gethostname(),
            )
        self._running: asyncio.Task[None] | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that the built-in agent listens on, as ``HOST:PORT``."""
        return self._agent.addresses if self._agent is not None else ()

    async def start(self) -> None:
        """Collects once, so that the first request finds something, and begins to serve.

        Raises:
            StartError: an address cannot be listened on.
        """
        if self._agent is not None:
            await self._agent.start()
        if self._agent is not None or self._subagent is not None:
            self.cache.refresh()
        if self._subagent is not None:
            self._running = asyncio.create_task(self._subagent.run())

    async def close(self) -> None:
        """Ends the session and what is under way."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
        if self._agent is not None:
            await self._agent.close()
        await self.cache.close()

    @property
    def absent(self) -> bool:
        """Whether there is no snmpd on this host, and has been none since the start."""
        subagent = self._subagent
        return subagent is None or (subagent.sessions == 0 and subagent.reason in {None, Reason.NOT_THERE})

    async def notify(self, varbinds: Sequence[VarBind]) -> None:
        """Hands a notification to the master agent.

        Raises:
            NotifyError: there is no session, or it was refused.
        """
        if self._subagent is None:
            raise NotifyError("AgentX is off")
        await self._subagent.notify(varbinds)

    def add_samples(self, samples: SampleSet) -> None:
        """Adds the metrics of the AgentX session and of the built-in agent."""
        state = self._subagent.state if self._subagent is not None else SubagentState.OFF
        samples.add(self_metrics.AGENTX_STATE, self_metrics.AGENTX_STATE.flags_for(state))
        if self._subagent is not None:
            samples.add(self_metrics.AGENTX_SESSIONS, self._subagent.sessions)
            samples.add(self_metrics.AGENTX_REQUESTS, self._subagent.requests.total())
            samples.add(self_metrics.AGENTX_REJECTED, self._subagent.rejected)
        if self._agent is not None:
            samples.add(self_metrics.AGENT_REQUESTS, sum(self._agent.requests.values()))
            samples.add(self_metrics.AGENT_MALFORMED, self._agent.malformed)
            samples.add(self_metrics.AGENT_REFUSED, self._agent.refused)
