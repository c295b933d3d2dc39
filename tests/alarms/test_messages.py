"""The messages of notifications, and what answers to them say, without a network."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder  # type: ignore[import-untyped]
from pysnmp.proto import rfc1905  # type: ignore[import-untyped]
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]
from pysnmp.proto.mpmod.rfc3412 import SNMPv3Message  # type: ignore[import-untyped]
from pysnmp.proto.secmod.rfc3414.service import (  # type: ignore[import-untyped]
    SnmpUSMSecurityModel,
    UsmSecurityParameters,
)

from gateway.alarms import notification as notices
from gateway.alarms.conditions import CONDITIONS
from gateway.alarms.notification import Change, notification_name
from gateway.errors import DecodeError
from gateway.frontends.snmp.notifications.target import Target, TargetKind
from gateway.frontends.snmp.notifications.udp_channel import NotificationCodec, make_codec
from gateway.snmp import oid as oids
from gateway.snmp.credentials import UsmUser
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.message import CommunityCodec
from gateway.snmp.mib.module import mib
from gateway.snmp.reply import Acknowledgement, ErrorReport, ErrorResponse, Resend
from gateway.snmp.usm import MsgFlags, UsmCodec
from gateway.snmp.usm_protocols import AUTH_PROTOCOLS, NONE, PRIV_PROTOCOLS
from gateway.snmp.values import Type, VarBind
from tests.alarms.receivers import THEIRS, TOO_BIG, VARBINDS, Manager, acknowledge, community_pdu, notice, pdu_of
from tests.fakes import FakeClock

OURS = EngineIdentity(engine_id=bytes.fromhex("80001f8805") + b"gateway", boots=3)
USER = UsmUser(name="u", auth="SHA-256", auth_password="auth password", priv="AES", priv_password="priv password")

REFUSAL = "the receiver responds with the error tooBig"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1000)


@pytest.fixture
def ours(clock: FakeClock) -> UsmCodec:
    return UsmCodec(USER, OURS, clock=clock.monotonic)


@pytest.fixture
def manager(clock: FakeClock) -> Manager:
    return Manager(USER, clock=clock.monotonic)


def introduce(ours: UsmCodec, manager: Manager) -> None:
    """Makes the manager's engine known."""
    assert not ours.ready
    assert ours.decode_reply(manager.report(ours.encode_discovery(), 4)) == Resend()
    assert ours.ready


def read_back(pdu: Any) -> list[tuple[tuple[int, ...], Any]]:
    return [(tuple(name), value) for name, value in v2c.apiPDU.get_varbinds(pdu)]


# --- SNMPv2c ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [TargetKind.TRAP, TargetKind.INFORM])
def test_a_message_with_a_community(kind: TargetKind) -> None:
    messages = CommunityCodec("öffentlich")
    write = messages.encode_trap if kind is TargetKind.TRAP else messages.encode_inform
    data = write(12, VARBINDS)
    decoded, rest = decoder.decode(data, asn1Spec=v2c.Message())
    assert (rest, decoded["community"].asOctets()) == (b"", "öffentlich".encode())
    pdu = community_pdu(data)
    assert pdu.tagSet == (rfc1905.SNMPv2TrapPDU if kind is TargetKind.TRAP else rfc1905.InformRequestPDU).tagSet
    assert int(v2c.apiPDU.get_request_id(pdu)) == 12
    names = [oids.decode(varbind.oid) for varbind in VARBINDS]
    assert [name for name, _ in read_back(pdu)] == names
    assert [type(value).__name__ for _, value in read_back(pdu)] == [
        "TimeTicks",
        "ObjectIdentifier",
        "Integer",
        "OctetString",
        "IpAddress",
        "Counter32",
        "Gauge32",
        "Opaque",
        "Counter64",
    ]


def test_octets_written_by_hand() -> None:
    varbind = VarBind(oids.parse("1.3.6.1.4.1"), Type.INTEGER, 5)
    inform = "301e 020101 0401 63 a616 020201f4 020100 020100 300a 3008 0605 2b06010401 0201 05".replace(" ", "")
    inform = inform.replace("301e", "3020").replace("a616", "a618").replace("300a3008", "300c300a")
    assert CommunityCodec("c").encode_inform(500, [varbind]) == bytes.fromhex(inform)


