"""A subagent's session with a master agent (RFC 2741, section 7), without I/O.

``receive_data`` accepts the bytes that were read, in portions of any size. ``next_event`` returns the next event that
they contain. After each call, ``data_to_send`` returns the bytes to write. The state machine is the table in
``gateway.snmp.agentx.states``.

Memory is bounded by one message of ``MAX_PAYLOAD`` and the portion it arrived in, by ``MAX_PENDING`` messages that
wait for a response, and by ``MAX_RECENT`` requests that are remembered. The caller fetches the bytes to write after
each event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.errors import DecodeError
from gateway.snmp.agentx.codes import CloseReason, ErrorCode, PduType, rfc_name
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
from gateway.snmp.agentx.states import ProtocolEvent, SessionState, is_allowed, next_state
from gateway.snmp.oid import Oid
from gateway.snmp.values import Type, VarBind

MAX_PENDING = 64
"""Messages that wait for a response. If there are more, the oldest are forgotten and their responses dropped."""

MAX_RECENT = 32
"""Requests that are remembered to detect repetitions; snmpd sends at most one for each SNMP request in progress."""

_MAX_PACKET_ID = 2**32 - 1


_RESPONSE_EVENTS = {
    (PduType.OPEN, True): ProtocolEvent.OPEN_ACCEPTED,
    (PduType.OPEN, False): ProtocolEvent.OPEN_REFUSED,
    (PduType.REGISTER, True): ProtocolEvent.REGISTER_ACCEPTED,
    (PduType.REGISTER, False): ProtocolEvent.REGISTER_REFUSED,
}
"""The protocol event of a response, by the type of the PDU it responds to and whether there is no error."""

_REQUEST_KINDS: dict[int, str] = {
    PduType.GET: "get",
    PduType.GET_NEXT: "get_next",
    PduType.GET_BULK: "get_bulk",
    PduType.TEST_SET: "set",
    PduType.COMMIT_SET: "set",
    PduType.UNDO_SET: "set",
    PduType.CLEANUP_SET: "set",
    PduType.CLOSE: "other",
}
"""The PDUs that a master agent may send, aside from Response, and the kind that each is counted as."""

_RETRIEVALS = (Get, GetNext, GetBulk)
"""The PDUs whose responses contain variables."""

REQUEST_KINDS = tuple(dict.fromkeys(_REQUEST_KINDS.values()))


@dataclass(slots=True)
class Statistics:
    """Counters of any number of sessions.

    Attributes:
        requests: messages of the master agent that were processed, by ``REQUEST_KINDS``.
        rejected: messages that were dropped, or got an error in response, because they violate the protocol.
        repeated: requests that were dropped because they were repetitions.
    """

    requests: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    repeated: int = 0


# --- Events ----------------------------------------------------------------------------------------------------------


class Request(NamedTuple):
    """A request of the master agent; the caller calls ``Session.respond`` or ``Session.respond_error`` next."""

    header: Header
    pdu: Get | GetNext | GetBulk


class ResponseReceived(NamedTuple):
    """A response of the master agent.

    Attributes:
        packet_id: the packet id that the sending method has returned.
        error: an ``ErrorCode``, or a number that the RFC does not define.
    """

    packet_id: int
    error: int


class SessionClosed(NamedTuple):
    """The session is closed; the caller closes the connection.

    Attributes:
        broken: whether the received bytes were not AgentX.
        detail: the reason, as a text for the log.
    """

    broken: bool
    detail: str


Event = Request | ResponseReceived | SessionClosed


class Session:
    """One session on one connection: snmpd 5.9 mixes up several sessions on a connection.

    Attributes:
        state: the state of the session.
        id: h.sessionID, which the master agent assigns; 0 until the session is open.

    Args:
        statistics: counters to increment.
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

    def _change_state(self, event: ProtocolEvent) -> None:
        self.state = next_state(self.state, event)

    # --- Sending -----------------------------------------------------------------------------------------------------

    def open(self, *, id: Oid = b"", description: bytes = b"", timeout: int = 0) -> int:  # noqa: A002 - RFC's name
        """Opens the session (section 7.1.1).

        This and the following methods return the packet id of the message, which the response will have, too.

        Raises:
            StateError: the state of the session does not allow the message; raised by all these methods.
            ValueError: a value is out of range, and nothing was sent; raised by all these methods.
        """
        return self._send_request(ProtocolEvent.OPEN_SENT, Open(id=id, description=description, timeout=timeout))

    def register(self, subtree: Oid, *, priority: int = 127, timeout: int = 0) -> int:
        """Registers a subtree (section 7.1.4)."""
        return self._send_request(
            ProtocolEvent.REGISTER_SENT, Register(subtree=subtree, priority=priority, timeout=timeout)
        )

    def add_agent_caps(self, id: Oid, description: bytes) -> int:  # noqa: A002 - the RFC's name
        """Adds a row to sysORTable, which is removed when the session ends (section 7.1.6)."""
        return self._send_request(ProtocolEvent.MESSAGE_SENT, AddAgentCaps(id=id, description=description))

    def notify(self, varbinds: Sequence[VarBind]) -> int:
        """Sends a notification (section 7.1.10); the response says that it was accepted, not that it was delivered."""
        return self._send_request(ProtocolEvent.MESSAGE_SENT, Notify(varbinds=tuple(varbinds)))

    def ping(self) -> int:
        """Checks whether the master agent responds and still has the session (section 7.1.11)."""
        return self._send_request(ProtocolEvent.MESSAGE_SENT, Ping())

    def close(self, reason: CloseReason = CloseReason.SHUTDOWN) -> None:
        """Closes the session; sends Close only if the session is open."""
        if is_allowed(self.state, ProtocolEvent.REQUEST_RECEIVED):
            self._send(Close(reason=reason))
        if self.state is not SessionState.CLOSED:
            self._change_state(ProtocolEvent.CLOSED)

    def _send_request(self, event: ProtocolEvent, pdu: Pdu) -> int:
        state = next_state(self.state, event)
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
        """Returns the bytes to write, and removes them."""
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        return data

    # --- Responding --------------------------------------------------------------------------------------------------

    def respond(self, request: Request, varbinds: Sequence[bytes]) -> None:
        """Responds to a request with variables that ``encode_varbind`` has encoded."""
        self._outgoing.append(encode_response(request.header, b"".join(varbinds)))

    def respond_error(self, request: Request, error: ErrorCode = ErrorCode.GEN_ERR) -> None:
        """Responds to a request with an error that no single variable has caused."""
        self._outgoing.append(encode_response(request.header, error=error))

    # --- Receiving ---------------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes | memoryview) -> None:
        """Adds bytes that were read from the connection."""
        if self.state is not SessionState.CLOSED:
            self._received += data

    def next_event(self) -> Event | None:
        """Returns the next event in the received bytes; None if there is none.

        Messages that are not events are processed by the session itself: it drops them or responds to them.
        """
        received = self._received
        while self.state is not SessionState.CLOSED and len(received) >= HEADER_SIZE:
            try:
                header = decode_header(received)
            except DecodeError as error:
                return self._end_broken_session(error)
            size = HEADER_SIZE + header.payload_length
            if len(received) < size:
                return None
            message = bytes(received[:size])
            del received[:size]
            event = self._process_message(header, message)
            if event is not None:
                return event
        return None

    def _end_broken_session(self, error: DecodeError) -> SessionClosed:
        """Closes the session after a damaged header.

        "If the received PDU's header was not successfully parsed [...] processing is complete" (section 7.2.2): no
        response is possible, and the beginning of the next message is unknown.
        """
        self._statistics.rejected += 1
        if is_allowed(self.state, ProtocolEvent.REQUEST_RECEIVED):
            self._send(Close(reason=CloseReason.PARSE_ERROR))
        self._change_state(ProtocolEvent.PARSE_ERROR)
        self._received.clear()
        return SessionClosed(broken=True, detail=str(error))

    def _process_message(self, header: Header, message: bytes) -> Event | None:
        if header.type == PduType.RESPONSE:
            return self._process_response(header, message)
        if self._is_repetition(header, message):
            self._statistics.repeated += 1
            return None
        pdu = self._decode_request(header, message)
        if isinstance(pdu, ErrorCode):
            self._reject(header, pdu)
            return None
        self._statistics.requests[_REQUEST_KINDS[header.type]] += 1
        if not isinstance(pdu, _RETRIEVALS):
            return self._process_other_request(header, pdu)
        if not pdu.context:
            return Request(header, pdu)
        self._outgoing.append(encode_response(header, _empty_context_varbinds(pdu)))
        return None

    def _decode_request(self, header: Header, message: bytes) -> Pdu | ErrorCode:
        """Returns the decoded request, or the error to respond with (section 7.2.2).

        "If the received PDU cannot be parsed, res.error is set to `parseError'". This includes PDUs that only a
        subagent may send. "Otherwise, if h.sessionID does not correspond to a currently established session,
        res.error is set to `notOpen'."
        """
        if header.type not in _REQUEST_KINDS:
            return ErrorCode.PARSE_ERROR
        try:
            pdu = decode(header, message[HEADER_SIZE:])
        except DecodeError:
            return ErrorCode.PARSE_ERROR
        if header.session_id != self.id or not is_allowed(self.state, ProtocolEvent.REQUEST_RECEIVED):
            return ErrorCode.NOT_OPEN
        return pdu

    def _is_repetition(self, header: Header, message: bytes) -> bool:
        """Returns whether a request is a repetition, and remembers it.

        If a response takes long, the master agent sends the same bytes again, with the same packet id (snmpd 5.9: each
        second). The first one gets its response; the repetition needs none.
        """
        recent, digest = self._recent, hash(message)
        if recent.get(header.packet_id) == digest:
            return True
        recent[header.packet_id] = digest
        if len(recent) > MAX_RECENT:
            del recent[next(iter(recent))]
        return False

    def _reject(self, header: Header, error: ErrorCode) -> None:
        self._statistics.rejected += 1
        if header.type != PduType.CLEANUP_SET:  # there is no response to it (section 7.2.4.4)
            self._outgoing.append(encode_response(header, error=error))

    def _process_other_request(self, header: Header, pdu: Pdu) -> SessionClosed | None:
        """Processes the requests that need no variables: Close, and the parts of a set operation, which is refused."""
        if isinstance(pdu, Close):
            self._change_state(ProtocolEvent.CLOSED)
            self._received.clear()
            return SessionClosed(
                broken=False, detail=f"closed by the master agent: {rfc_name(pdu.reason, CloseReason)}"
            )
        if isinstance(pdu, TestSet):
            # no variable can be set, so the first one has caused the error (section 7.2.4.1)
            index = min(1, len(pdu.varbinds))
            self._outgoing.append(encode_response(header, error=ErrorCode.NOT_WRITABLE, index=index))
        elif isinstance(pdu, CommitSet):
            self._outgoing.append(
                encode_response(header, error=ErrorCode.COMMIT_FAILED)
            )  # because no TestSet has succeeded
        elif isinstance(pdu, UndoSet):
            self._outgoing.append(encode_response(header))  # nothing was set, so there is nothing to undo
        return None  # there is no response to CleanupSet (section 7.2.4.4)

    def _process_response(self, header: Header, message: bytes) -> ResponseReceived | SessionClosed | None:
        """Matches a response to its request.

        "If there are any errors parsing or interpreting the PDU, it is silently dropped. Otherwise the response is
        matched to the original request via h.packetID" (section 7.2.2).
        """
        try:
            pdu = decode(header, message[HEADER_SIZE:])
        except DecodeError:
            pdu = None
        request_type = self._pending.pop(header.packet_id, None) if pdu is not None else None
        if request_type is None:
            self._statistics.rejected += 1
            return None
        assert isinstance(pdu, Response)
        if request_type is PduType.OPEN and pdu.error == ErrorCode.NO_ERROR:
            self.id = header.session_id
        if request_type is not PduType.OPEN and pdu.error == ErrorCode.NOT_OPEN:
            self._change_state(ProtocolEvent.NOT_OPEN)
            self._received.clear()
            return SessionClosed(broken=False, detail="the master agent no longer knows the session")
        event = _RESPONSE_EVENTS.get((request_type, pdu.error == ErrorCode.NO_ERROR))
        if event is not None:
            self._change_state(event)
        return ResponseReceived(header.packet_id, pdu.error)


def _empty_context_varbinds(pdu: Get | GetNext | GetBulk) -> bytes:
    """Returns the variables of a response for a context without variables (sections 7.2.3.1 to 7.2.3.3)."""
    type_ = Type.NO_SUCH_OBJECT if isinstance(pdu, Get) else Type.END_OF_MIB_VIEW
    return b"".join(encode_varbind(VarBind(search_range.start, type_)) for search_range in pdu.ranges)
