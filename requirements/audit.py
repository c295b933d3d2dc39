"""Compares pinned requirements with the advisories of the Python Packaging Advisory Database.

The database is a directory of YAML files in the OSV format, https://github.com/pypa/advisory-database. It is a copy on
this machine, so the audit also runs where the internet cannot be reached, and says how old the copy is. pip-audit uses
the same database over the network.

    git clone --depth 1 https://github.com/pypa/advisory-database
    PYTHONPATH=. python requirements/audit.py advisory-database requirements/*.txt

The exit status is 0 if no advisory concerns a pin, 1 if one does, and 2 if that cannot be determined.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from packaging.version import InvalidVersion, Version

from requirements.pins import Pin, read

_MODIFIED = re.compile(r"^modified: [\"']?(\d{4}-\d\d-\d\d)", re.MULTILINE)


class AuditError(Exception):
    """The audit is not possible; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """An advisory about one package.

    Attributes:
        name: its identifiers, the one of the database first.
        affected: the ``affected`` objects that are about the package.
    """

    name: str
    affected: Sequence[Mapping[str, Any]]

    def concerns(self, version: Version) -> bool:
        """Returns whether a version is affected.

        Raises:
            InvalidVersion: the advisory has a version that cannot be compared.
        """
        return any(
            version in {Version(str(each)) for each in affected.get("versions", ()) if _is_version(str(each))}
            or any(_is_in_range(version, each) for each in affected.get("ranges", ()) if each["type"] == "ECOSYSTEM")
            for affected in self.affected
        )


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _is_in_range(version: Version, ecosystem_range: Mapping[str, Any]) -> bool:
    """Returns whether a version is in a range: the last event that is not after it decides."""
    affected = False
    for event in ecosystem_range["events"]:
        if "introduced" in event and version >= Version(str(event["introduced"])):
            affected = True
        if "fixed" in event and version >= Version(str(event["fixed"])):
            affected = False
        if "last_affected" in event and version > Version(str(event["last_affected"])):
            affected = False
    return affected


def load_advisories(database: Path, package: str) -> Iterator[Advisory]:
    """Yields the advisories about a package that were not withdrawn.

    Raises:
        AuditError: a file is not an advisory.
    """
    for path in sorted((database / "vulns" / package).glob("*.yaml")):
        try:
            document = yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 - texts only, versions too
            if "withdrawn" in document:
                continue
            yield Advisory(
                name=" ".join((document["id"], *document.get("aliases", ()))),
                affected=[each for each in document["affected"] if each["package"]["name"].lower() == package],
            )
        except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
            raise AuditError(f"{path}: not an advisory: {error!r}") from None


def audit(database: Path, pins: Sequence[Pin]) -> Iterator[tuple[Pin, Advisory]]:
    """Yields the advisories that concern a pin.

    Raises:
        AuditError: the database cannot be read.
    """
    for pin in pins:
        for advisory in load_advisories(database, pin.name):
            try:
                concerned = advisory.concerns(Version(pin.version))
            except (InvalidVersion, KeyError, TypeError) as error:
                raise AuditError(f"{advisory.name}: cannot be compared with {pin.version}: {error!r}") from None
            if concerned:
                yield pin, advisory


def newest(database: Path) -> str:
    """Returns the date of the newest change in the database.

    Raises:
        AuditError: the directory is not the database.
    """
    texts = (path.read_text("utf-8") for path in (database / "vulns").glob("*/*.yaml"))
    dates = [match[1] for text in texts if (match := _MODIFIED.search(text))]
    if not dates:
        raise AuditError(f"{database}: not a copy of the advisory database: there is nothing in vulns/")
    return max(dates)


def main() -> int:
    """Prints the advisories that concern the pins of the given files."""
    parser = argparse.ArgumentParser(description="Compare pinned requirements with published advisories.")
    parser.add_argument("database", type=Path, help="copy of https://github.com/pypa/advisory-database")
    parser.add_argument("requirements", type=Path, nargs="+", help="files with pins")
    arguments = parser.parse_args()
    try:
        date = newest(arguments.database)
        found = 0
        for path in arguments.requirements:
            pins = read(path)
            concerned = list(audit(arguments.database, pins))
            for pin, advisory in concerned:
                print(f"{path}: {pin.name} {pin.version}: {advisory.name}")
            print(f"{path}: pins: {len(pins)}, advisories that concern them: {len(concerned)}, newest known: {date}")
            found += len(concerned)
    except (AuditError, OSError, ValueError) as error:
        print(f"audit: {error}", file=sys.stderr)
        return 2
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
