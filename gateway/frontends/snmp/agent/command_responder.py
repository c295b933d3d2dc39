"""The command responder of the built-in agent (RFC 3413, section 3.2): access control, sizes, and counters.

Importing this module takes 10 MB. The constructor of ``CommandResponder`` takes 5 MB and 70 ms, and 20 ms for each
user. Both belong in a thread, and only in a gateway whose agent is in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog

from gateway.frontends.snmp.agent.commands import (
    GEN_ERR,
    NOT_AUTHORIZED,
    TOO_BIG,
    Request,
    RequestKind,
    Response,
    execute,
)
from gateway.frontends.snmp.agent.counters import Counters, Outcome
from gateway.frontends.snmp.agent.view import MibView, ScalarReader, Subtree, scalars
from gateway.frontends.snmp.variable_table import VariableTable
from gateway.snmp import ber
from gateway.snmp import oid as oids
from gateway.snmp.ber import PduTag
from gateway.snmp.credentials import Community, SecurityLevel, UsmUser
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.pysnmp_adapter.engine import (
    COMMUNITY_BASED,
    SNMPV3,
    USER_BASED,
    AgentEngine,
    AgentRequest,
    AgentResponse,
    UnknownContextReport,
)
from gateway.snmp.values import Type

MAX_MESSAGE = 8192
"""Octets of a message in both directions (snmpEngineMaxMessageSize): the largest blocks the event loop for 20 ms."""

UNFRAGMENTED = 1452
"""Octets of the largest datagram that fits into an Ethernet frame, over IPv6 too.

The response to a GetBulkRequest stays below this size, however much is requested: the next request continues where it
ends, while many firewalls drop fragments. A response that cannot be truncated may be as large as both sides accept.
"""

_V2C_OVERHEAD = 64
"""Octets of an SNMPv2c message without its variables and its community."""
_V3_OVERHEAD = 256
"""The same for SNMPv3 and any user: 48 for the header, 146 for security parameters, 60 for the scoped PDU."""
_SCOPED_OVERHEAD = 64
"""Octets of a scoped PDU (RFC 3412, section 6.8) without its variables."""

_MAX_UNANSWERED = 1000
"""Messages without a response after which the engine's memory of them is freed."""

_KINDS: Final = {
    PduTag.GET_REQUEST: RequestKind.GET,
    PduTag.GET_NEXT_REQUEST: RequestKind.GET_NEXT,
    PduTag.GET_BULK_REQUEST: RequestKind.GET_BULK,
    PduTag.SET_REQUEST: RequestKind.SET,
}


