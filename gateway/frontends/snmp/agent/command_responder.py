"""The command responder of the built-in agent (RFC 3413, section 3.2): sizes, counters and errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog

from gateway.frontends.snmp.agent.commands import GEN_ERR, TOO_BIG, Request, RequestKind, Response, execute
from gateway.frontends.snmp.agent.counters import Counters, Outcome
from gateway.frontends.snmp.agent.view import MibView, ScalarReader, Subtree, scalars
from gateway.frontends.snmp.variable_table import VariableTable
from gateway.snmp import oid as oids
from gateway.snmp.agent_engine import AgentEngine, AgentRequest, AgentResponse
from gateway.snmp.ber import PduTag
from gateway.snmp.credentials import Community, UsmUser
from gateway.snmp.decoding import MAX_MESSAGE
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.values import Type

UNFRAGMENTED = 1452
"""Octets of the largest datagram that fits into an Ethernet frame, over IPv6 too.

The response to a GetBulkRequest stays below this size, however much is requested: the next request continues where it
ends, while many firewalls drop fragments. A response that cannot be truncated may be as large as both sides accept.
"""

_KINDS: Final = {
    PduTag.GET_REQUEST: RequestKind.GET,
    PduTag.GET_NEXT_REQUEST: RequestKind.GET_NEXT,
    PduTag.GET_BULK_REQUEST: RequestKind.GET_BULK,
    PduTag.SET_REQUEST: RequestKind.SET,
}


class CommandResponder:
    """Responds to messages.

    The constructor derives the keys of the users, which takes some milliseconds for each.

    Args:
        identity: the identity of the SNMP engine.
        communities: communities that may read by SNMPv2c.
        users: users that may read by SNMPv3, each at its highest security level only.
        sources: the subtrees to serve, in addition to the groups about SNMP itself.
        previous: the responder that this one replaces; its counters are continued.

    Attributes:
        counters: counters of SNMP itself.
        requests: number of authentic requests, by kind.
    """

    def __init__(
        self,
        *,
        identity: EngineIdentity,
        communities: Sequence[Community],
        users: Sequence[UsmUser],
        sources: Sequence[Subtree],
        previous: CommandResponder | None = None,
    ) -> None:
        self.requests: dict[RequestKind, int] = dict.fromkeys(RequestKind, 0) if previous is None else previous.requests
        self.counters: Counters = Counters() if previous is None else previous.counters
        self._log = structlog.get_logger("snmp")
        self._logged_bugs: set[type[Exception]] = set()
        subtrees = [*sources, *self.counters.sources(), _snmp_engine_group(identity)]
        views = {community.view for community in communities} | {user.view for user in users}
        self._views = {view: MibView(subtrees, included=view) for view in views}
        self._engine = AgentEngine(
            identity=identity,
            communities=communities,
            users=users,
            handle=self._handle,
            count=self.counters.increment,
        )

    @property
    def malformed(self) -> int:
        """Number of messages that were dropped because they are not valid."""
        return self.counters.total(Outcome.MALFORMED)

    @property
    def refused(self) -> int:
        """Number of messages whose sender has no access."""
        return self.counters.total(Outcome.REFUSED)

    def process_message(self, message: bytes) -> bytes | None:
        """Returns the message to send in response, if any, and counts the outcome."""
        try:
            return self._engine.process_message(message)
        except Exception as error:  # noqa: BLE001 - a bug costs one message
            self._log_bug("message failed", error)
            return None

    def _handle(self, request: AgentRequest) -> AgentResponse:
        """Returns the response to an authentic request."""
        kind = _KINDS[request.pdu.tag]
        self.requests[kind] += 1
        response = self._execute(request, kind)
        if response.varbinds is not None:
            varbinds = b"".join(response.varbinds)
        elif len(varbinds := request.pdu.encoded_varbinds) > _space(request, MAX_MESSAGE):
            response, varbinds = TOO_BIG, b""
        return AgentResponse(varbinds, int(response.status), response.index)

    def _execute(self, request: AgentRequest, kind: RequestKind) -> Response:
        is_bulk = kind is RequestKind.GET_BULK
        try:
            return execute(
                self._views[request.credential.view],
                Request(
                    kind=kind,
                    names=request.names,
                    max_size=_space(request, MAX_MESSAGE),
                    max_bulk_size=_space(request, UNFRAGMENTED),
                    non_repeaters=request.pdu.status if is_bulk else 0,
                    max_repetitions=request.pdu.index if is_bulk else 0,
                ),
            )
        except Exception as error:  # noqa: BLE001 - without a response the manager would only see a time-out
            self._log_bug("request failed", error)
            return GEN_ERR

    def _log_bug(self, event: str, error: Exception) -> None:
        if type(error) not in self._logged_bugs:  # a walk would log thousands
            self._logged_bugs.add(type(error))
            self._log.error(event, exc_info=error)


def _space(request: AgentRequest, message_size: int) -> int:
    """Returns the octets for variables in a message of at most this size that the manager accepts."""
    return min(message_size, request.max_message) - request.overhead


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
