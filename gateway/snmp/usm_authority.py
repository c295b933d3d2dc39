"""The User-based Security Model of the engine that is authoritative for the messages: an agent (RFC 3414, section 3.2).

An authoritative engine needs no state about its peers: it compares the boots and the time in a message with its own.
The checks are in the order of the RFC, from the cheapest to the most expensive. Nothing is decrypted, and no variable
is decoded, before the sender has been authenticated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.errors import DecodeError
from gateway.snmp import ber
from gateway.snmp.ber import PduTag
from gateway.snmp.credentials import UsmUser
from gateway.snmp.decoding import ScopedPdu, UsmMessage, decode_scoped_pdu
from gateway.snmp.engine import MAX_BOOTS, TIME_WINDOW, EngineIdentity
from gateway.snmp.oid import INSTANCE
from gateway.snmp.statistics import MessageStatistic, Statistic
from gateway.snmp.usm_encoding import LEVEL_FLAGS, MsgFlags, SecurityParameters, encode_scoped_pdu, encode_usm_message
from gateway.snmp.usm_security import LocalizedKeys, UserSecurity
from gateway.snmp.usm_stats import UsmStatistic
from gateway.snmp.values import Type, VarBind

_SECURED = MsgFlags.AUTH | MsgFlags.PRIV


class DiscardedError(DecodeError):
    """A message is discarded.

    Attributes:
        statistic: the counter that counts the message.
        report: the security of the Report-PDU that names the counter to the sender; None for no report.
    """

    def __init__(self, statistic: Statistic, *, report: Security | None = None) -> None:
        super().__init__(statistic.name)
        self.statistic = statistic
        self.report = report


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A user with its keys for this engine.

    Attributes:
        user: the user.
        security: its protocols.
        keys: its keys.
        flags: its security level, the only one at which its messages are accepted.
    """

    user: UsmUser
    security: UserSecurity
    keys: LocalizedKeys
    flags: MsgFlags


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """How the response to a message is protected.

    Attributes:
        message: the message.
        flags: authentication and privacy of the response.
        principal: the user.
    """

    message: UsmMessage
    flags: MsgFlags
    principal: Principal


class UsmAuthority:
    """Authenticates and decrypts the messages to an engine, and protects its responses.

    The constructor derives the keys of the users, which takes some milliseconds for each.

    Args:
        identity: the identity of the engine.
        users: the users whose messages are accepted.
    """

    def __init__(self, identity: EngineIdentity, users: Iterable[UsmUser]) -> None:
        self._identity = identity
        self._users = {user.name.encode(): _localize(user, identity.engine_id) for user in users}
        self._nobody = _localize(UsmUser(name=""), identity.engine_id)

    def authenticate(self, data: bytes, message: UsmMessage) -> tuple[Security, ScopedPdu]:
        """Returns the security and the content of an authentic message.

        Raises:
            DiscardedError: the message is not authentic, not timely, or not encrypted as it should be.
        """
        flags = MsgFlags(message.flags) & _SECURED
        report = Security(message=message, flags=MsgFlags.NONE, principal=self._nobody)
        if flags == MsgFlags.PRIV:
            raise DiscardedError(MessageStatistic.INVALID_MESSAGES)
        if message.engine_id != self._identity.engine_id:
            raise DiscardedError(UsmStatistic.UNKNOWN_ENGINE_IDS, report=report)
        principal = self._users.get(message.user_name)
        if principal is None:
            raise DiscardedError(UsmStatistic.UNKNOWN_USER_NAMES, report=report)
        if flags != principal.flags:
            raise DiscardedError(UsmStatistic.UNSUPPORTED_SECURITY_LEVELS, report=report)
        if MsgFlags.AUTH in flags:
            self._verify(data, message, principal, report)
        return (
            Security(message=message, flags=flags, principal=principal),
            self._scoped_pdu(message, principal, report),
        )

    def encode(self, security: Security, pdu: bytes) -> bytes:
        """Returns the message with the PDU that responds to a message."""
        parameters = SecurityParameters(
            self._identity.engine_id, self._identity.boots, self._identity.time, security.message.user_name
        )
        return encode_usm_message(
            message_id=security.message.message_id,
            flags=security.flags,
            parameters=parameters,
            scoped_pdu=encode_scoped_pdu(self._identity.engine_id, pdu),
            security=security.principal.security,
            keys=security.principal.keys,
        )

    def _verify(self, data: bytes, message: UsmMessage, principal: Principal, report: Security) -> None:
        """Verifies that a message is authentic and timely (steps 6 and 7a)."""
        try:
            principal.security.verify(principal.keys, message.digest, data, message.digest_position)
        except DecodeError:
            raise DiscardedError(UsmStatistic.WRONG_DIGESTS, report=report) from None
        boots = self._identity.boots
        if boots == MAX_BOOTS or message.boots != boots or abs(message.time - self._identity.time) > TIME_WINDOW:
            # authenticated, so that the sender believes the boots and the time in it (section 4)
            authentic_report = Security(message=message, flags=MsgFlags.AUTH, principal=principal)
            raise DiscardedError(UsmStatistic.NOT_IN_TIME_WINDOWS, report=authentic_report)

    def _scoped_pdu(self, message: UsmMessage, principal: Principal, report: Security) -> ScopedPdu:
        """Returns the content of an authentic message, decrypted (step 8)."""
        is_encrypted = MsgFlags.PRIV in principal.flags
        if is_encrypted != (message.scoped_pdu is None):
            raise DiscardedError(MessageStatistic.INVALID_MESSAGES)
        if message.scoped_pdu is not None:
            return message.scoped_pdu
        try:
            plain = principal.security.decrypt(
                principal.keys, message.boots, message.time, message.salt, message.encrypted_pdu
            )
            return decode_scoped_pdu(plain)
        except DecodeError:
            raise DiscardedError(UsmStatistic.DECRYPTION_ERRORS, report=report) from None


def report_pdu(message: UsmMessage, statistic: Statistic, value: int) -> bytes:
    """Returns the Report-PDU that names a counter (RFC 3412, section 7.1, step 3)."""
    varbind = VarBind(statistic.oid + INSTANCE, Type.COUNTER32, value)
    return ber.pdu(PduTag.REPORT, message.pdu.request_id if message.pdu else 0, [varbind])


def _localize(user: UsmUser, engine_id: bytes) -> Principal:
    security = UserSecurity(user)
    keys = security.localize_keys(engine_id)
    return Principal(user=user, security=security, keys=keys, flags=LEVEL_FLAGS[user.level])
