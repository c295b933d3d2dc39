"""The codec of SNMPv3 messages (RFC 3412, section 6) with the User-based Security Model (RFC 3414), for notifications.

``gateway.snmp.ber`` encodes the messages, ``decoding`` decodes the replies, and ``usm_security`` protects both.
pysnmp's own SNMP engine is not used for notifications. It forgets an inform after its time-out, so that a late reply
counts for nothing and the manager gets the notification twice; it wakes up ten times a second; it takes four megabytes
and a tenth of a second for each receiver; and it writes into the directory for temporary files.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.clock import Clock, SystemClock
from gateway.errors import DecodeError
from gateway.snmp import ber
from gateway.snmp import oid as oids
from gateway.snmp.ber import PduTag
from gateway.snmp.credentials import UsmUser
from gateway.snmp.decoding import ReceivedPdu, UsmMessage, decode_scoped_pdu, decode_usm_message
from gateway.snmp.engine import MAX_BOOTS, EngineIdentity
from gateway.snmp.message import reply_of
from gateway.snmp.reply import ErrorReport, Reply, Resend
from gateway.snmp.usm_encoding import (
    LEVEL_FLAGS,
    MsgFlags,
    SecurityParameters,
    encode_scoped_pdu,
    encode_usm_message,
)
from gateway.snmp.usm_security import LocalizedKeys, UserSecurity
from gateway.snmp.usm_stats import USM_STATS, UsmStatistic, reported_statistic
from gateway.snmp.values import VarBind

_TIME_WINDOW = 150
"""Seconds during which a message is timely (RFC 3414, section 3.2, step 7)."""
_MAX_PENDING = 64
"""Messages whose replies are accepted; older ones are forgotten."""


_REASONS: Mapping[UsmStatistic, str] = {
    UsmStatistic.UNSUPPORTED_SECURITY_LEVELS: "the receiver does not accept the security level of user {}",
    UsmStatistic.NOT_IN_TIME_WINDOWS: "the receiver considers the messages of user {} outdated",
    UsmStatistic.UNKNOWN_USER_NAMES: "the receiver does not know user {}",
    UsmStatistic.UNKNOWN_ENGINE_IDS: "the receiver does not recognize its own engine id",
    UsmStatistic.WRONG_DIGESTS: "the receiver has another auth or auth_password for user {}",
    UsmStatistic.DECRYPTION_ERRORS: "the receiver has another priv or priv_password for user {}",
}
"""The cause of a Report-PDU, by the counter that it names."""


@dataclass(slots=True, kw_only=True)
class _AuthoritativeEngine:
    """An engine that is authoritative for messages, and its clock (RFC 3414, sections 2.1 and 2.3).

    Attributes:
        id: snmpEngineID; empty for an unknown engine.
        keys: the user's keys for this engine.
        boots: snmpEngineBoots.
        time: snmpEngineTime at ``synchronized``.
        synchronized: the time of the last synchronization on the local monotonic clock.
        latest_time: latestReceivedEngineTime.
    """

    id: bytes
    keys: LocalizedKeys
    boots: int = 0
    time: int = 0
    synchronized: float = 0.0
    latest_time: int = 0

    def synchronize(self, boots: int, time: int, now: float) -> None:
        self.boots, self.time, self.synchronized = boots, time, now


class UsmCodec:
    """Encodes SNMPv3 messages of a user, and decodes the replies to them.

    The constructor takes some milliseconds, because it derives keys from passwords.

    Args:
        user: the user that sends the messages.
        identity: the identity of the sending engine.
        clock: measures engine times.
    """

    def __init__(self, user: UsmUser, identity: EngineIdentity, *, clock: Clock | None = None) -> None:
        self._user = user
        self._user_name = user.name.encode()
        self._identity = identity
        self._clock = clock or SystemClock()
        self._level = LEVEL_FLAGS[user.level]
        self._security = UserSecurity(user)
        self._own_engine = self._make_engine(identity.engine_id)
        self._receiver: _AuthoritativeEngine | None = None
        self._message_ids = itertools.count(secrets.randbits(24))
        self._pending: dict[int, bytes] = {}  # msgID to the engine id of the message

    @property
    def ready(self) -> bool:
        """Whether an inform can be encoded; false until the reply to a discovery has been decoded."""
        return self._receiver is not None

    def encode_trap(self, request_id: int, varbinds: Sequence[VarBind]) -> bytes:
        """Returns a message with an SNMPv2-Trap-PDU, for which the sending engine is authoritative."""
        self._own_engine.synchronize(self._identity.boots, self._identity.time, self._clock.monotonic())
        return self._encode(self._own_engine, self._level, ber.pdu(PduTag.SNMPV2_TRAP, request_id, varbinds))

    def encode_inform(self, request_id: int, varbinds: Sequence[VarBind]) -> bytes:
        """Returns a message with an InformRequest-PDU, for which the receiving engine is authoritative."""
        assert self._receiver is not None
        pdu = ber.pdu(PduTag.INFORM_REQUEST, request_id, varbinds)
        return self._encode(self._receiver, self._level | MsgFlags.REPORTABLE, pdu)

    def encode_discovery(self) -> bytes:
        """Returns a message that makes the receiver report its engine id (RFC 3414, section 4)."""
        unknown = _AuthoritativeEngine(id=b"", keys=LocalizedKeys())
        return self._encode(unknown, MsgFlags.REPORTABLE, ber.pdu(PduTag.GET_REQUEST, 0, ()))

    def decode_reply(self, data: bytes) -> Reply:
        """Returns the reply of a receiver to a notification or to a discovery.

        Raises:
            DecodeError: the message is malformed, not authentic, outdated, or no reply to a pending message.
        """
        message = decode_usm_message(data)
        if message.message_id not in self._pending:
            raise DecodeError("not a reply to a pending message")
        level = MsgFlags(message.flags & (MsgFlags.AUTH | MsgFlags.PRIV))
        if level & MsgFlags.AUTH:
            self._authenticate(data, message)
        pdu = self._decrypt(message) if level & MsgFlags.PRIV else message.pdu
        if pdu is None:
            raise DecodeError("the message is encrypted, but its msgFlags say that it is not")
        if pdu.tag is PduTag.REPORT:
            return self._process_report(message, pdu, authentic=bool(level & MsgFlags.AUTH))
        if level != self._level:
            raise DecodeError("the security level of the reply is not that of the notification")
        if pdu.tag is not PduTag.RESPONSE:
            raise DecodeError(f"expected a Response-PDU, found {pdu.tag.name}")
        return reply_of(pdu)

    # --- Encoding ----------------------------------------------------------------------------------------------------

    def _encode(self, engine: _AuthoritativeEngine, flags: MsgFlags, pdu: bytes) -> bytes:
        user_name = self._user_name if engine.id else b""
        parameters = SecurityParameters(engine.id, engine.boots, self._time_of(engine), user_name)
        scoped_pdu = encode_scoped_pdu(self._identity.engine_id, pdu)
        return encode_usm_message(
            message_id=self._next_message_id(engine),
            flags=flags,
            parameters=parameters,
            scoped_pdu=scoped_pdu,
            security=self._security,
            keys=engine.keys,
        )

    def _next_message_id(self, engine: _AuthoritativeEngine) -> int:
        """Returns a new msgID and makes it pending; a repeated inform gets a new one, too (RFC 3412, section 6.2)."""
        message_id = next(self._message_ids) % 2**31
        self._pending[message_id] = engine.id
        if len(self._pending) > _MAX_PENDING:
            del self._pending[next(iter(self._pending))]
        return message_id

    def _time_of(self, engine: _AuthoritativeEngine) -> int:
        """Returns the current snmpEngineTime of an engine."""
        return engine.time + int(self._clock.monotonic() - engine.synchronized) if engine.id else 0

    def _make_engine(self, engine_id: bytes) -> _AuthoritativeEngine:
        return _AuthoritativeEngine(id=engine_id, keys=self._security.localize_keys(engine_id))

    # --- Decoding ----------------------------------------------------------------------------------------------------

    def _authenticate(self, data: bytes, message: UsmMessage) -> None:
        """Verifies digest and timeliness of a message (RFC 3414, section 3.2, steps 6 and 7b).

        Raises:
            DecodeError: the message is not from the receiver, or outdated.
        """
        engine = self._receiver
        if engine is None or message.engine_id != engine.id:
            raise DecodeError("the reply is from another engine")
        if not self._level & MsgFlags.AUTH or message.user_name != self._user_name:
            raise DecodeError("the reply is to another user")
        self._security.verify(engine.keys, message.digest, data, message.digest_position)
        boots, time = message.boots, message.time
        if (boots, time) > (engine.boots, engine.latest_time):
            engine.latest_time = time
            engine.synchronize(boots, time, self._clock.monotonic())
        elif boots != engine.boots or boots == MAX_BOOTS or time < self._time_of(engine) - _TIME_WINDOW:
            raise DecodeError("the reply is outdated")

    def _decrypt(self, message: UsmMessage) -> ReceivedPdu:
        """Returns the PDU of an encrypted message.

        Raises:
            DecodeError: the message is plain text, or cannot be decrypted.
        """
        if message.pdu is not None or self._receiver is None or not self._level & MsgFlags.PRIV:
            raise DecodeError("the message is plain text, but its msgFlags say that it is encrypted")
        keys = self._receiver.keys
        plain = self._security.decrypt(keys, message.boots, message.time, message.salt, message.encrypted_pdu)
        return decode_scoped_pdu(plain).pdu

    def _process_report(self, message: UsmMessage, pdu: ReceivedPdu, *, authentic: bool) -> Reply:
        """Returns the meaning of a Report-PDU (RFC 3412, section 7.2.11; RFC 3414, section 3.2).

        Raises:
            DecodeError: the report has no meaning, because it refers to an earlier message.
        """
        name = pdu.first_name
        if name is None or not name.startswith(USM_STATS):
            return ErrorReport(f"the receiver reports {oids.dotted(name) if name else 'nothing'}")
        statistic = reported_statistic(name)
        sent_to = self._pending[message.message_id]
        if statistic is UsmStatistic.UNKNOWN_ENGINE_IDS and message.engine_id not in {b"", sent_to}:
            self._set_receiver(message)
            return Resend()
        if statistic is UsmStatistic.NOT_IN_TIME_WINDOWS and authentic:
            if message.message_id != next(reversed(self._pending)):
                raise DecodeError("the report is about the time of an earlier message")
            return Resend()
        return ErrorReport(self._reason(statistic))

    def _set_receiver(self, report: UsmMessage) -> None:
        """Makes the engine that has sent a report the receiver.

        Its boots and time in this report are not authentic. If they are wrong, an authentic report will correct them.

        Raises:
            DecodeError: the engine is already the receiver.
        """
        if self._receiver is not None and report.engine_id == self._receiver.id:
            raise DecodeError("the reported engine id is already known")
        self._receiver = self._make_engine(report.engine_id)
        self._receiver.synchronize(report.boots, report.time, self._clock.monotonic())

    def _reason(self, statistic: UsmStatistic | None) -> str:
        if statistic is None:
            return "the receiver reports an unknown error"
        return f"{_REASONS[statistic].format(self._user.name)} ({statistic.value})"
