"""The samples of the collectors, compared with a second, independent reading of the same outputs.

The second reading is deliberately naive: it walks the XML with the standard library, and knows nothing of samples.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from gateway.host.host import CommandResult
from gateway.status import Status
from gateway.subsystems.corosync_conf import CONFIG
from gateway.subsystems.probe import Reading
from tests import series
from tests.corpus import CORPUS, needs_corpus
from tests.fakes import FakeHost
from tests.series import Series, ended
from tests.situations import FORMATS, LAB
from tests.subsystems import make_collector

NODE_STATES = {
    "online": "online",
    "standby": "standby",
    "standby_onfail": "standby_onfail",
    "maintenance": "maintenance",
    "pending": "pending",
    "unclean": "unclean",
    "shutdown": "shutdown",
    "expected_up": "expected_up",
    "dc": "is_dc",
}
FLAGS = ("active", "orphaned", "blocked", "failed", "failure_ignored")


def outputs(*patterns: str) -> dict[str, bytes]:
    """Returns the outputs that match any of the patterns, by path; those of the corpus only if it is present.

    Outputs of commands that failed are left out.
    """
    folders = [FORMATS, LAB, *([CORPUS] if CORPUS else [])]
    paths = sorted(path for folder in folders for pattern in patterns for path in folder.glob(pattern))
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in paths if succeeded(path)}


def succeeded(path: Path) -> bool:
    exit_status = path.with_suffix(".rc")
    return not exit_status.exists() or exit_status.read_text().strip() == "0"


STATUSES = outputs("crm_mon/*.xml", "*/crm_mon*.stdout", "pacemaker*/*/crm_mon*.xml")
CONSTRAINTS = outputs("cibadmin/*.xml", "*/cibadmin-constraints.stdout", "pacemaker*/*/cibadmin.xml")
LIVE_COROSYNC = sorted(CORPUS.glob("corosync/live317.*.quorumtool-p.txt")) if CORPUS else []


def collect(crm_mon: bytes, cib: bytes | None) -> Series:
    results = {"crm_mon": ended(crm_mon)}
    if cib is not None:
        results["cibadmin"] = ended(cib)
    return series.collected(make_collector("pacemaker"), results, FakeHost())


def expected_nodes(root: ET.Element) -> Series:
    result: Series = {}
    for node in root.iterfind("nodes/node"):
        for status, attribute in NODE_STATES.items():
            labels = {"node": node.attrib["name"], "type": node.attrib["type"], "status": status}
            if attribute in node.attrib:
                result[series.key("pacemaker_nodes", **labels)] = float(node.get(attribute) == "true")
    return result


def instances(element: ET.Element, group: str = "", clone: str = "") -> Iterator[tuple[ET.Element, str, str]]:
    for child in element:
        name = child.get("id", "")
        if child.tag == "resource":
            yield child, group, clone
        elif child.tag == "group":
            yield from instances(child, re.sub(r":\d+$", "", name) if clone else name, clone)
        elif child.tag in {"clone", "bundle"}:
            yield from instances(child, group, name)
        elif child.tag == "replica":
            yield from instances(child, group, clone)


def expected_resources(root: ET.Element) -> Series:
    result: Series = defaultdict(float)
    resources = root.find("resources")
    for resource, group, clone in () if resources is None else instances(resources):
        for node in [node.attrib["name"] for node in resource.iterfind("node")] or [""]:
            for flag in (flag for flag in FLAGS if flag in resource.attrib):
                labels = {
                    "node": node,
                    "resource": resource.attrib["id"],
                    "role": resource.attrib["role"].lower(),
                    "managed": resource.attrib["managed"],
                    "agent": resource.attrib["resource_agent"],
                    "group": group,
                    "clone": clone,
                    "status": flag,
                }
                key = series.key("pacemaker_resources", **labels)
                result[key] = max(result[key], float(resource.get(flag) == "true"))
    return dict(result)


def expected_history(root: ET.Element) -> Series:
    result: Series = {}
    for node in root.iterfind("node_history/node"):
        for history in node.iterfind("resource_history"):
            labels = {"node": node.attrib["name"], "resource": history.attrib["id"]}
            count = float(history.get("fail-count", "0"))
            key = series.key("pacemaker_fail_count", **labels)
            result[key] = max(result.get(key, 0), math.inf if count >= 1_000_000 else count)
            if "migration-threshold" in history.attrib:
                key = series.key("pacemaker_migration_threshold", **labels)
                result.setdefault(key, float(history.attrib["migration-threshold"]))
    return result


def expected_attributes(root: ET.Element) -> Series:
    return {
        series.key("pacemaker_node_attributes", node=node.attrib["name"], **attribute): 1.0
        for node in root.iterfind("node_attributes/node")
        for attribute in ({k: item.get(k, "") for k in ("name", "value")} for item in node.iterfind("attribute"))
    }


def test_pacemaker_series_agree_with_a_second_reading_of_the_xml() -> None:
    failures = []
    for name, document in STATUSES.items():
        result = collect(document, None)
        root = ET.fromstring(document)
        for metrics, expected in (
            (("pacemaker_nodes",), expected_nodes(root)),
            (("pacemaker_resources",), expected_resources(root)),
            (("pacemaker_fail_count", "pacemaker_migration_threshold"), expected_history(root)),
            (("pacemaker_node_attributes",), expected_attributes(root)),
        ):
            full_names = {f"ha_cluster_{metric}" for metric in metrics}
            if {key: value for key, value in result.items() if key[0] in full_names} != expected:
                failures.append((name, metrics))
    assert failures == []


@needs_corpus
def test_both_spellings_make_the_same_series() -> None:
    older, newer = "/crm_mon.xml", "/crm_mon.output-as-xml.xml"
    cases = [name.removesuffix(newer) for name in STATUSES if name.endswith(newer)]
    assert cases
    assert [
        case for case in cases if collect(STATUSES[case + older], None) != collect(STATUSES[case + newer], None)
    ] == []


def location_constraints(document: bytes) -> set[str]:
    """Returns the constraints of a CIB that have a score, or their rules if there are several."""
    names = set()
    root = ET.fromstring(document)
    rules_by_id = {rule.attrib["id"]: rule for rule in root.iter("rule") if "id" in rule.attrib}
    for location in root.iter("rsc_location"):
        rules = [rules_by_id.get(rule.get("id-ref", ""), rule) for rule in location.findall("rule")]
        for scored in rules or [location]:
            if "score" in scored.attrib:
                names.add(scored.attrib["id"] if len(rules) > 1 else location.attrib["id"])
    return names


def test_every_location_constraint_with_a_score_is_there() -> None:
    failures = []
    for name, document in CONSTRAINTS.items():
        result = series.named(collect(b"<crm_mon/>", document), "ha_cluster_pacemaker_location_constraints")
        if {dict(labels)["constraint"] for labels in result} != location_constraints(document):
            failures.append(name)
    assert failures == []


QUORATE = {"knet2-qdevice-lost-quorum": 0.0, "knet3-alone-not-quorate": 0.0, "daemon-absent": 0.0}
RING_ERRORS = {"knet3-link1-down": 1, "knet3-peer3-link0-down": 1}
"""The states in which a member is not reached over a link; nodes that are down make no link faulty."""


def live_corosync(path: Path) -> Series:
    """Returns the series of a recorded state, which is identified by the output of quorumtool."""

    def result(tool: str) -> CommandResult:
        file = path.with_name(path.name.replace("quorumtool-p", tool))
        stderr = file.with_name(file.name + ".stderr")
        return ended(
            file.read_bytes(),
            int(file.with_name(file.name + ".rc").read_text()),
            stderr.read_bytes() if stderr.exists() else b"",
        )

    results = {"corosync-quorumtool": result("quorumtool-p"), "corosync-cfgtool": result("cfgtool-s")}
    return series.collected(make_collector("corosync"), results, FakeHost(files={CONFIG.default: b""}))


@needs_corpus
def test_corosync_is_up_and_quorate_as_each_state_says() -> None:
    assert LIVE_COROSYNC
    for path in LIVE_COROSYNC:
        state = path.name.split(".")[1]
        result = live_corosync(path)
        assert result[series.key("corosync_up")] == (0 if state == "daemon-absent" else 1), state
        quorate = None if state == "knet1-noquorum-provider" else QUORATE.get(state, 1)
        assert result.get(series.key("corosync_quorate")) == quorate, state
        if state != "daemon-absent":
            assert result[series.key("corosync_ring_errors")] == RING_ERRORS.get(state, 0), state
        if "noname" in state:
            members = series.named(result, "ha_cluster_corosync_member_votes")
            assert [dict(labels)["node"] for labels in members] == ["", ""], state


def test_one_failing_tool_costs_only_its_own_samples() -> None:
    broken = Reading(status=Status.FAILED)
    samples = make_collector("pacemaker").make_samples({"crm_mon": broken, "cibadmin": broken, "corosync.conf": broken})
    assert len(samples) == 0
