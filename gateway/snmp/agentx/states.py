"""What may follow what in a subagent's session with a master agent (RFC 2741, section 7.1), as a table.

Drawn without the triggers that change nothing::

    UNOPENED --OPEN--> OPENING --OPENED--> OPEN --REGISTER--> REGISTERING --REGISTERED--> REGISTERED
                          |                 ^                     |
                          |                 '----NOT_REGISTERED---'
                          '--NOT_OPENED--> CLOSED

    any but CLOSED --CLOSE, LOST, BROKEN--> CLOSED

* What is asked of the master agent, or by it, names the session by the id that it has given to it in its answer to
  Open (section 6.1): before that nothing but Open can be said.
* A refused registration leaves the session as it was, so that it can be tried again: what was in the way, often the
  own former session of which the master agent has not seen the end, may be gone by then (section 7.1.4).
* Requests are answered from OPEN on: a subagent looks among all variables that it has, "without regard to registration
  of regions" (section 7.2.3.2).
* CLOSE is said by either side (section 7.1.8). LOST is the master agent's saying that it does not know the session.
  BROKEN is a message whose end cannot be told. A closed session stays closed: a new one needs a new connection.
"""

from __future__ import annotations

from enum import StrEnum


class SessionState(StrEnum):
    """Where a session is."""

    UNOPENED = "unopened"
    OPENING = "opening"
    OPEN = "open"
    REGISTERING = "registering"
    REGISTERED = "registered"
    CLOSED = "closed"


class Trigger(StrEnum):
    """What can happen to a session."""

    OPEN = "asked to open"
    OPENED = "the master agent has opened it"
    NOT_OPENED = "the master agent does not open it"
    REGISTER = "asked to register"
    REGISTERED = "the master agent has registered"
    NOT_REGISTERED = "the master agent does not register"
    ASK = "asked for a notification, capabilities or an echo"
    REQUEST = "the master agent asks"
    CLOSE = "one side closes it"
    LOST = "the master agent does not know it"
    BROKEN = "what comes is not AgentX"


_ENDS = {Trigger.CLOSE: SessionState.CLOSED, Trigger.LOST: SessionState.CLOSED, Trigger.BROKEN: SessionState.CLOSED}

TRANSITIONS: dict[SessionState, dict[Trigger, SessionState]] = {
    SessionState.UNOPENED: {Trigger.OPEN: SessionState.OPENING, **_ENDS},
    SessionState.OPENING: {Trigger.OPENED: SessionState.OPEN, Trigger.NOT_OPENED: SessionState.CLOSED, **_ENDS},
    SessionState.OPEN: {
        Trigger.REGISTER: SessionState.REGISTERING,
        Trigger.ASK: SessionState.OPEN,
        Trigger.REQUEST: SessionState.OPEN,
        **_ENDS,
    },
    SessionState.REGISTERING: {
        Trigger.REGISTERED: SessionState.REGISTERED,
        Trigger.NOT_REGISTERED: SessionState.OPEN,
        Trigger.ASK: SessionState.REGISTERING,
        Trigger.REQUEST: SessionState.REGISTERING,
        **_ENDS,
    },
    SessionState.REGISTERED: {Trigger.ASK: SessionState.REGISTERED, Trigger.REQUEST: SessionState.REGISTERED, **_ENDS},
    SessionState.CLOSED: {},
}
"""What follows what; a trigger that a state lacks is not allowed in it."""


class StateError(RuntimeError):
    """The session was asked for what cannot be done in its state: a mistake of the caller's."""


def following(state: SessionState, trigger: Trigger) -> SessionState:
    """Returns the state in which a trigger leaves the session.

    Raises:
        StateError: it cannot happen in this state.
    """
    try:
        return TRANSITIONS[state][trigger]
    except KeyError:
        raise StateError(f"{trigger.value}, while the session is {state.value}") from None


def allowed(state: SessionState, trigger: Trigger) -> bool:
    """Returns whether a trigger can happen in this state."""
    return trigger in TRANSITIONS[state]
