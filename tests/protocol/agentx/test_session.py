"""A session: every protocol event in every state, and correct and incorrect messages of a master agent."""

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
    """A master agent that decodes the messages of a session and sends its own."""

    def __init__(self, state: SessionState = SessionState.REGISTERED) -> None:
        self.statistics = Statistics()
        self.session = Session(self.statistics)
        self.packet_id = 1000
        steps: dict[SessionState, Callable[[], object]] = {
            SessionState.OPENING: self.session.open,
            SessionState.OPEN: self.accept,
            SessionState.REGISTERING: lambda: self.session.register(ROOT),
            SessionState.REGISTERED: self.accept,
        }
        for reached, step in steps.items():
            if self.session.state is not state and state is not SessionState.CLOSED:
                step()
                assert self.session.state is reached
        if state is SessionState.CLOSED:
            self.session.close()
        self.session.data_to_send()
        assert self.session.state is state

    def accept(self, error: int = ErrorCode.NO_ERROR, *, session_id: int = ID) -> Event | None:
        """Responds to the last message; by default, without an error."""
        ((header, _),) = self.sent()
        return self.respond(header, Response(error=error), session_id=session_id)

    def respond(self, header: Header, pdu: Pdu, *, session_id: int = ID) -> Event | None:
        data = encode(pdu, session_id=session_id, transaction_id=header.transaction_id, packet_id=header.packet_id)
        self.session.receive_data(data)
        return self.session.next_event()

    def message(self, pdu: Pdu, *, session_id: int = ID, packet_id: int = 0) -> bytes:
        self.packet_id += 1
        return encode(pdu, session_id=session_id, transaction_id=5, packet_id=packet_id or self.packet_id)

    def send(self, pdu: Pdu, *, session_id: int = ID) -> Event | None:
        self.session.receive_data(self.message(pdu, session_id=session_id))
        return self.session.next_event()

    def sent(self) -> list[tuple[Header, Pdu]]:
        """Returns the messages that the session has sent since the last call."""
        data, messages = self.session.data_to_send(), []
        while data:
            header = decode_header(data)
            end = HEADER_SIZE + header.payload_length
            messages.append((header, decode(header, data[HEADER_SIZE:end])))
            data = data[end:]
        return messages

    def response(self) -> Response:
        """Returns the only response that the session has sent to the last message."""
        ((header, pdu),) = self.sent()
        assert isinstance(pdu, Response)
        assert (header.session_id, header.transaction_id, header.packet_id) == (ID, 5, self.packet_id)
        assert header.flags == HeaderFlag.NETWORK_BYTE_ORDER
        return pdu


# --- The state machine -----------------------------------------------------------------------------------------------

OPENED = (SessionState.OPEN, SessionState.REGISTERING, SessionState.REGISTERED)
EXPECTED: dict[tuple[SessionState, ProtocolEvent], SessionState] = {
    (SessionState.UNOPENED, ProtocolEvent.OPEN_SENT): SessionState.OPENING,
    (SessionState.OPENING, ProtocolEvent.OPEN_ACCEPTED): SessionState.OPEN,
    (SessionState.OPENING, ProtocolEvent.OPEN_REFUSED): SessionState.CLOSED,
    (SessionState.OPEN, ProtocolEvent.REGISTER_SENT): SessionState.REGISTERING,
    (SessionState.REGISTERING, ProtocolEvent.REGISTER_ACCEPTED): SessionState.REGISTERED,
    (SessionState.REGISTERING, ProtocolEvent.REGISTER_REFUSED): SessionState.OPEN,
    **{
        (state, event): state
        for state in OPENED
        for event in (ProtocolEvent.MESSAGE_SENT, ProtocolEvent.REQUEST_RECEIVED)
    },
    **{
        (state, event): SessionState.CLOSED
        for state in SessionState
        for event in (ProtocolEvent.CLOSED, ProtocolEvent.NOT_OPEN, ProtocolEvent.PARSE_ERROR)
        if state is not SessionState.CLOSED
    },
}


@pytest.mark.parametrize("state", SessionState)
@pytest.mark.parametrize("event", ProtocolEvent)
def test_only_the_listed_transitions_are_allowed(state: SessionState, event: ProtocolEvent) -> None:
    expected = EXPECTED.get((state, event))
    assert is_allowed(state, event) == (expected is not None)
    if expected is None:
        with pytest.raises(StateError, match=f"^{event.value} is not allowed while the session is {state.value}$"):
            next_state(state, event)
    else:
        assert next_state(state, event) is expected


def test_every_state_has_transitions() -> None:
    assert set(TRANSITIONS) == set(SessionState)


