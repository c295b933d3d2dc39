"""The SNMP frontend: the tables, the subagent, the built-in agent, and their metrics."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack

import gateway
from gateway import network
from gateway.engine.engine import Engine
from gateway.errors import StartError
from gateway.frontends.snmp.agent.agent import AgentSettings, BuiltInAgent
from gateway.frontends.snmp.alias import Alias
from gateway.frontends.snmp.cache import TableCache
from gateway.frontends.snmp.subagent.address import Address
from gateway.frontends.snmp.subagent.subagent import NotifyError, Subagent, SubagentState
from gateway.publication import Publication
from gateway.runtime.service import start_service
from gateway.samples import SampleSet
from gateway.self_monitoring import self_metrics
from gateway.snmp.mib.module import Mib
from gateway.snmp.values import VarBind

_DESCRIPTION = f"ha-cluster-gateway {gateway.__version__}: HA-CLUSTER-MIB"


class SnmpService:
    """Serves snapshots over SNMP. Implements ``Service``.

    Subscribe ``cache.on_snapshot`` to the engine, and add ``add_samples`` to the publication.

    Attributes:
        cache: the tables that are served.

    Args:
        engine: collects snapshots.
        publication: adds the gateway's own samples to snapshots.
        mib: the MIB that is served.
        max_age: seconds after which a request starts a new collection.
        agentx: the address of the host's snmpd; None for no subagent.
        agent: the settings of the built-in agent; None for no such agent.
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
        self._aliases = [Alias(self.cache, root) for root in mib.former_roots]
        self._subagent: Subagent | None = None
        self._alias_subagents: list[Subagent] = []
        if agentx is not None:
            self._subagent = Subagent(source=self.cache, address=agentx, description=_DESCRIPTION)
            self._alias_subagents = [
                Subagent(source=alias, address=agentx, description=f"{_DESCRIPTION}, former root")
                for alias in self._aliases
            ]
        self._agent = self._make_agent(agent) if agent is not None else None
        # the tables may be from before the session
        self.cache.add_live_value(self_metrics.AGENTX_STATE.mib[0], lambda: self._agentx_state.value)

    @property
    def _agentx_state(self) -> SubagentState:
        return self._subagent.state if self._subagent is not None else SubagentState.OFF

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that the built-in agent listens on, as ``HOST:PORT``."""
        return self._agent.addresses if self._agent is not None else ()

    @property
    def pending(self) -> Mapping[network.Address, str]:
        """The addresses that the built-in agent cannot listen on yet, and the reasons."""
        return self._agent.pending if self._agent is not None else {}

    async def start(self) -> None:
        """Starts to serve, and to collect: the first request should find a snapshot."""
        if self._agent is not None:
            await self._agent.start()
        if self._agent is not None or self._subagent is not None:
            self.cache.refresh()
        if self._subagent is not None:
            await self._subagent.start()
        for subagent in self._alias_subagents:
            await subagent.start()

    async def prepare(
        self, *, max_age: float, agent: AgentSettings | None, rollback: AsyncExitStack
    ) -> Callable[[], None]:
        """Prepares other settings, and returns a function that takes them over.

        Args:
            max_age: as for the constructor, and so is the agent.
            agent: the settings of the built-in agent; None for no such agent.
            rollback: closes what was prepared.

        Raises:
            StartError: the built-in agent cannot listen on a new address.
        """
        configure_agent = await self._prepare_agent(agent, rollback)

        def commit() -> None:
            self.cache.max_age = max_age
            configure_agent()

        return commit

    async def _prepare_agent(self, settings: AgentSettings | None, rollback: AsyncExitStack) -> Callable[[], None]:
        """Prepares the built-in agent for other settings: it starts, changes, or ends."""
        agent = self._agent
        if settings == (agent.settings if agent is not None else None):
            return _do_nothing
        if settings is None:
            return self._end_agent
        if agent is None:
            return await self._prepare_new_agent(self._make_agent(settings), rollback)
        return await agent.prepare(settings, rollback)

    async def _prepare_new_agent(self, agent: BuiltInAgent, rollback: AsyncExitStack) -> Callable[[], None]:
        await start_service(rollback, agent)
        if agent.pending:  # a reload applies all or nothing
            raise StartError(next(iter(agent.pending.values())))

        def commit() -> None:
            self._agent = agent
            self.cache.refresh()

        return commit

    def _end_agent(self) -> None:
        if self._agent is not None:
            self._agent.stop_listening()
        self._agent = None

    def _make_agent(self, settings: AgentSettings) -> BuiltInAgent:
        return BuiltInAgent(
            settings,
            source=self.cache,
            aliases=self._aliases,
            description=_DESCRIPTION,
            name=socket.gethostname(),
        )

    async def close(self) -> None:
        """Closes the session and the sockets; idempotent."""
        for subagent in self._alias_subagents:
            await subagent.close()
        if self._subagent is not None:
            await self._subagent.close()
        if self._agent is not None:
            await self._agent.close()
        await self.cache.close()

    @property
    def absent(self) -> bool:
        """Whether there is no snmpd on this host, and has been none since the start."""
        return self._subagent is None or self._subagent.is_master_absent

    async def notify(self, varbinds: Sequence[VarBind]) -> None:
        """Sends a notification through the master agent.

        Raises:
            NotifyError: there is no session, or the master agent refuses the notification.
        """
        if self._subagent is None:
            raise NotifyError("AgentX is off")
        await self._subagent.notify(varbinds)

    def add_samples(self, samples: SampleSet) -> None:
        """Adds the metrics of the tables, of the AgentX session, and of the built-in agent."""
        samples.add(self_metrics.MIB_OMITTED, self.cache.omitted)
        samples.add(self_metrics.AGENTX_STATE, self_metrics.AGENTX_STATE.flags_for(self._agentx_state))
        if self._subagent is not None:
            samples.add(self_metrics.AGENTX_SESSIONS, self._subagent.sessions)
            samples.add(self_metrics.AGENTX_REQUESTS, self._subagent.requests.total())
            samples.add(self_metrics.AGENTX_REJECTED, self._subagent.rejected)
        if self._agent is not None:
            samples.add(self_metrics.AGENT_REQUESTS, sum(self._agent.requests.values()))
            samples.add(self_metrics.AGENT_MALFORMED, self._agent.malformed)
            samples.add(self_metrics.AGENT_REFUSED, self._agent.refused)
            samples.add(self_metrics.AGENT_LIMITED, self._agent.limited)
            samples.add(self_metrics.AGENT_UNSENT, self._agent.unsent)
            for address, is_bound in self._agent.listening.items():
                samples.add(self_metrics.LISTENING, is_bound, "snmp", str(address))


def _do_nothing() -> None:
    """Takes over nothing: nothing has changed."""