def test_answers_to_a_community() -> None:
    messages = CommunityCodec("public")
    data = messages.encode_inform(99, VARBINDS)
    assert messages.decode_reply(*acknowledge(data)) == Acknowledgement(99)
    assert messages.decode_reply(*acknowledge(data, TOO_BIG)) == ErrorResponse(99, REFUSAL)
    with pytest.raises(DecodeError, match="the community"):
        CommunityCodec("private").decode_reply(*acknowledge(data))
    with pytest.raises(DecodeError, match="expected a Response-PDU, found INFORM_REQUEST"):
        messages.decode_reply(data)
    with pytest.raises(DecodeError, match="1 octets after the end"):
        messages.decode_reply(acknowledge(data)[0] + b"x")
    with pytest.raises(NotImplementedError):
        messages.encode_discovery()


def test_notifications_fit_into_484_octets() -> None:
    """Of every condition, about an object and with texts as long as those of a cluster with long names are."""
    messages = CommunityCodec("public")
    fields = dict.fromkeys(("count", "expected", "total", "number", "msgwait", "watchdog"), "10")
    sizes = {}
    for condition in CONDITIONS:
        for number, template in enumerate((condition.raised, condition.cleared)):
            named = {name: fields.get(name, "node-a.example") for name in module_fields(template)}
            told = notice(
                4_000_000_000,
                condition=condition.name,
                severity=condition.severity,
                change=(change := Change.RAISED if number == 0 else Change.CLEARED),
                object="fs-postgres-data on node-a.example",
                node="node-b.example",
                cluster="production",
                text=template.format_map(named),
                notification=notification_name(condition.category, change),
            )
            data = messages.encode_inform(2**31 - 1, notices.varbinds(told, mib(), uptime=4e7))
            sizes[condition.name, number] = len(data)
    assert max(sizes.values()) <= 484, {name: size for name, size in sizes.items() if size > 484}


def module_fields(template: str) -> list[str]:
    return [part.partition("}")[0] for part in template.split("{")[1:]]


# --- SNMPv3 ----------------------------------------------------------------------------------------------------------


def test_the_protocols_are_those_of_pysnmp() -> None:
    for auth in AUTH_PROTOCOLS.values():
        service = SnmpUSMSecurityModel.AUTH_SERVICES[auth.identifier]
        assert auth.name == NONE or auth.digest_length == service.digest_length
    assert {priv.identifier for priv in PRIV_PROTOCOLS.values()} <= set(SnmpUSMSecurityModel.PRIV_SERVICES)


@pytest.mark.parametrize("priv", PRIV_PROTOCOLS)
@pytest.mark.parametrize("auth", AUTH_PROTOCOLS)
def test_both_sides_understand_each_other(auth: str, priv: str, clock: FakeClock) -> None:
    if auth == "none" and priv != "none":
        return
    user = UsmUser(name="u", auth=auth, auth_password="auth password", priv=priv, priv_password="priv password")
    ours, manager = UsmCodec(user, OURS, clock=clock.monotonic), Manager(user, clock=clock.monotonic)
    introduce(ours, manager)
    question = ours.encode_inform(5, VARBINDS)
    assert (b"text" in question) == (priv == "none")
    assert ours.decode_reply(manager.acknowledge(question, 5, VARBINDS)) == Acknowledgement(5)
    assert ours.decode_reply(manager.acknowledge(question, 5, VARBINDS, TOO_BIG)) == ErrorResponse(5, REFUSAL)


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


def test_traps_are_good_for_our_engine_and_informs_for_theirs(
    ours: UsmCodec, manager: Manager, clock: FakeClock
) -> None:
    _, flags, engine_id, boots, time, name = header(ours.encode_trap(1, VARBINDS))
    assert (flags, engine_id, boots, name) == (3, OURS.engine_id, 3, b"u")
    assert time in range(OURS.time - 1, OURS.time + 2)
    assert header(ours.encode_discovery())[1:] == (4, b"", 0, 0, b"")
    introduce(ours, manager)
    clock.now += 20.5
    assert header(ours.encode_inform(1, VARBINDS))[1:] == (7, THEIRS, 7, 520, b"u")


def test_what_is_sent_again_has_another_id(ours: UsmCodec, manager: Manager) -> None:
    introduce(ours, manager)
    first, second = ours.encode_inform(1, VARBINDS), ours.encode_inform(1, VARBINDS)
    assert header(second)[0] == header(first)[0] + 1
    assert ours.decode_reply(manager.acknowledge(first, 1, VARBINDS)) == Acknowledgement(1)  # a reply to either counts


