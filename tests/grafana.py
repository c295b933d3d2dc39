"""``make grafana``: compares the dashboards with the types of Grafana's own schema, the npm package @grafana/schema.

A key that Grafana does not know, a key that is missing, and a value of the wrong type are errors. The options of panels
have no types there. It does not show that a dashboard looks right.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.programs import ROOT

_HEADER = """\
import { type Dashboard, MappingType } from "@grafana/schema/dist/esm/raw/dashboard/x/dashboard_types.gen";
export const dashboard: Dashboard = """

_MAPPING = re.compile(r'"type": "value"(?=,\s+"options")')
"""The kind of a value mapping: an enumeration, of which TypeScript does not accept the text."""


def main() -> int:
    """Checks every dashboard with TypeScript, and returns its exit status."""
    folder = Path(sys.argv[1])
    names = []
    for path in sorted((ROOT / "dashboards").glob("*.json")):
        text = _MAPPING.sub('"type": MappingType.ValueToText', path.read_text("utf-8"))
        names.append(f"{path.stem}.ts")
        (folder / names[-1]).write_text(f"{_HEADER}{text};\n", "utf-8")
    options = ["--noEmit", "--skipLibCheck", "--strict", "--module", "esnext", "--moduleResolution", "node"]
    status = subprocess.run(
        [folder.resolve() / "node_modules/.bin/tsc", *options, *names], cwd=folder, check=False
    ).returncode
    print(f"{len(names)} dashboards: {'types differ' if status else 'ok'}")
    return status


if __name__ == "__main__":
    sys.exit(main())
