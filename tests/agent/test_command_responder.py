"""The command responder of the built-in agent: messages of pysnmp, damaged and hostile ones, and limits."""

from __future__ import annotations

import gc
import random
import time
import tracemalloc
from typing import Any

import pytest
from pysnmp.proto import rfc1905  # type: ignore[import-untyped]
from structlog.testing import capture_logs

from gateway.frontends.snmp.agent.command_responder import UNFRAGMENTED, CommandResponder
from gateway.frontends.snmp.agent.commands import ErrorStatus
from gateway.snmp import ber
from gateway.snmp import oid as oids
from gateway.snmp.agent_engine import MAX_NAMES
from gateway.snmp.ber import PduTag
from gateway.snmp.credentials import Community, UsmUser
from gateway.snmp.decoding import MAX_MESSAGE
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.oid import Oid
from gateway.snmp.statistics import MessageStatistic
from gateway.snmp.usm_stats import UsmStatistic
from gateway.snmp.values import Type, VarBind
from tests.agent.messages import (
    DecodedResponse,
    community_message,
    damage,
    decode_response,
    get_bulk_request,
    get_request,
    message_v3,
    pdu,
)
from tests.agent.mib import COLUMN, MIB, STRONG, SYS_DESCR, USM_STATS, ExampleMib

IDENTITY = EngineIdentity(engine_id=bytes.fromhex("80001f880501020304"), boots=1)


def make_responder(mib: ExampleMib = MIB) -> CommandResponder:
    return CommandResponder(
        identity=IDENTITY, communities=[Community(name="public")], users=[UsmUser(name="nobody"), STRONG], sources=[mib]
    )


@pytest.fixture(scope="module")
def shared() -> CommandResponder:
    """A responder for tests that only check responses."""
    return make_responder()


@pytest.mark.parametrize(
    ("names", "non_repeaters", "max_repetitions", "count"),
    [
        ([f"{COLUMN}.1"], 0, 3, 3),
        ([f"{COLUMN}.1"], 0, 0, 0),
        ([f"{COLUMN}.1"], 9, 5, 1),
        ([f"{COLUMN}.1", f"{COLUMN}.4"], 1, 2, 3),
        ([], 0, 10, 0),
        ([], 5, 10, 0),
        (["1.3.7"], 0, 1000, 1),
        (["1.3.7", "2.0"], 0, 1000, 2),
        ([f"{USM_STATS}.6.0"], 0, 10, 1),
        ([f"{USM_STATS}.5.0"], 0, 10, 2),
        (["0", "0.0"], 0, 1, 2),
    ],
)
def test_the_number_of_variables_of_a_get_bulk(
    names: list[str], non_repeaters: int, max_repetitions: int, count: int, shared: CommandResponder
) -> None:
    names = [name if "." in name else f"{name}.0" for name in names]
    result = decode_response(
        shared.process_message(get_bulk_request(names, non_repeaters=non_repeaters, max_repetitions=max_repetitions))
    )
    assert result.error_status == 0
    assert len(result.varbinds) == count


@pytest.mark.parametrize(("non_repeaters", "max_repetitions", "count"), [(-1, 2, 4), (0, -1, 0), (1, -(2**31), 1)])
def test_negative_numbers_of_a_get_bulk_count_as_zero(
    non_repeaters: int, max_repetitions: int, count: int, shared: CommandResponder
) -> None:
    name = ber.varbind(VarBind(oids.parse(f"{COLUMN}.1"), Type.NULL))
    request_pdu = ber.encoded_pdu(PduTag.GET_BULK_REQUEST, 1, name * 2, status=non_repeaters, index=max_repetitions)
    result = decode_response(shared.process_message(with_community(request_pdu)))
    assert (result.error_status, len(result.varbinds)) == (0, count)


def test_get_bulk_continues_after_the_end_of_the_mib(shared: CommandResponder) -> None:
    result = decode_response(shared.process_message(get_bulk_request([f"{COLUMN}.6.498", "1.3.7"], max_repetitions=3)))
    names = [oids.dotted(name) for name, _ in result.varbinds]
    engine = "1.3.6.1.6.3.10.2.1"
    assert names == [f"{COLUMN}.6.499", "1.3.7", f"{engine}.1.0", "1.3.7", f"{engine}.2.0", "1.3.7"]
    assert [value.tagSet == rfc1905.EndOfMibView.tagSet for _, value in result.varbinds] == [False, True] * 3


