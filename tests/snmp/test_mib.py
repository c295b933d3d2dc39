"""HA-CLUSTER-MIB: the module is valid, loads in Net-SNMP, and matches the compiled file."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from gateway.alarms.notification import Change
from gateway.catalog import CONDITIONS
from gateway.conditions.model import Severity
from gateway.frontends.snmp.notifications.rendering import ADDITIONAL_VARIABLE, notification_name
from gateway.frontends.snmp.rows import bindings
from gateway.snmp import oid as oids
from gateway.snmp.mib import module as mibs
from gateway.snmp.mib.module import DEFAULT_ROOT, MAX_ROOT, mib
from gateway.snmp.values import Type
from tests.programs import ROOT, installed, load_script

MIBS = ROOT / "mibs"
STUBS = MIBS / "stubs"
TEXT = MIBS / "HA-CLUSTER-MIB.txt"
MIB = mib()
FROZEN = ROOT / "tests" / "data" / "mib-published.txt"

LONGEST_ROOT = "1.3.6.1.4.1.2147483647.1.2.3"
ROOTS = (DEFAULT_ROOT, "1.3.6.1.4.1.65535", LONGEST_ROOT)


def lint(path: Path) -> str:
    """Returns the output of smilint, whose exit status is always 0."""
    environment = {**os.environ, "SMIPATH": str(STUBS)}
    argv = [installed("smilint"), "-l", "6", "-m", "-s", str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment)
    return done.stdout + done.stderr


@pytest.mark.parametrize("root", ROOTS)
def test_smilint_reports_nothing(tmp_path: Path, root: str) -> None:
    path = tmp_path / "HA-CLUSTER-MIB"
    path.write_text(mibs.text(root))
    assert lint(path) == ""


def test_smilint_reports_errors(tmp_path: Path) -> None:
    path = tmp_path / "HA-CLUSTER-MIB"
    path.write_text(TEXT.read_text().replace("haClusterNodeOnline,", "", 1))
    assert "haClusterNodeOnline" in lint(path)


def test_the_compiled_module_is_up_to_date() -> None:
    compile_ = load_script(MIBS / "compile.py")
    assert compile_.COMPILED.read_text() == compile_.compiled(), "run make regenerate"


def test_the_text_below_the_default_root_is_unchanged() -> None:
    assert mibs.text() == TEXT.read_text()


@pytest.mark.parametrize("root", ROOTS)
def test_net_snmp_loads_the_module_and_agrees_on_every_object_identifier(tmp_path: Path, root: str) -> None:
    (tmp_path / "HA-CLUSTER-MIB.txt").write_text(mibs.text(root))
    argv = [installed("snmptranslate"), "-M", f"{tmp_path}:{STUBS}", "-m", "HA-CLUSTER-MIB", "-Tz"]
    environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(tmp_path), "SNMPCONFPATH": str(tmp_path)}
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment)
    assert re.sub("Created directory: .*\n", "", done.stderr) == ""
    found = dict(re.findall(r'"(\w+)"\s+"([\d.]+)"', done.stdout))
    own = mib(root)
    for target in (*own.objects.values(), *own.notifications.values()):
        assert found[target.name] == oids.dotted(target.oid)


def test_the_stubs_name_the_variables_that_begin_a_notification(tmp_path: Path) -> None:
    """The manual says that ``snmptrapd`` prints names; HA-CLUSTER-MIB itself does not import the two."""
    modules = "HA-CLUSTER-MIB:SNMPv2-MIB"
    argv = [
        installed("snmptranslate"),
        "-M",
        f"{MIBS}:{STUBS}",
        "-m",
        modules,
        "1.3.6.1.2.1.1.3.0",
        "1.3.6.1.6.3.1.1.4.1.0",
    ]
    environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(tmp_path), "SNMPCONFPATH": str(tmp_path)}
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["SNMPv2-MIB::sysUpTime.0", "SNMPv2-MIB::snmpTrapOID.0"]


@pytest.mark.parametrize("root", ROOTS)
def test_libsmi_agrees_on_every_object_identifier(tmp_path: Path, root: str) -> None:
    (tmp_path / "HA-CLUSTER-MIB").write_text(mibs.text(root))
    argv = [installed("smidump"), "-l", "6", "-f", "identifiers", str(tmp_path / "HA-CLUSTER-MIB")]
    environment = {**os.environ, "SMIPATH": str(STUBS)}
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment)
    assert done.stderr == ""
    found = dict(re.findall(r"^HA-CLUSTER-MIB +(\w+) +\w+ +([\d.]+)$", done.stdout, re.MULTILINE))
    own = mib(root)
    for target in (*own.objects.values(), *own.notifications.values()):
        assert found[target.name] == oids.dotted(target.oid)


@pytest.mark.parametrize(
    "root",
    ["1.3.6.1.4.1", "1.3.6.1.2.1.99", LONGEST_ROOT + ".6", "1.3.6.1.4.1.2147483648", "nonsense", ""],
)
def test_an_invalid_root_is_rejected(root: str) -> None:
    with pytest.raises(ValueError, match=r"expected|at most"):
        mibs.text(root)


# --- rules that smilint does not check -------------------------------------------------------------------------------


def test_enumerations_start_at_one_with_unknown() -> None:
    for target in MIB.objects.values():
        if target.syntax is not None and target.syntax.names:
            names = target.syntax.names
            assert list(names) == list(range(1, len(names) + 1)), target.name
            assert names[1] == "unknown" or list(names.values()) == ["true", "false"], target.name


def test_indexes_are_limited_in_size_and_fit_below_any_root() -> None:
    for row, _ in MIB.rows():
        length = MAX_ROOT + len(row.oid) // 4 - len(MIB.root) // 4 + 1
        for index in MIB.index_of(row.name):
            assert not index.readable
            assert index.syntax is not None
            if index.syntax.type is Type.OCTET_STRING:
                assert 0 < index.syntax.size <= 64, index.name
            length += index.syntax.size + 1
        assert length <= oids.MAX_SUBIDS, row.name


def test_no_index_is_implied_and_no_type_is_obsolete() -> None:
    text = re.sub(r'"[^"]*"|--.*', "", TEXT.read_text())
    assert not re.search(r"\b(?:IMPLIED|Opaque|Counter32|NetworkAddress)\b", text)


def test_every_row_with_a_text_index_has_a_text_column() -> None:
    for row, columns in MIB.rows():
        if any(index.syntax and index.syntax.size for index in MIB.index_of(row.name)):
            texts = [column for column in columns if column.readable and column.syntax is not None]
            assert any(column.syntax and column.syntax.name == "SnmpAdminString" for column in texts), row.name


def test_every_object_of_a_notification_is_a_readable_scalar() -> None:
    for notification in MIB.notifications.values():
        assert notification.objects
        assert all(MIB[name].readable and not MIB[name].row for name in notification.objects)


def test_names_have_at_most_32_characters() -> None:
    assert max(map(len, MIB.objects)) <= 32


def test_descriptions_are_sentences() -> None:
    for target in (*MIB.objects.values(), *MIB.notifications.values()):
        assert re.fullmatch(r"(?:[A-Z]|true\().*\.", target.description, re.DOTALL), target.name


# --- what managers rely on -------------------------------------------------------------------------------------------


def test_numbers_are_in_the_unit_that_they_claim() -> None:
    """A threshold is compared with the raw integer, so UNITS must be the unit of that integer."""
    factors = {"milliseconds": 1000, "microseconds": 1_000_000, "hundredths of a percent": 100}
    for binding in bindings(MIB):
        metric = binding.metric
        for target in map(MIB.__getitem__, binding.values):
            assert target.syntax is not None
            if target.units in factors:
                assert metric.mib_factor == factors[target.units], target.name
                assert metric.name.endswith(("_seconds", "_sync")), target.name
            elif metric.name.endswith("_seconds") and target.syntax.name != "DateAndTime":
                assert (target.units, metric.mib_factor) == ("seconds", 1), target.name
    assert not re.search(r'DISPLAY-HINT "d-', TEXT.read_text())


def test_the_same_kind_of_name_has_the_same_limit_in_every_table() -> None:
    """Otherwise a long name would have different indexes, and tables could not be joined."""
    sizes: dict[str, set[int]] = {}
    for row, _ in MIB.rows():
        for index in MIB.index_of(row.name):
            assert index.syntax is not None
            if size := index.syntax.size:
                sizes.setdefault(kind(index.name), set()).add(size)
    ours = {
        "haClusterCollectorIndex": {16},
        "haClusterOperationNameIndex": {14},
        "haClusterAlarmConditionIndex": {32},
        "haClusterBoothConfigurationIndex": {47},
    }
    assert sizes == {"resource": {48}, "node": {47}, "volume": {47}, "other": {64}, **ours}


def kind(index: str) -> str:
    """Returns what a text in an index names, or the index itself if no other table has the same names."""
    if index in {
        "haClusterCollectorIndex",
        "haClusterOperationNameIndex",
        "haClusterAlarmConditionIndex",
        "haClusterBoothConfigurationIndex",
    }:
        return index
    if index in {"haClusterFenceEventIndex", "haClusterSbdSlotIndex", "haClusterDrbdSplitBrainVolIndex"}:
        return "node" if index != "haClusterDrbdSplitBrainVolIndex" else "volume"
    words = re.findall("[A-Z][a-z]+", index)
    if words[-2:] == ["Node", "Index"]:
        return "node"
    return "resource" if "Resource" in words and "Drbd" not in words else "other"


def test_conditions_fit_their_index() -> None:
    size = MIB["haClusterAlarmConditionIndex"].syntax
    assert size is not None
    assert max(len(condition.name) for condition in CONDITIONS) <= size.size


def test_snmptt_finds_a_severity_and_a_summary_for_each_notification() -> None:
    """``snmpttconvertmib`` reads comments between the description and the identifier."""
    found = dict(re.findall(r"^(\w+) NOTIFICATION-TYPE\n(.*?)::=", TEXT.read_text(), re.DOTALL | re.MULTILINE))
    severities = {name: re.findall(r"--#SEVERITY (\w+)\n", text) for name, text in found.items()}
    gravest: dict[str, Severity] = {}
    for condition in sorted(CONDITIONS, key=lambda condition: -list(Severity).index(condition.severity)):
        gravest[notification_name(condition.category, Change.RAISED)] = condition.severity
    for name, notification in MIB.notifications.items():
        if name in gravest:
            assert severities[name] == [gravest[name].upper()]
        elif name.endswith(("Clear", "Regained")):
            assert severities[name] == ["NORMAL"]
        else:
            assert severities[name] in (["INFORMATIONAL"], ["MAJOR"])
        (arguments,) = re.findall(r"--#ARGUMENTS \{([\d, ]+)\}", found[name])
        variables = (*notification.objects, ADDITIONAL_VARIABLE)
        shown = [variables[int(number)] for number in arguments.split(",")]
        more = [ADDITIONAL_VARIABLE] if name in gravest else []
        usual = ["haClusterName", "haClusterNoticeText", "haClusterNoticeSeverity", "haClusterNoticeNode"]
        assert shown == [*usual, *more]
        assert len(re.findall(r'--#SUMMARY "(.*)"\n', found[name])) == 1


def definitions() -> str:
    """Returns all that managers may have stored: what a name means, and where it is."""
    revisions = re.findall(r'LAST-UPDATED "(.*)"', TEXT.read_text())
    lines = [f"revision {revisions[0]}"]
    for target in MIB.objects.values():
        syntax = target.syntax
        number = oids.dotted(target.oid.removeprefix(MIB.root))
        names = " ".join(f"{word}({value})" for value, word in syntax.names.items()) if syntax else ""
        words = (syntax.name, str(syntax.size or ""), names, target.units) if syntax else target.index
        lines.append(" ".join(filter(None, (number, target.name, *words))))
    for notification in MIB.notifications.values():
        number = oids.dotted(notification.oid.removeprefix(MIB.root))
        lines.append(" ".join((number, notification.name, *notification.objects)))
    return "".join(f"{line}\n" for line in lines)


def test_the_published_revision_is_frozen() -> None:
    """Objects may be added, with a new REVISION; to change one, deprecate it and add another (RFC 2578, section 10).

    After an addition with a new LAST-UPDATED, ``REGENERATE=1`` replaces the list of what is published.
    """
    current = definitions()
    revision, *lines = FROZEN.read_text().splitlines()
    assert set(lines) <= set(current.splitlines()), "a published definition has changed"
    if os.environ.get("REGENERATE") and revision != current.partition("\n")[0]:
        FROZEN.write_text(current)
    assert current == FROZEN.read_text(), "definitions were added without a new LAST-UPDATED and REVISION"
    assert f"REVISION {revision.removeprefix('revision ')!r}".replace("'", '"') in TEXT.read_text()