def send_message(session: Session, event: ProtocolEvent) -> None:
    """Calls the methods of a session that cause an event."""
    match event:
        case ProtocolEvent.OPEN_SENT:
            session.open(id=ROOT, description=b"tested", timeout=5)
        case ProtocolEvent.REGISTER_SENT:
            session.register(ROOT, priority=10, timeout=5)
        case _:
            session.ping()
            session.add_agent_caps(ROOT, b"tested")
            session.notify(TRAP)


SENT_PDUS: dict[ProtocolEvent, list[Pdu]] = {
    ProtocolEvent.OPEN_SENT: [Open(id=ROOT, description=b"tested", timeout=5)],
    ProtocolEvent.REGISTER_SENT: [Register(subtree=ROOT, priority=10, timeout=5)],
    ProtocolEvent.MESSAGE_SENT: [Ping(), AddAgentCaps(id=ROOT, description=b"tested"), Notify(varbinds=TRAP)],
}


@pytest.mark.parametrize("state", SessionState)
@pytest.mark.parametrize("event", SENT_PDUS)
def test_messages_of_the_subagent_in_every_state(state: SessionState, event: ProtocolEvent) -> None:
    master = Master(state)
    if not is_allowed(state, event):
        with pytest.raises(StateError):
            send_message(master.session, event)
        assert master.session.state is state
        assert master.sent() == []
        return
    send_message(master.session, event)
    assert master.session.state is next_state(state, event)
    sent = master.sent()
    assert [pdu for _, pdu in sent] == SENT_PDUS[event]
    assert {header.session_id for header, _ in sent} == {0 if event is ProtocolEvent.OPEN_SENT else ID}
    assert len({header.packet_id for header, _ in sent}) == len(sent)


@pytest.mark.parametrize("state", SessionState)
def test_close_in_every_state(state: SessionState) -> None:
    master = Master(state)
    master.session.close(CloseReason.BY_MANAGER)
    sent = [pdu for _, pdu in master.sent()]
    assert sent == ([Close(reason=CloseReason.BY_MANAGER)] if state in OPENED else [])
    assert master.session.state is SessionState.CLOSED
    assert master.send(Get(ranges=(RANGE,))) is None
    assert master.sent() == []


@pytest.mark.parametrize("state", SessionState)
def test_requests_in_every_state(state: SessionState) -> None:
    master = Master(state)
    event = master.send(Get(ranges=(RANGE,)))
    assert master.session.state is state
    if state in OPENED:
        assert isinstance(event, Request)
        assert event.pdu == Get(ranges=(RANGE,))
        assert master.sent() == []
    else:
        assert event is None
        if state is SessionState.CLOSED:
            assert master.sent() == []
        else:
            assert master.response() == Response(error=ErrorCode.NOT_OPEN)
            assert master.statistics.rejected == 1


@pytest.mark.parametrize("state", SessionState)
def test_close_of_the_master_agent_in_every_state(state: SessionState) -> None:
    master = Master(state)
    event = master.send(Close(reason=CloseReason.TIMEOUTS))
    if state in OPENED:
        assert event == SessionClosed(broken=False, detail="closed by the master agent: timeouts")
        assert master.session.state is SessionState.CLOSED
        assert master.sent() == []
        assert master.statistics.requests == {"other": 1}
    else:
        assert event is None
        assert master.session.state is state


