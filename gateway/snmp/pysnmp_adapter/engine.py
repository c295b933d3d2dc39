"""The SNMP engine of an agent: message processing and security of SNMPv2c and SNMPv3 (RFC 3411, section 3.1).

pysnmp decodes requests, authenticates and decrypts them, and encodes the responses. Two parts of it are not used. Its
command responders know neither tooBig nor truncation, and send nothing at all after an unexpected error. Its access
control accepts messages of a lower security level.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pyasn1.codec.ber import encoder  # type: ignore[import-untyped]
from pyasn1.type import univ  # type: ignore[import-untyped]
from pysnmp.carrier.asyncio.dgram import udp  # type: ignore[import-untyped]
from pysnmp.entity import config  # type: ignore[import-untyped]
from pysnmp.entity.engine import SnmpEngine as PysnmpEngine  # type: ignore[import-untyped]
from pysnmp.proto import errind, rfc1905  # type: ignore[import-untyped]
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]
from pysnmp.proto.mpmod.rfc2576 import SnmpV2cMessageProcessingModel  # type: ignore[import-untyped]
from pysnmp.proto.mpmod.rfc3412 import SnmpV3MessageProcessingModel  # type: ignore[import-untyped]
from pysnmp.proto.rfc1902 import OctetString  # type: ignore[import-untyped]
from pysnmp.proto.secmod.rfc2576 import SnmpV2cSecurityModel  # type: ignore[import-untyped]
from pysnmp.proto.secmod.rfc3414 import SnmpUSMSecurityModel  # type: ignore[import-untyped]

from gateway.errors import DecodeError
from gateway.snmp.ber import PduTag
from gateway.snmp.credentials import Community, UsmUser
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.oid import Oid
from gateway.snmp.pysnmp_adapter.decoding import DecodedPdu
from gateway.snmp.usm_protocols import AUTH_PROTOCOLS, PRIV_PROTOCOLS
from gateway.snmp.usm_security import UserSecurity

SNMPV2C, SNMPV3 = 1, 3
"""Message processing models (RFC 3411, section 5: SnmpMessageProcessingModel)."""
COMMUNITY_BASED, USER_BASED = 2, 3
"""Security models (RFC 3411, section 5: SnmpSecurityModel)."""

_MAX_COUNTER32 = 2**32 - 1
_REQUESTS = (
    rfc1905.GetRequestPDU.tagSet,
    rfc1905.GetNextRequestPDU.tagSet,
    rfc1905.GetBulkRequestPDU.tagSet,
    rfc1905.SetRequestPDU.tagSet,
)
_VARBINDS = 3
"""The position of variable-bindings in a PDU."""


class _ProcessPdu(NamedTuple):
    """The parameters of processPdu (RFC 3412, section 4.2.2.1), as pysnmp passes them."""

    engine: Any
    message_processing_model: Any
    security_model: Any
    security_name: Any
    security_level: Any
    context_engine_id: Any
    context_name: Any
    pdu_version: Any
    pdu: Any
    max_size: Any
    state: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRequest:
    """An authentic request of a manager.

    Attributes:
        tag: the type of the PDU: GetRequest, GetNextRequest, GetBulkRequest or SetRequest.
        names: the names of the variables.
        non_repeaters: of a GetBulkRequest, else 0.
        max_repetitions: of a GetBulkRequest, else 0.
        message_processing_model: ``SNMPV2C`` or ``SNMPV3``.
        security_model: ``COMMUNITY_BASED`` or ``USER_BASED``.
        security_name: the name that the community or the user was registered with.
        security_level: the SnmpSecurityLevel of the message.
        context_name: contextName; empty for the default context.
        max_size: maxSizeResponseScopedPDU in octets.
        pdu: pysnmp's PDU, opaque to users of this module.
    """

    tag: PduTag
    names: list[Oid]
    non_repeaters: int
    max_repetitions: int
    message_processing_model: int
    security_model: int
    security_name: bytes
    security_level: int
    context_name: bytes
    max_size: int
    pdu: Any

    def encode_varbinds(self) -> bytes:
        """Returns the variable-bindings of the request in BER."""
        return bytes(encoder.encode(self.pdu.getComponentByPosition(_VARBINDS)))


class AgentResponse(NamedTuple):
    """The content of a Response-PDU: variable-bindings in BER, error-status and error-index."""

    varbinds: bytes
    error_status: int = 0
    error_index: int = 0


class UnknownContextReport(NamedTuple):
    """A Report-PDU instead of a response: the context of the request does not exist (RFC 3413, section 3.2)."""


class Counter:
    """A Counter32 that pysnmp maintains.

    Args:
        symbol: pysnmp's object.
    """

    __slots__ = ("_symbol",)

    def __init__(self, symbol: Any) -> None:
        self._symbol = symbol

    @property
    def name(self) -> tuple[int, ...]:
        """The object identifier of its instance."""
        return tuple(self._symbol.name)

    @property
    def value(self) -> int:
        """The current value."""
        return int(self._symbol.syntax)

    def increment(self) -> None:
        """Adds one; after the largest value comes 0 (RFC 2578, section 7.1.6)."""
        self._set((self.value + 1) & _MAX_COUNTER32)

    def wrap(self) -> None:
        """Sets the largest value to 0: pysnmp raises an error instead of wrapping."""
        if self.value >= _MAX_COUNTER32:
            self._set(0)

    def _set(self, value: int) -> None:
        self._symbol.syntax = self._symbol.syntax.clone(value)


class _Transport:
    """Takes the place of pysnmp's transport dispatcher, and stores the outgoing message."""

    def __init__(self) -> None:
        self._message: bytes | None = None

    def pop_message(self) -> bytes | None:
        message, self._message = self._message, None
        return message

    def send_message(self, message: bytes, domain: object, address: object) -> None:
        del domain, address
        self._message = bytes(message)

    def get_timer_resolution(self) -> float:
        return 1.0