def test_an_answer_to_what_was_sent_long_ago_does_not_count(ours: UsmCodec, manager: Manager) -> None:
    introduce(ours, manager)
    first = ours.encode_inform(1, VARBINDS)
    for _ in range(64):
        ours.encode_inform(1, VARBINDS)
    with pytest.raises(DecodeError, match="not a reply to a pending message"):
        ours.decode_reply(manager.acknowledge(first, 1, VARBINDS))


def test_a_second_report_of_the_same_engine_is_nothing_new(ours: UsmCodec, manager: Manager) -> None:
    first, second = ours.encode_discovery(), ours.encode_discovery()
    assert ours.decode_reply(manager.report(first, 4)) == Resend()
    with pytest.raises(DecodeError, match="already known"):
        ours.decode_reply(manager.report(second, 4))


def test_another_engine_at_the_same_address(ours: UsmCodec, manager: Manager, clock: FakeClock) -> None:
    introduce(ours, manager)
    other = Manager(USER, engine_id=THEIRS + b"2", boots=1, clock=clock.monotonic)
    question = ours.encode_inform(1, VARBINDS)
    assert ours.decode_reply(other.report(question, 4)) == Resend()
    question = ours.encode_inform(1, VARBINDS)
    assert header(question)[2] == THEIRS + b"2"
    assert ours.decode_reply(other.acknowledge(question, 1, VARBINDS)) == Acknowledgement(1)


def test_a_receiver_that_was_started_again_tells_its_boots(ours: UsmCodec, clock: FakeClock) -> None:
    introduce(ours, Manager(USER, clock=clock.monotonic))
    restarted = Manager(USER, boots=8, clock=clock.monotonic)
    restarted.time = 1
    question = ours.encode_inform(1, VARBINDS)
    assert ours.decode_reply(restarted.report(question, 2, flags=MsgFlags.AUTH)) == Resend()
    assert header(ours.encode_inform(1, VARBINDS))[3:5] == (8, 1)


def test_that_of_an_earlier_message_is_no_reason_to_send_again(ours: UsmCodec, manager: Manager) -> None:
    introduce(ours, manager)
    first, second = ours.encode_inform(1, VARBINDS), ours.encode_inform(1, VARBINDS)
    with pytest.raises(DecodeError, match="about the time of an earlier message"):
        ours.decode_reply(manager.report(first, 2, flags=MsgFlags.AUTH))
    assert ours.decode_reply(manager.report(second, 2, flags=MsgFlags.AUTH)) == Resend()


def test_the_time_has_to_be_authentic(ours: UsmCodec, manager: Manager) -> None:
    introduce(ours, manager)
    liar = Manager(USER, boots=99)
    assert ours.decode_reply(liar.report(ours.encode_inform(1, VARBINDS), 2)) == ErrorReport(
        "the receiver considers the messages of user u outdated (usmStatsNotInTimeWindows)"
    )
    assert header(ours.encode_inform(1, VARBINDS))[3] == 7


def test_an_old_answer_does_not_count(ours: UsmCodec, manager: Manager, clock: FakeClock) -> None:
    introduce(ours, manager)
    question = ours.encode_inform(1, VARBINDS)
    answer = manager.acknowledge(question, 1, VARBINDS)
    assert ours.decode_reply(answer) == Acknowledgement(1)
    clock.now += 149
    assert ours.decode_reply(answer) == Acknowledgement(1)
    clock.now += 2
    with pytest.raises(DecodeError, match="the reply is outdated"):
        ours.decode_reply(answer)
    with pytest.raises(DecodeError, match="the reply is outdated"):
        ours.decode_reply(Manager(USER, boots=6, clock=clock.monotonic).acknowledge(question, 1, VARBINDS))


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ((1,), "the receiver does not accept the security level of user u"),
        ((3,), "the receiver does not know user u"),
        ((4,), "the receiver does not recognise its own engine id"),
        ((5,), "the receiver has another auth or auth_password for user u"),
        ((6,), "the receiver has another priv or priv_password for user u"),
        ((77,), "the receiver reports an unknown error"),
        ((1, 3, 6, 1, 6, 3, 12, 1, 4, 0), "the receiver reports 1.3.6.1.6.3.12.1.4.0"),
    ],
)
def test_reports_name_what_is_wrong(numbers: tuple[int, ...], reason: str, ours: UsmCodec, manager: Manager) -> None:
    introduce(ours, manager)
    answer = ours.decode_reply(manager.report(ours.encode_inform(1, VARBINDS), *numbers))
    assert isinstance(answer, ErrorReport)
    assert answer.reason.partition(" (")[0] == reason


