"""The codec of SNMPv3 messages (RFC 3412, section 6) with the User-based Security Model (RFC 3414), for notifications.

For an inform, the engine of the receiver is authoritative: its ID, boots and time are in the message. The receiver
reports its ID without authentication, so that anyone can forge it. Until a reply proves that an engine has the user's
keys, it is only a candidate::

    no engine ──report of an ID──▶ candidate ──authentic reply──▶ receiver ◀──report of its own ID──╮
        ▲                           │   ▲                            │ ╰─no answer──▶ rediscovery ──┤
        ╰────────no answer──────────╯   ╰───report of another ID─────╯        ▲───────no answer─────╯

* The first message to an engine has the boots and the time 0. The receiver reports its own in an authentic message, and
  only authentic messages set them.
* The receiver stays until another engine has proven itself. A candidate that does not answer is dropped, and the next
  message goes to the receiver or, without one, is a discovery. A forged report costs one message, or one time-out.
* An ID that is configured is the only one.

``gateway.snmp.ber`` encodes the messages, ``decoding`` decodes the replies, and ``usm_security`` protects both.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gateway.clock import Clock, SystemClock
from gateway.errors import DecodeError
from gateway.snmp import ber
from gateway.snmp import oid as oids
from gateway.snmp.authoritative_engine import AuthoritativeEngine
from gateway.snmp.ber import PduTag
from gateway.snmp.credentials import UsmUser
from gateway.snmp.decoding import ReceivedPdu, UsmMessage, decode_scoped_pdu, decode_usm_message
from gateway.snmp.engine import MAX_BOOTS, MAX_ENGINE_ID, MIN_ENGINE_ID, EngineIdentity
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

_MAX_PENDING = 64
"""Messages whose replies are accepted; older ones are forgotten."""


_REASONS: Mapping[UsmStatistic, str] = {
    UsmStatistic.UNSUPPORTED_SECURITY_LEVELS: "the receiver does not accept the security level of user {user}",
    UsmStatistic.NOT_IN_TIME_WINDOWS: "the receiver considers the messages of user {user} outdated",
    UsmStatistic.UNKNOWN_USER_NAMES: "the receiver does not know user {user}",
    UsmStatistic.UNKNOWN_ENGINE_IDS: "the receiver does not recognize its own engine id",
    UsmStatistic.WRONG_DIGESTS: "the receiver has another auth or {auth} for user {user}",
    UsmStatistic.DECRYPTION_ERRORS: "the receiver has another priv or {priv} for user {user}",
}
"""The cause of a Report-PDU, by the counter that it names."""


class _SentMessage(NamedTuple):
    """A message whose replies are accepted.

    Attributes:
        engine: the authoritative engine of the message.
        serial: the number of the message; a higher one was sent later.
    """

    engine: AuthoritativeEngine
    serial: int


class UsmCodec:
    """Encodes SNMPv3 messages of a user, and decodes the replies to them.

    The constructor takes some milliseconds, because it derives keys from passwords.

    Args:
        user: the user that sends the messages.
        identity: the identity of the sending engine.
        engine_id: the configured ID of the receiver's engine; empty to discover it.
        clock: measures engine times.
    """

    def __init__(
        self, user: UsmUser, identity: EngineIdentity, *, engine_id: bytes = b"", clock: Clock | None = None
    ) -> None:
        self._user = user
        self._user_name = user.name.encode()
        self._identity = identity
        self._clock = clock or SystemClock()
        self._level = LEVEL_FLAGS[user.level]
        self._security = UserSecurity(user)
        self._own_engine = self._make_engine(identity.engine_id)
        self._configured_id = engine_id
        self._receiver = self._make_engine(engine_id) if engine_id else None
        self._candidate: AuthoritativeEngine | None = None
        self._rediscovering = False
        self._pending: dict[int, _SentMessage] = {}  # by msgID
        self._serial = self._serial_at_proof = self._serial_at_try = 0

    @property
    def ready(self) -> bool:
        """Whether an inform can be encoded; false until the reply to a discovery has been decoded."""
        return self._candidate is not None or (self._receiver is not None and not self._rediscovering)

    @property
    def synchronized(self) -> bool:
        """Whether an inform would be accepted at once, because boots and time of the receiver are known, too."""
        if not self._level & MsgFlags.AUTH:
            return self.ready
        return self.ready and self._candidate is None and self._destination.is_synchronized

    def encode_trap(self, request_id: int, varbinds: Sequence[VarBind]) -> bytes:
        """Returns a message with an SNMPv2-Trap-PDU, for which the sending engine is authoritative."""
        self._own_engine.synchronize(self._identity.boots, self._identity.time, self._clock.monotonic())
        return self._encode(self._own_engine, self._level, ber.pdu(PduTag.SNMPV2_TRAP, request_id, varbinds))

    def encode_inform(self, request_id: int, varbinds: Sequence[VarBind]) -> bytes:
        """Returns a message with an InformRequest-PDU, for which the receiving engine is authoritative."""
        pdu = ber.pdu(PduTag.INFORM_REQUEST, request_id, varbinds)
        return self._encode(self._destination, self._level | MsgFlags.REPORTABLE, pdu)

    def encode_discovery(self) -> bytes:
        """Returns a message that makes the receiver report its engine id or, if that is known, its boots and time.

        Both steps are those of RFC 3414, section 4.
        """
        pdu = ber.pdu(PduTag.GET_REQUEST, 0, ())
        if self.ready:
            return self._encode(self._destination, self._level | MsgFlags.REPORTABLE, pdu)
        unknown = AuthoritativeEngine(id=b"", keys=LocalizedKeys())
        return self._encode(unknown, MsgFlags.REPORTABLE, pdu)

    def end_try(self) -> bool:
        """Ends a try that had no final reply, and returns whether the receiver has sent nothing authentic during it.

        The reported engine id may then be forged or outdated.
        """
        silent = self._serial_at_proof <= self._serial_at_try
        self._serial_at_try = self._serial
        if self._candidate is not None:
            if self._latest_message(self._candidate.id) is not None:
                self._candidate = None
        elif silent and self._receiver is not None and not self._configured_id:
            self._rediscovering = not self._rediscovering
        return silent

    def decode_reply(self, data: bytes) -> Reply:
        """Returns the reply of a receiver to a notification or to a discovery.

        Raises:
            DecodeError: the message is malformed, not authentic, outdated, or no reply to a pending message.
        """
        message = decode_usm_message(data)
        sent = self._pending.get(message.message_id)
        if sent is None:
            raise DecodeError("not a reply to a pending message")
        engine = sent.engine
        level = MsgFlags(message.flags & (MsgFlags.AUTH | MsgFlags.PRIV))
        if level & MsgFlags.AUTH:
            self._authenticate(engine, data, message)
        pdu = self._decrypt(engine, message) if level & MsgFlags.PRIV else message.pdu
        if pdu is None:
            raise DecodeError("the message is encrypted, but its msgFlags say that it is not")
        if pdu.tag is PduTag.REPORT:
            return self._process_report(sent, message, pdu, authentic=bool(level & MsgFlags.AUTH))
        if level != self._level:
            raise DecodeError("the security level of the reply is not that of the notification")
        if pdu.tag is not PduTag.RESPONSE:
            raise DecodeError(f"expected a Response-PDU, found {pdu.tag.name}")
        if message.engine_id != engine.id:
            raise DecodeError("the reply is from another engine")
        if level & MsgFlags.AUTH:
            engine.update(message.boots, message.time, self._clock.monotonic())
        self._set_receiver(engine)
        self._serial_at_try = self._serial
        return reply_of(pdu)

    # --- Encoding ----------------------------------------------------------------------------------------------------

    def _encode(self, engine: AuthoritativeEngine, flags: MsgFlags, pdu: bytes) -> bytes:
        user_name = self._user_name if engine.id else b""
        parameters = SecurityParameters(engine.id, engine.boots, engine.time_at(self._clock.monotonic()), user_name)
        scoped_pdu = encode_scoped_pdu(self._identity.engine_id, pdu)
        return encode_usm_message(
            message_id=self._next_message_id(engine),
            flags=flags,
            parameters=parameters,
            scoped_pdu=scoped_pdu,
            security=self._security,
            keys=engine.keys,
        )

    def _next_message_id(self, engine: AuthoritativeEngine) -> int:
        """Returns a new msgID and makes it pending; a repeated inform gets a new one, too (RFC 3412, section 6.2).

        It is random, so that no recorded reply fits a later message.
        """
        message_id = secrets.randbits(31)
        self._serial += 1
        self._pending.pop(message_id, None)
        self._pending[message_id] = _SentMessage(engine, self._serial)
        if len(self._pending) > _MAX_PENDING:
            del self._pending[next(iter(self._pending))]
        return message_id

    @property
    def _destination(self) -> AuthoritativeEngine:
        engine = self._candidate or self._receiver
        assert engine is not None
        return engine

    def _make_engine(self, engine_id: bytes) -> AuthoritativeEngine:
        return AuthoritativeEngine(id=engine_id, keys=self._security.localize_keys(engine_id))

    # --- Decoding ----------------------------------------------------------------------------------------------------

    def _authenticate(self, engine: AuthoritativeEngine, data: bytes, message: UsmMessage) -> None:
        """Verifies that a message is from the engine and for the user that the pending message had.

        Raises:
            DecodeError: it is not.
        """
        if not engine.id or message.engine_id != engine.id:
            raise DecodeError("the reply is from another engine")
        if not self._level & MsgFlags.AUTH or message.user_name != self._user_name:
            raise DecodeError("the reply is to another user")
        self._security.verify(engine.keys, message.digest, data, message.digest_position)

    def _decrypt(self, engine: AuthoritativeEngine, message: UsmMessage) -> ReceivedPdu:
        """Returns the PDU of an encrypted message.

        Raises:
            DecodeError: the message is plain text, or cannot be decrypted.
        """
        if message.pdu is not None or not engine.keys.priv:
            raise DecodeError("the message is plain text, but its msgFlags say that it is encrypted")
        plain = self._security.decrypt(engine.keys, message.boots, message.time, message.salt, message.encrypted_pdu)
        return decode_scoped_pdu(plain).pdu

    def _process_report(self, sent: _SentMessage, message: UsmMessage, pdu: ReceivedPdu, *, authentic: bool) -> Reply:
        """Returns the meaning of a Report-PDU (RFC 3412, section 7.2.11; RFC 3414, section 3.2).

        Raises:
            DecodeError: the report has no meaning, because it refers to an earlier message or is outdated.
        """
        name = pdu.first_name
        if name is None or not name.startswith(USM_STATS):
            return ErrorReport(f"the receiver reports {oids.dotted(name) if name else 'nothing'}")
        engine, statistic = sent.engine, reported_statistic(name)
        if statistic is UsmStatistic.UNKNOWN_ENGINE_IDS and message.engine_id not in {b"", engine.id}:
            if sent.serial <= self._serial_at_proof:
                raise DecodeError("the receiver has proven itself since that message")
            return self._process_engine_id(message.engine_id)
        if statistic is UsmStatistic.NOT_IN_TIME_WINDOWS and authentic:
            self._process_time(engine, message)
            return Resend()
        if authentic:
            engine.update(message.boots, message.time, self._clock.monotonic())
        return ErrorReport(self._reason(statistic))

    def _process_engine_id(self, engine_id: bytes) -> Reply:
        """Processes the engine id in a report, which may be forged: returns what to do with the last message.

        Raises:
            DecodeError: the id is not valid, or already known.
        """
        if not MIN_ENGINE_ID <= len(engine_id) <= MAX_ENGINE_ID:
            raise DecodeError(f"expected an engine id of {MIN_ENGINE_ID} to {MAX_ENGINE_ID} octets")
        if self._configured_id:
            configured = self._configured_id.hex()
            return ErrorReport(
                f"the receiver reports the engine id 0x{engine_id.hex()}, but engine_id is 0x{configured}"
            )
        if self.ready and engine_id == self._destination.id:
            raise DecodeError("the reported engine id is already known")
        was_rediscovering, self._rediscovering = self._rediscovering, False
        if self._receiver is None or engine_id != self._receiver.id:
            self._candidate = self._make_engine(engine_id)
        else:
            self._candidate = None
            latest = self._latest_message(engine_id)
            if not was_rediscovering and latest is not None and self._is_open(self._pending[latest]):
                raise DecodeError("the last message to the reported engine is still pending")
        return Resend()

    def _process_time(self, engine: AuthoritativeEngine, message: UsmMessage) -> None:
        """Sets boots and time of an engine as it has reported them, even if they are lower than before.

        A receiver that was restored from a backup has fewer boots. RFC 3414, section 3.2 (7b), does not accept that,
        and no inform would ever arrive again. It is not a replay: the report is authentic, and its msgID is that of the
        latest message to this engine, which no recorded report has.

        Raises:
            DecodeError: the report is about an earlier message, or the engine has used up its boots.
        """
        if message.message_id != self._latest_message(engine.id):
            raise DecodeError("the report is about the time of an earlier message")
        if message.boots == MAX_BOOTS:
            raise DecodeError("the reply is outdated")
        engine.synchronize(message.boots, message.time, self._clock.monotonic())
        self._set_receiver(engine)

    def _set_receiver(self, engine: AuthoritativeEngine) -> None:
        """Makes an engine the receiver, because it has proven to be."""
        self._receiver, self._candidate, self._rediscovering = engine, None, False
        self._serial_at_proof = self._serial

    def _latest_message(self, engine_id: bytes) -> int | None:
        """Returns the msgID of the latest pending message to an engine."""
        ids = (message_id for message_id, sent in reversed(self._pending.items()) if sent.engine.id == engine_id)
        return next(ids, None)

    def _is_open(self, sent: _SentMessage) -> bool:
        """Returns whether a message belongs to the current try, and the receiver has not proven itself since."""
        return sent.serial > max(self._serial_at_proof, self._serial_at_try)

    def _reason(self, statistic: UsmStatistic | None) -> str:
        if statistic is None:
            return "the receiver reports an unknown error"
        auth = "auth_key" if self._user.auth_key else "auth_password"
        priv = "priv_key" if self._user.priv_key else "priv_password"
        reason = _REASONS[statistic].format(user=self._user.name, auth=auth, priv=priv)
        return f"{reason} ({statistic.value})"
