"""A session: every trigger in every state, and what a master agent may do right and wrong."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.snmp import oid as oids
from gateway.snmp.agentx.codes import CloseReason, ErrorCode, HeaderFlag, PduType
from gateway.snmp.agentx.encoding import Reader, encode_varbind
from gateway.snmp.agentx.messages import (
    AddAgentCaps,
    CleanupSet,
    Close,
    CommitSet,
    Get,
    GetBulk,
    GetNext,
    IndexAllocate,
    IndexDeallocate,
    Notify,
    Open,
    Pdu,
    Ping,
    Register,
    RemoveAgentCaps,
    Response,
    TestSet,
    UndoSet,
    Unregister,
)
from gateway.snmp.agentx.pdu import HEADER_SIZE, MAX_PAYLOAD, Header, decode, decode_header, encode
from gateway.snmp.agentx.session import (
    MAX_PENDING,
    MAX_RECENT,
    REQUEST_KINDS,
    Event,
    Request,
    ResponseReceived,
    Session,
    SessionClosed,
    Statistics,
)
from gateway.snmp.agentx.states import TRANSITIONS, ProtocolEvent, SessionState, StateError, is_allowed, next_state
from gateway.snmp.values import SearchRange, Type, VarBind

ROOT = oids.parse("1.3.6.1.4.1.8072.9999.9999.9664")
ID = 41
TRAP = (VarBind(oids.parse("1.3.6.1.6.3.1.1.4.1.0"), Type.OBJECT_IDENTIFIER, ROOT),)
RANGE = SearchRange(ROOT, oids.after_subtree(ROOT))


class Master:
    """The other side: takes messages apart, and makes its own."""

    def __init__(self, state: SessionState = SessionState.REGISTERED) -> None:
        self.statistics = Statistics()
        self.session = Session(self.statistics)
        self.packet_id = 1000
        steps: dict[SessionState, Callable[[], object]] = {
            SessionState.OPENING: self.session.open,
            SessionState.OPEN: self.answer,
            SessionState.REGISTERING: lambda: self.session.register(ROOT),
            SessionState.REGISTERED: self.answer,
        }
        for reached, step in steps.items():
            if self.session.state is not state and state is not SessionState.CLOSED:
                step()
                assert self.session.state is reached
        if state is SessionState.CLOSED:
            self.session.close()
        self.session.data_to_send()
        assert self.session.state is state

    def answer(self, error: int = ErrorCode.NO_ERROR, *, session_id: int = ID) -> Event | None:
        """Answers the last message."""
        ((header, _),) = self.said()
        return self.reply(header, Response(error=error), session_id=session_id)

    def reply(self, header: Header, pdu: Pdu, *, session_id: int = ID) -> Event | None:
        data = encode(pdu, session_id=session_id, transaction_id=header.transaction_id, packet_id=header.packet_id)
        self.session.receive_data(data)
        return self.session.next_event()

    def message(self, pdu: Pdu, *, session_id: int = ID, packet_id: int = 0) -> bytes:
        self.packet_id += 1
        return encode(pdu, session_id=session_id, transaction_id=5, packet_id=packet_id or self.packet_id)

    def says(self, pdu: Pdu, *, session_id: int = ID) -> Event | None:
        self.session.receive_data(self.message(pdu, session_id=session_id))
        return self.session.next_event()

    def said(self) -> list[tuple[Header, Pdu]]:
        """Returns what the session has said since it was last asked."""
        data, found = self.session.data_to_send(), []
        while data:
            header = decode_header(data)
            end = HEADER_SIZE + header.payload_length
            found.append((header, decode(header, data[HEADER_SIZE:end])))
            data = data[end:]
        return found

    def response(self) -> Response:
        """Returns the one answer that the session has given to the last message."""
        ((header, pdu),) = self.said()
        assert isinstance(pdu, Response)
        assert (header.session_id, header.transaction_id, header.packet_id) == (ID, 5, self.packet_id)
        assert header.flags == HeaderFlag.NETWORK_BYTE_ORDER
        return pdu


# --- The table of states ---------------------------------------------------------------------------------------------

OPENED = (SessionState.OPEN, SessionState.REGISTERING, SessionState.REGISTERED)
EXPECTED: dict[tuple[SessionState, ProtocolEvent], SessionState] = {
    (SessionState.UNOPENED, ProtocolEvent.OPEN_SENT): SessionState.OPENING,
    (SessionState.OPENING, ProtocolEvent.OPEN_ACCEPTED): SessionState.OPEN,
    (SessionState.OPENING, ProtocolEvent.OPEN_REFUSED): SessionState.CLOSED,
    (SessionState.OPEN, ProtocolEvent.REGISTER_SENT): SessionState.REGISTERING,
    (SessionState.REGISTERING, ProtocolEvent.REGISTER_ACCEPTED): SessionState.REGISTERED,
    (SessionState.REGISTERING, ProtocolEvent.REGISTER_REFUSED): SessionState.OPEN,
    **{
        (state, trigger): state
        for state in OPENED
        for trigger in (ProtocolEvent.MESSAGE_SENT, ProtocolEvent.REQUEST_RECEIVED)
    },
    **{
        (state, trigger): SessionState.CLOSED
        for state in SessionState
        for trigger in (ProtocolEvent.CLOSED, ProtocolEvent.NOT_OPEN, ProtocolEvent.PARSE_ERROR)
        if state is not SessionState.CLOSED
    },
}


@pytest.mark.parametrize("state", SessionState)
@pytest.mark.parametrize("trigger", ProtocolEvent)
def test_the_table(state: SessionState, trigger: ProtocolEvent) -> None:
    expected = EXPECTED.get((state, trigger))
    assert is_allowed(state, trigger) == (expected is not None)
    if expected is None:
        with pytest.raises(StateError, match=f"^{trigger.value} is not allowed while the session is {state.value}$"):
            next_state(state, trigger)
    else:
        assert next_state(state, trigger) is expected


def test_the_table_has_all_states() -> None:
    assert set(TRANSITIONS) == set(SessionState)


def ask(session: Session, trigger: ProtocolEvent) -> None:
    """Lets a session do what a subagent can ask of it."""
    match trigger:
        case ProtocolEvent.OPEN_SENT:
            session.open(id=ROOT, description=b"tested", timeout=5)
        case ProtocolEvent.REGISTER_SENT:
            session.register(ROOT, priority=10, timeout=5)
        case _:
            session.ping()
            session.add_agent_caps(ROOT, b"tested")
            session.notify(TRAP)


SAID: dict[ProtocolEvent, list[Pdu]] = {
    ProtocolEvent.OPEN_SENT: [Open(id=ROOT, description=b"tested", timeout=5)],
    ProtocolEvent.REGISTER_SENT: [Register(subtree=ROOT, priority=10, timeout=5)],
    ProtocolEvent.MESSAGE_SENT: [Ping(), AddAgentCaps(id=ROOT, description=b"tested"), Notify(varbinds=TRAP)],
}


@pytest.mark.parametrize("state", SessionState)
@pytest.mark.parametrize("trigger", SAID)
def test_what_is_asked_of_a_session(state: SessionState, trigger: ProtocolEvent) -> None:
    master = Master(state)
    if not is_allowed(state, trigger):
        with pytest.raises(StateError):
            ask(master.session, trigger)
        assert master.session.state is state
        assert master.said() == []
        return
    ask(master.session, trigger)
    assert master.session.state is next_state(state, trigger)
    said = master.said()
    assert [pdu for _, pdu in said] == SAID[trigger]
    assert {header.session_id for header, _ in said} == {0 if trigger is ProtocolEvent.OPEN_SENT else ID}
    assert len({header.packet_id for header, _ in said}) == len(said)


@pytest.mark.parametrize("state", SessionState)
def test_closing(state: SessionState) -> None:
    master = Master(state)
    master.session.close(CloseReason.BY_MANAGER)
    said = [pdu for _, pdu in master.said()]
    assert said == ([Close(reason=CloseReason.BY_MANAGER)] if state in OPENED else [])
    assert master.session.state is SessionState.CLOSED
    assert master.says(Get(ranges=(RANGE,))) is None
    assert master.said() == []


@pytest.mark.parametrize("state", SessionState)
def test_requests_in_every_state(state: SessionState) -> None:
    master = Master(state)
    event = master.says(Get(ranges=(RANGE,)))
    assert master.session.state is state
    if state in OPENED:
        assert isinstance(event, Request)
        assert event.pdu == Get(ranges=(RANGE,))
        assert master.said() == []
    else:
        assert event is None
        if state is SessionState.CLOSED:
            assert master.said() == []
        else:
            assert master.response() == Response(error=ErrorCode.NOT_OPEN)
            assert master.statistics.rejected == 1


@pytest.mark.parametrize("state", SessionState)
def test_the_master_agent_closes(state: SessionState) -> None:
    master = Master(state)
    event = master.says(Close(reason=CloseReason.TIMEOUTS))
    if state in OPENED:
        assert event == SessionClosed(broken=False, detail="closed by the master agent: timeouts")
        assert master.session.state is SessionState.CLOSED
        assert master.said() == []
        assert master.statistics.requests == {"other": 1}
    else:
        assert event is None
        assert master.session.state is state


@pytest.mark.parametrize("state", SessionState)
def test_what_is_not_agentx(state: SessionState) -> None:
    master = Master(state)
    master.session.receive_data(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    event = master.session.next_event()
    assert master.session.state is SessionState.CLOSED
    if state is SessionState.CLOSED:
        assert event is None
        return
    assert event == SessionClosed(broken=True, detail="AgentX version 71, expected 1")
    assert master.session.next_event() is None
    said = [pdu for _, pdu in master.said()]
    assert said == ([Close(reason=CloseReason.PARSE_ERROR)] if state in OPENED else [])
    assert master.statistics.rejected == 1


# --- Answers of the master agent -------------------------------------------------------------------------------------


def test_a_session_is_opened() -> None:
    master = Master(SessionState.UNOPENED)
    packet_id = master.session.open()
    assert master.answer() == ResponseReceived(packet_id, 0)
    assert (master.session.state, master.session.id) == (SessionState.OPEN, ID)


@pytest.mark.parametrize("error", [ErrorCode.OPEN_FAILED, ErrorCode.NOT_OPEN, ErrorCode.PARSE_ERROR, 999])
def test_a_session_is_not_opened(error: int) -> None:
    master = Master(SessionState.UNOPENED)
    packet_id = master.session.open()
    assert master.answer(error) == ResponseReceived(packet_id, error)
    assert (master.session.state, master.session.id) == (SessionState.CLOSED, 0)


@pytest.mark.parametrize("error", [ErrorCode.DUPLICATE_REGISTRATION, ErrorCode.REQUEST_DENIED, 999])
def test_a_registration_is_refused_and_tried_again(error: int) -> None:
    master = Master(SessionState.OPEN)
    for _ in range(3):
        packet_id = master.session.register(ROOT)
        assert master.answer(error) == ResponseReceived(packet_id, error)
        assert master.session.state is SessionState.OPEN
    packet_id = master.session.register(ROOT)
    assert master.answer() == ResponseReceived(packet_id, 0)
    assert master.session.state is SessionState.REGISTERED


@pytest.mark.parametrize("say", [Session.ping, lambda session: session.notify(TRAP)])
def test_the_master_agent_does_not_know_the_session(say: Callable[[Session], int]) -> None:
    master = Master()
    say(master.session)
    event = master.answer(ErrorCode.NOT_OPEN, session_id=0)
    assert event == SessionClosed(broken=False, detail="the master agent no longer knows the session")
    assert master.session.state is SessionState.CLOSED


def test_other_answers_change_nothing() -> None:
    master = Master()
    packet_id = master.session.notify(TRAP)
    assert master.answer(ErrorCode.PROCESSING_ERROR) == ResponseReceived(packet_id, 268)
    assert master.session.state is SessionState.REGISTERED


def test_answers_in_another_order() -> None:
    master = Master()
    first, second = master.session.ping(), master.session.notify(TRAP)
    (ping, _), (notify, _) = master.said()
    assert master.reply(notify, Response()) == ResponseReceived(second, 0)
    assert master.reply(ping, Response()) == ResponseReceived(first, 0)


def test_answers_that_nobody_asked_for() -> None:
    master = Master()
    master.session.ping()
    ((header, _),) = master.said()
    assert master.reply(header._replace(packet_id=77), Response()) is None
    assert isinstance(master.reply(header, Response()), ResponseReceived)
    assert master.reply(header, Response()) is None
    assert master.statistics.rejected == 2
    assert master.said() == []


def test_a_damaged_answer_is_dropped_and_the_next_taken() -> None:
    """Section 7.2.2: "it is silently dropped"."""
    master = Master()
    packet_id = master.session.ping()
    master.session.receive_data(
        bytes.fromhex("01121000") + bytes(8) + packet_id.to_bytes(4, "big") + b"\0\0\0\4" + bytes(4)
    )
    assert master.session.next_event() is None
    assert (master.session.data_to_send() != b"", master.statistics.rejected) == (True, 1)
    master.session.receive_data(encode(Response(), session_id=ID, transaction_id=1, packet_id=packet_id))
    assert master.session.next_event() == ResponseReceived(packet_id, 0)


def test_of_answers_that_never_come_the_oldest_are_forgotten() -> None:
    master = Master()
    packet_ids = [master.session.notify(TRAP) for _ in range(MAX_PENDING + 1)]
    said = master.said()
    assert len(master.session._pending) == MAX_PENDING
    assert master.reply(said[0][0], Response()) is None
    assert master.reply(said[1][0], Response()) == ResponseReceived(packet_ids[1], 0)


def test_packet_ids_start_over() -> None:
    master = Master()
    master.session._packet_id = 2**32 - 2
    assert [master.session.ping() for _ in range(3)] == [2**32 - 1, 1, 2]


def test_what_cannot_be_said_changes_nothing() -> None:
    master = Master()
    with pytest.raises(ValueError, match="GAUGE32"):
        master.session.notify([VarBind(ROOT, Type.GAUGE32, -1)])
    assert master.said() == []
    assert master.session._pending == {}
    unopened = Master(SessionState.UNOPENED)
    with pytest.raises(ValueError, match="timeout"):
        unopened.session.open(timeout=999)
    assert unopened.session.state is SessionState.UNOPENED


# --- Requests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pdu",
    [
        Get(ranges=(RANGE, RANGE)),
        GetNext(ranges=(SearchRange(ROOT, b"", include=True),)),
        GetBulk(ranges=(RANGE,), non_repeaters=0, max_repetitions=5),
    ],
)
def test_requests_are_answered(pdu: Pdu) -> None:
    master = Master()
    event = master.says(pdu)
    assert isinstance(event, Request)
    assert event.pdu == pdu
    varbinds = [encode_varbind(VarBind(ROOT, Type.INTEGER, number)) for number in (1, 2)]
    master.session.respond(event, varbinds)
    assert master.response() == Response(varbinds=b"".join(varbinds))
    assert master.statistics == Statistics(requests=master.statistics.requests)
    assert sum(master.statistics.requests.values()) == 1


def test_requests_fail() -> None:
    master = Master()
    event = master.says(Get(ranges=(RANGE,)))
    assert isinstance(event, Request)
    master.session.respond_error(event)
    assert master.response() == Response(error=ErrorCode.GEN_ERR)


def test_requests_in_the_other_byte_order_are_answered_in_ours() -> None:
    master = Master()
    head = bytes.fromhex("01050000 29000000 05000000 e9030000 0c000000")
    master.packet_id = 1001
    master.session.receive_data(head + bytes.fromhex("01040000 01000000 00000000"))
    event = master.session.next_event()
    assert isinstance(event, Request)
    assert event.pdu == Get(ranges=(SearchRange(oids.parse("1.3.6.1.4.1")),))
    master.session.respond(event, [])
    assert master.response() == Response()


@pytest.mark.parametrize(
    ("pdu", "expected"),
    [
        (Get(ranges=(RANGE, RANGE), context=b"other"), Type.NO_SUCH_OBJECT),
        (GetNext(ranges=(RANGE, RANGE), context=b"other"), Type.END_OF_MIB_VIEW),
        (GetBulk(ranges=(RANGE, RANGE), max_repetitions=9, context=b"other"), Type.END_OF_MIB_VIEW),
    ],
)
def test_other_contexts_are_empty(pdu: Pdu, expected: Type) -> None:
    master = Master()
    assert master.says(pdu) is None
    assert Reader(master.response().varbinds).varbinds() == (VarBind(ROOT, expected), VarBind(ROOT, expected))
    assert (master.statistics.rejected, sum(master.statistics.requests.values())) == (0, 1)


VALUE = VarBind(ROOT, Type.INTEGER, 1)
SETS: list[tuple[Pdu, Response | None]] = [
    (TestSet(varbinds=(VALUE, VALUE)), Response(error=ErrorCode.NOT_WRITABLE, index=1)),
    (TestSet(varbinds=()), Response(error=ErrorCode.NOT_WRITABLE)),
    (TestSet(varbinds=(VALUE,), context=b"other"), Response(error=ErrorCode.NOT_WRITABLE, index=1)),
    (CommitSet(), Response(error=ErrorCode.COMMIT_FAILED)),
    (UndoSet(), Response()),
    (CleanupSet(), None),
]


@pytest.mark.parametrize(("pdu", "response"), SETS)
def test_nothing_can_be_set(pdu: Pdu, response: Response | None) -> None:
    master = Master()
    assert master.says(pdu) is None
    if response is None:
        assert master.said() == []
    else:
        assert master.response() == response
    assert master.statistics.requests == {"set": 1}
    assert master.session.state is SessionState.REGISTERED


def test_kinds() -> None:
    assert REQUEST_KINDS == ("get", "get_next", "get_bulk", "set", "other")


# --- Messages that break the protocol --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pdu",
    [
        Open(),
        Register(subtree=ROOT),
        Unregister(subtree=ROOT),
        Notify(varbinds=TRAP),
        Ping(),
        IndexAllocate(varbinds=TRAP),
        IndexDeallocate(varbinds=TRAP),
        AddAgentCaps(id=ROOT, description=b""),
        RemoveAgentCaps(id=ROOT),
    ],
)
def test_what_only_a_subagent_may_say(pdu: Pdu) -> None:
    master = Master()
    assert master.says(pdu) is None
    assert master.response() == Response(error=ErrorCode.PARSE_ERROR)
    assert (master.statistics.rejected, sum(master.statistics.requests.values())) == (1, 0)


def damaged(pdu: Pdu, kind: int | None = None) -> bytes:
    """Returns a message whose payload has four bytes too many, or which is of another type."""
    data = bytearray(encode(pdu, session_id=ID, transaction_id=5, packet_id=1001))
    if kind is None:
        data[19] += 4
        data += b"\xff\xff\xff\xff"
    else:
        data[1] = kind
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        damaged(Get(ranges=(RANGE,))),
        damaged(CommitSet()),
        damaged(Close()),
        damaged(Ping(), kind=0),
        damaged(Ping(), kind=19),
        damaged(Ping(), kind=255),
    ],
)
def test_what_cannot_be_parsed(data: bytes) -> None:
    master = Master()
    master.packet_id = 1001
    master.session.receive_data(data + master.message(Get(ranges=(RANGE,)), packet_id=1002))
    assert isinstance(master.session.next_event(), Request)  # the next message can be read
    master.packet_id = 1001
    assert master.response() == Response(error=ErrorCode.PARSE_ERROR)
    assert master.statistics.rejected == 1


def test_a_damaged_cleanup_is_not_answered_either() -> None:
    master = Master()
    master.session.receive_data(damaged(CleanupSet()))
    assert master.session.next_event() is None
    assert master.said() == []
    assert master.statistics.rejected == 1


@pytest.mark.parametrize("pdu", [Get(ranges=(RANGE,)), TestSet(varbinds=(VALUE,)), Close()])
def test_another_session(pdu: Pdu) -> None:
    master = Master()
    assert master.says(pdu, session_id=ID + 1) is None
    ((header, response),) = master.said()
    assert (header.session_id, response) == (ID + 1, Response(error=ErrorCode.NOT_OPEN))
    assert master.session.state is SessionState.REGISTERED
    assert master.statistics.rejected == 1


def test_a_message_of_the_largest_size_is_taken_and_no_larger_one() -> None:
    master = Master()
    head = bytearray(master.message(Get(ranges=())))
    head[16:20] = MAX_PAYLOAD.to_bytes(4, "big")
    master.session.receive_data(bytes(head) + bytes(MAX_PAYLOAD))
    assert isinstance(master.session.next_event(), Request)
    head[16:20] = (MAX_PAYLOAD + 4).to_bytes(4, "big")
    master.session.receive_data(bytes(head))
    event = master.session.next_event()
    assert isinstance(event, SessionClosed)
    assert event.broken
    assert event.detail == "the payload has 1048580 bytes, at most 1048576 are allowed"
    master.session.receive_data(bytes(1000))
    assert len(master.session._received) == 0


# --- Repetitions -----------------------------------------------------------------------------------------------------


def test_a_request_that_is_sent_again_is_dropped() -> None:
    master = Master()
    data = master.message(Get(ranges=(RANGE,)))
    master.session.receive_data(data * 3)
    event = master.session.next_event()
    assert isinstance(event, Request)
    master.session.respond(event, [])
    assert master.session.next_event() is None
    assert master.response() == Response()
    assert master.statistics.repeated == 2


def test_two_requests_are_sent_again_in_turns() -> None:
    master = Master()
    one, other = master.message(Get(ranges=(RANGE,))), master.message(TestSet(varbinds=(VALUE,)))
    master.session.receive_data((one + other) * 2)
    assert isinstance(master.session.next_event(), Request)
    assert master.session.next_event() is None
    assert master.statistics.repeated == 2
    assert master.statistics.requests == {"get": 1, "set": 1}


def test_another_request_with_the_same_packet_id_is_none() -> None:
    master = Master()
    for pdu in (Get(ranges=(RANGE,)), GetNext(ranges=(RANGE,)), Get(ranges=(RANGE, RANGE))):
        master.session.receive_data(master.message(pdu, packet_id=9))
        assert isinstance(master.session.next_event(), Request)
    assert master.statistics.repeated == 0


def test_not_all_requests_are_remembered() -> None:
    master = Master()
    first = master.message(Get(ranges=(RANGE,)))
    master.session.receive_data(first)
    for _ in range(MAX_RECENT):
        master.session.receive_data(master.message(Get(ranges=(RANGE,))))
    master.session.receive_data(first)
    events = [master.session.next_event() for _ in range(MAX_RECENT + 2)]
    assert all(isinstance(event, Request) for event in events)
    assert len(master.session._recent) == MAX_RECENT


# --- Portions --------------------------------------------------------------------------------------------------------

STREAM = [Get(ranges=(RANGE,)), GetNext(ranges=(RANGE, RANGE)), GetBulk(ranges=(RANGE,), max_repetitions=3)]


@given(st.lists(st.integers(0, 300), max_size=12))
def test_messages_arrive_in_any_portions(cuts: list[int]) -> None:
    master = Master()
    stream = b"".join(master.message(pdu) for pdu in STREAM)
    ends = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    found = []
    for begin, end in pairwise(ends):
        master.session.receive_data(stream[begin:end])
        while (event := master.session.next_event()) is not None:
            assert isinstance(event, Request)
            found.append(event.pdu)
    assert found == STREAM


def test_messages_arrive_byte_by_byte() -> None:
    master = Master()
    found = []
    for pdu in STREAM:
        for byte in master.message(pdu):
            found.append(master.session.next_event())
            master.session.receive_data(bytes([byte]))
        found.append(master.session.next_event())
    assert [event.pdu for event in found if isinstance(event, Request)] == STREAM


@given(st.binary(max_size=400))
def test_any_bytes_end_in_an_event_or_none(data: bytes) -> None:
    master = Master()
    master.session.receive_data(data)
    while (event := master.session.next_event()) is not None:
        if isinstance(event, Request):
            master.session.respond(event, [])
    master.session.data_to_send()
    assert len(master.session._received) <= len(data)


@given(st.lists(st.tuples(st.sampled_from(PduType), st.binary(max_size=40), st.booleans()), max_size=10))
def test_any_payloads_end_in_an_event_or_none(messages: list[tuple[PduType, bytes, bool]]) -> None:
    master = Master()
    for number, (kind, data, known) in enumerate(messages):
        payload = data[: len(data) // 4 * 4]
        head = bytes([1, kind, 0x10, 0]) + b"".join(
            value.to_bytes(4, "big") for value in (ID if known else 0, 1, number + 1, len(payload))
        )
        master.session.receive_data(head + payload)
        while (event := master.session.next_event()) is not None:
            if isinstance(event, Request):
                master.session.respond_error(event)
    assert master.session.state in {SessionState.REGISTERED, SessionState.CLOSED}
    assert len(master.session._received) == 0
