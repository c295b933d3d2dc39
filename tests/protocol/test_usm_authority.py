"""The User-based Security Model of an agent, step by step as in RFC 3414, section 3.2."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.snmp import ber
from gateway.snmp import oid as oids
from gateway.snmp.agent_engine import AgentEngine, AgentRequest, AgentResponse
from gateway.snmp.ber import PduTag
from gateway.snmp.credentials import Community, SecurityLevel, UsmUser
from gateway.snmp.decoding import MAX_MESSAGE, decode_scoped_pdu, decode_usm_message
from gateway.snmp.engine import MAX_BOOTS, EngineIdentity
from gateway.snmp.oid import Oid
from gateway.snmp.statistics import MessageStatistic, Statistic
from gateway.snmp.usm_encoding import LEVEL_FLAGS, MsgFlags, SecurityParameters, encode_scoped_pdu, encode_usm_message
from gateway.snmp.usm_security import UserSecurity
from gateway.snmp.usm_stats import UsmStatistic
from gateway.snmp.values import Type, VarBind
from tests.agent.messages import damage
from tests.fakes import FakeClock

ENGINE_ID = bytes.fromhex("80001f880501020304")
NAME = oids.parse("1.3.6.1.2.1.1.1.0")
PRIV = UsmUser(name="priv", auth="SHA-256", auth_password="auth password", priv="AES", priv_password="priv password")
AUTH = UsmUser(name="auth", auth="SHA", auth_password="auth password")
PLAIN = UsmUser(name="plain")
USERS = (PRIV, AUTH, PLAIN)
LEVELS = {user.level: user for user in USERS}


class Agent:
    """An engine whose time is 1000 seconds, and what it has counted and handled."""

    def __init__(self, *, boots: int = 7) -> None:
        clock = FakeClock(1000)
        self.identity = EngineIdentity(engine_id=ENGINE_ID, boots=boots, started=0, clock=clock)
        self.counts: Counter[Statistic] = Counter()
        self.requests: list[AgentRequest] = []
        self.engine = AgentEngine(
            identity=self.identity,
            communities=[Community(name="public")],
            users=USERS,
            handle=self._handle,
            count=self._count,
        )

    def process(self, message: bytes) -> bytes | None:
        self.counts.clear()
        response = self.engine.process_message(message)
        assert self.counts.pop(MessageStatistic.IN_PACKETS) == 1
        return response

    def discard(self, message: bytes) -> tuple[Statistic, MsgFlags | None]:
        """Returns the counter of a message that is discarded, and the security of the report about it, if any."""
        handled = len(self.requests)
        response = self.process(message)
        assert len(self.requests) == handled
        ((statistic, count),) = self.counts.items()
        if response is None:
            return statistic, None
        report = decode_usm_message(response)
        assert (report.message_id, report.engine_id, report.boots) == (5, ENGINE_ID, self.identity.boots)
        if report.pdu is not None:
            assert report.pdu.tag is PduTag.REPORT
            assert report.pdu.varbinds == [VarBind(statistic.oid + oids.INSTANCE, Type.COUNTER32, count)]
        return statistic, MsgFlags(report.flags)

    def _handle(self, request: AgentRequest) -> AgentResponse:
        self.requests.append(request)
        return AgentResponse(ber.varbind(VarBind(NAME, Type.INTEGER, 1)))

    def _count(self, statistic: Statistic) -> int:
        self.counts[statistic] += 1
        return self.counts[statistic]


@pytest.fixture
def agent() -> Agent:
    return Agent()


def message(
    user: UsmUser = PRIV,
    *,
    flags: MsgFlags | None = None,
    engine_id: bytes = ENGINE_ID,
    boots: int = 7,
    time: int = 1000,
    scoped_pdu: bytes = encode_scoped_pdu(ENGINE_ID, ber.pdu(PduTag.GET_REQUEST, 9, [VarBind(NAME, Type.NULL)])),
) -> bytes:
    security = UserSecurity(user)
    return encode_usm_message(
        message_id=5,
        flags=LEVEL_FLAGS[user.level] | MsgFlags.REPORTABLE if flags is None else flags,
        parameters=SecurityParameters(engine_id, boots, time, user.name.encode()),
        scoped_pdu=scoped_pdu,
        security=security,
        keys=security.localize_keys(engine_id),
    )


@pytest.mark.parametrize("user", USERS, ids=lambda user: user.name)
def test_a_response_is_as_well_protected_as_the_request(user: UsmUser, agent: Agent) -> None:
    response = agent.process(message(user))
    assert response is not None
    decoded = decode_usm_message(response)
    assert (decoded.message_id, decoded.max_size, decoded.flags) == (5, MAX_MESSAGE, LEVEL_FLAGS[user.level])
    assert (decoded.engine_id, decoded.boots, decoded.time) == (ENGINE_ID, 7, 1000)
    security = UserSecurity(user)
    keys = security.localize_keys(ENGINE_ID)
    if user.level >= SecurityLevel.AUTH_NO_PRIV:
        security.verify(keys, decoded.digest, response, decoded.digest_position)
    scoped_pdu = decoded.scoped_pdu
    if user.level == SecurityLevel.AUTH_PRIV:
        plain = security.decrypt(keys, decoded.boots, decoded.time, decoded.salt, decoded.encrypted_pdu)
        scoped_pdu = decode_scoped_pdu(plain)
    assert scoped_pdu is not None
    assert scoped_pdu.context_engine_id == ENGINE_ID
    assert (scoped_pdu.pdu.tag, scoped_pdu.pdu.request_id) == (PduTag.RESPONSE, 9)
    assert scoped_pdu.pdu.varbinds == [VarBind(NAME, Type.INTEGER, 1)]
    (request,) = agent.requests
    assert (request.credential, list(request.names)) == (user, [NAME])
    assert len(response) <= request.overhead + len(scoped_pdu.pdu.encoded_varbinds)
    assert not agent.counts


@pytest.mark.parametrize("asked", LEVELS)
@pytest.mark.parametrize("user", USERS, ids=lambda user: user.name)
def test_a_user_has_one_security_level(user: UsmUser, asked: SecurityLevel, agent: Agent) -> None:
    if user.level != asked:
        impostor = dataclasses.replace(LEVELS[asked], name=user.name)
        assert agent.discard(message(impostor)) == (UsmStatistic.UNSUPPORTED_SECURITY_LEVELS, MsgFlags.NONE)


@pytest.mark.parametrize(
    ("data", "statistic"),
    [
        (message(engine_id=b"another engine"), UsmStatistic.UNKNOWN_ENGINE_IDS),
        (message(engine_id=b""), UsmStatistic.UNKNOWN_ENGINE_IDS),
        (message(UsmUser(name="stranger")), UsmStatistic.UNKNOWN_USER_NAMES),
        (message(UsmUser(name="")), UsmStatistic.UNKNOWN_USER_NAMES),
        (message(dataclasses.replace(PRIV, auth_password="another password")), UsmStatistic.WRONG_DIGESTS),
        (message(dataclasses.replace(AUTH, auth="SHA-256")), UsmStatistic.WRONG_DIGESTS),
        (message(dataclasses.replace(PRIV, priv_password="another password")), UsmStatistic.DECRYPTION_ERRORS),
        (message(scoped_pdu=b""), UsmStatistic.DECRYPTION_ERRORS),
    ],
    ids=["engine", "no engine", "user", "no user", "auth_password", "auth", "priv_password", "empty"],
)
def test_reports_about_messages_that_are_not_authentic_are_not_either(
    data: bytes, statistic: UsmStatistic, agent: Agent
) -> None:
    assert agent.discard(data) == (statistic, MsgFlags.NONE)


def test_without_the_reportable_flag_there_is_no_report(agent: Agent) -> None:
    assert agent.discard(message(AUTH, flags=MsgFlags.NONE)) == (UsmStatistic.UNSUPPORTED_SECURITY_LEVELS, None)
    assert agent.discard(message(AUTH, flags=MsgFlags.AUTH, boots=1)) == (UsmStatistic.NOT_IN_TIME_WINDOWS, None)


@pytest.mark.parametrize(
    ("boots", "time", "is_timely"),
    [(7, 850, True), (7, 1150, True), (7, 849, False), (7, 1151, False), (6, 1000, False), (8, 1000, False)],
)
def test_a_message_is_timely_within_150_seconds_of_one_boot(
    boots: int, time: int, *, is_timely: bool, agent: Agent
) -> None:
    data = message(AUTH, boots=boots, time=time)
    if is_timely:
        agent.process(data)
        assert len(agent.requests) == 1
    else:
        assert agent.discard(data) == (UsmStatistic.NOT_IN_TIME_WINDOWS, MsgFlags.AUTH)


def test_no_message_is_timely_after_the_last_boot() -> None:
    agent = Agent(boots=MAX_BOOTS)
    assert agent.discard(message(AUTH, boots=MAX_BOOTS)) == (UsmStatistic.NOT_IN_TIME_WINDOWS, MsgFlags.AUTH)


def scoped(context_engine_id: bytes, context_name: bytes, pdu: bytes) -> bytes:
    return ber.sequence(ber.octets(context_engine_id), ber.octets(context_name), pdu)


GET = ber.pdu(PduTag.GET_REQUEST, 9, ())


@pytest.mark.parametrize(
    ("scoped_pdu", "statistic", "is_reported"),
    [
        (scoped(ENGINE_ID, b"other", GET), MessageStatistic.UNKNOWN_CONTEXTS, True),
        (scoped(b"another engine", b"", GET), MessageStatistic.UNKNOWN_PDU_HANDLERS, True),
        (scoped(ENGINE_ID, b"", ber.pdu(PduTag.RESPONSE, 9, ())), MessageStatistic.UNKNOWN_PDU_HANDLERS, False),
        (scoped(ENGINE_ID, b"", ber.pdu(PduTag.REPORT, 9, ())), MessageStatistic.UNKNOWN_PDU_HANDLERS, False),
    ],
    ids=["context", "context engine", "response", "report"],
)
@pytest.mark.parametrize("user", USERS, ids=lambda user: user.name)
def test_authentic_messages_that_are_not_requests_to_this_agent(
    user: UsmUser, scoped_pdu: bytes, statistic: MessageStatistic, *, is_reported: bool, agent: Agent
) -> None:
    flags = LEVEL_FLAGS[user.level] if is_reported else None
    assert agent.discard(message(user, scoped_pdu=scoped_pdu)) == (statistic, flags)


def test_invalid_flags_and_other_security_models(agent: Agent) -> None:
    valid = message(PLAIN)
    flags, model = b"\x04\x01\x04", b"\x02\x01\x03\x04"  # msgFlags, and msgSecurityModel with what follows
    assert valid.count(flags) == valid.count(model) == 1
    priv_only = valid.replace(flags, b"\x04\x01\x06")
    assert agent.discard(priv_only) == (MessageStatistic.INVALID_MESSAGES, None)
    other_model = valid.replace(model, b"\x02\x01\x02\x04")
    assert agent.discard(other_model) == (MessageStatistic.UNKNOWN_SECURITY_MODELS, None)
    encrypted = message(PLAIN, scoped_pdu=ber.octets(b"encrypted"))
    assert agent.discard(encrypted) == (MessageStatistic.INVALID_MESSAGES, None)


@pytest.mark.parametrize("user", USERS, ids=lambda user: user.name)
def test_a_damaged_message_has_one_outcome(user: UsmUser, agent: Agent) -> None:
    source, valid = random.Random(3), message(user)
    for _ in range(2000):
        before = len(agent.requests)
        agent.process(damage(valid, source))
        assert agent.counts.total() + len(agent.requests) - before == 1
    if user is not PLAIN:
        assert not agent.requests or all(request.names == (NAME,) for request in agent.requests)


@given(st.binary(max_size=200))
def test_any_octets_have_one_outcome(data: bytes) -> None:
    agent = Agent()
    agent.process(data)
    assert agent.counts.total() == 1


def test_the_engine_names_the_counters_as_the_standards_do() -> None:
    names = {statistic.name: oids.dotted(statistic.oid) for statistic in (*MessageStatistic, *UsmStatistic)}
    assert names["IN_PACKETS"] == "1.3.6.1.2.1.11.1"  # snmpInPkts
    assert names["UNKNOWN_CONTEXTS"] == "1.3.6.1.6.3.12.1.5"  # snmpUnknownContexts
    assert names["DECRYPTION_ERRORS"] == "1.3.6.1.6.3.15.1.1.6"  # usmStatsDecryptionErrors


def test_names_are_not_decoded_before_the_sender_is_authentic(agent: Agent) -> None:
    invalid: Oid = b"\x30\x05\x06\x01\xff\x05\x00"
    pdu = ber.encoded_pdu(PduTag.GET_REQUEST, 9, invalid)
    stranger = message(UsmUser(name="stranger"), scoped_pdu=scoped(ENGINE_ID, b"", pdu))
    assert agent.discard(stranger)[0] is UsmStatistic.UNKNOWN_USER_NAMES
    assert agent.discard(message(scoped_pdu=scoped(ENGINE_ID, b"", pdu)))[0] is MessageStatistic.ASN_PARSE_ERRORS