class AgentEngine:
    """Processes messages, and passes the authentic requests to a handler.

    Args:
        identity: the identity of the engine.
        max_message_size: snmpEngineMaxMessageSize in octets.
        handle: returns the response to a request.
    """

    def __init__(
        self,
        *,
        identity: EngineIdentity,
        max_message_size: int,
        handle: Callable[[AgentRequest], AgentResponse | UnknownContextReport],
    ) -> None:
        self._identity = identity
        self._handle = handle
        self._transport = _Transport()
        self._engine = PysnmpEngine(maxMessageSize=max_message_size)
        self._engine.transport_dispatcher = self._transport
        self._set_identity(identity)
        self.forget_messages()
        self._unknown_contexts = self._symbol("__SNMP-TARGET-MIB", "snmpUnknownContexts")
        self._dispatcher = self._engine.message_dispatcher
        self._dispatcher.register_context_engine_id(self._engine.snmpEngineID, _REQUESTS, self._process_pdu)

    def add_community(self, security_name: str, community: Community) -> None:
        """Accepts SNMPv2c messages with a community."""
        config.add_v1_system(self._engine, security_name, OctetString(community.name.encode()))

    def add_user(self, user: UsmUser) -> None:
        """Accepts SNMPv3 messages of a user, whose name is the security name."""
        keys = UserSecurity(user).localize_keys(self._identity.engine_id)
        config.add_v3_user(
            self._engine,
            OctetString(user.name.encode()),
            AUTH_PROTOCOLS[user.auth].identifier,
            OctetString(keys.auth) if keys.auth else None,
            PRIV_PROTOCOLS[user.priv].identifier,
            OctetString(keys.priv) if keys.priv else None,
            authKeyType=config.USM_KEY_TYPE_LOCALIZED,
            privKeyType=config.USM_KEY_TYPE_LOCALIZED,
        )

    def counter(self, module: str, name: str) -> Counter:
        """Returns a counter of a MIB module."""
        return Counter(self._symbol(f"__{module}", name))  # the prefix is pysnmp's for modules with instances

    def process_message(self, message: bytes) -> bytes | None:
        """Returns the response to a message, or the report about it; None if there is neither.

        Raises:
            Exception: any, because pysnmp and pyasn1 raise anything on damaged messages.
        """
        try:
            self._dispatcher.receive_message(self._engine, udp.SNMP_UDP_DOMAIN, ("", 0), message)
        except Exception:
            self._transport.pop_message()
            raise
        return self._transport.pop_message()

    def forget_messages(self) -> None:
        """Frees the memory of messages without a response.

        pysnmp stores data about each message until it sends the response. Without a response, it never frees them.
        """
        self._engine.message_processing_subsystems = {
            SNMPV2C: SnmpV2cMessageProcessingModel(),
            SNMPV3: SnmpV3MessageProcessingModel(),
        }
        self._engine.security_models = {COMMUNITY_BASED: SnmpV2cSecurityModel(), USER_BASED: SnmpUSMSecurityModel()}

    # --- Setup -------------------------------------------------------------------------------------------------------

    def _symbol(self, module: str, name: str) -> Any:
        (symbol,) = self._engine.get_mib_builder().import_symbols(module, name)
        return symbol

    def _set_identity(self, identity: EngineIdentity) -> None:
        """Sets engine id, boots and time.

        If pysnmp got the engine id in its constructor, it would count boots in the directory for temporary files.
        """
        engine_id, boots, time = (
            self._symbol("__SNMP-FRAMEWORK-MIB", name) for name in ("snmpEngineID", "snmpEngineBoots", "snmpEngineTime")
        )
        engine_id.syntax = self._engine.snmpEngineID = engine_id.syntax.clone(identity.engine_id)
        boots.syntax = boots.syntax.clone(identity.boots)
        syntax = type(time.syntax)

        def clone(value: Any, *arguments: Any, **settings: Any) -> Any:
            return syntax.clone(value, *(arguments or (identity.time,)), **settings)

        # pysnmp reads the time by cloning it, and uses the wall clock: a step of that would lock managers out
        time.syntax = type("SnmpEngineTime", (syntax,), {"clone": clone})(0)

    # --- Requests ----------------------------------------------------------------------------------------------------

    def _process_pdu(self, *arguments: Any) -> None:
        """Responds to a request that pysnmp has decoded and authenticated."""
        call = _ProcessPdu(*arguments)
        try:
            request = _request(call)
        except DecodeError:
            return  # a name is not a valid object identifier
        response = self._handle(request)
        if isinstance(response, UnknownContextReport):
            self._report_unknown_context(call)
        else:
            self._return_response(call, _response_pdu(call, response), {})

    def _report_unknown_context(self, call: _ProcessPdu) -> None:
        Counter(self._unknown_contexts).increment()
        status = {
            "errorIndication": errind.noSuchContext,
            "oid": self._unknown_contexts.name,
            "val": self._unknown_contexts.syntax,
            "securityLevel": call.security_level,
        }
        self._return_response(call, call.pdu, status)

    def _return_response(self, call: _ProcessPdu, pdu: Any, status: Mapping[str, Any]) -> None:
        """Passes a PDU to pysnmp (RFC 3412, section 4.1.2: returnResponsePdu)."""
        addressing = call[: _ProcessPdu._fields.index("pdu")]
        self._dispatcher.return_response_pdu(*addressing, pdu, call.max_size, call.state, status)


