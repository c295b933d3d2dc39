"""The codec of SNMPv3 messages with the User-based Security Model, against a manager with its own engine."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder  # type: ignore[import-untyped]
from pysnmp.proto import rfc1905  # type: ignore[import-untyped]
from pysnmp.proto.mpmod.rfc3412 import SNMPv3Message  # type: ignore[import-untyped]
from pysnmp.proto.secmod.rfc3414.service import (  # type: ignore[import-untyped]
    UsmSecurityParameters,
)

from gateway.errors import DecodeError
from gateway.snmp import ber
from gateway.snmp.ber import PduTag
from gateway.snmp.credentials import UsmUser
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.message import CommunityCodec
from gateway.snmp.reply import Acknowledgement, ErrorReport, ErrorResponse, Resend
from gateway.snmp.usm import UsmCodec
from gateway.snmp.usm_encoding import MsgFlags
from gateway.snmp.usm_protocols import AUTH_PROTOCOLS, PRIV_PROTOCOLS
from gateway.snmp.values import Type
from tests.alarms.receivers import THEIRS, TOO_BIG, VARBINDS, Manager, acknowledge, pdu_of
from tests.fakes import FakeClock

IDENTITY = EngineIdentity(engine_id=bytes.fromhex("80001f8805") + b"gateway", boots=3)
USER = UsmUser(name="u", auth="SHA-256", auth_password="auth password", priv="AES", priv_password="priv password")

REFUSAL = "the receiver responds with the error tooBig"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1000)


@pytest.fixture
def codec(clock: FakeClock) -> UsmCodec:
    return UsmCodec(USER, IDENTITY, clock=clock)


@pytest.fixture
def manager(clock: FakeClock) -> Manager:
    return Manager(USER, clock=clock)


def discover(codec: UsmCodec, manager: Manager) -> None:
    """Makes the codec discover the engine of the manager, and synchronize with it."""
    assert (codec.ready, codec.synchronized) == (False, False)
    assert codec.decode_reply(manager.report(codec.encode_discovery(), 4)) == Resend()
    assert codec.ready
    if not codec.synchronized:
        assert codec.decode_reply(manager.report(codec.encode_discovery(), 2, flags=MsgFlags.AUTH)) == Resend()
    assert codec.synchronized


@pytest.mark.parametrize("priv", PRIV_PROTOCOLS)
@pytest.mark.parametrize("auth", AUTH_PROTOCOLS)
def test_informs_are_acknowledged_with_all_protocols(auth: str, priv: str, clock: FakeClock) -> None:
    if auth == "none" and priv != "none":
        return
    user = UsmUser(name="u", auth=auth, auth_password="auth password", priv=priv, priv_password="priv password")
    codec, manager = UsmCodec(user, IDENTITY, clock=clock), Manager(user, clock=clock)
    discover(codec, manager)
    request = codec.encode_inform(5, VARBINDS)
    assert (b"text" in request) == (priv == "none")
    assert codec.decode_reply(manager.acknowledge(request, 5, VARBINDS)) == Acknowledgement(5)
    assert codec.decode_reply(manager.acknowledge(request, 5, VARBINDS, TOO_BIG)) == ErrorResponse(5, REFUSAL)


def header(message: bytes) -> tuple[int, int, bytes, int, int, bytes]:
    decoded, _ = decoder.decode(message, asn1Spec=SNMPv3Message())
    parameters, _ = decoder.decode(decoded["msgSecurityParameters"].asOctets(), asn1Spec=UsmSecurityParameters())
    return (
        int(decoded["msgGlobalData"]["msgID"]),
        decoded["msgGlobalData"]["msgFlags"].asOctets()[0],
        parameters["msgAuthoritativeEngineId"].asOctets(),
        int(parameters["msgAuthoritativeEngineBoots"]),
        int(parameters["msgAuthoritativeEngineTime"]),
        parameters["msgUserName"].asOctets(),
    )


def test_the_sender_is_authoritative_for_traps_and_the_receiver_for_informs(
    codec: UsmCodec, manager: Manager, clock: FakeClock
) -> None:
    _, flags, engine_id, boots, time, name = header(codec.encode_trap(1, VARBINDS))
    assert (flags, engine_id, boots, name) == (3, IDENTITY.engine_id, 3, b"u")
    assert time in range(IDENTITY.time - 1, IDENTITY.time + 2)
    assert header(codec.encode_discovery())[1:] == (4, b"", 0, 0, b"")
    discover(codec, manager)
    clock.now += 20.5
    assert header(codec.encode_inform(1, VARBINDS))[1:] == (7, THEIRS, 7, 520, b"u")


def test_a_repeated_inform_has_a_new_message_id_that_nobody_can_predict(codec: UsmCodec, manager: Manager) -> None:
    discover(codec, manager)
    first, second = codec.encode_inform(1, VARBINDS), codec.encode_inform(1, VARBINDS)
    ids = [header(message)[0] for message in (first, second, codec.encode_inform(1, VARBINDS))]
    assert len(set(ids)) == 3
    assert ids[2] - ids[1] != ids[1] - ids[0]
    assert codec.decode_reply(manager.acknowledge(first, 1, VARBINDS)) == Acknowledgement(1)  # a reply to either counts


def test_a_reply_to_a_forgotten_message_is_rejected(codec: UsmCodec, manager: Manager) -> None:
    discover(codec, manager)
    first = codec.encode_inform(1, VARBINDS)
    for _ in range(64):
        codec.encode_inform(1, VARBINDS)
    with pytest.raises(DecodeError, match="not a reply to a pending message"):
        codec.decode_reply(manager.acknowledge(first, 1, VARBINDS))


def test_a_second_report_of_the_same_engine_id_is_ignored(codec: UsmCodec, manager: Manager) -> None:
    first, second = codec.encode_discovery(), codec.encode_discovery()
    assert codec.decode_reply(manager.report(first, 4)) == Resend()
    with pytest.raises(DecodeError, match="already known"):
        codec.decode_reply(manager.report(second, 4))


def test_a_new_engine_replaces_the_old_one(codec: UsmCodec, manager: Manager, clock: FakeClock) -> None:
    discover(codec, manager)
    other = Manager(USER, engine_id=THEIRS + b"2", boots=1, clock=clock)
    request = codec.encode_inform(1, VARBINDS)
    assert codec.decode_reply(other.report(request, 4)) == Resend()
    request = codec.encode_inform(1, VARBINDS)
    assert header(request)[2] == THEIRS + b"2"
    assert codec.decode_reply(other.acknowledge(request, 1, VARBINDS)) == Acknowledgement(1)


def test_a_restarted_receiver_reports_its_boots(codec: UsmCodec, clock: FakeClock) -> None:
    discover(codec, Manager(USER, clock=clock))
    restarted = Manager(USER, boots=8, clock=clock)
    restarted.time = 1
    request = codec.encode_inform(1, VARBINDS)
    assert codec.decode_reply(restarted.report(request, 2, flags=MsgFlags.AUTH)) == Resend()
    assert header(codec.encode_inform(1, VARBINDS))[3:5] == (8, 1)


def test_a_report_about_an_earlier_message_does_not_cause_a_resend(codec: UsmCodec, manager: Manager) -> None:
    discover(codec, manager)
    first, second = codec.encode_inform(1, VARBINDS), codec.encode_inform(1, VARBINDS)
    with pytest.raises(DecodeError, match="about the time of an earlier message"):
        codec.decode_reply(manager.report(first, 2, flags=MsgFlags.AUTH))
    assert codec.decode_reply(manager.report(second, 2, flags=MsgFlags.AUTH)) == Resend()


def test_only_authentic_reports_correct_the_time(codec: UsmCodec, manager: Manager) -> None:
    discover(codec, manager)
    attacker = Manager(USER, boots=99)
    assert codec.decode_reply(attacker.report(codec.encode_inform(1, VARBINDS), 2)) == ErrorReport(
        "the receiver considers the messages of user u outdated (usmStatsNotInTimeWindows)"
    )
    assert header(codec.encode_inform(1, VARBINDS))[3] == 7


def test_an_outdated_reply_is_rejected(codec: UsmCodec, manager: Manager, clock: FakeClock) -> None:
    discover(codec, manager)
    request = codec.encode_inform(1, VARBINDS)
    reply = manager.acknowledge(request, 1, VARBINDS)
    assert codec.decode_reply(reply) == Acknowledgement(1)
    clock.now += 149
    assert codec.decode_reply(reply) == Acknowledgement(1)
    clock.now += 2
    with pytest.raises(DecodeError, match="the reply is outdated"):
        codec.decode_reply(reply)
    with pytest.raises(DecodeError, match="the reply is outdated"):
        codec.decode_reply(Manager(USER, boots=6, clock=clock).acknowledge(request, 1, VARBINDS))


# --- What anyone can forge -------------------------------------------------------------------------------------------


def test_only_authentic_messages_set_boots_and_time(codec: UsmCodec, manager: Manager, clock: FakeClock) -> None:
    attacker = Manager(USER, boots=2**31 - 2, clock=clock)
    codec.decode_reply(attacker.report(codec.encode_discovery(), 4))
    assert header(codec.encode_discovery())[1:] == (7, THEIRS, 0, 0, b"u")
    request = codec.encode_inform(1, VARBINDS)
    assert header(request)[1:] == (7, THEIRS, 0, 0, b"u")
    assert codec.decode_reply(manager.report(request, 2, flags=MsgFlags.AUTH)) == Resend()
    assert header(codec.encode_inform(1, VARBINDS))[1:] == (7, THEIRS, 7, 500, b"u")


def test_a_receiver_that_was_restored_from_a_backup_has_fewer_boots(
    codec: UsmCodec, manager: Manager, clock: FakeClock
) -> None:
    discover(codec, manager)
    restored = Manager(USER, boots=2, clock=clock)
    recorded = restored.report(codec.encode_inform(1, VARBINDS), 2, flags=MsgFlags.AUTH)
    request = codec.encode_inform(1, VARBINDS)
    with pytest.raises(DecodeError, match="about the time of an earlier message"):
        codec.decode_reply(recorded)
    with pytest.raises(DecodeError, match="outdated"):
        codec.decode_reply(restored.acknowledge(request, 1, VARBINDS))
    assert codec.decode_reply(restored.report(request, 2, flags=MsgFlags.AUTH)) == Resend()
    request = codec.encode_inform(1, VARBINDS)
    assert header(request)[3:5] == (2, 500)
    assert codec.decode_reply(restored.acknowledge(request, 1, VARBINDS)) == Acknowledgement(1)


def test_an_engine_that_has_used_up_its_boots_is_not_believed(codec: UsmCodec, clock: FakeClock) -> None:
    worn_out = Manager(USER, boots=2**31 - 1, clock=clock)
    codec.decode_reply(worn_out.report(codec.encode_discovery(), 4))
    with pytest.raises(DecodeError, match="outdated"):
        codec.decode_reply(worn_out.report(codec.encode_inform(1, VARBINDS), 2, flags=MsgFlags.AUTH))


def test_a_forged_engine_id_does_not_replace_a_receiver_that_has_proven_itself(
    codec: UsmCodec, manager: Manager
) -> None:
    discover(codec, manager)
    forger = Manager(USER, engine_id=THEIRS + b"2")
    request = codec.encode_inform(1, VARBINDS)
    assert codec.decode_reply(forger.report(request, 4)) == Resend()
    assert header(codec.encode_inform(1, VARBINDS))[2] == THEIRS + b"2"
    assert codec.decode_reply(manager.acknowledge(request, 1, VARBINDS)) == Acknowledgement(1)
    assert header(codec.encode_inform(1, VARBINDS))[2:5] == (THEIRS, 7, 500)


def test_a_forged_engine_id_is_dropped_when_nobody_answers_to_it(codec: UsmCodec, manager: Manager) -> None:
    forger = Manager(USER, engine_id=THEIRS + b"2")
    assert codec.decode_reply(forger.report(codec.encode_discovery(), 4)) == Resend()
    assert codec.end_try()  # nothing has been sent to it yet
    assert header(codec.encode_inform(1, VARBINDS))[2] == THEIRS + b"2"
    assert codec.end_try()
    discover(codec, manager)
    codec.decode_reply(forger.report(codec.encode_inform(1, VARBINDS), 4))
    codec.encode_inform(1, VARBINDS)
    assert not codec.end_try()  # the receiver has proven itself
    assert header(codec.encode_inform(1, VARBINDS))[2:5] == (THEIRS, 7, 500)


def test_a_message_is_not_repeated_while_the_one_to_the_real_engine_is_pending(
    codec: UsmCodec, manager: Manager
) -> None:
    discover(codec, manager)
    forger = Manager(USER, engine_id=THEIRS + b"2")
    first = codec.encode_inform(1, VARBINDS)
    assert codec.decode_reply(forger.report(first, 4)) == Resend()
    with pytest.raises(DecodeError, match="still pending"):
        codec.decode_reply(manager.report(codec.encode_inform(1, VARBINDS), 4))
    assert codec.decode_reply(manager.acknowledge(first, 1, VARBINDS)) == Acknowledgement(1)


def test_a_silent_receiver_is_discovered_again_at_every_second_message(codec: UsmCodec, manager: Manager) -> None:
    discover(codec, manager)
    other = Manager(USER, engine_id=THEIRS + b"2")
    assert [(codec.end_try(), codec.ready) for _ in range(3)] == [(False, True), (True, False), (True, True)]
    codec.encode_inform(1, VARBINDS)
    codec.end_try()
    assert codec.decode_reply(manager.report(codec.encode_discovery(), 4)) == Resend()  # it is back
    assert header(codec.encode_inform(1, VARBINDS))[2:5] == (THEIRS, 7, 500)
    codec.end_try()
    assert codec.decode_reply(other.report(codec.encode_discovery(), 4)) == Resend()  # it was set up anew
    assert header(codec.encode_inform(1, VARBINDS))[2:5] == (THEIRS + b"2", 0, 0)


def test_a_configured_engine_id_is_the_only_one(manager: Manager, clock: FakeClock) -> None:
    codec = UsmCodec(USER, IDENTITY, engine_id=THEIRS, clock=clock)
    assert (codec.ready, codec.synchronized) == (True, False)
    forger = Manager(USER, engine_id=THEIRS + b"2")
    reason = f"reports the engine id 0x{THEIRS.hex()}32, but engine_id is 0x{THEIRS.hex()}"
    report = codec.decode_reply(forger.report(codec.encode_inform(1, VARBINDS), 4))
    assert isinstance(report, ErrorReport)
    assert report.reason.endswith(reason)
    codec.end_try()
    request = codec.encode_inform(1, VARBINDS)
    assert header(request)[2:5] == (THEIRS, 0, 0)
    assert codec.decode_reply(manager.report(request, 2, flags=MsgFlags.AUTH)) == Resend()
    request = codec.encode_inform(1, VARBINDS)
    assert codec.decode_reply(manager.acknowledge(request, 1, VARBINDS)) == Acknowledgement(1)


@pytest.mark.parametrize("size", [1, 4, 33])
def test_an_engine_id_has_5_to_32_octets(size: int, codec: UsmCodec) -> None:
    forger = Manager(USER)
    forger._own_engine.id = b"x" * size
    with pytest.raises(DecodeError, match="32"):
        codec.decode_reply(forger.report(codec.encode_discovery(), 4))


def test_an_acknowledgement_from_another_engine_does_not_count(codec: UsmCodec, manager: Manager) -> None:
    discover(codec, manager)
    other = Manager(USER, engine_id=THEIRS + b"2")
    with pytest.raises(DecodeError, match="from another engine"):
        codec.decode_reply(other.acknowledge(codec.encode_inform(1, VARBINDS), 1, VARBINDS))


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ((1,), "the receiver does not accept the security level of user u"),
        ((3,), "the receiver does not know user u"),
        ((4,), "the receiver does not recognize its own engine id"),
        ((5,), "the receiver has another auth or auth_password for user u"),
        ((6,), "the receiver has another priv or priv_password for user u"),
        ((77,), "the receiver reports an unknown error"),
        ((1, 3, 6, 1, 6, 3, 15, 1, 1), "the receiver reports an unknown error"),
        ((1, 3, 6, 1, 6, 3, 12, 1, 4, 0), "the receiver reports 1.3.6.1.6.3.12.1.4.0"),
    ],
)
def test_a_report_names_the_cause(numbers: tuple[int, ...], reason: str, codec: UsmCodec, manager: Manager) -> None:
    discover(codec, manager)
    reply = codec.decode_reply(manager.report(codec.encode_inform(1, VARBINDS), *numbers))
    assert isinstance(reply, ErrorReport)
    assert reply.reason.partition(" (")[0] == reason


def test_a_report_with_a_damaged_name_is_rejected(codec: UsmCodec, manager: Manager) -> None:
    discover(codec, manager)
    with pytest.raises(DecodeError, match="expected sub-identifiers from 0 to 4294967295"):
        codec.decode_reply(manager.report(codec.encode_inform(1, VARBINDS), 1, 3, 2**32))


def test_an_empty_report(codec: UsmCodec, manager: Manager) -> None:
    discover(codec, manager)
    report = manager.answer(codec.encode_inform(1, VARBINDS), pdu_of(rfc1905.ReportPDU, 0, ()), MsgFlags.NONE)
    assert codec.decode_reply(report) == ErrorReport("the receiver reports nothing")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"auth_password": "another password"}, "not authentic"),
        ({"priv_password": "another password"}, "expected ScopedPDU"),
        ({"name": "v"}, "the reply is to another user"),
        ({"auth": "none", "priv": "none"}, "security level of the reply is not that of the notification"),
        ({"priv": "none"}, "security level of the reply is not that of the notification"),
    ],
)
def test_replies_of_others_are_rejected(
    changes: dict[str, str], reason: str, codec: UsmCodec, manager: Manager, clock: FakeClock
) -> None:
    discover(codec, manager)
    values = {name: getattr(USER, name) for name in ("name", "auth", "auth_password", "priv", "priv_password")}
    other = Manager(UsmUser(**{**values, **changes}), clock=clock)
    with pytest.raises(DecodeError, match=reason):
        codec.decode_reply(other.acknowledge(codec.encode_inform(1, VARBINDS), 1, VARBINDS))


def test_contradictory_msg_flags_are_rejected(codec: UsmCodec, manager: Manager, clock: FakeClock) -> None:
    with pytest.raises(DecodeError, match="from another engine"):
        codec.decode_reply(manager.acknowledge(codec.encode_discovery(), 1, VARBINDS))
    discover(codec, manager)
    request = codec.encode_inform(1, VARBINDS)
    reply = manager.acknowledge(request, 1, VARBINDS)
    clear = reply.replace(b"\x04\x01\x03", b"\x04\x01\x00", 1)  # msgFlags
    with pytest.raises(DecodeError, match="message is encrypted, but"):
        codec.decode_reply(clear)
    plain = manager.answer(request, pdu_of(rfc1905.ResponsePDU, 1, ()), MsgFlags.NONE)
    with pytest.raises(DecodeError, match="message is plain text, but"):
        codec.decode_reply(plain.replace(b"\x04\x01\x00", b"\x04\x01\x02", 1))
    simple = UsmCodec(UsmUser(name="u"), IDENTITY, clock=clock)
    discover(simple, Manager(UsmUser(name="u"), clock=clock))
    with pytest.raises(DecodeError, match="to another user"):
        simple.decode_reply(manager.acknowledge(simple.encode_inform(1, VARBINDS), 1))


_COMMUNITY = CommunityCodec("public")
_USM = UsmCodec(USER, IDENTITY)
_MANAGER = Manager(USER)
discover(_USM, _MANAGER)
PROTECTED = MsgFlags.AUTH | MsgFlags.PRIV
USM_STATS_IN_BER = bytes.fromhex("2b060106030f0101")
_INFORM = _USM.encode_inform(1, VARBINDS[:3])
VALID_REPLIES: Sequence[tuple[CommunityCodec | UsmCodec, bytes]] = (
    (_COMMUNITY, acknowledge(_COMMUNITY.encode_inform(1, VARBINDS[:3]))[0]),
    (_USM, _MANAGER.acknowledge(_INFORM, 1, VARBINDS)),
    (_USM, _MANAGER.report(_INFORM, 5)),
)


@given(st.sampled_from(VALID_REPLIES), st.data())
def test_damaged_replies_raise_only_decode_errors(
    valid: tuple[CommunityCodec | UsmCodec, bytes], data: st.DataObject
) -> None:
    codec, reply = valid
    damaged = bytearray(reply)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))
    for octets in (bytes(damaged), bytes(damaged[:cut]), bytes(damaged[cut:])):
        with contextlib.suppress(DecodeError):
            codec.decode_reply(octets)


@given(st.binary(max_size=400), st.binary(max_size=40), st.sampled_from([MsgFlags.NONE, MsgFlags.AUTH, PROTECTED]))
def test_any_variable_in_a_report_has_a_meaning_or_raises_a_decode_error(
    name: bytes, rest: bytes, flags: MsgFlags
) -> None:
    for identifier in (name, USM_STATS_IN_BER, USM_STATS_IN_BER + name, b"\x2b" + b"\xff" * 6 + name, b"\x01" * 129):
        varbind = ber.sequence(ber.tagged(Type.OBJECT_IDENTIFIER, identifier), rest)
        pdu = ber.tagged(PduTag.REPORT, ber.integer(0) * 3 + ber.sequence(varbind))
        request = _USM.encode_inform(1, ())
        try:
            reply = _USM.decode_reply(_MANAGER.answer_with(request, pdu, flags))
        except DecodeError:
            continue
        assert isinstance(reply, ErrorReport | Resend)


@given(st.binary(max_size=200))
def test_random_octets_raise_only_decode_errors(data: bytes) -> None:
    for codec in (_COMMUNITY, _USM):
        with pytest.raises(DecodeError):
            codec.decode_reply(data)


@pytest.mark.parametrize("depth", [10, 1000, 30000])
def test_deeply_nested_values_raise_only_decode_errors(depth: int) -> None:
    for codec in (_COMMUNITY, _USM):
        with pytest.raises(DecodeError):
            codec.decode_reply(b"\x30\x80" * depth)
