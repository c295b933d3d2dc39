"""The recipes for managers are generated from the MIB, and name nothing else; ``make integrations`` runs them."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from gateway.snmp import oid as oids
from gateway.snmp.mib.module import DEFAULT_ROOT, mib
from gateway.snmp.values import Type
from integrations.generator import nagios, watched
from integrations.generator.files import FOLDER, files
from tests.programs import ROOT

MIB = mib()
RECIPES = sorted(path for path in FOLDER.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"})
CHECKS = (*watched.SCALAR_CHECKS, *(check for table in watched.TABLES for check in table.checks))

NODES = {oids.dotted(entry.oid): entry for entry in (*MIB.objects.values(), *MIB.notifications.values())}
BRANCHES = {".".join(oid.split(".")[:length]) for oid in NODES for length in range(len(oid.split(".")))}
NAMES = {entry.name for entry in NODES.values()} | {row.name.removesuffix("Entry") + "Table" for row, _ in MIB.rows()}


def test_the_files_are_up_to_date() -> None:
    """Rows and objects of the MIB that are of use to managers belong into integrations/generator/watched.py."""
    outdated = [name for name, text in files().items() if (FOLDER / name).read_text("utf-8") != text]
    assert outdated == [], "run make regenerate"


def test_every_recipe_has_a_description() -> None:
    folders = {path.name for path in FOLDER.iterdir() if path.is_dir()} - {"generator", "__pycache__"}
    assert {name.partition("/")[0] for name in files()} <= folders
    assert [folder for folder in folders if not (FOLDER / folder / "README.md").exists()] == []
    overview = (FOLDER / "README.md").read_text("utf-8")
    assert [folder for folder in sorted(folders) if f"({folder}/README.md)" not in overview] == []


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_every_object_identifier_and_every_name_is_in_the_mib(path: Path) -> None:
    text = path.read_text("utf-8").replace("\\.", ".")
    unknown = [oid for oid in re.findall(rf"{re.escape(DEFAULT_ROOT)}(?:\.\d+)*", text) if not exists(oid)]
    assert unknown == []
    assert sorted({name for name in re.findall(r"\bhaCluster[A-Z]\w*", text) if not is_named(name)}) == []


def exists(oid: str) -> bool:
    """Returns whether an identifier is a node of the MIB, or an instance of an object."""
    prefixes = (oid.rsplit(".", count)[0] for count in range(oid.count(".")))
    return oid in BRANCHES or any(prefix in NODES for prefix in prefixes)


def is_named(name: str) -> bool:
    """Returns whether the MIB has the name, or a table, a branch or a group of objects with it."""
    return name in NAMES or f"{name}Table" in NAMES or any(known.startswith(name) for known in NAMES)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_every_file_can_be_read(path: Path) -> None:
    if path.suffix in {".yaml", ".yml"}:
        assert yaml.safe_load(path.read_text("utf-8"))
    elif path.suffix == ".xml":
        assert len(ElementTree.parse(path).getroot())
    else:
        assert path.read_text("utf-8").endswith("\n")


def test_thresholds_are_values_of_their_objects() -> None:
    for check in CHECKS:
        syntax = MIB[check.object].syntax
        assert syntax is not None, check.object
        assert syntax.type is not Type.OCTET_STRING, check.object
        if syntax.names:
            assert check.highest is not None, check.object
            assert check.lowest in syntax.names, check.object
            assert check.highest in syntax.names, check.object
            assert "unknown" not in {syntax.names[check.lowest], syntax.names[check.highest]}, check.object
            assert all(1 < state < 10 for state in check.others), "the pattern of check_snmp has one digit"


def test_columns_belong_to_their_tables() -> None:
    for table in watched.TABLES:
        wrong = [name for name in (*table.label, *table.columns) if MIB[name].row != table.row]
        assert wrong == []
        assert all(MIB[name].syntax for name in table.label)


def test_enumerations_are_compared_with_the_state_that_is_meant() -> None:
    """A state that is inserted into an enumeration would silently move a threshold."""
    states = {
        check.object: (syntax.names[check.lowest], syntax.names[check.highest])
        for check in CHECKS
        if (syntax := MIB[check.object].syntax) and syntax.names and check.highest
    }
    assert {name: pair for name, pair in states.items() if pair not in {("true", "true"), ("false", "false")}} == {
        "haClusterBoothTicketState": ("granted", "revoked"),
        "haClusterCollectorState": ("ok", "ok"),
        "haClusterNodeConnection": ("connected", "connected"),
        "haClusterQdeviceState": ("connected", "connected"),
        "haClusterSbdDeviceStatus": ("healthy", "healthy"),
        "haClusterDrbdVolumeDiskState": ("upToDate", "upToDate"),
        "haClusterTargetState": ("idle", "ok"),
    }


def test_a_subsystem_that_is_not_running_is_no_failure_of_its_collector() -> None:
    (check,) = (check for check in CHECKS if check.others)
    syntax = MIB[check.object].syntax
    assert check.object == "haClusterCollectorState"
    assert syntax is not None
    assert {syntax.names[state] for state in check.others} == {"notInstalled", "notRunning"}
    assert [state for state in syntax.names if check.is_met(state)] == [2, *check.others]


def test_identifiers_of_the_template_for_zabbix_are_stable_and_unique() -> None:
    text = (FOLDER / "zabbix" / "ha-cluster.yaml").read_text("utf-8")
    found = re.findall(r"uuid: (\w+)", text)
    assert len(found) == len(set(found)) > 100
    assert [uuid for uuid in found if not re.fullmatch(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", uuid)] == []


def test_every_template_of_a_row_is_described() -> None:
    described = (FOLDER / "nagios" / "README.md").read_text("utf-8")
    names = [nagios.template_name(check) for check in nagios.row_checks()]
    assert len(names) == len(set(names)) > 10
    assert [name for name in names if f"`{name}`" not in described] == []


def test_the_generator_is_part_of_make_regenerate() -> None:
    assert "-m integrations.generator\n" in (ROOT / "Makefile").read_text("utf-8")
