"""Prints the software bill of materials of the gateway: CycloneDX 1.6, in JSON.

It lists what is installed with the gateway: the pins of ``run.txt``, with the digests of their files and with who
requires whom. The same pins and the same version result in the same bytes: there is no time, and the serial number is
derived from the content.

    PYTHONPATH=. python requirements/sbom.py > ha-cluster-gateway.cdx.json
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from requirements.pins import Pin, read

HERE = Path(__file__).parent
NAME = "ha-cluster-gateway"
_VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, f"pkg:pypi/{NAME}")


def bill(pins: Sequence[Pin], version: str) -> dict[str, Any]:
    """Returns the bill of materials of a version of the gateway."""
    root = f"pkg:pypi/{NAME}@{version}"
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": NAME,
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "purl": root,
            }
        },
        "components": [_component(pin) for pin in pins],
        "dependencies": [
            {"ref": root, "dependsOn": [_purl(pin) for pin in pins if NAME in pin.required_by]},
            *(
                {"ref": _purl(pin), "dependsOn": [_purl(other) for other in pins if pin.name in other.required_by]}
                for pin in pins
            ),
        ],
    }
    serial = uuid.uuid5(_NAMESPACE, json.dumps(document, sort_keys=True))
    return {**document, "serialNumber": f"urn:uuid:{serial}"}


def format_bill(pins: Sequence[Pin], version: str) -> str:
    """Returns the text of the bill of materials."""
    return json.dumps(bill(pins, version), indent=2) + "\n"


def _purl(pin: Pin) -> str:
    return f"pkg:pypi/{pin.name}@{pin.version}"


def _component(pin: Pin) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": _purl(pin),
        "name": pin.name,
        "version": pin.version,
        # required: every environment has it; optional: only those of the marker
        "scope": "optional" if pin.marker else "required",
        "purl": _purl(pin),
        "externalReferences": [
            {
                "type": "distribution",
                "url": f"https://pypi.org/project/{pin.name}/{pin.version}/",
                "hashes": [{"alg": "SHA-256", "content": digest} for digest in pin.hashes],
            }
        ],
    }
    if pin.marker:
        component["properties"] = [{"name": "python:environment-marker", "value": pin.marker}]
    return component


def main() -> None:
    """Prints the bill of materials of this tree."""
    source = HERE.parent / "gateway" / "__init__.py"
    match = _VERSION.search(source.read_text("utf-8"))
    if match is None:
        raise SystemExit(f"{source}: no __version__")
    sys.stdout.write(format_bill(read(HERE / "run.txt"), match[1]))


if __name__ == "__main__":
    main()
