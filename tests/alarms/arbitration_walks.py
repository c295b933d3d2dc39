"""The walks of the conditions of arbitration: the quorum device."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.subsystems.qdevice import metrics as qdevice
from tests.alarms.snapshots import Sample
from tests.alarms.walks import Walk

UP: Sample = (qdevice.UP, 1, ())
DOWN: Sample = (qdevice.UP, 0, ())
VOTES: Sample = (qdevice.VOTE, 1, ())
NO_VOTE: Sample = (qdevice.VOTE, 0, ())


def state(name: str) -> Sample:
    return qdevice.STATE, qdevice.STATE.flags_for(name), ()


CONNECTED = state("connected")

ARBITRATION: Mapping[str, Walk] = {
    "qdevice-no-vote": Walk(
        before=(UP, CONNECTED, VOTES),
        present=(UP, state("connect_failed"), NO_VOTE),
        absent=(UP, CONNECTED, VOTES),
        unknown=((), (UP,), (UP, VOTES), (UP, CONNECTED), (UP, NO_VOTE)),
        collector="qdevice",
    ),
}