def test_an_empty_report(ours: UsmCodec, manager: Manager) -> None:
    introduce(ours, manager)
    report = manager.answer(ours.encode_inform(1, VARBINDS), pdu_of(rfc1905.ReportPDU, 0, ()), MsgFlags.NONE)
    assert ours.decode_reply(report) == ErrorReport("the receiver reports nothing")


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
def test_answers_of_others_do_not_count(
    changes: dict[str, str], reason: str, ours: UsmCodec, manager: Manager, clock: FakeClock
) -> None:
    introduce(ours, manager)
    values = {name: getattr(USER, name) for name in ("name", "auth", "auth_password", "priv", "priv_password")}
    other = Manager(UsmUser(**{**values, **changes}), clock=clock.monotonic)
    with pytest.raises(DecodeError, match=reason):
        ours.decode_reply(other.acknowledge(ours.encode_inform(1, VARBINDS), 1, VARBINDS))


def test_answers_that_claim_to_be_protected(ours: UsmCodec, manager: Manager, clock: FakeClock) -> None:
    with pytest.raises(DecodeError, match="from another engine"):
        ours.decode_reply(manager.acknowledge(ours.encode_discovery(), 1, VARBINDS))
    introduce(ours, manager)
    question = ours.encode_inform(1, VARBINDS)
    answer = manager.acknowledge(question, 1, VARBINDS)
    clear = answer.replace(b"\x04\x01\x03", b"\x04\x01\x00", 1)  # msgFlags
    with pytest.raises(DecodeError, match="message is encrypted, but"):
        ours.decode_reply(clear)
    plain = manager.answer(question, pdu_of(rfc1905.ResponsePDU, 1, ()), MsgFlags.NONE)
    with pytest.raises(DecodeError, match="message is plain text, but"):
        ours.decode_reply(plain.replace(b"\x04\x01\x00", b"\x04\x01\x02", 1))
    simple = UsmCodec(UsmUser(name="u"), OURS, clock=clock.monotonic)
    introduce(simple, Manager(UsmUser(name="u"), clock=clock.monotonic))
    with pytest.raises(DecodeError, match="to another user"):
        simple.decode_reply(manager.acknowledge(simple.encode_inform(1, VARBINDS), 1))


_COMMUNITY = CommunityCodec("public")
_OURS = UsmCodec(USER, OURS)
_MANAGER = Manager(USER)
introduce(_OURS, _MANAGER)
_QUESTION = _OURS.encode_inform(1, VARBINDS[:3])
GOOD: Sequence[tuple[NotificationCodec, bytes]] = (
    (_COMMUNITY, acknowledge(_COMMUNITY.encode_inform(1, VARBINDS[:3]))[0]),
    (_OURS, _MANAGER.acknowledge(_QUESTION, 1, VARBINDS)),
    (_OURS, _MANAGER.report(_QUESTION, 5)),
)


@given(st.sampled_from(GOOD), st.data())
def test_damaged_answers_raise_one_error_only(good: tuple[NotificationCodec, bytes], data: st.DataObject) -> None:
    messages, answer = good
    damaged = bytearray(answer)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))
    for found in (bytes(damaged), bytes(damaged[:cut]), bytes(damaged[cut:])):
        with contextlib.suppress(DecodeError):
            messages.decode_reply(found)


@given(st.binary(max_size=200))
def test_whatever_comes_raises_one_error_only(data: bytes) -> None:
    for messages in (_COMMUNITY, _OURS):
        with pytest.raises(DecodeError):
            messages.decode_reply(data)


@pytest.mark.parametrize("depth", [10, 1000, 30000])
def test_what_is_nested_deeply(depth: int) -> None:
    for messages in (_COMMUNITY, _OURS):
        with pytest.raises(DecodeError):
            messages.decode_reply(b"\x30\x80" * depth)


# --- Targets ---------------------------------------------------------------------------------------------------------


def test_codecs_of_targets() -> None:
    assert isinstance(make_codec(Target(host="h", kind=TargetKind.TRAP, community="c"), None), CommunityCodec)
    assert isinstance(make_codec(Target(host="h", kind=TargetKind.TRAP, user=USER), OURS), UsmCodec)
