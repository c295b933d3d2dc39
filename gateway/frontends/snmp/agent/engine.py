"""The built-in agent's command responder (RFC 3413, section 3.2), on pysnmp's SNMP engine.

pysnmp reads and writes messages, and does the security of SNMPv2c and SNMPv3. Its own responders are not used: they
know neither tooBig nor truncation, and turn what they did not expect into silence. Nor is its access control: it lets
messages of a lower security level pass.

Importing this takes 25 MB, and making a ``Responder`` up to a second: both are for agents in use, and for a thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import structlog
from pyasn1.codec.ber import encoder  # type: ignore[import-untyped]
from pyasn1.type import univ  # type: ignore[import-untyped]
from pysnmp.carrier.asyncio.dgram import udp  # type: ignore[import-untyped]
from pysnmp.entity import config  # type: ignore[import-untyped]
from pysnmp.entity.engine import SnmpEngine  # type: ignore[import-untyped]
from pysnmp.proto import errind, rfc1905  # type: ignore[import-untyped]
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]
from pysnmp.proto.mpmod.rfc2576 import SnmpV2cMessageProcessingModel  # type: ignore[import-untyped]
from pysnmp.proto.mpmod.rfc3412 import SnmpV3MessageProcessingModel  # type: ignore[import-untyped]
from pysnmp.proto.rfc1902 import OctetString  # type: ignore[import-untyped]
from pysnmp.proto.secmod.rfc2576 import SnmpV2cSecurityModel  # type: ignore[import-untyped]
from pysnmp.proto.secmod.rfc3414 import SnmpUSMSecurityModel  # type: ignore[import-untyped]

from gateway.frontends.snmp.agent.commands import (
    GEN_ERR,
    NOT_AUTHORIZED,
    TOO_BIG,
    Request,
    RequestKind,
    Response,
    execute,
)
from gateway.frontends.snmp.agent.counters import Counters, Fate
from gateway.frontends.snmp.agent.view import MibView, Scalars, Source, Value
from gateway.snmp import ber
from gateway.snmp import oid as oids
from gateway.snmp.credentials import Community, SecurityLevel, UsmUser
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.values import Type

MAX_MESSAGE = 8192
"""Octets of a message, both ways (snmpEngineMaxMessageSize): the largest takes some 20 ms of the event loop."""

UNFRAGMENTED = 1452
"""Octets of a datagram that an Ethernet frame has room for, over IPv6 too.