def test_get_bulk_of_large_values_is_truncated_after_whole_rows(shared: CommandResponder) -> None:
    names = [f"{COLUMN}.2", f"{COLUMN}.2.100", f"{COLUMN}.2.200"]
    encoded = shared.process_message(get_bulk_request(names, max_repetitions=2**31 - 1))
    assert encoded is not None
    result = decode_response(encoded)
    assert result.varbinds[0][0] == MIB.names[500]
    assert len(result.varbinds) % 3 == 0
    assert len(encoded) <= UNFRAGMENTED + 3 * 300


@pytest.mark.parametrize("size", [484, 600, 1000, 1472, 4000])
def test_no_response_is_larger_than_the_manager_accepts(size: int, shared: CommandResponder) -> None:
    for request_pdu in (
        pdu(rfc1905.GetBulkRequestPDU, [f"{COLUMN}.2"] * 5, non_repeaters=0, max_repetitions=1000),
        pdu(rfc1905.GetBulkRequestPDU, [f"{COLUMN}.2"] * 20, non_repeaters=20, max_repetitions=0),
    ):
        encoded = shared.process_message(message_v3(request_pdu, engine_id=IDENTITY.engine_id, size=size))
        assert encoded is not None
        assert len(encoded) <= size
        result = decode_response(encoded)
        assert result.error_status == 0
        assert result.varbinds
    get_pdu = pdu(rfc1905.GetRequestPDU, [f"{COLUMN}.2.{row}" for row in range(40)])
    encoded = shared.process_message(message_v3(get_pdu, engine_id=IDENTITY.engine_id, size=size))
    assert encoded is not None
    assert len(encoded) <= size
    assert decode_response(encoded) == DecodedResponse(ErrorStatus.TOO_BIG, 0, [])


def test_a_response_may_be_as_large_as_a_message(shared: CommandResponder) -> None:
    sizes = [
        len(shared.process_message(get_request([f"{COLUMN}.2.{row}" for row in range(count)])) or b"")
        for count in range(1, 90)
    ]
    assert MAX_MESSAGE - 400 < max(sizes) <= MAX_MESSAGE


def test_an_error_response_that_does_not_fit_is_too_big(shared: CommandResponder) -> None:
    request_pdu = pdu(rfc1905.SetRequestPDU, [f"{COLUMN}.2.{row}" for row in range(40)])
    encoded = shared.process_message(message_v3(request_pdu, engine_id=IDENTITY.engine_id, size=484))
    assert decode_response(encoded) == DecodedResponse(ErrorStatus.TOO_BIG, 0, [])


def test_an_empty_request(shared: CommandResponder) -> None:
    for pdu_class in (rfc1905.GetRequestPDU, rfc1905.GetNextRequestPDU, rfc1905.SetRequestPDU):
        assert decode_response(shared.process_message(community_message(pdu(pdu_class, [])))) == DecodedResponse(
            0, 0, []
        )


def test_internal_errors_are_logged_and_reported() -> None:
    mib = ExampleMib(rows=1)
    responder = make_responder(mib)
    mib.failing = True
    with capture_logs() as logs:
        result = decode_response(responder.process_message(get_request([SYS_DESCR, f"{COLUMN}.1.0"])))
    assert result.error_status == ErrorStatus.GEN_ERR
    assert [oids.dotted(name) for name, _ in result.varbinds] == [SYS_DESCR, f"{COLUMN}.1.0"]
    assert [event["event"] for event in logs] == ["request failed"]
    mib.failing = False
    assert decode_response(responder.process_message(get_request([f"{COLUMN}.1.0"]))).error_status == 0


def test_a_user_without_a_name_has_no_access(shared: CommandResponder) -> None:
    refused = shared.refused
    request_pdu = pdu(rfc1905.GetRequestPDU, [SYS_DESCR])
    encoded = shared.process_message(message_v3(request_pdu, engine_id=IDENTITY.engine_id, user=b""))
    assert reported(encoded) == UsmStatistic.UNKNOWN_USER_NAMES.oid
    assert shared.refused == refused + 1


def reported(encoded: bytes | None) -> Oid:
    """Returns the counter that a report names."""
    result = decode_response(encoded)
    assert result.error_status == 0
    ((name, _),) = result.varbinds
    return name.removesuffix(oids.INSTANCE)


@pytest.mark.parametrize("pdu_class", [rfc1905.ResponsePDU, rfc1905.InformRequestPDU, rfc1905.SNMPv2TrapPDU])
def test_other_pdus_are_dropped(pdu_class: Any, shared: CommandResponder) -> None:
    before = shared.malformed + shared.refused
    assert shared.process_message(community_message(pdu(pdu_class, [SYS_DESCR]))) is None
    assert shared.malformed + shared.refused == before + 1


