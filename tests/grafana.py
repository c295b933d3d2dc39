"""``make grafana``: compares the dashboards with Grafana's own types, in the packages that Grafana publishes.

The npm package @grafana/schema: a key that Grafana does not know, a key that is missing, and a value of the wrong type
are errors. The options of panels have no types there, but in the Python package grafana-foundation-sdk: it reads each
dashboard, and must write the same again. Neither shows that a dashboard looks right.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.programs import ROOT

_HEADER = """\
import { type Dashboard, MappingType } from "@grafana/schema/dist/esm/raw/dashboard/x/dashboard_types.gen";
export const dashboard: Dashboard = """

_ROUND_TRIP = """\
import json, sys
from grafana_foundation_sdk.cog import encoder, plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
plugins.register_default_plugins()
print(encoder.JSONEncoder().encode(Dashboard.from_json(json.load(sys.stdin))))
"""

DASHBOARDS = sorted((ROOT / "dashboards").glob("*.json"))

_MAPPING = re.compile(r'"type": "value"(?=,\s+"options")')
"""The kind of a value mapping: an enumeration, of which TypeScript does not accept the text."""


def main() -> int:
    """Checks every dashboard with TypeScript, and returns its exit status."""
    folder = Path(sys.argv[1])
    names = []
    for path in DASHBOARDS:
        text = _MAPPING.sub('"type": MappingType.ValueToText', path.read_text("utf-8"))
        names.append(f"{path.stem}.ts")
        (folder / names[-1]).write_text(f"{_HEADER}{text};\n", "utf-8")
    options = ["--noEmit", "--skipLibCheck", "--strict", "--module", "esnext", "--moduleResolution", "node"]
    status = subprocess.run(
        [folder.resolve() / "node_modules/.bin/tsc", *options, *names], cwd=folder, check=False
    ).returncode
    print(f"{len(names)} dashboards: {'types differ' if status else 'ok'}")
    lost = [f"{path.name}{key}" for path in DASHBOARDS for key in _lost(folder, path.read_text("utf-8"))]
    print(*lost or ["no key is lost by grafana-foundation-sdk"], sep="\n")
    return status or bool(lost)


def _lost(folder: Path, text: str) -> Iterator[str]:
    """Yields the keys of a dashboard that grafana-foundation-sdk does not know, or changes."""
    environment = {**os.environ, "PYTHONPATH": str(folder.resolve() / "python")}
    argv = [sys.executable, "-c", _ROUND_TRIP]
    written = subprocess.run(argv, input=text, capture_output=True, text=True, check=True, env=environment).stdout
    yield from _differing(json.loads(text) | {"id": None}, {"id": None} | json.loads(written))


def _differing(read: object, written: object, place: str = "") -> Iterator[str]:
    """Yields the places of values that were read and not written."""
    if isinstance(read, dict) and isinstance(written, dict):
        for key, value in read.items():
            yield from _differing(value, written.get(key, "nothing"), f"{place}.{key}")
    elif isinstance(read, list) and isinstance(written, list) and len(read) == len(written):
        for number, (value, other) in enumerate(zip(read, written, strict=True)):
            yield from _differing(value, other, f"{place}[{number}]")
    elif read != written:
        yield f"{place}: {read} became {written}"


if __name__ == "__main__":
    sys.exit(main())
