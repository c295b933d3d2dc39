"""LibreNMS and OpenNMS, which Debian does not have: their recipes are compared with the schemas of their sources."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from lxml import etree
from referencing import Registry, Resource

from integrations.generator.files import FOLDER
from tests.managers.difference import expect

_LIBRENMS = "resources/definitions/schema"


def check_librenms(source: Path) -> str:
    """Compares the definitions with LibreNMS's schemas.

    Args:
        source: a copy of LibreNMS's repository.
    """
    schemas = {path.name: json.loads(path.read_text()) for path in (source / _LIBRENMS).glob("*.json")}
    registry = Registry().with_resources((name, Resource.from_contents(schema)) for name, schema in schemas.items())
    for folder, schema in (("os_detection", "os_schema.json"), ("os_discovery", "discovery_schema.json")):
        definition = yaml.safe_load((FOLDER / "librenms" / folder / "ha-cluster.yaml").read_text())
        errors = Draft202012Validator(schemas[schema], registry=registry).iter_errors(definition)
        expect(
            f"{folder}/ha-cluster.yaml and {schema}", [f"{error.json_path}: {error.message}" for error in errors], []
        )
    sensors = definition["modules"]["sensors"].items()
    counts = ", ".join(f"{len(group['data'])} definitions of the class {kind}" for kind, group in sensors)
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
        (path,) = source.glob(f"*/src/main/resources/xsds/{schema}")
        validator = etree.XMLSchema(etree.parse(path))
        validator.validate(document)
        errors = [f"line {error.line}: {error.message}" for error in validator.error_log]
        expect(f"ha-cluster.{name}.xml and {schema}", errors, [])
        counts.append(f"{len(document.findall(f'.//{{*}}{element}'))} {element}")
    return f"valid: {', '.join(counts)}"
