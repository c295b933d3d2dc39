"""A library that returns half a document, another one, or noise: the tool runs as well, and the page is the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from gateway.engine.engine import Engine
from gateway.frontends.prometheus import exposition
from gateway.host.host import CommandResult
from gateway.host.library import LibraryAnswer
from gateway.snapshot import Snapshot
from gateway.status import Status
from gateway.subsystems.probe import read_result
from tests.fakes import FakeHost
from tests.series import ended, fact_lines
from tests.situations import LAB
from tests.subsystems import make_collector

FILES = {"crm_mon": "crm_mon--output-as=xml.stdout", "cibadmin": "cibadmin-constraints.stdout"}
VERSION = "libpacemaker.so.1.5.0"

GARBAGE = {
    "nothing": b"",
    "zeros": bytes(4096),
    "noise": bytes(range(256)) * 16,
    "text": b"Critical: Unable to get any data\n",
    "another document": b"<html><body>502 Bad Gateway</body></html>",
    "an empty result": b'<pacemaker-result api-version="2.25" request="crm_mon"/>',
    "a result without a cluster": b'<pacemaker-result api-version="2.25"><status code="0"/></pacemaker-result>',
    "another section": b"<nodes/>",
    "two documents": b"<pacemaker-result/><pacemaker-result/>",
}


def document(command: str, situation: str = "moved") -> bytes:
    """Returns what a tool has printed in a situation of the lab."""
    return (LAB / situation / FILES[command]).read_bytes()


def page(snapshot: Snapshot) -> list[str]:
    """Returns the lines that a page has about the cluster."""
    return fact_lines(exposition.encode_text(snapshot.samples_by_metric).decode())


def halves(whole: bytes) -> Iterator[bytes]:
    """Yields beginnings of a document: at each of its first and last elements, and some between."""
    step = max(1, len(whole) // 60)
    end = len(whole.rstrip())
    yield from (whole[:length] for length in (*range(1, end - 1, step), *range(end - 40, end)))


@pytest.mark.parametrize("command", FILES)
def test_half_a_document_is_never_read(command: str) -> None:
    plan = make_collector("pacemaker").plan(FakeHost())
    assert plan is not None
    (probe,) = (probe for probe in plan.probes if probe.name == command)
    whole = document(command)
    assert read_result(probe, ended(whole)).status is Status.OK
    read = [half for half in halves(whole) if read_result(probe, ended(half)).status is not Status.UNPARSABLE]
    assert read == []


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_changes_nothing_on_the_page(garbage: str) -> None:
    tools: dict[str, CommandResult] = {command: ended(document(command)) for command in FILES}
    answer = LibraryAnswer(result=ended(GARBAGE[garbage]), version=VERSION)
    collector = make_collector("pacemaker")
    expected = page(await Engine(FakeHost({**tools}), [collector]).collect())
    with capture_logs() as logs:
        engine = Engine(FakeHost({**tools}, libraries=dict.fromkeys(FILES, answer)), [collector])
        assert [page(await engine.collect()) for _ in range(3)] == [expected] * 3
    assert len(expected) > 50
    assert sorted(log["command"] for log in logs if log["event"] == "tool in use") == sorted(FILES)
