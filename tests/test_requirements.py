"""The pinned requirements: their bill of materials, and their comparison with advisories."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.version import Version

from requirements.audit import Advisory, AuditError, audit, load_advisories, newest
from requirements.pins import Pin, parse, read
from requirements.sbom import bill, format_bill
from tests.programs import ROOT

RUN = ROOT / "requirements" / "run.txt"


def pin(name: str, version: str) -> Pin:
    return Pin(name=name, version=version, marker="", hashes=("0" * 64,), required_by=())


# --- Pins ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run.txt", "build.txt", "test.txt", "dev.txt"])
def test_every_pin_is_read(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    pins = parse(text)
    assert [each.name for each in pins] == sorted(re.findall(r"^([\w.-]+)", text, re.MULTILINE))
    assert sum(len(each.hashes) for each in pins) == text.count("--hash=")


def test_the_runtime_set_has_only_what_the_package_requires() -> None:
    pins = {each.name: each for each in read(RUN)}
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[^\w-]", each)[0].lower().replace("_", "-") for each in required}
    assert {name for name, each in pins.items() if "ha-cluster-gateway" in each.required_by} == names
    assert all(origin in {*pins, "ha-cluster-gateway"} for each in pins.values() for origin in each.required_by)


def test_what_builds_the_package_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    required = [each.partition(";")[0] for each in project["build-system"]["requires"]]  # the marker is for old Pythons
    assert project["dependency-groups"]["build"] == required
    assert "hatchling" in {each.name for each in read(ROOT / "requirements" / "build.txt")}


@pytest.mark.parametrize("text", ["aiohttp>=3", "aiohttp==3.9.1", "a==1 \\\n    --hash=md5:00", "-r other.txt"])
def test_a_requirement_without_a_pin_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse(text)


# --- The bill of materials -------------------------------------------------------------------------------------------


def test_the_bill_of_materials_is_valid() -> None:
    text = format_bill(read(RUN), "1.2.3")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_the_bill_of_materials_lists_every_pin_and_who_requires_it() -> None:
    document = json.loads(format_bill(read(RUN), "1.2.3"))
    versions = {each["name"]: each["version"] for each in document["components"]}
    assert versions == {each.name: each.version for each in read(RUN)}
    dependencies = {each["ref"]: each["dependsOn"] for each in document["dependencies"]}
    root = document["metadata"]["component"]["bom-ref"]
    assert root == "pkg:pypi/ha-cluster-gateway@1.2.3"
    assert f"pkg:pypi/lxml@{versions['lxml']}" in dependencies[root]
    assert f"pkg:pypi/yarl@{versions['yarl']}" in dependencies[f"pkg:pypi/aiohttp@{versions['aiohttp']}"]
    assert dependencies.keys() == {root, *(each["bom-ref"] for each in document["components"])}


def test_the_bill_of_materials_is_reproducible() -> None:
    program = [Path(sys.executable), ROOT / "requirements" / "sbom.py"]
    outputs = {
        subprocess.run(program, env={"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}, stdout=-1, check=True).stdout
        for seed in ("0", "1")
    }
    assert len(outputs) == 1
    serials = {bill(read(RUN), version)["serialNumber"] for version in ("1.0", "1.0", "1.1")}
    assert len(serials) == 2


# --- The audit -------------------------------------------------------------------------------------------------------

ADVISORY = """\
id: PYSEC-2030-1
modified: 2030-02-03T04:05:06.000000Z
aliases:
- CVE-2030-1
details: Something is wrong.
affected:
- package:
    ecosystem: PyPI
    name: thing
  ranges:
  - type: GIT
    events:
    - introduced: "0"
  - type: ECOSYSTEM
    events:
    - introduced: 1.10
    - fixed: 1.10.2
    - introduced: "2"
    - last_affected: 2.1
  versions:
  - 0.9
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    (tmp_path / "vulns" / "thing").mkdir(parents=True)
    (tmp_path / "vulns" / "thing" / "PYSEC-2030-1.yaml").write_text(ADVISORY)
    return tmp_path


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        *((version, ["PYSEC-2030-1 CVE-2030-1"]) for version in ("0.9", "0.9.0", "1.10", "1.10.1", "2", "2.1")),
        *((version, []) for version in ("0.10", "1.9", "1.10.2", "1.11", "2.1.1")),
    ],
)
def test_an_advisory_concerns_its_versions(version: str, expected: list[str], database: Path) -> None:
    found = audit(database, [pin("other", "1"), pin("thing", version)])
    assert [advisory.name for _, advisory in found] == expected


def test_withdrawn_advisories_do_not_count(database: Path) -> None:
    path = database / "vulns" / "thing" / "PYSEC-2030-1.yaml"
    path.write_text(f"{ADVISORY}withdrawn: 2030-03-01T00:00:00Z\n")
    assert list(load_advisories(database, "thing")) == []


@pytest.mark.parametrize("text", ["", "- 1", "a: [", ADVISORY.replace("affected:", "afected:")])
def test_what_is_not_understood_is_an_error(text: str, database: Path) -> None:
    """Nothing is said about a package whose advisories cannot be read."""
    (database / "vulns" / "thing" / "PYSEC-2030-1.yaml").write_text(text)
    with pytest.raises(AuditError):
        list(audit(database, [pin("thing", "3")]))


def test_the_age_of_the_database_is_known(database: Path, tmp_path: Path) -> None:
    assert newest(database) == "2030-02-03"
    for empty in (tmp_path / "missing", tmp_path / "vulns"):
        with pytest.raises(AuditError, match="not a copy of the advisory database"):
            newest(empty)


def test_versions_are_compared_as_versions() -> None:
    advisory = Advisory(name="", affected=[{"versions": ["1.0.post1", "not a version"]}])
    assert advisory.concerns(Version("1.0post1"))
    assert not advisory.concerns(Version("1.0"))


def test_the_program_says_what_it_has_compared(database: Path, tmp_path: Path) -> None:
    def run(*arguments: Path) -> tuple[int, str, str]:
        command = [Path(sys.executable), ROOT / "requirements" / "audit.py", *arguments]
        done = subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    requirements = tmp_path / "thing.txt"
    requirements.write_text(f"thing==2.1 \\\n    --hash=sha256:{'0' * 64}\n")
    assert run(database, requirements) == (
        1,
        f"{requirements}: thing 2.1: PYSEC-2030-1 CVE-2030-1\n"
        f"{requirements}: pins: 1, advisories that concern them: 1, newest known: 2030-02-03\n",
        "",
    )
    status, output, errors = run(tmp_path / "missing", requirements)
    assert (status, output) == (2, "")
    assert errors.startswith("audit: ")
    assert run(database, RUN)[0] == 0
