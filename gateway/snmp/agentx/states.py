"""The state machine of a subagent's session with a master agent (RFC 2741, section 7.1), as a table.

Events that do not change the state are left out::

    UNOPENED --OPEN_SENT--> OPENING --OPEN_ACCEPTED--> OPEN --REGISTER_SENT--> REGISTERING
                               |                        ^                       |      |
                               |                        '---REGISTER_REFUSED----'      |
                               '--OPEN_REFUSED--> CLOSED        REGISTERED <--REGISTER_ACCEPTED

    every state but CLOSED --CLOSED, NOT_OPEN, PARSE_ERROR--> CLOSED

* All messages but Open carry the session id, which the master agent assigns in its response to Open (section 6.1).
  Until then, Open is the only message that can be sent.
* A refused registration leaves the session open, so that it can be repeated. The cause is often the previous session of
  the same subagent, whose end the master agent has not noticed yet (section 7.1.4).
* Requests are processed from OPEN on: a subagent searches all its variables, "without regard to registration of
  regions" (section 7.2.3.2).
* CLOSED: either side has sent Close (section 7.1.8). NOT_OPEN: the master agent has responded that it does not know
  the session. PARSE_ERROR: the end of a message cannot be determined. A closed session stays closed: a new session
  needs a new connection.
"""

from __future__ import annotations

from enum import StrEnum


class SessionState(StrEnum):
    """The state of a session."""

    UNOPENED = "unopened"
    OPENING = "opening"
    OPEN = "open"
    REGISTERING = "registering"
    REGISTERED = "registered"
    CLOSED = "closed"


class ProtocolEvent(StrEnum):
    """An event of the protocol that may change the state of a session; the values are used in error messages."""

    OPEN_SENT = "Open"
    OPEN_ACCEPTED = "a response that accepts Open"
    OPEN_REFUSED = "a response that refuses Open"
    REGISTER_SENT = "Register"
    REGISTER_ACCEPTED = "a response that accepts Register"
    REGISTER_REFUSED = "a response that refuses Register"
    MESSAGE_SENT = "Notify, AddAgentCaps or Ping"
    REQUEST_RECEIVED = "a request"
    CLOSED = "Close"
    NOT_OPEN = "a response with the error notOpen"
    PARSE_ERROR = "a parse error"


_ENDS = dict.fromkeys(
    (ProtocolEvent.CLOSED, ProtocolEvent.NOT_OPEN, ProtocolEvent.PARSE_ERROR),
    SessionState.CLOSED,
)

TRANSITIONS: dict[SessionState, dict[ProtocolEvent, SessionState]] = {
    SessionState.UNOPENED: {ProtocolEvent.OPEN_SENT: SessionState.OPENING, **_ENDS},
    SessionState.OPENING: {
        ProtocolEvent.OPEN_ACCEPTED: SessionState.OPEN,
        ProtocolEvent.OPEN_REFUSED: SessionState.CLOSED,
        **_ENDS,
    },
    SessionState.OPEN: {
        ProtocolEvent.REGISTER_SENT: SessionState.REGISTERING,
        ProtocolEvent.MESSAGE_SENT: SessionState.OPEN,
        ProtocolEvent.REQUEST_RECEIVED: SessionState.OPEN,
        **_ENDS,
    },
    SessionState.REGISTERING: {
        ProtocolEvent.REGISTER_ACCEPTED: SessionState.REGISTERED,
        ProtocolEvent.REGISTER_REFUSED: SessionState.OPEN,
        ProtocolEvent.MESSAGE_SENT: SessionState.REGISTERING,
        ProtocolEvent.REQUEST_RECEIVED: SessionState.REGISTERING,
        **_ENDS,
    },
    SessionState.REGISTERED: {
        ProtocolEvent.MESSAGE_SENT: SessionState.REGISTERED,
        ProtocolEvent.REQUEST_RECEIVED: SessionState.REGISTERED,
        **_ENDS,
    },
    SessionState.CLOSED: {},
}
"""The next state for each event that is allowed in a state."""


class StateError(RuntimeError):
    """A method of the session was called in a state that does not allow it: a mistake of the caller."""


def next_state(state: SessionState, event: ProtocolEvent) -> SessionState:
    """Returns the state after an event.

    Raises:
        StateError: the event is not allowed in this state.
    """
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise StateError(f"{event.value} is not allowed while the session is {state.value}") from None


def is_allowed(state: SessionState, event: ProtocolEvent) -> bool:
    """Returns whether an event is allowed in a state."""
    return event in TRANSITIONS[state]
