"""The command responder of the built-in agent: messages from pysnmp, damaged messages, and limits."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from pysnmp.proto import rfc1905  # type: ignore[import-untyped]
from structlog.testing import capture_logs

from gateway.frontends.snmp.agent.command_responder import MAX_MESSAGE, UNFRAGMENTED, CommandResponder
from gateway.frontends.snmp.agent.commands import ErrorStatus
from gateway.snmp import oid as oids
from gateway.snmp.credentials import Community, UsmUser
from gateway.snmp.engine import EngineIdentity
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
    assert decode_response(encoded).error_status == ErrorStatus.AUTHORIZATION_ERROR
    assert shared.refused == refused + 1


@pytest.mark.parametrize("pdu_class", [rfc1905.ResponsePDU, rfc1905.InformRequestPDU, rfc1905.SNMPv2TrapPDU])
def test_other_pdus_are_dropped(pdu_class: Any, shared: CommandResponder) -> None:
    before = shared.malformed + shared.refused
    assert shared.process_message(community_message(pdu(pdu_class, [SYS_DESCR]))) is None
    assert shared.malformed + shared.refused == before + 1


@pytest.mark.parametrize("name", ["1.3." + "1." * 126 + "1", "1.3.4294967296", "1.3.6.1.4.1.99999999999999"])
def test_requests_with_invalid_names_are_dropped(name: str) -> None:
    responder = make_responder()
    assert responder.process_message(get_request([name])) is None
    assert (responder.malformed, responder.counters["snmpInASNParseErrs"]) == (1, 1)
    assert decode_response(responder.process_message(get_request([SYS_DESCR + ".1" * 100]))).error_status == 0


@pytest.mark.parametrize(
    "datagram", [b"", b"\0", b"0", b"\x30\x80" * 4000, b"\x30\x82\xff\xff" + bytes(100), bytes(MAX_MESSAGE + 1)]
)
def test_malformed_datagrams_are_dropped_and_counted(datagram: bytes) -> None:
    responder = make_responder()
    assert responder.process_message(datagram) is None
    assert (responder.malformed, responder.refused, responder.counters["snmpInASNParseErrs"]) == (1, 0, 1)


def test_ten_thousand_random_datagrams(shared: CommandResponder) -> None:
    source = random.Random(7)
    malformed, errors = shared.malformed, shared.counters["snmpInASNParseErrs"]
    for _ in range(10_000):
        assert shared.process_message(source.randbytes(source.randrange(1500))) is None
    assert shared.malformed == malformed + 10_000
    assert shared.counters["snmpInASNParseErrs"] == errors + 10_000
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


@pytest.mark.parametrize(("engine_id", "user"), [(None, b""), (IDENTITY.engine_id, None)], ids=["engines", "users"])
def test_memory_does_not_grow_with_unauthenticated_messages(
    engine_id: bytes | None, user: bytes | None, shared: CommandResponder
) -> None:
    source = random.Random(10)
    request_pdu = pdu(rfc1905.GetRequestPDU, [SYS_DESCR])
    for _ in range(1999):
        unknown_engine = source.randbytes(12) if engine_id is None else engine_id
        name = source.randbytes(8) if user is None else user
        shared.process_message(message_v3(request_pdu, engine_id=unknown_engine, user=name))
    # without forget_messages, pysnmp would store two or three objects for each message
    assert sum(map(len, model_containers(shared))) < 3500


def model_containers(responder: CommandResponder) -> list[Any]:
    """Returns all containers in pysnmp's models that can grow."""
    engine = responder._engine._engine
    models = [*engine.message_processing_subsystems.values(), *engine.security_models.values()]
    values = [value for model in models for value in vars(model).values()]
    values += [inner for value in values if type(value).__name__ == "Cache" for inner in vars(value).values()]
    values += [inner for value in values if isinstance(value, dict) for inner in value.values()]
    return [value for value in values if isinstance(value, dict | list)]


@pytest.mark.parametrize("name", ["snmpInPkts", "snmpInASNParseErrs", "snmpInBadCommunityNames"])
def test_counters_wrap(name: str) -> None:
    responder = make_responder()
    responder._engine.counter("SNMPv2-MIB", name)._set(2**32 - 1)
    for datagram in (
        bytes(MAX_MESSAGE + 1),
        b"",
        community_message(pdu(rfc1905.GetRequestPDU, [SYS_DESCR]), "wrong"),
        get_request([SYS_DESCR]),
    ):
        responder.process_message(datagram)
    assert responder.counters[name] < 5
    assert decode_response(responder.process_message(get_request([SYS_DESCR]))).error_status == 0


def test_pysnmp_writes_no_temporary_files(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    make_responder()
    assert list(tmp_path.iterdir()) == []


def test_the_engine_time_does_not_follow_the_wall_clock() -> None:
    started = time.monotonic() - 1000
    responder = CommandResponder(
        identity=EngineIdentity(engine_id=IDENTITY.engine_id, boots=3, started=started),
        communities=[Community(name="public")],
        users=[],
        sources=[],
    )
    symbol = responder._engine._symbol("__SNMP-FRAMEWORK-MIB", "snmpEngineTime")
    assert 1000 <= int(symbol.syntax.clone()) <= 1010
    (variable,) = decode_response(responder.process_message(get_request(["1.3.6.1.6.3.10.2.1.3.0"]))).varbinds
    assert 1000 <= int(variable[1]) <= 1010
