"""The AgentX subagent: keeps a session with the host's snmpd, and serves its requests from memory.

The protocol is in ``gateway.snmp.agentx.session``; this module adds the time-outs and the pauses. The
subagent reconnects in every case: snmpd may be started later, be restarted, be killed, hang, or refuse.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

import structlog

from gateway.backoff import Backoff
from gateway.clock import Clock, SystemClock
from gateway.errors import GatewayError
from gateway.frontends.snmp.subagent.address import Address, SessionFailure, connect, explain
from gateway.frontends.snmp.subagent.connection import Connection, RequestKind, SessionLostError, SlowResponses
from gateway.frontends.snmp.variable_source import VariableSource
from gateway.snmp.agentx.codes import CloseReason, ErrorCode, rfc_name
from gateway.snmp.agentx.session import Session, Statistics
from gateway.snmp.oid import Oid, dotted
from gateway.snmp.values import VarBind

_MAX_DESCRIPTION = 255
_MASTER_TIMEOUT = 5
"""Seconds that the master agent is requested to wait for responses; snmpd 5.9 waits for one second in any case."""


_BLOCKED = 120.0
"""Seconds that the master agent may be blocked.

snmpd 5.9 waits for the engine ID of each sink for SNMPv3 informs that is dead: 1 s, then five more times (-t and -r of
trapsess).
"""


class SubagentState(StrEnum):
    """The state of the subagent."""

    OFF = "off"
    """The subagent was not started, or was closed."""
    WAITING = "waiting"
    """There is no connection; the next attempt follows after a pause."""
    CONNECTING = "connecting"
    OPENING = "opening"
    """Open was sent."""
    REGISTERING = "registering"
    """The session is open, and Register was sent. If it is refused, it is sent again after a pause."""
    REGISTERED = "registered"
    """The master agent sends requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Time-outs and pauses, in seconds. With the defaults the subagent is back at most six seconds after snmpd.

    The end of snmpd on this host ends the connection at once; the time-outs matter only while it hangs.

    Attributes:
        response: the time-out for connecting, and for the responses to Open and Register.
        ping_interval: between two checks of whether the master agent responds.
        ping: the time-out for the response to a check: an snmpd that hangs for less keeps its session.
        notify: the time-out for the response to a notification, after which the session ends: snmpd responds when it
            has sent the notification to all of its sinks.
        respite: the pause after a notification for which the master agent took at least as long: the time-out after
            which most managers repeat a request.
        stable: the age at which a session counts as a success, so that the next pause is the first again.
        reconnect: the pauses between two attempts to connect.
        reregister: the pauses between two attempts to register.
        shutdown: the time-out for sending Close.
    """

    response: float = 10.0
    ping_interval: float = 30.0
    ping: float = _BLOCKED
    notify: float = _BLOCKED
    respite: float = 1.0
    stable: float = 1.0
    reconnect: Backoff = field(default_factory=partial(Backoff, first=0.25, longest=3.0))
    reregister: Backoff = field(default_factory=partial(Backoff, first=0.25, longest=2.0))
    shutdown: float = 1.0


class NotifyError(GatewayError):
    """The master agent did not accept a notification; the message is the reason."""


class Subagent:
    """Keeps a session with a master agent. Implements ``Service``.

    Attributes:
        state: the state of the subagent.
        failure: why the subtree is not registered; None if it is, or before the first attempt.
        detail: the reason in words.
        sessions: the number of sessions that were registered since the start.

    Args:
        source: serves the variables; its root is the subtree that is registered.
        address: the address of the master agent.
        description: describes this subagent in the log of snmpd and in sysORTable.
        capabilities: the row of sysORTable: sysORID and sysORDescr; by default the root and the description.
        timing: time-outs and pauses.
        clock: measures the age of sessions.
    """

    def __init__(
        self,
        *,
        source: VariableSource,
        address: Address,
        description: str,
        capabilities: tuple[Oid, str] | None = None,
        timing: Timing | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.state = SubagentState.OFF
        self.failure: SessionFailure | None = None
        self.detail = ""
        self.sessions = 0
        self._source = source
        self._address = address
        self._description = _display_string(description)
        sysorid, sysordescr = capabilities or (source.root, description)
        self._capabilities = sysorid, _display_string(sysordescr)
        self._timing = timing or Timing()
        self._clock = clock or SystemClock()
        self._statistics = Statistics()
        self._slow_responses = SlowResponses()
        self._connection: Connection | None = None
        self._logged_failures: set[SessionFailure] = set()
        self._attempted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("agentx")

    @property
    def requests(self) -> Counter[str]:
        """Requests of the master agent since the start, by ``gateway.snmp.agentx.session.REQUEST_KINDS``."""
        return self._statistics.requests

    @property
    def rejected(self) -> int:
        """Messages since the start that were dropped or answered with an error because they broke the protocol."""
        return self._statistics.rejected

    @property
    def repeated(self) -> int:
        """Requests since the start that were dropped because they had been received before."""
        return self._statistics.repeated

    @property
    def is_master_absent(self) -> bool:
        """Whether there is no snmpd on this host, and has been none since the start."""
        return self.sessions == 0 and self.failure in {None, SessionFailure.NO_SOCKET}

    async def start(self) -> None:
        """Starts to connect, in the background."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Closes the session; idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def wait_for_first_attempt(self) -> None:
        """Waits until the subtree is registered, or the first attempt to register it has failed."""
        await self._attempted.wait()

    # --- Sessions ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        failures = 0
        try:
            while True:
                began, sessions = self._clock.monotonic(), self.sessions
                await self._run_session()
                # a session that is lost at once is not a success
                is_stable = self.sessions > sessions and self._clock.monotonic() - began > self._timing.stable
                failures = 0 if is_stable else failures + 1
                await asyncio.sleep(self._timing.reconnect.pause(failures))
        finally:
            self.state = SubagentState.OFF

    async def _run_session(self) -> None:
        """Runs one session from the connection to its end."""
        sessions, reason = self.sessions, CloseReason.OTHER
        self.state = SubagentState.CONNECTING
        connection = Connection(Session(self._statistics), self._source, self._slow_responses)
        try:
            await self._connect(connection)
            self._connection = connection
            await self._open(connection)
            await self._register(connection)
            await self._keep_alive(connection)
        except asyncio.CancelledError:
            reason = CloseReason.SHUTDOWN
            raise
        except SessionLostError as loss:
            if loss.failure is SessionFailure.UNRESPONSIVE:
                reason = CloseReason.TIMEOUTS
            self._report_failure(loss, "agentx waiting" if self.sessions == sessions else "agentx lost")
        except Exception as error:  # noqa: BLE001 - a bug costs this session, not the next one
            bug = SessionLostError(SessionFailure.OTHER, f"a bug: {error!r}")
            self._report_failure(bug, "agentx failed", error)
        finally:
            self.state = SubagentState.WAITING
            self._connection = None
            await connection.close(reason, self._timing.shutdown)

    async def _connect(self, connection: Connection) -> None:
        timeout = self._timing.response
        try:
            async with asyncio.timeout(timeout):
                await connect(self._address, lambda: connection)
        except TimeoutError:
            detail = f"{self._address}: not connected within {timeout} s"
            raise SessionLostError(SessionFailure.UNRESPONSIVE, detail) from None
        except OSError as error:
            raise SessionLostError(*explain(self._address, error)) from None

    async def _open(self, connection: Connection) -> None:
        self.state = SubagentState.OPENING
        send_open = partial(
            connection.session.open, id=self._source.root, description=self._description, timeout=_MASTER_TIMEOUT
        )
        if error := (await connection.request(send_open, self._timing.response)).error:
            detail = f"{self._address}: the master agent opens no session: {rfc_name(error, ErrorCode)}"
            raise SessionLostError(SessionFailure.REFUSED, detail)

    async def _register(self, connection: Connection) -> None:
        root, failures = self._source.root, 0
        self.state = SubagentState.REGISTERING
        register = partial(connection.session.register, root)
        while error := (await connection.request(register, self._timing.response)).error:
            self._report_failure(_refusal(root, error), "agentx waiting")
            await connection.sleep(self._timing.reregister.pause(failures))
            failures += 1
        self.state = SubagentState.REGISTERED
        self.sessions += 1
        self.failure, self.detail = None, ""
        self._attempted.set()
        self._logged_failures.clear()
        self._log.info("agentx registered", address=str(self._address), root=dotted(root))

    async def _keep_alive(self, connection: Connection) -> None:
        """Checks regularly whether the master agent responds: the end of a remote one may go unnoticed."""
        # snmpd may hang for a while from the moment of registration on: all time-outs are those of a ping
        add_capabilities = partial(connection.session.add_agent_caps, *self._capabilities)
        if error := (await connection.request(add_capabilities, self._timing.ping)).error:
            self._log.warning("agentx capabilities refused", error=rfc_name(error, ErrorCode))
        while True:
            await connection.sleep(self._timing.ping_interval)
            if error := (await connection.request(connection.session.ping, self._timing.ping)).error:
                raise SessionLostError(SessionFailure.REFUSED, f"ping: {rfc_name(error, ErrorCode)}")

    def _report_failure(self, loss: SessionLostError, event: str, error: Exception | None = None) -> None:
        """Records and logs why the subtree is not registered: each reason once until the next registration."""
        self.failure, self.detail = loss.failure, loss.detail
        self._attempted.set()
        if loss.failure not in self._logged_failures:
            self._logged_failures.add(loss.failure)
            trace = {"exc_info": error} if error else {}
            # many hosts have no snmpd, and that is not worth a warning
            log = self._log.info if loss.failure is SessionFailure.NO_SOCKET else self._log.warning
            log(event, address=str(self._address), reason=loss.failure.value, detail=loss.detail, **trace)

    # --- Notifications -----------------------------------------------------------------------------------------------

    async def notify(self, varbinds: Sequence[VarBind]) -> None:
        """Sends a notification to the master agent, and waits until it is accepted.

        If the session ends first, nobody knows whether it was sent. Sending it again, on the next session, may repeat
        it; not to do so may lose it.

        A master agent that takes long answers no requests meanwhile. It gets a pause after the notification, so that
        the requests that have arrived are answered.

        Args:
            varbinds: snmpTrapOID.0 first. Without sysUpTime.0 before it, the master agent adds its own (RFC 2741,
                section 6.2.10).

        Raises:
            NotifyError: the notification was not accepted.
            ValueError: a value does not fit its type.
        """
        connection = self._connection
        if connection is None or self.state is not SubagentState.REGISTERED:
            raise NotifyError(self.detail or "not registered with a master agent")
        try:
            send = partial(connection.session.notify, varbinds)
            result = await connection.request(send, self._timing.notify, RequestKind.NOTIFICATION)
        except SessionLostError as loss:
            raise NotifyError(loss.detail) from None
        if result.error:
            raise NotifyError(f"refused by the master agent: {rfc_name(result.error, ErrorCode)}")
        if result.seconds >= self._timing.respite:
            await connection.pause(self._timing.respite)


def _display_string(text: str) -> bytes:
    return text.encode()[:_MAX_DESCRIPTION]


def _refusal(root: Oid, error: int) -> SessionLostError:
    if error == ErrorCode.DUPLICATE_REGISTRATION:
        return SessionLostError(
            SessionFailure.DUPLICATE,
            f"{dotted(root)} is registered by another subagent: the gateway may run twice, or snmpd has not noticed "
            "the end of the last session; trying again",
        )
    detail = f"{dotted(root)} is not registered: {rfc_name(error, ErrorCode)}; trying again"
    return SessionLostError(SessionFailure.REFUSED, detail)
