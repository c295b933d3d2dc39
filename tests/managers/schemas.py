"""LibreNMS and OpenNMS, which Debian does not have: their recipes are compared with the schemas of their sources."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from lxml import etree

from integrations.generator.files import FOLDER

_LIBRENMS = "resources/definitions/schema"
_OPENNMS = "opennms-config-model/src/main/resources/xsds"


def check_librenms(source: Path) -> str:
    """Compares the definitions with LibreNMS's schemas.

    Args:
        source: a copy of LibreNMS's repository.
    """
    for folder, schema in (("os_detection", "os_schema.json"), ("os_discovery", "discovery_schema.json")):
        definition = yaml.safe_load((FOLDER / "librenms" / folder / "ha-cluster.yaml").read_text())
        Draft202012Validator(json.loads((source / _LIBRENMS / schema).read_text())).validate(definition)
    sensors = definition["modules"]["sensors"].items()
    counts = ", ".join(f"{len(group['data'])} sensors of the class {kind}" for kind, group in sensors)
    return f"valid: {counts}"


def check_opennms(source: Path) -> str:
    """Compares the events and the data collection with OpenNMS's schemas.

    Args:
        source: a copy of OpenNMS's repository.
    """
    counts = []
    for name, schema, element in (
        ("events", "eventconf.xsd", "event"),
        ("datacollection", "datacollection-config.xsd", "mibObj"),
    ):
        document = etree.parse(FOLDER / "opennms" / f"ha-cluster.{name}.xml")
        etree.XMLSchema(etree.parse(source / _OPENNMS / schema)).assertValid(document)
        counts.append(f"{len(document.findall(f'.//{{*}}{element}'))} {element}")
    return f"valid: {', '.join(counts)}"