@pytest.mark.parametrize("state", SessionState)
def test_other_protocols_in_every_state(state: SessionState) -> None:
    master = Master(state)
    master.session.receive_data(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    event = master.session.next_event()
    assert master.session.state is SessionState.CLOSED
    if state is SessionState.CLOSED:
        assert event is None
        return
    assert event == SessionClosed(broken=True, detail="AgentX version 71, expected 1")
    assert master.session.next_event() is None
    sent = [pdu for _, pdu in master.sent()]
    assert sent == ([Close(reason=CloseReason.PARSE_ERROR)] if state in OPENED else [])
    assert master.statistics.rejected == 1


# --- Responses of the master agent -----------------------------------------------------------------------------------


def test_an_accepted_open() -> None:
    master = Master(SessionState.UNOPENED)
    packet_id = master.session.open()
    assert master.accept() == ResponseReceived(packet_id, 0)
    assert (master.session.state, master.session.id) == (SessionState.OPEN, ID)


@pytest.mark.parametrize("error", [ErrorCode.OPEN_FAILED, ErrorCode.NOT_OPEN, ErrorCode.PARSE_ERROR, 999])
def test_a_refused_open(error: int) -> None:
    master = Master(SessionState.UNOPENED)
    packet_id = master.session.open()
    assert master.accept(error) == ResponseReceived(packet_id, error)
    assert (master.session.state, master.session.id) == (SessionState.CLOSED, 0)


@pytest.mark.parametrize("error", [ErrorCode.DUPLICATE_REGISTRATION, ErrorCode.REQUEST_DENIED, 999])
def test_a_refused_registration_can_be_repeated(error: int) -> None:
    master = Master(SessionState.OPEN)
    for _ in range(3):
        packet_id = master.session.register(ROOT)
        assert master.accept(error) == ResponseReceived(packet_id, error)
        assert master.session.state is SessionState.OPEN
    packet_id = master.session.register(ROOT)
    assert master.accept() == ResponseReceived(packet_id, 0)
    assert master.session.state is SessionState.REGISTERED


@pytest.mark.parametrize("send", [Session.ping, lambda session: session.notify(TRAP)])
def test_the_error_not_open_closes_the_session(send: Callable[[Session], int]) -> None:
    master = Master()
    send(master.session)
    event = master.accept(ErrorCode.NOT_OPEN, session_id=0)
    assert event == SessionClosed(broken=False, detail="the master agent no longer knows the session")
    assert master.session.state is SessionState.CLOSED


def test_other_errors_do_not_change_the_state() -> None:
    master = Master()
    packet_id = master.session.notify(TRAP)
    assert master.accept(ErrorCode.PROCESSING_ERROR) == ResponseReceived(packet_id, 268)
    assert master.session.state is SessionState.REGISTERED


def test_responses_in_a_different_order() -> None:
    master = Master()
    first, second = master.session.ping(), master.session.notify(TRAP)
    (ping, _), (notify, _) = master.sent()
    assert master.respond(notify, Response()) == ResponseReceived(second, 0)
    assert master.respond(ping, Response()) == ResponseReceived(first, 0)


def test_responses_without_a_request_are_dropped() -> None:
    master = Master()
    master.session.ping()
    ((header, _),) = master.sent()
    assert master.respond(header._replace(packet_id=77), Response()) is None
    assert isinstance(master.respond(header, Response()), ResponseReceived)
    assert master.respond(header, Response()) is None
    assert master.statistics.rejected == 2
    assert master.sent() == []


def test_a_damaged_response_is_dropped() -> None:
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


def test_the_oldest_pending_requests_are_forgotten() -> None:
    master = Master()
    packet_ids = [master.session.notify(TRAP) for _ in range(MAX_PENDING + 1)]
    sent = master.sent()
    assert len(master.session._pending) == MAX_PENDING
    assert master.respond(sent[0][0], Response()) is None
    assert master.respond(sent[1][0], Response()) == ResponseReceived(packet_ids[1], 0)


def test_packet_ids_wrap() -> None:
    master = Master()
    master.session._packet_id = 2**32 - 2
    assert [master.session.ping() for _ in range(3)] == [2**32 - 1, 1, 2]


def test_invalid_values_do_not_change_the_session() -> None:
    master = Master()
    with pytest.raises(ValueError, match="GAUGE32"):
        master.session.notify([VarBind(ROOT, Type.GAUGE32, -1)])
    assert master.sent() == []
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
def test_responses_to_requests(pdu: Pdu) -> None:
    master = Master()
    event = master.send(pdu)
    assert isinstance(event, Request)
    assert event.pdu == pdu
    varbinds = [encode_varbind(VarBind(ROOT, Type.INTEGER, number)) for number in (1, 2)]
    master.session.respond(event, varbinds)
    assert master.response() == Response(varbinds=b"".join(varbinds))
    assert master.statistics == Statistics(requests=master.statistics.requests)
    assert sum(master.statistics.requests.values()) == 1


def test_error_responses_to_requests() -> None:
    master = Master()
    event = master.send(Get(ranges=(RANGE,)))
    assert isinstance(event, Request)
    master.session.respond_error(event)
    assert master.response() == Response(error=ErrorCode.GEN_ERR)


def test_responses_are_in_network_byte_order() -> None:
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
    assert master.send(pdu) is None
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
def test_set_is_refused(pdu: Pdu, response: Response | None) -> None:
    master = Master()
    assert master.send(pdu) is None
    if response is None:
        assert master.sent() == []
    else:
        assert master.response() == response
    assert master.statistics.requests == {"set": 1}
    assert master.session.state is SessionState.REGISTERED


def test_requests_are_counted_in_five_kinds() -> None:
    assert REQUEST_KINDS == ("get", "get_next", "get_bulk", "set", "other")


# --- Messages that violate the protocol ------------------------------------------------------------------------------


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
def test_pdus_that_only_a_subagent_may_send(pdu: Pdu) -> None:
    master = Master()
    assert master.send(pdu) is None
    assert master.response() == Response(error=ErrorCode.PARSE_ERROR)
    assert (master.statistics.rejected, sum(master.statistics.requests.values())) == (1, 0)


def damaged(pdu: Pdu, type_: int | None = None) -> bytes:
    """Returns a message with four bytes too many in its payload, or with another type."""
    data = bytearray(encode(pdu, session_id=ID, transaction_id=5, packet_id=1001))
    if type_ is None:
        data[19] += 4
        data += b"\xff\xff\xff\xff"
    else:
        data[1] = type_
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        damaged(Get(ranges=(RANGE,))),
        damaged(CommitSet()),
        damaged(Close()),
        damaged(Ping(), type_=0),
        damaged(Ping(), type_=19),
        damaged(Ping(), type_=255),
    ],
)
def test_a_damaged_request_is_answered_and_the_next_one_is_read(data: bytes) -> None:
    master = Master()
    master.packet_id = 1001
    master.session.receive_data(data + master.message(Get(ranges=(RANGE,)), packet_id=1002))
    assert isinstance(master.session.next_event(), Request)  # the next message is decoded
    master.packet_id = 1001
    assert master.response() == Response(error=ErrorCode.PARSE_ERROR)
    assert master.statistics.rejected == 1


