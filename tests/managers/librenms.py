"""LibreNMS's way of reading, as its source describes it: a walk of each table, and an identifier for each sensor."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from integrations.generator.files import FOLDER
from tests.managers.difference import Difference, expect
from tests.managers.node import Way, is_stable
from tests.programs import ROOT, installed
from tests.snmpd import COMMUNITY

_OPTIONS = ("-OteQUSab", "-Pu", "-Ih", "-M", f"{ROOT}/mibs:{ROOT}/mibs/stubs", "-m", "HA-CLUSTER-MIB")
_LINE = re.compile(r"^([\w-]+::\w+)\.([\d.]+) = (.*)$", re.MULTILINE)
_TEMPLATE = re.compile(r"\{\{ \$?([\w.:-]+) \}\}")

Rows = Mapping[str, Mapping[str, str]]


def check_definitions(way: Way) -> str:
    """Computes the identifier and the title of each sensor, and compares the values with the walk."""
    definition = yaml.safe_load((FOLDER / "librenms" / "os_discovery" / "ha-cluster.yaml").read_text())
    sensors = [sensor for kind in definition["modules"]["sensors"].values() for sensor in kind["data"]]
    walked = {oid: _rows(way, oid) for oid in dict.fromkeys(sensor["oid"] for sensor in sensors)}
    walk, titles = way.walk(), set[str]()
    for sensor in sensors:
        for title, oid, value in _instances(sensor, walked[sensor["oid"]]):
            expect(f"{oid} of the sensor {title}", oid in walk, expected=True)
            if is_stable(sensor["value"]):
                expect(f"the value of the sensor {title}", value, str(walk[oid]))
            expect(f"the title {title} as the only one", title in titles, expected=False)
            titles.add(title)
    return f"{len(sensors)} definitions, {len(titles)} sensors"


def _rows(way: Way, oid: str) -> Rows:
    """Returns the values of each index, by the names of their objects."""
    argv = [installed("snmpbulkwalk"), "-v2c", "-c", COMMUNITY, *_OPTIONS, f"127.0.0.1:{way.port}", oid]
    rows: dict[str, dict[str, str]] = {}
    for name, index, value in _LINE.findall(subprocess.run(argv, capture_output=True, text=True, check=True).stdout):
        rows.setdefault(index, {})[name] = value.strip('"')
    return rows


def _instances(sensor: Mapping[str, Any], rows: Rows) -> Iterator[tuple[str, str, str]]:
    """Yields the title, the identifier and the value of each sensor that a definition makes."""
    for index, row in rows.items():
        if sensor["value"] in row:
            variables = {**row, "index": index}
            yield _fill(sensor["descr"], variables), _fill(sensor["num_oid"], variables)[1:], row[sensor["value"]]


def _fill(template: str, variables: Mapping[str, str]) -> str:
    if missing := [name for name in _TEMPLATE.findall(template) if name not in variables]:
        raise Difference(f"the template {template}", expected=", ".join(missing), received="no such value in the row")
    return _TEMPLATE.sub(lambda match: variables[match[1]], template)
