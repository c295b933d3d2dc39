"""Messages of SNMPv2c and SNMPv3: the decoders, the built-in agent, and the replies of receivers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pysnmp.proto import rfc1905  # type: ignore[import-untyped]
from structlog.testing import capture_logs

from gateway.errors import DecodeError
from gateway.frontends.snmp.agent.command_responder import CommandResponder
from gateway.snmp import ber
from gateway.snmp import oid as oids
from gateway.snmp.ber import PduTag
from gateway.snmp.ber_reader import BerReader
from gateway.snmp.credentials import Community, UsmUser
from gateway.snmp.decoding import (
    MAX_MESSAGE,
    ReceivedPdu,
    decode_community_message,
    decode_scoped_pdu,
    decode_usm_message,
    decode_version,
)
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.message import CommunityCodec, encode_community_message
from gateway.snmp.usm import UsmCodec
from gateway.snmp.usm_encoding import MsgFlags, SecurityParameters, encode_scoped_pdu, encode_usm_message
from gateway.snmp.usm_security import UserSecurity
from gateway.snmp.values import Type, VarBind
from tests.agent.messages import get_bulk_request, get_request, message_v3, pdu
from tests.agent.mib import COLUMN, ROOT, SMALL_MIB, SYS_DESCR, USM_STATS
from tests.alarms.receivers import THEIRS, VARBINDS, Manager
from tests.fakes import FakeClock
from tests.fuzz.mutations import change_ber
from tests.fuzz.target import Target, outcome, refusal

_IDENTITY = EngineIdentity(engine_id=bytes.fromhex("80001f880501020304"), boots=1, clock=FakeClock(1000), started=900)
_USER = UsmUser(name="u", auth="SHA-256", auth_key=b"a" * 32, priv="AES", priv_key=b"p" * 16)
_NAMES = [SYS_DESCR, f"{USM_STATS}.1.0", f"{COLUMN}.1.3", f"{COLUMN}.2", ROOT, "1.3", "2.0"]
_REQUESTS = [
    *(ber.pdu(tag, 1, [VarBind(oids.parse(name), Type.NULL) for name in _NAMES]) for tag in list(PduTag)),
    ber.pdu(PduTag.SET_REQUEST, 2**31 - 1, VARBINDS),
    ber.pdu(PduTag.GET_REQUEST, -1, ()),
]
_BULK = get_bulk_request(_NAMES, non_repeaters=2, max_repetitions=20)


def _v3(request: bytes, flags: MsgFlags = MsgFlags.AUTH | MsgFlags.PRIV | MsgFlags.REPORTABLE) -> bytes:
    """Returns an authentic message with a PDU."""
    security = UserSecurity(_USER)
    return encode_usm_message(
        message_id=7,
        flags=flags,
        parameters=SecurityParameters(_IDENTITY.engine_id, _IDENTITY.boots, _IDENTITY.time, b"u"),
        scoped_pdu=encode_scoped_pdu(_IDENTITY.engine_id, request),
        security=security,
        keys=security.localize_keys(_IDENTITY.engine_id),
    )


def _messages() -> list[bytes]:
    return [
        get_request(_NAMES),
        _BULK,
        *(encode_community_message(b"public", request) for request in _REQUESTS),
        *(
            message_v3(pdu(rfc1905.GetRequestPDU, _NAMES[:2]), engine_id=engine)
            for engine in (_IDENTITY.engine_id, b"")
        ),
        *map(_v3, _REQUESTS),
        *(_v3(_REQUESTS[0], MsgFlags(flags)) for flags in (0, 1, 4, 5)),
    ]


# --- decoders --------------------------------------------------------------------------------------------------------


def _check_varbinds(data: bytes) -> str:
    """Checks that variables are refused, or the same after encoding and decoding them."""
    reader, count = BerReader(data), 0
    try:
        while not reader.is_at_end:
            varbind = reader.varbind()
            count += 1
            assert BerReader(ber.varbind(varbind)).varbind() == varbind
    except DecodeError as error:
        return refusal(error)
    return f"{min(count, 5)} variables"


def _describe(received: ReceivedPdu) -> str:
    """Reads everything in a PDU."""
    results = [received.tag.name, received.error_status]
    for read in (lambda: list(received.names), lambda: received.varbinds, lambda: [received.first_name]):
        try:
            results.append(outcome(read()))
        except DecodeError as error:
            results.append(refusal(error))
    return " ".join(results)


def _check_message(data: bytes) -> str:
    results = []
    for decoder in (decode_version, decode_community_message, decode_usm_message, decode_scoped_pdu):
        try:
            decoded = decoder(data)
        except DecodeError as error:
            results.append(refusal(error))
            continue
        received = getattr(decoded, "pdu", None)
        results.append(_describe(received) if received is not None else outcome(decoded))
    return " / ".join(results)


def _varbinds() -> Target:
    seeds = [ber.varbind(varbind) for varbind in VARBINDS]
    return Target(check=_check_varbinds, seeds=[*seeds, b"".join(seeds)], mutations=[change_ber])


def _decoders() -> Target:
    return Target(check=_check_message, seeds=_messages(), mutations=[change_ber], max_size=MAX_MESSAGE + 10)


# --- the built-in agent ----------------------------------------------------------------------------------------------


class _Agent:
    """The command responder of the built-in agent, with a small MIB."""

    def __init__(self) -> None:
        self._responder = CommandResponder(
            identity=_IDENTITY,
            communities=[Community(name="public")],
            users=[_USER, UsmUser(name="nobody")],
            sources=[SMALL_MIB],
        )

    def check_datagram(self, data: bytes) -> str:
        """Checks that a datagram has no response, or a valid one that is not too large; and that no bug is logged."""
        with capture_logs() as logs:
            response = self._responder.process_message(data)
        assert not logs, logs
        if response is None:
            return "no response"
        assert len(response) <= MAX_MESSAGE
        if decode_version(response) == 3:
            message = decode_usm_message(response)
            return "encrypted" if message.pdu is None else _decoded(message.pdu)
        return _decoded(decode_community_message(response).pdu)

    def check_pdu(self, data: bytes) -> str:
        """Checks the response to an authentic PDU, over SNMPv2c and SNMPv3."""
        result = self.check_datagram(encode_community_message(b"public", data))
        if len(data) > MAX_MESSAGE - 300:
            return result
        other = self.check_datagram(_v3(data))
        assert result == "no response" or other != "no response"
        return result


def _decoded(received: ReceivedPdu) -> str:
    """Returns the outcome of a response, which has to be valid."""
    assert received.tag in {PduTag.RESPONSE, PduTag.REPORT}
    return f"{received.tag.name} {received.error_status} {len(received.varbinds) > 5}"


def _agent() -> Target:
    return Target(
        check=_Agent().check_datagram,
        seeds=_messages(),
        mutations=[change_ber],
        max_size=MAX_MESSAGE + 10,
        seconds=0.1,
        seconds_per_kib=0.02,
    )


def _requests() -> Target:
    bulk = decode_community_message(_BULK).pdu
    seeds = [*_REQUESTS, _BULK[_BULK.index(bytes([bulk.tag])) :]]
    return Target(
        check=_Agent().check_pdu,
        seeds=seeds,
        mutations=[change_ber],
        max_size=MAX_MESSAGE,
        seconds=0.15,
        seconds_per_kib=0.04,
    )


# --- receivers of notifications --------------------------------------------------------------------------------------


class _Receiver:
    """A sender of informs in one of its states, to which a reply is damaged."""

    def __init__(self) -> None:
        self._clock = FakeClock(1000)
        _, self._manager, self._message = self.make(synchronized=True)
        self._message_id = decode_usm_message(self._message).message_id

    def make(self, *, synchronized: bool) -> tuple[UsmCodec, Manager, bytes]:
        """Returns the sender, the receiver, and the message that waits for a reply."""
        codec, manager = UsmCodec(_USER, _IDENTITY, clock=self._clock), Manager(_USER, clock=self._clock)
        message = codec.encode_discovery()
        if synchronized:
            codec.decode_reply(manager.report(message, 4))
            codec.decode_reply(manager.report(codec.encode_discovery(), 2, flags=MsgFlags.AUTH))
            message = codec.encode_inform(5, VARBINDS)
        return codec, manager, message

    def seeds(self) -> list[bytes]:
        """Returns replies to a message."""
        manager, message = self._manager, self._message
        acknowledged = [manager.acknowledge(message, 5, VARBINDS, status) for status in (0, 1)]
        levels = (MsgFlags.NONE, MsgFlags.AUTH)
        return [
            *acknowledged,
            *(manager.report(message, number, flags=level) for number in range(1, 7) for level in levels),
        ]

    def check_message(self, data: bytes) -> str:
        """Checks that a message is refused or accepted, and that a genuine receiver gets informs afterwards."""
        results = []
        for synchronized in (False, True):
            codec, manager, message = self.make(synchronized=synchronized)
            pending = codec._pending
            pending[self._message_id] = pending[decode_usm_message(message).message_id]
            try:
                results.append(outcome(codec.decode_reply(data)))
            except DecodeError as error:
                results.append(refusal(error))
            _deliver(codec, manager)
        return " / ".join(results)

    def check_pdu(self, data: bytes) -> str:
        """Checks the same with an authentic message that contains a PDU."""
        answers = (self._manager.answer_with(self._message, data, level) for level in (None, *map(MsgFlags, range(2))))
        return " / ".join(map(self.check_message, answers))


def _deliver(codec: UsmCodec, manager: Manager) -> None:
    """Delivers an inform to the genuine receiver, as the channel does; fails if that takes more than a few messages."""
    for _ in range(8):
        if not codec.synchronized:
            message = codec.encode_discovery()
            number, flags = (
                (2, MsgFlags.AUTH) if decode_usm_message(message).engine_id == THEIRS else (4, MsgFlags.NONE)
            )
            try:
                codec.decode_reply(manager.report(message, number, flags=flags))
            except DecodeError:
                codec.end_try()
            continue
        message = codec.encode_inform(6, VARBINDS)
        if decode_usm_message(message).engine_id != THEIRS:
            codec.end_try()
            continue
        codec.decode_reply(manager.acknowledge(message, 6, VARBINDS))
        return
    raise AssertionError("the receiver no longer gets informs")


def _check_response(data: bytes) -> str:
    codec = CommunityCodec("public")
    try:
        return outcome(codec.decode_reply(data))
    except DecodeError as error:
        return refusal(error)


def _replies() -> Target:
    receiver = _Receiver()
    return Target(
        check=receiver.check_message,
        seeds=receiver.seeds(),
        mutations=[change_ber],
        max_size=MAX_MESSAGE + 10,
        seconds=0.3,
    )


def _responses() -> Target:
    return Target(check=_check_response, seeds=_messages(), mutations=[change_ber], max_size=MAX_MESSAGE + 10)


def _reply_pdus() -> Target:
    seeds = [
        *(ber.pdu(tag, 5, VARBINDS) for tag in PduTag),
        *(ber.pdu(PduTag.REPORT, 0, [VarBind(oids.parse(f"{USM_STATS}.{n}.0"), Type.COUNTER32, 1)]) for n in range(7)),
    ]
    return Target(check=_Receiver().check_pdu, seeds=seeds, mutations=[change_ber], max_size=MAX_MESSAGE, seconds=0.5)


TARGETS: Mapping[str, Callable[[], Target]] = {
    "snmp variables": _varbinds,
    "snmp messages": _decoders,
    "snmp agent": _agent,
    "snmp requests": _requests,
    "snmp replies v2c": _responses,
    "snmp replies v3": _replies,
    "snmp replies v3, authentic": _reply_pdus,
}
