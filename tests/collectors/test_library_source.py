"""Which of the cluster's libraries a collector asks, by its options, those of its tools, and the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.host.library import CONSTRAINTS, LINKS, QUORUM, STATISTICS, STATUS, LibraryAnswer
from gateway.subsystems import SUBSYSTEMS
from gateway.subsystems.corosync.options import STATISTICS as STATISTICS_OPTION
from gateway.subsystems.corosync.options import Statistics
from gateway.subsystems.library_source import LibrarySource
from tests.fakes import MISSING, FakeHost
from tests.subsystems import make_collector

QUERIES = {
    "pacemaker": {"crm_mon": STATUS, "cibadmin": CONSTRAINTS},
    "corosync": {"corosync-quorumtool": QUORUM, "corosync-cfgtool": LINKS, "corosync-cmapctl": STATISTICS},
}
TOOLS = [
    pytest.param(subsystem.name, tool.name, id=tool.name)
    for subsystem in SUBSYSTEMS
    if subsystem.name in QUERIES
    for tool in subsystem.tools
]
SETTINGS = [{"path": "/opt/bin/program"}, {"prefix": ("sudo", "-n")}]


def host() -> FakeHost:
    """Returns a host with libraries."""
    return FakeHost(libraries={"tool": LibraryAnswer(result=MISSING)})


def queries(name: str, options: Mapping[str, Any] | None = None, on: FakeHost | None = None) -> dict[str, str]:
    """Returns what a collector asks libraries, by command."""
    plan = make_collector(name, options=options).plan(on or host())
    assert plan is not None
    return {probe.name: probe.library.name for probe in plan.probes if probe.library is not None}


@pytest.mark.parametrize("name", QUERIES)
def test_the_libraries_are_asked_by_default(name: str) -> None:
    assert queries(name) == QUERIES[name]


@pytest.mark.parametrize("settings", SETTINGS, ids=["path", "prefix"])
@pytest.mark.parametrize(("name", "tool"), TOOLS)
def test_what_is_set_for_one_tool_holds_for_its_collector(name: str, tool: str, settings: Mapping[str, Any]) -> None:
    """Half of a state from this host, and half from what the tool reports, would be wrong."""
    options = {f"tools.{tool}.{key}": value for key, value in settings.items()}
    assert queries(name, options) == {}
    (other,) = QUERIES.keys() - {name}
    assert queries(other, options) == QUERIES[other]


@pytest.mark.parametrize("name", QUERIES)
def test_limits_of_a_tool_do_not_matter(name: str) -> None:
    options = {f"tools.{tool}.{key}": 7 for tool in QUERIES[name] for key in ("timeout", "max_output")}
    assert queries(name, options) == QUERIES[name]


@pytest.mark.parametrize("name", QUERIES)
def test_only_the_tools(name: str) -> None:
    assert queries(name, {f"{name}.source": LibrarySource.TOOLS}) == {}


@pytest.mark.parametrize("name", QUERIES)
def test_the_libraries_on_request(name: str) -> None:
    """Whatever their version, and the settings of the tools."""
    options: dict[str, Any] = {f"{name}.source": LibrarySource.LIBRARY}
    options |= {f"tools.{tool}.prefix": ("sudo", "-n") for tool in QUERIES[name]}
    plan = make_collector(name, options=options).plan(host())
    assert plan is not None
    asked = [probe.library for probe in plan.probes if probe.library is not None]
    assert [query.name for query in asked] == list(QUERIES[name].values())
    assert all(query.untested for query in asked)


@pytest.mark.parametrize("source", list(LibrarySource))
@pytest.mark.parametrize("name", QUERIES)
def test_a_recording_has_no_libraries(name: str, source: LibrarySource) -> None:
    assert queries(name, {f"{name}.source": source}, on=FakeHost()) == {}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, True),
        ({STATISTICS_OPTION.key: Statistics.OFF}, False),
        ({"corosync.source": LibrarySource.TOOLS}, False),
        ({"tools.corosync-cfgtool.path": "/opt/cfgtool"}, False),
        ({"tools.corosync-cfgtool.path": "/opt/cfgtool", STATISTICS_OPTION.key: Statistics.ON}, True),
    ],
)
def test_statistics_are_read_where_they_cost_little(options: Mapping[str, Any], expected: bool) -> None:  # noqa: FBT001
    plan = make_collector("corosync", options=options).plan(host())
    assert plan is not None
    assert ("corosync-cmapctl" in {probe.name for probe in plan.probes}) is expected
