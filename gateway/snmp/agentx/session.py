"""A subagent's session with a master agent (RFC 2741, section 7), without I/O.

``feed`` takes what was read, in any portions; ``next_event`` returns what it means, one event at a time; after each
call ``data_to_send`` has what is to be written. What may follow what is the table in ``gateway.snmp.agentx.states``.

Memory is bounded: by one message of ``MAX_PAYLOAD`` and what was fed with it, by ``MAX_PENDING`` messages whose answers
are awaited, and by ``MAX_RECENT`` requests that are remembered. What is to be written is the caller's to take away,
after each event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.errors import DecodeError
from gateway.snmp.agentx.codes import CloseReason, Error, PduType, name_of
from gateway.snmp.agentx.encoding import encode_varbind
from gateway.snmp.agentx.messages import (
    AddAgentCaps,
    Close,
    CommitSet,
    Get,
    GetBulk,
    GetNext,
    Notify,
    Open,
    Pdu,
    Ping,
    Register,
    Response,
    TestSet,
    UndoSet,
)
from gateway.snmp.agentx.pdu import HEADER_SIZE, Header, decode, decode_header, encode, encode_response
from gateway.snmp.agentx.states import SessionState, Trigger, allowed, following
from gateway.snmp.oid import Oid
from gateway.snmp.values import Type, VarBind

MAX_PENDING = 64
"""Messages whose answers are awaited; of more the oldest are forgotten, and their answers are dropped."""

MAX_RECENT = 32
"""Requests that are remembered to tell repetitions; snmpd sends no more at once than it has SNMP requests."""

_MAX_PACKET_ID = 2**32 - 1


_ANSWERED = {
    (PduType.OPEN, True): Trigger.OPENED,
    (PduType.OPEN, False): Trigger.NOT_OPENED,
    (PduType.REGISTER, True): Trigger.REGISTERED,
    (PduType.REGISTER, False): Trigger.NOT_REGISTERED,
}
"""What an answer means for the session, by what it answers and whether it says yes."""

_KINDS: dict[int, str] = {
    PduType.GET: "get",
    PduType.GET_NEXT: "get_next",
    PduType.GET_BULK: "get_bulk",
    PduType.TEST_SET: "set",
    PduType.COMMIT_SET: "set",
    PduType.UNDO_SET: "set",
    PduType.CLEANUP_SET: "set",
    PduType.CLOSE: "other",
}
"""What a master agent may send, Responses aside, and how it is counted."""

_SEARCHES = (Get, GetNext, GetBulk)
"""What is answered with variables."""

KINDS = tuple(dict.fromkeys(_KINDS.values()))


@dataclass(slots=True)
class Statistics:
    """Counts, over any number of sessions.

    Attributes:
        requests: messages of the master agent that were acted upon, by ``KINDS``.
        rejected: messages that were dropped or answered with an error because they broke the protocol.
        repeated: requests that were dropped because they had come before.
    """

    requests: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    repeated: int = 0


# --- Events ----------------------------------------------------------------------------------------------------------


class Request(NamedTuple):
    """The master agent asks, and ``Session.answer`` or ``Session.fail`` has to follow."""

    header: Header
    pdu: Get | GetNext | GetBulk


class Answered(NamedTuple):
    """The master agent has answered.

    Attributes:
        packet_id: what the method returned that has sent what is answered.
        error: an ``Error``, or a number that is none.
    """

    packet_id: int
    error: int


class Closed(NamedTuple):
    """The session is over, and the connection has to be closed.

    Attributes:
        broken: whether that is because what came was not AgentX.
        detail: what to tell a person.
    """

    broken: bool
    detail: str


Event = Request | Answered | Closed


class Session:
    """One session, which is one connection: snmpd 5.9 mixes up several sessions on one.

    Attributes:
        state: where it is.
        id: what the master agent calls it; 0 until it is open.

    Args:
        statistics: where to count.
    """

    def __init__(self, statistics: Statistics | None = None) -> None:
        self.state = SessionState.UNOPENED
        self.id = 0
        self._statistics = statistics or Statistics()
        self._received = bytearray()
        self._outgoing: list[bytes] = []
        self._packet_id = 0
        self._pending: dict[int, PduType] = {}
        self._recent: dict[int, int] = {}

    def _trigger(self, trigger: Trigger) -> None:
        self.state = following(self.state, trigger)

    # --- What the subagent says --------------------------------------------------------------------------------------

    def open(self, *, id: Oid = b"", description: bytes = b"", timeout: int = 0) -> int:  # noqa: A002 - RFC's name
        """Asks for the session (section 7.1.1). Each of these methods returns the packet id that is answered to.

        Raises:
            StateError: this cannot be done in this state; from all of these methods.
            ValueError: a value is not one of its type's; from all of these methods. Nothing has happened then.
        """
        return self._ask(Trigger.OPEN, Open(id=id, description=description, timeout=timeout))

    def register(self, subtree: Oid, *, priority: int = 127, timeout: int = 0) -> int:
        """Takes over a subtree (section 7.1.4)."""
        return self._ask(Trigger.REGISTER, Register(subtree=subtree, priority=priority, timeout=timeout))

    def add_agent_caps(self, id: Oid, description: bytes) -> int:  # noqa: A002 - the RFC's name
        """Adds a row to sysORTable, which goes away with the session (section 7.1.6)."""
        return self._ask(Trigger.ASK, AddAgentCaps(id=id, description=description))

    def notify(self, varbinds: Sequence[VarBind]) -> int:
        """Sends a notification (section 7.1.10); the answer says that it was accepted, not that it arrived."""
        return self._ask(Trigger.ASK, Notify(varbinds=tuple(varbinds)))

    def ping(self) -> int:
        """Asks whether the master agent is there, and knows the session (section 7.1.11)."""
        return self._ask(Trigger.ASK, Ping())

    def close(self, reason: CloseReason = CloseReason.SHUTDOWN) -> None:
        """Ends the session; one that is not open ends without a word."""
        if allowed(self.state, Trigger.REQUEST):
            self._send(Close(reason=reason))
        if self.state is not SessionState.CLOSED:
            self._trigger(Trigger.CLOSE)

    def _ask(self, trigger: Trigger, pdu: Pdu) -> int:
        state = following(self.state, trigger)
        packet_id = self._send(pdu)
        self.state = state
        self._pending[packet_id] = pdu.type
        if len(self._pending) > MAX_PENDING:
            del self._pending[next(iter(self._pending))]
        return packet_id

    def _send(self, pdu: Pdu) -> int:
        packet_id = self._packet_id % _MAX_PACKET_ID + 1
        self._outgoing.append(encode(pdu, session_id=self.id, transaction_id=packet_id, packet_id=packet_id))
        self._packet_id = packet_id
        return packet_id

    def data_to_send(self) -> bytes:
        """Returns what is to be written, and forgets it."""
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        return data

    # --- What the subagent answers -----------------------------------------------------------------------------------

    def answer(self, request: Request, varbinds: Sequence[bytes]) -> None:
        """Answers a request with variables, as ``encode_varbind`` makes them."""
        self._outgoing.append(encode_response(request.header, b"".join(varbinds)))

    def fail(self, request: Request, error: Error = Error.GEN_ERR) -> None:
        """Answers a request with an error that is about none of its variables."""
        self._outgoing.append(encode_response(request.header, error=error))

    # --- What the master agent says ----------------------------------------------------------------------------------

    def feed(self, data: bytes | memoryview) -> None:
        """Takes what was read."""
        if self.state is not SessionState.CLOSED:
            self._received += data

    def next_event(self) -> Event | None:
        """Returns what the next of the messages that were fed means; None where there is none that means anything.

        Messages that are no event are dealt with here: dropped, or answered by the session itself.
        """
        received = self._received
        while self.state is not SessionState.CLOSED and len(received) >= HEADER_SIZE:
            try:
                header = decode_header(received)
            except DecodeError as error:
                return self._broken(error)
            size = HEADER_SIZE + header.payload_length
            if len(received) < size:
                return None
            message = bytes(received[:size])
            del received[:size]
            event = self._message(header, message)
            if event is not None:
                return event
        return None

    def _broken(self, error: DecodeError) -> Closed:
        """Ends the session.

        "If the received PDU's header was not successfully parsed [...] processing is complete" (section 7.2.2): there
        is nothing to answer to, and where the next message begins cannot be told.
        """
        self._statistics.rejected += 1
        if allowed(self.state, Trigger.REQUEST):
            self._send(Close(reason=CloseReason.PARSE_ERROR))
        self._trigger(Trigger.BROKEN)
        self._received.clear()
        return Closed(broken=True, detail=str(error))

    def _message(self, header: Header, message: bytes) -> Event | None:
        if header.type == PduType.RESPONSE:
            return self._response(header, message)
        if self._is_repetition(header, message):
            self._statistics.repeated += 1
            return None
        pdu = self._checked(header, message)
        if isinstance(pdu, Error):
            self._reject(header, pdu)
            return None
        self._statistics.requests[_KINDS[header.type]] += 1
        if not isinstance(pdu, _SEARCHES):
            return self._other(header, pdu)
        if not pdu.context:
            return Request(header, pdu)
        self._outgoing.append(encode_response(header, _nothing(pdu)))
        return None

    def _checked(self, header: Header, message: bytes) -> Pdu | Error:
        """Returns a request, or the error that is to be answered (section 7.2.2).

        "If the received PDU cannot be parsed, res.error is set to `parseError'", also where a master agent sends what
        only a subagent may. "Otherwise, if h.sessionID does not correspond to a currently established session,
        res.error is set to `notOpen'."
        """
        if header.type not in _KINDS:
            return Error.PARSE_ERROR
        try:
            pdu = decode(header, message[HEADER_SIZE:])
        except DecodeError:
            return Error.PARSE_ERROR
        if header.session_id != self.id or not allowed(self.state, Trigger.REQUEST):
            return Error.NOT_OPEN
        return pdu

    def _is_repetition(self, header: Header, message: bytes) -> bool:
        """Returns whether a request has come before, and remembers it.

        A master agent that had to wait sends the same bytes again, with the packet id that it has given to no other
        message (snmpd 5.9: each second). It has been answered, and needs no second answer.
        """
        recent, mark = self._recent, hash(message)
        if recent.get(header.packet_id) == mark:
            return True
        recent[header.packet_id] = mark
        if len(recent) > MAX_RECENT:
            del recent[next(iter(recent))]
        return False

    def _reject(self, header: Header, error: Error) -> None:
        self._statistics.rejected += 1
        if header.type != PduType.CLEANUP_SET:  # which is never answered (section 7.2.4.4)
            self._outgoing.append(encode_response(header, error=error))

    def _other(self, header: Header, pdu: Pdu) -> Closed | None:
        """Deals with what needs no values: the end of the session, and SET, which nothing here allows."""
        if isinstance(pdu, Close):
            self._trigger(Trigger.CLOSE)
            self._received.clear()
            return Closed(broken=False, detail=f"closed by the master agent: {name_of(pdu.reason, CloseReason)}")
        if isinstance(pdu, TestSet):
            # the first variable that cannot be set is the first (section 7.2.4.1)
            index = min(1, len(pdu.varbinds))
            self._outgoing.append(encode_response(header, error=Error.NOT_WRITABLE, index=index))
        elif isinstance(pdu, CommitSet):
            self._outgoing.append(encode_response(header, error=Error.COMMIT_FAILED))  # no test has succeeded
        elif isinstance(pdu, UndoSet):
            self._outgoing.append(encode_response(header))  # nothing was set: nothing has to be undone
        return None  # CleanupSet is not answered (section 7.2.4.4)

    def _response(self, header: Header, message: bytes) -> Answered | Closed | None:
        """Finds out what is answered.

        "If there are any errors parsing or interpreting the PDU, it is silently dropped. Otherwise the response is
        matched to the original request via h.packetID" (section 7.2.2).
        """
        try:
            pdu = decode(header, message[HEADER_SIZE:])
        except DecodeError:
            pdu = None
        asked = self._pending.pop(header.packet_id, None) if pdu is not None else None
        if asked is None:
            self._statistics.rejected += 1
            return None
        assert isinstance(pdu, Response)
        if asked is PduType.OPEN and pdu.error == Error.NO_ERROR:
            self.id = header.session_id
        if asked is not PduType.OPEN and pdu.error == Error.NOT_OPEN:
            self._trigger(Trigger.LOST)
            self._received.clear()
            return Closed(broken=False, detail="the master agent does not know the session any longer")
        trigger = _ANSWERED.get((asked, pdu.error == Error.NO_ERROR))
        if trigger is not None:
            self._trigger(trigger)
        return Answered(header.packet_id, pdu.error)


def _nothing(pdu: Get | GetNext | GetBulk) -> bytes:
    """Returns the answer for a context in which there is nothing (sections 7.2.3.1 to 7.2.3.3)."""
    kind = Type.NO_SUCH_OBJECT if isinstance(pdu, Get) else Type.END_OF_MIB_VIEW
    return b"".join(encode_varbind(VarBind(searched.start, kind)) for searched in pdu.ranges)