@pytest.mark.parametrize("name", ["1.3." + "1." * 126 + "1", "1.3.4294967296", "1.3.6.1.4.1.99999999999999"])
def test_requests_with_invalid_names_are_dropped(name: str) -> None:
    responder = make_responder()
    assert responder.process_message(get_request([name])) is None
    assert (responder.malformed, responder.counters[MessageStatistic.ASN_PARSE_ERRORS]) == (1, 1)
    assert decode_response(responder.process_message(get_request([SYS_DESCR + ".1" * 100]))).error_status == 0


@pytest.mark.parametrize(
    "datagram", [b"", b"\0", b"0", b"\x30\x80" * 4000, b"\x30\x82\xff\xff" + bytes(100), bytes(MAX_MESSAGE + 1)]
)
def test_malformed_datagrams_are_dropped_and_counted(datagram: bytes) -> None:
    responder = make_responder()
    assert responder.process_message(datagram) is None
    assert (responder.malformed, responder.refused, responder.counters[MessageStatistic.ASN_PARSE_ERRORS]) == (1, 0, 1)


def test_ten_thousand_random_datagrams(shared: CommandResponder) -> None:
    source = random.Random(7)
    malformed, errors = shared.malformed, shared.counters[MessageStatistic.ASN_PARSE_ERRORS]
    for _ in range(10_000):
        assert shared.process_message(source.randbytes(source.randrange(1500))) is None
    assert shared.malformed == malformed + 10_000
    assert shared.counters[MessageStatistic.ASN_PARSE_ERRORS] == errors + 10_000
    assert (
        decode_response(shared.process_message(get_request([SYS_DESCR.replace("1.1.0", "11.1.0")]))).error_status == 0
    )


@pytest.mark.parametrize(
    "valid",
    [
        get_request([SYS_DESCR]),
        get_bulk_request([SYS_DESCR, f"{COLUMN}.2"]),
        message_v3(pdu(rfc1905.GetRequestPDU, [SYS_DESCR]), engine_id=IDENTITY.engine_id),
        message_v3(pdu(rfc1905.GetRequestPDU, [SYS_DESCR]), engine_id=IDENTITY.engine_id, user=STRONG.name.encode()),
    ],
    ids=["get", "bulk", "v3", "v3 unauthentic"],
)
def test_the_agent_survives_damaged_messages(valid: bytes, shared: CommandResponder) -> None:
    source = random.Random(9)
    for _ in range(1000):
        shared.process_message(damage(valid, source))
    assert decode_response(shared.process_message(get_request([SYS_DESCR]))).error_status == 0
    assert decode_response(shared.process_message(valid)).varbinds


def test_nothing_is_kept_about_messages_and_their_senders() -> None:
    """As pysnmp did: 520 octets for each message of SNMPv3, for ever."""
    responder = make_responder()
    source = random.Random(10)
    templates = [
        message_v3(pdu(rfc1905.GetRequestPDU, [SYS_DESCR]), engine_id=b"engine id...", user=b"nobody"),
        message_v3(pdu(rfc1905.GetRequestPDU, [SYS_DESCR]), engine_id=IDENTITY.engine_id, user=b"a stranger"),
        message_v3(pdu(rfc1905.GetRequestPDU, [SYS_DESCR]), engine_id=IDENTITY.engine_id),
        get_request([SYS_DESCR]),
    ]

    def process(count: int) -> None:
        for number in range(count):
            message = templates[number % len(templates)]
            message = message.replace(b"engine id...", source.randbytes(12))
            responder.process_message(message.replace(b"a stranger", source.randbytes(10)))

    process(1000)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        process(4000)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 20_000


@pytest.mark.parametrize(
    "statistic",
    [MessageStatistic.IN_PACKETS, MessageStatistic.ASN_PARSE_ERRORS, MessageStatistic.BAD_COMMUNITY_NAMES],
)
def test_counters_wrap_at_32_bits(statistic: MessageStatistic) -> None:
    responder = make_responder()
    responder.counters._values[statistic] = 2**32 - 1
    for datagram in (
        bytes(MAX_MESSAGE + 1),
        b"",
        community_message(pdu(rfc1905.GetRequestPDU, [SYS_DESCR]), "wrong"),
        get_request([SYS_DESCR]),
    ):
        responder.process_message(datagram)
    assert responder.counters[statistic] < 5
    assert decode_response(responder.process_message(get_request([SYS_DESCR]))).error_status == 0


