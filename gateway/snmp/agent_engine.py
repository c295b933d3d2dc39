"""The SNMP engine of an agent: message processing and security of SNMPv2c and SNMPv3 (RFC 3411, section 3.1).

The engine keeps nothing about messages or their senders, so that no sender can make it grow. What it does for a sender
that is not authenticated is bounded by the size of a message: it decodes the frame of the message, and computes one
digest. Variables are decoded afterwards.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from gateway.errors import DecodeError
from gateway.snmp import ber
from gateway.snmp.ber import PduTag
from gateway.snmp.credentials import Community, UsmUser
from gateway.snmp.decoding import (
    MAX_MESSAGE,
    SNMPV2C,
    SNMPV3,
    ReceivedPdu,
    UnknownSecurityModelError,
    decode_community_message,
    decode_usm_message,
    decode_version,
)
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.message import encode_community_message
from gateway.snmp.oid import Oid
from gateway.snmp.statistics import MessageStatistic, Statistic
from gateway.snmp.usm_authority import DiscardedError, UsmAuthority, report_pdu
from gateway.snmp.usm_encoding import MsgFlags

_REQUESTS = frozenset(
    {PduTag.GET_REQUEST, PduTag.GET_NEXT_REQUEST, PduTag.GET_BULK_REQUEST, PduTag.SET_REQUEST},
)

MAX_NAMES = 256
"""Variables of a request that is processed; the response to a larger one would be too big with all but tiny values."""

_TOO_BIG = 1
"""The error-status tooBig (RFC 3416, section 3)."""
_PDU_OVERHEAD = 32
"""Octets of a PDU without its variables, and of the frame of an SNMPv2c message without its community."""
_V3_OVERHEAD = 96
"""Octets of an SNMPv3 message without its variables and texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRequest:
    """An authentic request of a manager.

    Attributes:
        credential: the community or the user of the sender.
        pdu: the PDU: a GetRequest, GetNextRequest, GetBulkRequest or SetRequest.
        names: the names of its variables.
        max_message: the largest message that both sides accept, in octets.
        overhead: octets of the response without its variables.
    """

    credential: Community | UsmUser
    pdu: ReceivedPdu
    names: Sequence[Oid]
    max_message: int
    overhead: int


class AgentResponse(NamedTuple):
    """The content of a Response-PDU: variables in BER, error-status and error-index."""

    varbinds: bytes
    error_status: int = 0
    error_index: int = 0


class AgentEngine:
    """Processes messages, and passes the authentic requests to a handler.

    The constructor derives the keys of the users, which takes some milliseconds for each.

    Args:
        identity: the identity of the engine.
        communities: communities that may read by SNMPv2c.
        users: users that may read by SNMPv3, each at its highest security level only.
        handle: returns the response to a request.
        count: increments a counter, and returns its new value.
    """

    def __init__(
        self,
        *,
        identity: EngineIdentity,
        communities: Sequence[Community],
        users: Sequence[UsmUser],
        handle: Callable[[AgentRequest], AgentResponse],
        count: Callable[[Statistic], int],
    ) -> None:
        self._engine_id = identity.engine_id
        self._communities = [(community.name.encode(), community) for community in communities]
        self._authority = UsmAuthority(identity, users)
        self._handle = handle
        self._count = count

    def process_message(self, data: bytes) -> bytes | None:
        """Returns the response to a message, or the report about it; None if there is neither."""
        self._count(MessageStatistic.IN_PACKETS)
        try:
            return self._process(data)
        except DiscardedError as error:
            value = self._count(error.statistic)
            security = error.report
            if security is None or MsgFlags.REPORTABLE not in MsgFlags(security.message.flags):
                return None
            return self._authority.encode(security, report_pdu(security.message, error.statistic, value))
        except UnknownSecurityModelError:
            self._count(MessageStatistic.UNKNOWN_SECURITY_MODELS)
        except DecodeError:
            self._count(MessageStatistic.ASN_PARSE_ERRORS)
        return None

    def _process(self, data: bytes) -> bytes:
        version = decode_version(data)
        if version == SNMPV2C:
            return self._process_community_message(data)
        if version == SNMPV3:
            return self._process_usm_message(data)
        raise DiscardedError(MessageStatistic.BAD_VERSIONS)

    def _process_community_message(self, data: bytes) -> bytes:
        message = decode_community_message(data)
        community = self._find_community(message.community)
        overhead = _PDU_OVERHEAD + len(message.community)
        pdu = self._respond(community, message.pdu, MAX_MESSAGE, overhead)
        return encode_community_message(message.community, pdu)

    def _find_community(self, name: bytes) -> Community:
        """Returns the community of a name, in a time that does not depend on how many octets are right."""
        matching = [community for known, community in self._communities if hmac.compare_digest(known, name)]
        if not matching:
            raise DiscardedError(MessageStatistic.BAD_COMMUNITY_NAMES)
        return matching[0]

    def _process_usm_message(self, data: bytes) -> bytes:
        message = decode_usm_message(data)
        security, scoped = self._authority.authenticate(data, message)
        if scoped.context_engine_id != self._engine_id:
            raise DiscardedError(MessageStatistic.UNKNOWN_PDU_HANDLERS, report=security)
        if scoped.context_name:  # the default context is the only one (RFC 3415, section 3.2)
            raise DiscardedError(MessageStatistic.UNKNOWN_CONTEXTS, report=security)
        principal = security.principal
        texts = 2 * len(self._engine_id) + len(message.user_name) + principal.security.digest_length + len(message.salt)
        max_message = min(MAX_MESSAGE, message.max_size)
        pdu = self._respond(principal.user, scoped.pdu, max_message, _V3_OVERHEAD + texts)
        return self._authority.encode(security, pdu)

    def _respond(self, credential: Community | UsmUser, pdu: ReceivedPdu, max_message: int, overhead: int) -> bytes:
        """Returns the Response-PDU to a PDU."""
        if pdu.tag not in _REQUESTS:
            raise DiscardedError(MessageStatistic.UNKNOWN_PDU_HANDLERS)
        names = tuple(islice(pdu.names, MAX_NAMES + 1))
        if len(names) > MAX_NAMES:
            return ber.encoded_pdu(PduTag.RESPONSE, pdu.request_id, b"", status=_TOO_BIG)
        response = self._handle(
            AgentRequest(credential=credential, pdu=pdu, names=names, max_message=max_message, overhead=overhead)
        )
        return ber.encoded_pdu(
            PduTag.RESPONSE,
            pdu.request_id,
            response.varbinds,
            status=response.error_status,
            index=response.error_index,
        )