class CommandResponder:
    """Responds to messages.

    Args:
        identity: the identity of the SNMP engine.
        communities: communities that may read by SNMPv2c.
        users: users that may read by SNMPv3, each at its highest security level only.
        sources: the subtrees to serve, in addition to the groups about SNMP itself.

    Attributes:
        counters: counters of SNMP itself.
        requests: number of requests that were processed or denied, by kind.
        malformed: number of messages that were dropped because they are not valid, or not meant for an agent.
        refused: number of messages whose sender has no access.
    """

    def __init__(
        self,
        *,
        identity: EngineIdentity,
        communities: Sequence[Community],
        users: Sequence[UsmUser],
        sources: Sequence[Subtree],
    ) -> None:
        self.requests = dict.fromkeys(RequestKind, 0)
        self.malformed = 0
        self.refused = 0
        self._unanswered = 0
        self._denied = 0
        self._log = structlog.get_logger("snmp")
        self._engine = AgentEngine(identity=identity, max_message_size=MAX_MESSAGE, handle=self._handle)
        self.counters = Counters(self._engine.counter)
        self._view = MibView([*sources, *self.counters.sources(), _snmp_engine_group(identity)])
        self._required_levels: dict[tuple[int, bytes], SecurityLevel] = {}
        self._add_principals(communities, users)
        self._longest_community = max((len(community.name.encode()) for community in communities), default=0)

    def process_message(self, message: bytes) -> bytes | None:
        """Returns the message to send in response, if any, and counts the outcome."""
        before, denied = self.counters.totals(), self._denied
        response = None
        try:
            if len(message) <= MAX_MESSAGE:
                response = self._engine.process_message(message)
        except Exception:  # noqa: BLE001 - pysnmp and pyasn1 raise anything on damaged messages
            self.counters.wrap()
        after = self.counters.totals()
        outcomes = {outcome for outcome in Outcome if after[outcome] > before[outcome]}
        if Outcome.REFUSED in outcomes or self._denied > denied:
            self.refused += 1
        elif response is None and not outcomes & {Outcome.DISCOVERY, Outcome.DROPPED}:
            self.malformed += 1
            if Outcome.MALFORMED not in outcomes:
                self.counters.increment("snmpInASNParseErrs")
        if response is None:
            self._unanswered += 1
            if self._unanswered % _MAX_UNANSWERED == 0:
                self._engine.forget_messages()
        return response

    def _add_principals(self, communities: Sequence[Community], users: Sequence[UsmUser]) -> None:
        for number, community in enumerate(communities, 1):
            security_name = f"community{number}"
            self._engine.add_community(security_name, community)
            self._required_levels[COMMUNITY_BASED, security_name.encode()] = SecurityLevel.NO_AUTH_NO_PRIV
        for user in users:
            self._engine.add_user(user)
            self._required_levels[USER_BASED, user.name.encode()] = user.level

    # --- Requests ----------------------------------------------------------------------------------------------------

    def _handle(self, request: AgentRequest) -> AgentResponse | UnknownContextReport:
        """Returns the response to an authentic request."""
        kind = _KINDS[request.tag]
        self.requests[kind] += 1
        if request.context_name:  # the default context is the only one (RFC 3415, section 3.2)
            return UnknownContextReport()
        response = self._execute(request, kind)
        if response.varbinds is not None:
            varbinds = ber.sequence(*response.varbinds)
        elif len(varbinds := request.encode_varbinds()) > self._space(request, MAX_MESSAGE):
            response, varbinds = TOO_BIG, ber.sequence()
        return AgentResponse(varbinds, int(response.status), response.index)

    def _execute(self, request: AgentRequest, kind: RequestKind) -> Response:
        level = self._required_levels.get((request.security_model, request.security_name))
        if level is None or request.security_level < level:
            self._denied += 1
            return NOT_AUTHORIZED
        try:
            return execute(
                self._view,
                Request(
                    kind=kind,
                    names=request.names,
                    max_size=self._space(request, MAX_MESSAGE),
                    max_bulk_size=self._space(request, UNFRAGMENTED),
                    non_repeaters=request.non_repeaters,
                    max_repetitions=request.max_repetitions,
                ),
            )
        except Exception as error:  # noqa: BLE001 - without a response the manager would only see a time-out
            self._log.error("request failed", exc_info=error)
            return GEN_ERR

    def _space(self, request: AgentRequest, message_size: int) -> int:
        """Returns the octets for variables in a message of at most this size that the manager accepts."""
        if request.message_processing_model == SNMPV3:
            return min(message_size - _V3_OVERHEAD, request.max_size - _SCOPED_OVERHEAD)
        return message_size - _V2C_OVERHEAD - self._longest_community


def _snmp_engine_group(identity: EngineIdentity) -> VariableTable:
    """Returns the group snmpEngine (RFC 3411, section 5)."""
    root = oids.parse("1.3.6.1.6.3.10.2.1")
    values: Sequence[ScalarReader] = (
        (Type.OCTET_STRING, lambda: identity.engine_id),
        (Type.INTEGER, lambda: identity.boots),
        (Type.INTEGER, lambda: identity.time),
        (Type.INTEGER, lambda: MAX_MESSAGE),
    )
    return scalars(root, {root + oids.encode((number,)): value for number, value in enumerate(values, 1)})
