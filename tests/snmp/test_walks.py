"""Walks: which tables a request is answered from, if requests are repeated and walks meet at one name."""

from __future__ import annotations

from gateway.frontends.snmp.variable_table import VariableTable
from gateway.frontends.snmp.walks import MAX_WALKS, WALK_TIME, WalkTracker
from gateway.snmp.oid import encode

ROOT, A, B, C = (encode((1, 3, 6, 1, number)) for number in range(4))
OLD, NEW, NEWEST = VariableTable(ROOT), VariableTable(ROOT), VariableTable(ROOT)


class Requests:
    """Sends requests to a tracker, each of which ends at the next name."""

    def __init__(self) -> None:
        self.tracker = WalkTracker()
        self.current = OLD
        self.now = 0.0

    def send(self, start: bytes, end: bytes | None) -> VariableTable:
        """Returns the tables that a request is answered from."""
        walk = self.tracker.resume(start, self.current, self.now)
        self.tracker.advance(walk, start, end, self.now)
        return walk.table


def test_a_repeated_request_is_answered_from_the_tables_of_its_walk_and_does_not_end_it() -> None:
    requests = Requests()
    requests.send(ROOT, A)
    requests.current = NEW
    assert requests.send(A, B) is OLD
    requests.now += 5
    assert [requests.send(A, B), requests.send(A, B), requests.send(B, C), requests.send(B, C)] == [OLD] * 4
    assert len(requests.tracker) == 1


def test_the_last_request_of_a_walk_may_be_repeated_too() -> None:
    requests = Requests()
    requests.send(ROOT, A)
    requests.current = NEW
    assert [requests.send(A, None), requests.send(A, None)] == [OLD, OLD]


def test_a_request_that_began_a_walk_begins_another_one_with_the_latest_tables() -> None:
    requests = Requests()
    assert requests.send(ROOT, A) is OLD
    requests.current = NEW
    assert requests.send(ROOT, A) is NEW


def test_a_name_is_no_longer_that_of_a_repetition_after_a_while() -> None:
    requests = Requests()
    requests.send(ROOT, A)
    requests.send(A, B)
    requests.current = NEW
    requests.now += WALK_TIME / 2
    assert requests.send(A, B) is NEW
    assert requests.send(B, C) is NEW


def test_two_walks_side_by_side_keep_their_tables() -> None:
    requests = Requests()
    requests.send(ROOT, A)
    requests.current = NEW
    requests.send(ROOT, A)
    requests.current = NEWEST
    assert [requests.send(name, end) for name, end in ((A, B), (A, B), (B, C), (B, C), (C, None), (C, None))] == (
        [OLD, NEW] * 3
    )


def test_a_walk_passes_another_one_that_was_abandoned() -> None:
    requests = Requests()
    requests.send(ROOT, B)  # the walk of a table ends with the first name after it
    requests.current = NEW
    requests.now += 5
    requests.send(ROOT, A)
    requests.now += 5
    assert [requests.send(A, B), requests.send(B, C)] == [NEW, NEW]


def test_another_request_at_the_same_name_continues_in_the_same_tables() -> None:
    requests = Requests()
    requests.send(ROOT, A)
    requests.send(A, B)
    requests.current = NEW
    assert requests.send(A, C) is OLD  # a GETBULK after a GETNEXT
    assert [requests.send(C, None), requests.send(B, C)] == [OLD, OLD]


def test_walks_are_bounded_in_number_and_time() -> None:
    requests = Requests()
    for number in range(2 * MAX_WALKS):
        requests.send(ROOT, encode((2, number)))
        requests.send(encode((2, number)), encode((3, number)))
    tracker = requests.tracker
    assert len(tracker) == len(tracker._waiting) == len(tracker._repeatable) == MAX_WALKS
    requests.current = NEW
    requests.now += WALK_TIME + 1
    assert requests.send(encode((3, 2 * MAX_WALKS - 1)), None) is NEW
    tracker.expire(requests.now)
    assert (len(tracker._waiting), len(tracker._repeatable)) == (0, 0)