The answer to a GETBULK keeps to it as a rule, whatever is asked for: the next request goes on where it ends, while
fragments are lost in many a firewall. An answer that cannot be shortened may be as large as both sides take.
"""

_V2C_OVERHEAD = 64
"""Octets of a message without its variables and its community."""
_V3_OVERHEAD = 256
"""The same for SNMPv3, and any user: 48 of header, 146 of security parameters (RFC 3414), 60 of scoped PDU."""
_SCOPED_OVERHEAD = 64
"""Octets of a scoped PDU (RFC 3412, section 6.8) without its variables."""

_FORGET_AFTER = 1000
"""Messages without an answer, after which what pysnmp has kept of them is thrown away."""

_V2C, _V3 = 1, 3
"""How messages number versions."""
_COMMUNITY_BASED, _USER_BASED = 2, 3
"""Security models (RFC 3411, section 5: SnmpSecurityModel)."""

_KINDS: Mapping[Any, RequestKind] = {
    rfc1905.GetRequestPDU.tagSet: RequestKind.GET,
    rfc1905.GetNextRequestPDU.tagSet: RequestKind.GET_NEXT,
    rfc1905.GetBulkRequestPDU.tagSet: RequestKind.GET_BULK,
    rfc1905.SetRequestPDU.tagSet: RequestKind.SET,
}

_AUTH: Mapping[str, Any] = {
    "none": config.USM_AUTH_NONE,
    "SHA": config.USM_AUTH_HMAC96_SHA,
    "SHA-224": config.USM_AUTH_HMAC128_SHA224,
    "SHA-256": config.USM_AUTH_HMAC192_SHA256,
    "SHA-384": config.USM_AUTH_HMAC256_SHA384,
    "SHA-512": config.USM_AUTH_HMAC384_SHA512,
}
_PRIV: Mapping[str, Any] = {
    "none": config.USM_PRIV_NONE,
    "AES": config.USM_PRIV_CFB128_AES,
    "AES-192": config.USM_PRIV_CFB192_AES_BLUMENTHAL,
    "AES-256": config.USM_PRIV_CFB256_AES_BLUMENTHAL,
}


class _Call(NamedTuple):
    """What pysnmp hands to a responder (RFC 3412, section 4.2.2.1: processPdu)."""

    engine: Any
    message_model: Any
    security_model: Any
    security_name: Any
    security_level: Any
    context_engine_id: Any
    context_name: Any
    pdu_version: Any
    pdu: Any
    max_size: Any
    state: Any


class _Outbox:
    """Stands where pysnmp has its transports: keeps the answer until it is fetched."""

    def __init__(self) -> None:
        self._message: bytes | None = None

    def take(self) -> bytes | None:
        message, self._message = self._message, None
        return message

    def send_message(self, message: bytes, domain: object, address: object) -> None:
        del domain, address
        self._message = bytes(message)

    def get_timer_resolution(self) -> float:
        return 1.0


class Responder:
    """Answers messages.

    Args:
        identity: of the SNMP engine.
        communities: who may ask by SNMPv2c.
        users: who may ask by SNMPv3, each at the highest level that it can.
        sources: what is shown, besides what SNMP tells of itself.

    Attributes:
        counters: of SNMP itself.
        requests: how many were answered or denied, by kind.
        malformed: messages that were dropped because they are none, or none for an agent.
        refused: messages whose sender may not ask.
    """

    def __init__(
        self,
        *,
        identity: EngineIdentity,
        communities: Sequence[Community],
        users: Sequence[UsmUser],
        sources: Sequence[Source],
    ) -> None:
        self.requests = dict.fromkeys(RequestKind, 0)
        self.malformed = 0
        self.refused = 0
        self._unanswered = 0
        self._denied = 0
        self._log = structlog.get_logger("snmp")
        self._outbox = _Outbox()
        self._engine = SnmpEngine(maxMessageSize=MAX_MESSAGE)
        self._engine.transport_dispatcher = self._outbox
        self._identify(identity)
        self._forget()
        self.counters = Counters(self._symbol)
        self._view = MibView([*sources, *self.counters.sources(), _framework(identity)])
        self._levels: dict[tuple[int, bytes], SecurityLevel] = {}
        self._admit(communities, users)
        self._longest = max((len(community.name.encode()) for community in communities), default=0)
        self._engine.message_dispatcher.register_context_engine_id(
            self._engine.snmpEngineID, tuple(_KINDS), self._process
        )

    def answer(self, message: bytes) -> bytes | None:
        """Returns the answer to a message, whatever that is, or None where there is none."""
        counters = self.counters
        before = {fate: counters.of(fate) for fate in Fate}
        denied = self._denied
        try:
            if len(message) <= MAX_MESSAGE:
                dispatcher = self._engine.message_dispatcher
                dispatcher.receive_message(self._engine, udp.SNMP_UDP_DOMAIN, ("", 0), message)
        except Exception:  # noqa: BLE001 - on garbled messages pysnmp and pyasn1 raise anything
            self._outbox.take()
            counters.wrap()
        fates = {fate for fate in Fate if counters.of(fate) > before[fate]}
        answer = self._outbox.take()
        if Fate.REFUSED in fates or self._denied > denied:
            self.refused += 1
        elif answer is None and not fates & {Fate.DISCOVERED, Fate.DROPPED}:
            self.malformed += 1
            if Fate.GARBLED not in fates:
                counters.count("snmpInASNParseErrs")
        if answer is None:
            self._unanswered += 1
            if self._unanswered % _FORGET_AFTER == 0:
                self._forget()
        return answer

    # --- setting up --------------------------------------------------------------------------------------------------

    def _symbol(self, module: str, name: str) -> Any:
        (symbol,) = self._engine.get_mib_builder().import_symbols(module, name)
        return symbol

    def _identify(self, identity: EngineIdentity) -> None:
        """Makes the engine who it is; were it told its id, it would count boots in the directory of temporary files."""
        engine_id, boots, time = (
            self._symbol("__SNMP-FRAMEWORK-MIB", name) for name in ("snmpEngineID", "snmpEngineBoots", "snmpEngineTime")
        )
        engine_id.syntax = self._engine.snmpEngineID = engine_id.syntax.clone(identity.engine_id)
        boots.syntax = boots.syntax.clone(identity.boots)
        kind = type(time.syntax)

        def clone(value: Any, *arguments: Any, **settings: Any) -> Any:
            return kind.clone(value, *(arguments or (identity.time,)), **settings)

        # pysnmp takes the time by making a clone, and by the wall clock, whose steps would shut clients out
        time.syntax = type("SnmpEngineTime", (kind,), {"clone": clone})(0)

    def _forget(self) -> None:
        """Starts with models that remember nothing.

        What pysnmp keeps of a message it frees when it answers. Of others something stays, some of it for ever.
        """
        self._engine.message_processing_subsystems = {
            _V2C: SnmpV2cMessageProcessingModel(),
            _V3: SnmpV3MessageProcessingModel(),
        }
        self._engine.security_models = {_COMMUNITY_BASED: SnmpV2cSecurityModel(), _USER_BASED: SnmpUSMSecurityModel()}

    def _admit(self, communities: Sequence[Community], users: Sequence[UsmUser]) -> None:
        for number, community in enumerate(communities, 1):
            name = f"community{number}"
            config.add_v1_system(self._engine, name, OctetString(community.name.encode()))
            self._levels[_COMMUNITY_BASED, name.encode()] = SecurityLevel.NO_AUTH_NO_PRIV
        for user in users:
            config.add_v3_user(
                self._engine,
                OctetString(user.name.encode()),
                _AUTH[user.auth],
                user.auth_password.encode() or None,
                _PRIV[user.priv],
                user.priv_password.encode() or None,
            )
            self._levels[_USER_BASED, user.name.encode()] = user.level

    # --- requests ----------------------------------------------------------------------------------------------------

    def _process(self, *arguments: Any) -> None:
        """Answers a request that pysnmp has read and found authentic."""
        call = _Call(*arguments)
        try:
            request = self._request(call)
        except ValueError:
            return  # a name that is none: too many numbers, or too large ones
        self.requests[request.kind] += 1
        if call.context_name:
            # there is one context, the default one (RFC 3415, section 3.2)
            self._report_context(call)
        else:
            self._send(call, self._response(call, request))

    def _request(self, call: _Call) -> Request:
        """Returns a request, taken out of pysnmp's objects."""
        kind = _KINDS[call.pdu.tagSet]
        bulk = kind is RequestKind.GET_BULK
        return Request(
            kind=kind,
            names=[oids.encode(name) for name, _ in v2c.apiPDU.get_varbinds(call.pdu)],
            room=self._room(call, MAX_MESSAGE),
            enough=self._room(call, UNFRAGMENTED),
            non_repeaters=int(v2c.apiBulkPDU.get_non_repeaters(call.pdu)) if bulk else 0,
            max_repetitions=int(v2c.apiBulkPDU.get_max_repetitions(call.pdu)) if bulk else 0,
        )

    def _room(self, call: _Call, size: int) -> int:
        """Returns the octets for variables in a message of a size that the other side takes."""
        if call.message_model == _V3:
            return min(size - _V3_OVERHEAD, int(call.max_size) - _SCOPED_OVERHEAD)
        return size - _V2C_OVERHEAD - self._longest

    def _response(self, call: _Call, request: Request) -> Response:
        level = self._levels.get((int(call.security_model), bytes(call.security_name)))
        if level is None or call.security_level < level:
            self._denied += 1
            return NOT_AUTHORIZED
        try:
            return execute(self._view, request)
        except Exception as error:  # noqa: BLE001 - a time-out would not tell the other side that something is wrong
            self._log.error("request not answered", exc_info=error)
            return GEN_ERR

    def _send(self, call: _Call, response: Response) -> None:
        if response.varbinds is not None:
            varbinds = ber.sequence(*response.varbinds)
        elif len(varbinds := encoder.encode(call.pdu.getComponentByPosition(3))) > self._room(call, MAX_MESSAGE):
            response, varbinds = TOO_BIG, ber.sequence()
        pdu = v2c.apiPDU.get_response(call.pdu)
        v2c.apiPDU.set_error_status(pdu, int(response.status))
        v2c.apiPDU.set_error_index(pdu, response.index)
        # as they are: pysnmp would make objects of each, and then these octets
        pdu.setComponentByPosition(
            3, univ.Any(varbinds), verifyConstraints=False, matchTags=False, matchConstraints=False
        )
        self._return(call, pdu, {})

    def _report_context(self, call: _Call) -> None:
        """Answers with a Report that there is no such context (RFC 3413, section 3.2)."""
        oid, value = self.counters.count("snmpUnknownContexts")
        status = {"errorIndication": errind.noSuchContext, "oid": oid, "val": value}
        self._return(call, call.pdu, {**status, "securityLevel": call.security_level})

    def _return(self, call: _Call, pdu: Any, status: Mapping[str, Any]) -> None:
        """Hands an answer over to be sent (RFC 3412, section 4.1.2: returnResponsePdu)."""
        addressed = call[: _Call._fields.index("pdu")]
        self._engine.message_dispatcher.return_response_pdu(*addressed, pdu, call.max_size, call.state, status)


def _framework(identity: EngineIdentity) -> Scalars:
    """Returns the group snmpEngine (RFC 3411, section 5)."""
    root = oids.parse("1.3.6.1.6.3.10.2.1")
    values: Sequence[Value] = (
        (Type.OCTET_STRING, lambda: identity.engine_id),
        (Type.INTEGER, lambda: identity.boots),
        (Type.INTEGER, lambda: identity.time),
        (Type.INTEGER, lambda: MAX_MESSAGE),
    )
    return Scalars(root, {root + oids.encode((number,)): value for number, value in enumerate(values, 1)})
