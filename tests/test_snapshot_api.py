"""The snapshot as a JSON document: its schema, its meaning, and how it is served."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from gateway.alarms.alarm_table import Alarm
from gateway.catalog import CONDITION_BY_NAME
from gateway.conditions.model import Severity
from gateway.engine.engine import Engine
from gateway.frontends.prometheus import pages, snapshot_document
from gateway.frontends.prometheus.route import Route
from gateway.frontends.prometheus.server import MetricsServer
from gateway.frontends.prometheus.snapshot_api import PATH, SCHEMA_PATH, SnapshotApi, schema
from gateway.samples import Metric, MetricKind, SamplesByMetric
from gateway.snapshot import CollectorReport, CommandReport, Snapshot
from gateway.status import Status
from tests import series
from tests.conftest import Gate, Script
from tests.http_server import ScriptCollector, request, serving
from tests.situations import situations
from tests.waiting import until

HOSTILE = "<script>\"'\\\n\r\t\x1b[2J\u202e\u2028\x9b" + "x" * 4000
VALUE = Metric(name="t_value", help="A number.", labels=("name",))
STATE = Metric(name="t_state", help="A state.", labels=("node",), states=("on", "off", "ill"), state_label="state")


@cache
def validator() -> Any:
    document = json.loads(schema())
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document, format_checker=Draft202012Validator.FORMAT_CHECKER)


def reject_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


def decode(page: bytes | str) -> Any:
    document = json.loads(page, parse_constant=reject_constant)
    validator().validate(document)
    return document


def fail(name: str, error: Exception) -> None:
    raise AssertionError(name) from error


def encode(samples: SamplesByMetric, **changes: Any) -> bytes:
    snapshot = Snapshot(samples_by_metric=samples, time=1_795_805_000.25, collectors=changes.pop("collectors", {}))
    return snapshot_document.encode(snapshot, samples, alarms=changes.pop("alarms", None), on_error=fail)


def alarm(condition: str, **fields: str) -> Alarm:
    return Alarm(
        condition=CONDITION_BY_NAME[condition],
        object=fields.pop("object", ""),
        fields=fields,
        first_seen=0,
        since=0.5,
        last_seen=0,
    )


# --- The document ----------------------------------------------------------------------------------------------------


def test_the_document_of_a_snapshot() -> None:
    samples: SamplesByMetric = {
        VALUE: {("b",): 1.0, ("a",): 0.5, ("inf",): math.inf, ("-inf",): -math.inf, ("large",): 10**400},
        STATE: {("n",): (True, False, None)},
    }
    command = CommandReport(name="tool", status=Status.UNPARSABLE, detail="expected a number", line=3, duration=0.25)
    report = CollectorReport(name="c", commands=(command,), duration=0.5)
    entries = snapshot_document.alarm_entries([alarm("quorum-lost")])
    document = decode(encode(samples, collectors={"c": report}, alarms=entries))
    assert document.pop("gateway").keys() == {"version"}
    assert document == {
        "version": 1,
        "time": "2026-11-27T18:43:20.250Z",
        "timestamp_seconds": 1795805000.25,
        "complete": True,
        "alarms": [
            {
                "condition": "quorum-lost",
                "object": "",
                "severity": "critical",
                "text": CONDITION_BY_NAME["quorum-lost"].raised,
                "action": CONDITION_BY_NAME["quorum-lost"].action,
                "since": "1970-01-01T00:00:00.500Z",
                "since_timestamp_seconds": 0.5,
            }
        ],
        "collectors": {
            "c": {
                "state": "unparsable",
                "duration_seconds": 0.5,
                "commands": [
                    {
                        "name": "tool",
                        "state": "unparsable",
                        "detail": "expected a number",
                        "line": 3,
                        "required": True,
                        "duration_seconds": 0.25,
                        "unreadable_values": 0,
                    }
                ],
            }
        },
        "samples": [
            {"name": "t_state", "labels": {"node": "n"}, "states": {"on": True, "off": False}},
            {"name": "t_value", "labels": {"name": "b"}, "value": 1},
            {"name": "t_value", "labels": {"name": "a"}, "value": 0.5},
            {"name": "t_value", "labels": {"name": "inf"}, "value": "+Inf"},
            {"name": "t_value", "labels": {"name": "-inf"}, "value": "-Inf"},
            {"name": "t_value", "labels": {"name": "large"}, "value": "+Inf"},
        ],
    }


def test_every_situation_has_the_series_of_the_metrics_page() -> None:
    for name, samples in situations():
        page = encode(samples.samples_by_metric)
        document = decode(page) if name.startswith("demo/") else json.loads(page)  # the validator is slow
        assert document_series(document, samples.samples_by_metric) == series.of(samples), name


def document_series(document: Any, samples: SamplesByMetric) -> series.Series:
    """Returns the series of a document, with the names that the client library gives them."""
    metrics = {metric.name: metric for metric in samples}
    result: series.Series = {}
    for sample in document["samples"]:
        metric, labels = metrics[sample["name"]], sample["labels"]
        name = metric.name.removesuffix("_total") + "_total" if metric.kind is MetricKind.COUNTER else metric.name
        for state, flag in sample.get("states", {}).items():
            result[name, frozenset({**labels, metric.state_label: state}.items())] = flag
        if "value" in sample:
            result[name, frozenset(labels.items())] = float(sample["value"])
    return result


def test_hostile_text_is_text() -> None:
    command = CommandReport(name=HOSTILE, status=Status.FAILED, detail=HOSTILE)
    report = CollectorReport(name=HOSTILE, commands=(command,))
    entries = snapshot_document.alarm_entries([alarm("node-unclean", object=HOSTILE, node=HOSTILE)])
    page = encode({VALUE: {(HOSTILE,): 1}}, collectors={HOSTILE: report}, alarms=entries).decode()
    assert not set("\x1b\x9b\u202e\u2028\t\r") & set(page)
    document = decode(page)
    assert document["samples"] == [{"name": "t_value", "labels": {"name": HOSTILE}, "value": 1}]
    assert document["collectors"][HOSTILE]["commands"][0]["detail"] == HOSTILE
    assert document["alarms"][0]["object"] == HOSTILE
    assert HOSTILE in document["alarms"][0]["text"]


def test_schema_lists_every_state_and_severity() -> None:
    document = json.loads(schema())
    assert document["$defs"]["state"]["enum"] == [status.value for status in Status]
    alarms = document["properties"]["alarms"]["items"]["properties"]
    assert alarms["severity"]["enum"] == [severity.value for severity in Severity]


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"time": "yesterday"},
        {"samples": [{"name": "a", "labels": {}}]},
        {"samples": [{"name": "a", "labels": {}, "value": 1, "states": {}}]},
        {"samples": [{"name": "a", "labels": {"b": 1}, "value": 1}]},
        {"samples": [{"name": "a", "labels": {}, "value": "NaN"}]},
        {"collectors": {"c": {"state": "fine", "duration_seconds": 0, "commands": []}}},
    ],
)
def test_the_schema_rejects_other_documents(change: dict[str, Any]) -> None:
    document = decode(encode({}))
    assert not validator().is_valid({**document, **change})


# --- The server ------------------------------------------------------------------------------------------------------


def serving_api(*collectors: ScriptCollector, alarms: Sequence[Alarm] | None = None) -> Any:
    def routes(engine: Engine, server: MetricsServer) -> Sequence[Route]:
        return SnapshotApi(engine, server.pages, lambda: alarms).routes

    return serving(*collectors, routes=routes)


async def test_a_snapshot_is_served(script: Script) -> None:
    async with serving_api(ScriptCollector({"x": script("echo 5")}), alarms=[alarm("quorum-lost")]) as served:
        async with served.get(PATH) as response:
            assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
            assert response.headers["Cache-Control"] == "no-store"
            document = decode(await response.read())
        async with served.get(PATH, headers={"Accept-Encoding": "gzip"}) as response:
            assert decode(gzip.decompress(await response.read()))["samples"]
        async with served.session.head(f"{served.url}{PATH}") as response:
            assert (response.status, await response.read()) == (200, b"")
            assert int(response.headers["Content-Length"]) > 1000
        async with served.get(f"{PATH}?collect[]=unknown") as response:
            assert response.status == 400
        async with served.get(SCHEMA_PATH) as response:
            assert (response.headers["Content-Type"], await response.read()) == ("application/schema+json", schema())
    assert {"name": "value", "labels": {"tool": "x"}, "value": 5} in document["samples"]
    assert document["collectors"]["simple"]["state"] == "ok"
    assert [entry["condition"] for entry in document["alarms"]] == ["quorum-lost"]


async def test_requests_share_a_run_and_a_document_with_scrapes(gate: Gate) -> None:
    collector = ScriptCollector({"x": gate.path})
    async with serving_api(collector) as served:
        raw = [request(path, "Connection: close") for path in (PATH, PATH, "/metrics")]
        answers = [asyncio.ensure_future(served.raw(data)) for data in raw]
        await until(lambda: served.server.requests == 3)
        gate.open()
        first, second, _ = await asyncio.gather(*answers)
        assert first.partition(b"\r\n\r\n")[2] == second.partition(b"\r\n\r\n")[2] != b""
        assert gate.runs.read_text() == "run\n"
        assert decode(first.partition(b"\r\n\r\n")[2])["alarms"] is None


async def test_a_request_that_runs_out_of_time_gets_what_there_is(gate: Gate) -> None:
    collector = ScriptCollector({"x": gate.path})
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": "0.1"}
    async with serving_api(collector) as served:
        async with served.get(PATH, headers=headers) as response:
            document = decode(await response.read())
        assert document["complete"] is False
        assert document["collectors"]["simple"]["state"] == "timed_out"
        gate.open()


async def test_a_large_document_is_whole(script: Script) -> None:
    count = pages._LARGE_PAGE + 1
    collector = ScriptCollector({"x": script("echo 5")}, extra_samples=count)
    async with serving_api(collector) as served, served.get(PATH) as response:
        document = decode(await response.read())
    assert sum(sample["name"] == "large" for sample in document["samples"]) == count


def test_package_contains_the_schema() -> None:
    assert Path(snapshot_document.__file__).with_name("snapshot.schema.json").read_bytes() == schema()