def test_there_is_no_response_to_a_damaged_cleanup() -> None:
    master = Master()
    master.session.receive_data(damaged(CleanupSet()))
    assert master.session.next_event() is None
    assert master.sent() == []
    assert master.statistics.rejected == 1


@pytest.mark.parametrize("pdu", [Get(ranges=(RANGE,)), TestSet(varbinds=(VALUE,)), Close()])
def test_a_request_of_another_session_is_refused(pdu: Pdu) -> None:
    master = Master()
    assert master.send(pdu, session_id=ID + 1) is None
    ((header, response),) = master.sent()
    assert (header.session_id, response) == (ID + 1, Response(error=ErrorCode.NOT_OPEN))
    assert master.session.state is SessionState.REGISTERED
    assert master.statistics.rejected == 1


def test_the_maximum_payload() -> None:
    master = Master()
    head = bytearray(master.message(Get(ranges=())))
    head[16:20] = MAX_PAYLOAD.to_bytes(4, "big")
    search_range = bytes([126, 0, 0, 0]) + bytes(4 * 126) + bytes(4)
    master.session.receive_data(bytes(head) + search_range * (MAX_PAYLOAD // len(search_range)))
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


def test_a_repeated_request_is_dropped() -> None:
    master = Master()
    data = master.message(Get(ranges=(RANGE,)))
    master.session.receive_data(data * 3)
    event = master.session.next_event()
    assert isinstance(event, Request)
    master.session.respond(event, [])
    assert master.session.next_event() is None
    assert master.response() == Response()
    assert master.statistics.repeated == 2


def test_two_repeated_requests_in_turns() -> None:
    master = Master()
    one, other = master.message(Get(ranges=(RANGE,))), master.message(TestSet(varbinds=(VALUE,)))
    master.session.receive_data((one + other) * 2)
    assert isinstance(master.session.next_event(), Request)
    assert master.session.next_event() is None
    assert master.statistics.repeated == 2
    assert master.statistics.requests == {"get": 1, "set": 1}


def test_another_request_with_the_same_packet_id_is_not_a_repetition() -> None:
    master = Master()
    for pdu in (Get(ranges=(RANGE,)), GetNext(ranges=(RANGE,)), Get(ranges=(RANGE, RANGE))):
        master.session.receive_data(master.message(pdu, packet_id=9))
        assert isinstance(master.session.next_event(), Request)
    assert master.statistics.repeated == 0


def test_only_recent_requests_are_remembered() -> None:
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
def test_messages_in_portions_of_any_size(cuts: list[int]) -> None:
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


def test_messages_byte_by_byte() -> None:
    master = Master()
    found = []
    for pdu in STREAM:
        for byte in master.message(pdu):
            found.append(master.session.next_event())
            master.session.receive_data(bytes([byte]))
        found.append(master.session.next_event())
    assert [event.pdu for event in found if isinstance(event, Request)] == STREAM


@given(st.binary(max_size=400))
def test_random_bytes_raise_nothing(data: bytes) -> None:
    master = Master()
    master.session.receive_data(data)
    while (event := master.session.next_event()) is not None:
        if isinstance(event, Request):
            master.session.respond(event, [])
    master.session.data_to_send()
    assert len(master.session._received) <= len(data)


@given(st.lists(st.tuples(st.sampled_from(PduType), st.binary(max_size=40), st.booleans()), max_size=10))
def test_random_payloads_raise_nothing(messages: list[tuple[PduType, bytes, bool]]) -> None:
    master = Master()
    for number, (type_, data, is_own_session) in enumerate(messages):
        payload = data[: len(data) // 4 * 4]
        head = bytes([1, type_, 0x10, 0]) + b"".join(
            value.to_bytes(4, "big") for value in (ID if is_own_session else 0, 1, number + 1, len(payload))
        )
        master.session.receive_data(head + payload)
        while (event := master.session.next_event()) is not None:
            if isinstance(event, Request):
                master.session.respond_error(event)
    assert master.session.state in {SessionState.REGISTERED, SessionState.CLOSED}
    assert len(master.session._received) == 0
