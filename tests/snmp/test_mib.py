"""HA-CLUSTER-MIB: the module is valid, loads in Net-SNMP, and matches the compiled file."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from gateway.snmp import oid as oids
from gateway.snmp.mib import module as mibs
from gateway.snmp.mib.module import DEFAULT_ROOT, MAX_ROOT, mib
from gateway.snmp.values import Type
from tests.programs import ROOT, installed, load_script

MIBS = ROOT / "mibs"
STUBS = MIBS / "stubs"
TEXT = MIBS / "HA-CLUSTER-MIB.txt"
MIB = mib()

LONGEST_ROOT = "1.3.6.1.4.1.2147483647.1.2.3.4.5"
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