def _request(call: _ProcessPdu) -> AgentRequest:
    """Returns a request, with pysnmp's objects converted.

    Raises:
        DecodeError: a name has too many sub-identifiers, or too large ones.
    """
    pdu = DecodedPdu(call.pdu)
    bulk = pdu.tag is PduTag.GET_BULK_REQUEST
    return AgentRequest(
        tag=pdu.tag,
        names=pdu.names,
        non_repeaters=pdu.non_repeaters if bulk else 0,
        max_repetitions=pdu.max_repetitions if bulk else 0,
        message_processing_model=int(call.message_processing_model),
        security_model=int(call.security_model),
        security_name=bytes(call.security_name),
        security_level=int(call.security_level),
        context_name=bytes(call.context_name),
        max_size=int(call.max_size),
        pdu=call.pdu,
    )


def _response_pdu(call: _ProcessPdu, response: AgentResponse) -> Any:
    pdu = v2c.apiPDU.get_response(call.pdu)
    v2c.apiPDU.set_error_status(pdu, response.error_status)
    v2c.apiPDU.set_error_index(pdu, response.error_index)
    # the octets are inserted as they are: pysnmp would make an object of each variable, and encode these again
    pdu.setComponentByPosition(
        _VARBINDS, univ.Any(response.varbinds), verifyConstraints=False, matchTags=False, matchConstraints=False
    )
    return pdu