def test_the_engine_time_does_not_follow_the_wall_clock() -> None:
    started = time.monotonic() - 1000
    responder = CommandResponder(
        identity=EngineIdentity(engine_id=IDENTITY.engine_id, boots=3, started=started),
        communities=[Community(name="public")],
        users=[],
        sources=[],
    )
    (variable,) = decode_response(responder.process_message(get_request(["1.3.6.1.6.3.10.2.1.3.0"]))).varbinds
    assert 1000 <= int(variable[1]) <= 1010


# --- The cost of hostile messages ------------------------------------------------------------------------------------

MANY_NAMES = ["1.3"] * 1100
"""As many variables as fit into a message."""


def with_community(request_pdu: bytes, community: bytes = b"public") -> bytes:
    message = ber.sequence(ber.integer(1), ber.octets(community), request_pdu)
    assert len(message) <= MAX_MESSAGE
    return message


def nested(depth: int) -> bytes:
    """Returns sequences within sequences."""
    data = b""
    for _ in range(depth):
        data = ber.sequence(data)
    return data


UNAUTHENTICATED = {
    "another community": community_message(pdu(rfc1905.GetRequestPDU, MANY_NAMES), "wrong"),
    "another version": get_request(MANY_NAMES).replace(b"\x02\x01\x01", b"\x02\x01\x00", 1),
    "another engine": message_v3(pdu(rfc1905.GetRequestPDU, MANY_NAMES), engine_id=b"another engine"),
    "another user": message_v3(pdu(rfc1905.GetRequestPDU, MANY_NAMES), engine_id=IDENTITY.engine_id, user=b"x"),
    "another level": message_v3(
        pdu(rfc1905.GetRequestPDU, MANY_NAMES), engine_id=IDENTITY.engine_id, user=STRONG.name.encode()
    ),
    "nested": nested(2000),
    "indefinite": b"\x30\x80" * 4000,
    "a nested PDU": with_community(ber.tagged(0xA0, ber.integer(1) * 3 + nested(1990)), b"wrong"),
    "a long name": with_community(
        ber.tagged(0xA0, ber.integer(1) * 3 + ber.sequence(ber.tagged(6, b"\x2b" + b"\xff" * 8000))), b"wrong"
    ),
}


def seconds_for(responder: CommandResponder, message: bytes) -> float:
    """Returns the processor time that a message takes: the shortest of several, which other programs do not affect."""
    times = []
    for _ in range(5):
        began = time.process_time()
        responder.process_message(message)
        times.append(time.process_time() - began)
    return min(times)


@pytest.mark.parametrize("kind", UNAUTHENTICATED)
def test_a_message_without_authentication_takes_less_than_a_millisecond(kind: str, shared: CommandResponder) -> None:
    """With pysnmp, which decoded everything first, it took 40 ms or more."""
    rejected = shared.refused + shared.malformed + shared.counters[UsmStatistic.UNKNOWN_ENGINE_IDS]
    assert seconds_for(shared, UNAUTHENTICATED[kind]) < 0.001
    assert shared.refused + shared.malformed + shared.counters[UsmStatistic.UNKNOWN_ENGINE_IDS] == rejected + 5


@pytest.mark.parametrize("count", [MAX_NAMES, len(MANY_NAMES)])
@pytest.mark.parametrize("pdu_class", [rfc1905.GetRequestPDU, rfc1905.GetNextRequestPDU, rfc1905.SetRequestPDU])
def test_the_largest_request_does_not_keep_the_event_loop_busy(
    pdu_class: Any, count: int, shared: CommandResponder
) -> None:
    assert seconds_for(shared, community_message(pdu(pdu_class, MANY_NAMES[:count]))) < 0.05


@pytest.mark.parametrize("count", [1, MAX_NAMES, len(MANY_NAMES)])
def test_the_largest_get_bulk_does_not_keep_the_event_loop_busy(count: int, shared: CommandResponder) -> None:
    assert seconds_for(shared, get_bulk_request(MANY_NAMES[:count], max_repetitions=2**31 - 1)) < 0.05


def test_a_request_for_too_many_variables_is_too_big(shared: CommandResponder) -> None:
    names = [SYS_DESCR.replace("1.1.0", "1.7.0")] * (MAX_NAMES + 1)
    fits = decode_response(shared.process_message(get_request(names[:-1])))
    assert (fits.error_status, len(fits.varbinds)) == (0, MAX_NAMES)
    result = decode_response(shared.process_message(get_request(names)))
    assert result == DecodedResponse(ErrorStatus.TOO_BIG, 0, [])
