"""The messages of traps, informs and their answers, in SNMPv2c and in SNMPv3 with the User-based Security Model.

Nothing is sent or received here. Messages are written by ``ber``; pysnmp reads the answers, and has the keys, the
digests and the ciphers. What goes into a message and what an answer says is decided here, for pysnmp's own engine would
not do: it forgets an inform after a time-out, so that an answer that comes late counts for nothing and the manager gets
the alarm twice, wakes up ten times a second, takes four megabytes and a tenth of a second for each receiver, and writes
into the directory for temporary files.

This is for receivers, which are few and configured: their answers are read only if they belong to what was sent.
Importing it takes ten megabytes; it is for gateways that have such receivers.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag
from functools import partial
from time import monotonic
from typing import Any

from pysnmp.proto import rfc1902, rfc1905  # type: ignore[import-untyped]
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]
from pysnmp.proto.mpmod.rfc3412 import ScopedPDU, SNMPv3Message  # type: ignore[import-untyped]
from pysnmp.proto.secmod.rfc3414 import service  # type: ignore[import-untyped]

from gateway.errors import DecodeError
from gateway.snmp import ber
from gateway.snmp import oid as oids
from gateway.snmp.credentials import UsmUser
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.message import decode_ber, decode_response
from gateway.snmp.reply import ErrorReport, Reply, Resend
from gateway.snmp.values import VarBind

MAX_MESSAGE = 65507
"""Octets of a UDP datagram over IPv4, which no answer exceeds."""

_V3 = 3
"""msgVersion."""
_USM = 3
"""The number of the security model (RFC 3411, section 5: SnmpSecurityModel)."""
_WINDOW = 150
"""Seconds for which a message is good (RFC 3414, section 3.2, step 7)."""
_MAX_BOOTS = 2**31 - 1
_REMEMBERED = 64
"""Messages whose answers are taken."""


class MsgFlags(IntFlag):
    """The bits of msgFlags (RFC 3412, section 6.4)."""

    NONE = 0
    AUTH = 1
    PRIV = 2
    REPORTABLE = 4


# --- SNMPv3 (RFC 3412, section 6) with users (RFC 3414) --------------------------------------------------------------

AUTH: Mapping[str, Any] = {
    "none": service.noauth.NoAuth.SERVICE_ID,
    "SHA": service.hmacsha.HmacSha.SERVICE_ID,
    "SHA-224": service.hmacsha2.HmacSha2.SHA224_SERVICE_ID,
    "SHA-256": service.hmacsha2.HmacSha2.SHA256_SERVICE_ID,
    "SHA-384": service.hmacsha2.HmacSha2.SAH384_SERVICE_ID,
    "SHA-512": service.hmacsha2.HmacSha2.SHA512_SERVICE_ID,
}
"""How messages are authenticated, by name."""

PRIV: Mapping[str, Any] = {
    "none": service.nopriv.NoPriv.SERVICE_ID,
    "AES": service.aes.Aes.SERVICE_ID,
    "AES-192": service.aes192.AesBlumenthal192.SERVICE_ID,
    "AES-256": service.aes256.AesBlumenthal256.SERVICE_ID,
}
"""How they are encrypted, by name. With more than 128 bits short keys are made longer as Net-SNMP does it."""

_USM_STATS = oids.parse("1.3.6.1.6.3.15.1.1")
_NOT_IN_TIME, _UNKNOWN_ENGINE = 2, 4
_REPORTS: Mapping[int, str] = {
    1: "the receiver does not take messages of user {} that are protected like this (usmStatsUnsupportedSecLevels)",
    2: "the receiver takes messages of user {} to be old (usmStatsNotInTimeWindows)",
    3: "the receiver does not know user {} (usmStatsUnknownUserNames)",
    4: "the receiver does not know its own engine id (usmStatsUnknownEngineIDs)",
    5: "the receiver has another auth or auth_password for user {} (usmStatsWrongDigests)",
    6: "the receiver has another priv or priv_password for user {} (usmStatsDecryptionErrors)",
}
"""What the counters of RFC 3414, section 5, that a Report names, tell."""


@dataclass(slots=True, kw_only=True)
class _Engine:
    """An engine that messages are good for, with the keys for it.

    Attributes:
        id: its snmpEngineID.
        auth_key: for digests.
        priv_key: for ciphers.
        boots: its snmpEngineBoots.
        time: its snmpEngineTime at ``seen``.
        seen: a time on the monotonic clock.
        latest: the last snmpEngineTime that has come from it (RFC 3414, section 2.3).
    """

    id: bytes
    auth_key: Any
    priv_key: Any
    boots: int = 0
    time: int = 0
    seen: float = 0.0
    latest: int = 0

    def set(self, boots: int, time: int, now: float) -> None:
        self.boots, self.time, self.seen = boots, time, now


class UsmCodec:
    """Messages of a user; making one takes some milliseconds, for the keys.

    Args:
        user: whose messages.
        identity: who sends them.
        clock: the monotonic clock.
    """

    def __init__(self, user: UsmUser, identity: EngineIdentity, *, clock: Callable[[], float] = monotonic) -> None:
        self._user = user
        self._name = user.name.encode()
        self._identity = identity
        self._clock = clock
        self._auth_id = AUTH[user.auth]
        self._auth = service.SnmpUSMSecurityModel.AUTH_SERVICES[self._auth_id]
        self._priv = service.SnmpUSMSecurityModel.PRIV_SERVICES[PRIV[user.priv]]
        self._level = (MsgFlags.AUTH if user.auth != "none" else MsgFlags.NONE) | (
            MsgFlags.PRIV if user.priv != "none" else MsgFlags.NONE
        )
        self._auth_key = self._priv_key = None
        if self._level & MsgFlags.AUTH:
            self._auth_key = self._auth.hash_passphrase(user.auth_password.encode())
        if self._level & MsgFlags.PRIV:
            self._priv_key = self._priv.hash_passphrase(self._auth_id, user.priv_password.encode())
        self._own = self._engine(identity.engine_id)
        self._receiver: _Engine | None = None
        self._ids = itertools.count(int.from_bytes(os.urandom(3), "big"))
        self._sent: dict[int, bytes] = {}

    @property
    def ready(self) -> bool:
        """Whether an inform can be written: not before the receiver's engine is known, which ``probe`` asks for."""
        return self._receiver is not None

    def encode_trap(self, request_id: int, varbinds: Sequence[VarBind]) -> bytes:
        """Returns the message of a trap, for which the own engine is the one that counts."""
        self._own.set(self._identity.boots, self._identity.time, self._clock())
        return self._message(self._own, self._level, ber.pdu(ber.PduTag.SNMPV2_TRAP, request_id, varbinds))

    def encode_inform(self, request_id: int, varbinds: Sequence[VarBind]) -> bytes:
        """Returns the message of an inform, for which the receiver's engine is the one that counts."""
        assert self._receiver is not None
        pdu = ber.pdu(ber.PduTag.INFORM_REQUEST, request_id, varbinds)
        return self._message(self._receiver, self._level | MsgFlags.REPORTABLE, pdu)

    def encode_discovery(self) -> bytes:
        """Returns a message that makes the receiver tell its engine id (RFC 3414, section 4)."""
        nobody = _Engine(id=b"", auth_key=None, priv_key=None)
        return self._message(nobody, MsgFlags.REPORTABLE, ber.pdu(ber.PduTag.GET_REQUEST, 0, ()))

    def decode_reply(self, data: bytes) -> Reply:
        """Returns what an answer says.

        Raises:
            DecodeError: it is none, or not authentic.
        """
        message = decode_ber(data, SNMPv3Message())
        header = message["msgGlobalData"]
        message_id = int(header["msgID"])
        if message_id not in self._sent:
            raise DecodeError("an answer to no message that was sent")
        level = MsgFlags(header["msgFlags"].asOctets()[0] & 3)
        parameters = decode_ber(message["msgSecurityParameters"].asOctets(), service.UsmSecurityParameters())
        if level & MsgFlags.AUTH:
            self._authenticate(data, parameters)
        pdu = self._open(message["msgData"], parameters, encrypted=bool(level & MsgFlags.PRIV))
        if pdu.tagSet == rfc1905.ReportPDU.tagSet:
            return self._report(message_id, pdu, parameters, authentic=bool(level & MsgFlags.AUTH))
        if level != self._level:
            raise DecodeError("an answer that is not protected like the question")
        return decode_response(pdu)

    # --- writing -----------------------------------------------------------------------------------------------------

    def _message(self, engine: _Engine, flags: MsgFlags, pdu: bytes) -> bytes:
        data = ber.sequence(ber.octets(self._identity.engine_id), ber.octets(b""), pdu)
        boots, time, salt = engine.boots, self._time(engine), b""
        if flags & MsgFlags.PRIV:
            cipher, salt = map(bytes, self._priv.encrypt_data(engine.priv_key, (boots, time, None), data))
            data = ber.octets(cipher)
        parameters = ber.sequence(
            ber.octets(engine.id),
            ber.integer(boots),
            ber.integer(time),
            ber.octets(self._name if engine.id else b""),
            ber.octets(bytes(self._auth.digest_length) if flags & MsgFlags.AUTH else b""),
            ber.octets(salt),
        )
        header = ber.sequence(
            ber.integer(self._new_id(engine)), ber.integer(MAX_MESSAGE), ber.octets(bytes([flags])), ber.integer(_USM)
        )
        whole = ber.sequence(ber.integer(_V3), header, ber.octets(parameters), data)
        if flags & MsgFlags.AUTH:
            whole = self._auth.authenticate_outgoing_message(engine.auth_key, whole)
        return bytes(whole)

    def _new_id(self, engine: _Engine) -> int:
        """Returns a msgID, and keeps what engine the message is for; what is sent again has another (RFC 3412, 6.2)."""
        number = next(self._ids) % 2**31
        self._sent[number] = engine.id
        if len(self._sent) > _REMEMBERED:
            del self._sent[next(iter(self._sent))]
        return number

    def _time(self, engine: _Engine) -> int:
        """Returns an engine's snmpEngineTime by now."""
        return engine.time + int(self._clock() - engine.seen) if engine.id else 0

    def _engine(self, engine_id: bytes) -> _Engine:
        """Returns an engine with the keys for it (RFC 3414, section 2.6)."""
        octets = rfc1902.OctetString(engine_id)
        auth_key = priv_key = None
        if self._level & MsgFlags.AUTH:
            auth_key = self._auth.localize_key(self._auth_key, octets)
        if self._level & MsgFlags.PRIV:
            priv_key = self._priv.localize_key(self._auth_id, self._priv_key, octets)
        return _Engine(id=engine_id, auth_key=auth_key, priv_key=priv_key)

    # --- reading -----------------------------------------------------------------------------------------------------

    def _authenticate(self, data: bytes, parameters: Any) -> None:
        """Checks digest and time of a message (RFC 3414, section 3.2, steps 6 and 7b).

        Raises:
            DecodeError: it is not from the receiver, or not from now.
        """
        engine = self._receiver
        if engine is None or parameters["msgAuthoritativeEngineId"].asOctets() != engine.id:
            raise DecodeError("an answer of another engine")
        if not self._level & MsgFlags.AUTH or parameters["msgUserName"].asOctets() != self._name:
            raise DecodeError("an answer to another user")
        self._checked(
            partial(
                self._auth.authenticate_incoming_message,
                engine.auth_key,
                parameters["msgAuthenticationParameters"],
                data,
            )
        )
        boots, time = _boots_and_time(parameters)
        if (boots, time) > (engine.boots, engine.latest):
            engine.latest = time
            engine.set(boots, time, self._clock())
        elif boots != engine.boots or boots == _MAX_BOOTS or time < self._time(engine) - _WINDOW:
            raise DecodeError("an old answer")

    def _open(self, data: Any, parameters: Any, *, encrypted: bool) -> Any:
        """Returns the PDU of a message.

        Raises:
            DecodeError: it has none, or it cannot be decrypted.
        """
        if not encrypted:
            if data.getName() != "plaintext":
                raise DecodeError("an encrypted answer that does not say so")
            return data["plaintext"]["data"].getComponent()
        if data.getName() != "encryptedPDU" or self._receiver is None or not self._level & MsgFlags.PRIV:
            raise DecodeError("an answer in clear that claims to be encrypted")
        salt = (*_boots_and_time(parameters), parameters["msgPrivacyParameters"])
        plain = self._checked(partial(self._priv.decrypt_data, self._receiver.priv_key, salt, data["encryptedPDU"]))
        return decode_ber(plain, ScopedPDU())["data"].getComponent()

    def _checked(self, check: Callable[[], Any]) -> Any:
        try:
            return check()
        except Exception as error:  # noqa: BLE001 - pysnmp has errors of its own for most damage, and any other for some
            raise DecodeError(f"not authentic: {error}") from None

    def _report(self, message_id: int, pdu: Any, parameters: Any, *, authentic: bool) -> Reply:
        """Returns what is to be done about a Report (RFC 3412, section 7.2.11; RFC 3414, section 3.2).

        Raises:
            DecodeError: nothing, for it is about an earlier message.
        """
        names = [oids.encode(tuple(name)) for name, _ in v2c.apiPDU.get_varbinds(pdu)]
        if not names or not names[0].startswith(_USM_STATS):
            listed = ", ".join(map(oids.dotted, names))
            return ErrorReport(f"the receiver reports {listed or 'nothing'}")
        number = oids.decode(names[0][len(_USM_STATS) :])[0]
        engine_id = parameters["msgAuthoritativeEngineId"].asOctets()
        if number == _UNKNOWN_ENGINE and engine_id not in {b"", self._sent[message_id]}:
            if self._receiver is not None and engine_id == self._receiver.id:
                raise DecodeError("an engine id that is known by now")
            # its boots and time are not authentic; if they are wrong, an authentic report corrects them
            self._receiver = self._engine(engine_id)
            self._receiver.set(*_boots_and_time(parameters), self._clock())
            return Resend()
        if number == _NOT_IN_TIME and authentic:
            if message_id != next(reversed(self._sent)):
                raise DecodeError("the time of an earlier message")
            return Resend()
        return ErrorReport(_REPORTS.get(number, "the receiver reports an error").format(self._user.name))


def _boots_and_time(parameters: Any) -> tuple[int, int]:
    return int(parameters["msgAuthoritativeEngineBoots"]), int(parameters["msgAuthoritativeEngineTime"])
