"""The AgentX subagent: keeps a session with the host's snmpd, and answers it from memory.

The protocol is in ``gateway.snmp.agentx.session``; here are the socket, the time-outs and the pauses. Whatever happens
to snmpd, the subagent comes back: snmpd may be started later, be restarted, killed, hang, or refuse.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import structlog

from gateway.errors import GatewayError
from gateway.frontends.snmp.subagent.address import Address, Reason, connect, explain
from gateway.frontends.snmp.subagent.connection import Connection, LostError
from gateway.frontends.snmp.variable_source import VariableSource
from gateway.snmp.agentx.codes import CloseReason, ErrorCode, rfc_name
from gateway.snmp.agentx.session import Session, Statistics
from gateway.snmp.oid import Oid, dotted
from gateway.snmp.values import VarBind

_MAX_DESCRIPTION = 255
_MASTER_TIMEOUT = 5
"""Seconds that the master agent is asked to wait for answers; snmpd 5.9 takes one second whatever it is asked."""


class SubagentState(StrEnum):
    """Where the subagent is."""

    OFF = "off"
    """``Subagent.run`` does not run."""
    WAITING = "waiting"
    """There is no connection; there will be another attempt."""
    CONNECTING = "connecting"
    OPENING = "opening"
    """The master agent has been asked for a session."""
    REGISTERING = "registering"
    """The session is open, and the subtree has been asked for; where it is refused, it will be asked for again."""
    REGISTERED = "registered"
    """Requests arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds for all that takes time. With these the subagent is back six seconds after snmpd is, at the latest.

    Attributes:
        answer: for connecting, and for the answers to Open and Register.
        ping_interval: between two checks of whether the master agent is there.
        ping: for the answer to a check: an snmpd that hangs for less keeps its session.
        notify: for the answer to a notification.
        settled: after which a session is a success, so that the next pause is the first again.
        first_pause: before the second attempt at anything; each pause is twice as long as the one before.
        longest_pause: between two attempts to connect.
        longest_retry: between two attempts to register.
        shutdown: for the last words to be written.
    """

    answer: float = 10.0
    ping_interval: float = 30.0
    ping: float = 30.0
    notify: float = 5.0
    settled: float = 1.0
    first_pause: float = 0.25
    longest_pause: float = 3.0
    longest_retry: float = 2.0
    shutdown: float = 1.0


class NotifyError(GatewayError):
    """A notification was not accepted by the master agent; the message says why."""


class Subagent:
    """Keeps a session.

    Attributes:
        state: where it is.
        reason: why it is not registered; None where it is, or where nothing was tried yet.
        detail: the same in words.
        sessions: sessions that were registered since the start.

    Args:
        source: serves the variables; its root is the subtree that is registered.
        address: where the master agent listens.
        description: of this subagent, for people.
        capabilities: the row of sysORTable: its sysORID and sysORDescr; without it, the root and the description.
        timing: how long things may take.
        jitter: returns numbers from 0 to 1, so that not all gateways come back at once.
    """

    def __init__(
        self,
        *,
        source: VariableSource,
        address: Address,
        description: str,
        capabilities: tuple[Oid, str] | None = None,
        timing: Timing | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.state = SubagentState.OFF
        self.reason: Reason | None = None
        self.detail = ""
        self.sessions = 0
        self._source = source
        self._address = address
        self._description = _octets(description)
        sysorid, sysordescr = capabilities or (source.root, description)
        self._capabilities = sysorid, _octets(sysordescr)
        self._timing = timing or Timing()
        self._jitter = jitter
        self._statistics = Statistics()
        self._connection: Connection | None = None
        self._logged: set[Reason] = set()
        self._settled = asyncio.Event()
        self._log = structlog.get_logger("agentx")

    @property
    def requests(self) -> Counter[str]:
        """The master agent's requests since the start, by ``gateway.snmp.agentx.session.REQUEST_KINDS``."""
        return self._statistics.requests

    @property
    def rejected(self) -> int:
        """Messages since the start that were dropped or answered with an error because they broke the protocol."""
        return self._statistics.rejected

    @property
    def repeated(self) -> int:
        """Requests since the start that were dropped because they had come before."""
        return self._statistics.repeated

    async def settled(self) -> None:
        """Waits until it is registered for the first time, or knows why it is not."""
        await self._settled.wait()

    # --- Sessions ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keeps a session until it is cancelled; then it ends it."""
        loop = asyncio.get_running_loop()
        attempts = 0
        try:
            while True:
                began, sessions = loop.time(), self.sessions
                await self._session()
                # a session that is lost as soon as it is there is no success
                settled = self.sessions > sessions and loop.time() - began > self._timing.settled
                attempts = 0 if settled else attempts + 1
                await asyncio.sleep(self._pause(attempts, self._timing.longest_pause))
        finally:
            self.state = SubagentState.OFF

    async def _session(self) -> None:
        """Goes through one session, or the attempt at one, to its end."""
        sessions, reason = self.sessions, CloseReason.OTHER
        self.state = SubagentState.CONNECTING
        connection = Connection(Session(self._statistics), self._source)
        try:
            await self._connect(connection)
            self._connection = connection
            await self._establish(connection)
            await self._keep(connection)
        except asyncio.CancelledError:
            reason = CloseReason.SHUTDOWN
            raise
        except LostError as loss:
            if loss.reason is Reason.HUNG:
                reason = CloseReason.TIMEOUTS
            self._note(loss, "agentx waiting" if self.sessions == sessions else "agentx lost")
        except Exception as error:  # noqa: BLE001 - a bug costs this session, not those to come
            self._note(LostError(Reason.FAILED, f"a bug: {error!r}"), "agentx failed", error)
        finally:
            self.state = SubagentState.WAITING
            self._connection = None
            await connection.end(reason, self._timing.shutdown)

    async def _connect(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(self._timing.answer):
                await connect(self._address, lambda: connection)
        except TimeoutError:
            raise LostError(Reason.HUNG, f"{self._address}: not connected within {self._timing.answer} s") from None
        except OSError as error:
            raise LostError(*explain(self._address, error)) from None

    async def _establish(self, connection: Connection) -> None:
        session, root = connection.session, self._source.root
        self.state = SubagentState.OPENING
        ask_to_open = partial(session.open, id=root, description=self._description, timeout=_MASTER_TIMEOUT)
        if error := await connection.ask(ask_to_open, self._timing.answer):
            raise LostError(Reason.REFUSED, f"{self._address}: no session is opened: {rfc_name(error, ErrorCode)}")
        self.state = SubagentState.REGISTERING
        attempts = 0
        while error := await connection.ask(partial(session.register, root), self._timing.answer):
            self._note(_refusal(root, error), "agentx waiting")
            await connection.wait(self._pause(attempts, self._timing.longest_retry))
            attempts += 1
        self.state = SubagentState.REGISTERED
        self.sessions += 1
        self.reason, self.detail = None, ""
        self._settled.set()
        self._logged.clear()
        self._log.info("agentx registered", address=str(self._address), root=dotted(root))

    async def _keep(self, connection: Connection) -> None:
        """Asks now and then whether the master agent is there: where it is on another host, its end may be silent."""
        # a hang has to be bearable from the moment of registration on: all time-outs are those of a ping
        add = partial(connection.session.add_agent_caps, *self._capabilities)
        if error := await connection.ask(add, self._timing.ping):
            self._log.warning("agentx capabilities refused", error=rfc_name(error, ErrorCode))
        while True:
            await connection.wait(self._timing.ping_interval)
            if error := await connection.ask(connection.session.ping, self._timing.ping):
                raise LostError(Reason.REFUSED, f"ping: {rfc_name(error, ErrorCode)}")

    def _pause(self, attempts: int, longest: float) -> float:
        """Returns the seconds before the next attempt: twice as long each time, half of it at random."""
        doubled = self._timing.first_pause * 2.0 ** min(attempts, 32)
        return min(longest, doubled) * (1 + self._jitter()) / 2

    def _note(self, loss: LostError, event: str, error: Exception | None = None) -> None:
        """Remembers why there is no registration, and logs it: each reason once until the next registration."""
        self.reason, self.detail = loss.reason, loss.detail
        self._settled.set()
        if loss.reason not in self._logged:
            self._logged.add(loss.reason)
            trace = {"exc_info": error} if error else {}
            # many hosts have no snmpd, and are not to be woken up by that
            log = self._log.info if loss.reason is Reason.NOT_THERE else self._log.warning
            log(event, address=str(self._address), reason=loss.reason.value, detail=loss.detail, **trace)

    # --- Notifications -----------------------------------------------------------------------------------------------

    async def notify(self, varbinds: Sequence[VarBind]) -> None:
        """Sends a notification through the master agent, and waits until it is accepted.

        Args:
            varbinds: snmpTrapOID.0 first, or after sysUpTime.0 (RFC 2741, section 6.2.10).

        Raises:
            NotifyError: it was not accepted.
            ValueError: a value is not one of its type's.
        """
        connection = self._connection
        if connection is None or self.state is not SubagentState.REGISTERED:
            raise NotifyError(self.detail or "not registered with a master agent")
        try:
            error = await connection.ask(partial(connection.session.notify, varbinds), self._timing.notify)
        except LostError as loss:
            raise NotifyError(loss.detail) from None
        if error:
            raise NotifyError(f"refused by the master agent: {rfc_name(error, ErrorCode)}")


def _octets(text: str) -> bytes:
    return text.encode()[:_MAX_DESCRIPTION]


def _refusal(root: Oid, error: int) -> LostError:
    if error == ErrorCode.DUPLICATE_REGISTRATION:
        return LostError(
            Reason.DUPLICATE,
            f"{dotted(root)} is registered by another subagent: the gateway may run twice, or snmpd has not seen the "
            "end of its last session; trying again",
        )
    return LostError(Reason.REFUSED, f"{dotted(root)} is not registered: {rfc_name(error, ErrorCode)}; trying again")
