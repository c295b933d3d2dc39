"""Writes the dashboards for Grafana from their descriptions, ``*.toml``; ``make regenerate`` runs it.

A description is a list of rows with panels. Everything else, such as positions and field options, is derived. The
queries work without the recording rules, and distinguish clusters by the label ``cluster`` or by the job.
"""
# ruff: noqa: INP001 - a script, not a module of a package

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

DASHBOARDS = Path(__file__).parent
SCHEMA_VERSION = 36
"""That of Grafana 9.0; later versions convert it."""
WIDTH = 24
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
CLUSTER_URL = (
    "/d/ha-cluster?var-datasource=${datasource}&var-job=${__data.fields.job}&var-cluster=${__data.fields.cluster}"
)

Json = dict[str, Any]

WORDS: Mapping[str, Sequence[tuple[str, str]]] = {
    "yes-no": (("no", "red"), ("yes", "green")),
    "no-yes": (("no", "green"), ("yes", "orange")),
    "up-down": (("down", "red"), ("up", "green")),
    "here-elsewhere": (("elsewhere", "blue"), ("here", "green")),
}
"""Texts and colors in place of the values 0 and 1."""

# --- Grafana's model -------------------------------------------------------------------------------------------------


def _targets(panel: Json) -> list[Json]:
    table = panel["kind"] in {"table", "stat"}
    return [
        {
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": expression,
            "format": "table" if panel["kind"] == "table" else "time_series",
            "instant": table,
            "range": not table,
            "legendFormat": legend,
            "refId": chr(ord("A") + place),
        }
        for place, (legend, expression) in enumerate(panel["queries"].items())
    ]


def _transformations(panel: Json) -> list[Json]:
    if panel["kind"] != "table":
        return []
    columns = list(panel["queries"])
    values = ["Value"] if len(columns) == 1 else [f"Value #{chr(ord('A') + place)}" for place in range(len(columns))]
    excluded = {"Time": True} | ({"Value": True} if columns == ["set"] else {})
    renamed = {} if columns == ["set"] else dict(zip(values, columns, strict=True))
    return [
        *([{"id": "merge", "options": {}}] if len(columns) > 1 else []),
        {"id": "organize", "options": {"excludeByName": excluded, "renameByName": renamed}},
    ]


def _field_options(panel: Json) -> Json:
    defaults: Json = {"unit": panel.get("unit", "none")}
    if "words" in panel:
        texts = enumerate(WORDS[panel["words"]])
        words = {str(value): {"text": text, "color": color} for value, (text, color) in texts}
        defaults["mappings"] = [{"type": "value", "options": words}]
    if panel.get("links_to_cluster"):
        defaults["links"] = [{"title": "Show the cluster", "url": CLUSTER_URL}]
    return {"defaults": defaults, "overrides": []}


_OPTIONS: Mapping[str, Json] = {
    "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "none"},
    "timeseries": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
    "table": {"showHeader": True},
    "state-timeline": {"mergeValues": True, "showValue": "never", "legend": {"displayMode": "list"}},
}


def _panel(panel: Json, number: int, x: int, y: int) -> Json:
    return {
        "id": number,
        "type": panel["kind"],
        "title": panel["title"],
        "description": panel.get("description", ""),
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.get("width", 12), "h": panel.get("height", 8)},
        "targets": _targets(panel),
        "transformations": _transformations(panel),
        "fieldConfig": _field_options(panel),
        "options": _OPTIONS[panel["kind"]],
    }


def _panels(rows: Sequence[Json]) -> Iterator[Json]:
    """Yields the panels from left to right, with a line for the title of each row."""
    number, y = 0, 0
    for row in rows:
        number += 1
        position = {"x": 0, "y": y, "w": WIDTH, "h": 1}
        yield {
            "id": number,
            "type": "row",
            "title": row["title"],
            "collapsed": False,
            "gridPos": position,
            "panels": [],
        }
        x, y, height = 0, y + 1, 0
        for panel in row["panel"]:
            if x + panel.get("width", 12) > WIDTH:
                x, y, height = 0, y + height, 0
            number += 1
            yield _panel(panel, number, x, y)
            x, height = x + panel.get("width", 12), max(height, panel.get("height", 8))
        y += height


def _variables(dashboard: Json) -> Iterator[Json]:
    yield {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    for variable in dashboard["variable"]:
        name, query, multiple = variable["name"], variable["query"], variable["multiple"]
        yield {
            "name": name,
            "label": name.capitalize(),
            "type": "query",
            "datasource": DATASOURCE,
            "query": {"query": query, "refId": name},
            "includeAll": multiple,
            **({"allValue": ".*"} if multiple else {}),
            "multi": multiple,
            "refresh": 2,
            "sort": 1,
        }


def model(dashboard: Json) -> Json:
    """Returns a dashboard as Grafana imports it."""
    links = {
        "type": "dashboards",
        "title": "HA clusters",
        "tags": ["ha-cluster"],
        "includeVars": True,
        "keepTime": True,
        "asDropdown": False,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
    }
    return {
        "id": None,
        "uid": dashboard["uid"],
        "title": dashboard["title"],
        "tags": ["ha-cluster"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "links": [links],
        "templating": {"list": list(_variables(dashboard))},
        "panels": list(_panels(dashboard["row"])),
    }


def files() -> Mapping[str, str]:
    """Returns the text of each dashboard by the name of its file."""
    models = map(model, map(_description, sorted(DASHBOARDS.glob("*.toml"))))
    return {f"{each['uid']}.json": json.dumps(each, indent=2) + "\n" for each in models}


def _description(path: Path) -> Json:
    """Returns a description with the selector in its queries."""
    text = path.read_text("utf-8")
    return tomllib.loads(text.replace("{@", "{" + tomllib.loads(text)["selector"]))


def main() -> None:
    """Writes the files that are out of date, and prints their names."""
    for name, text in files().items():
        path = DASHBOARDS / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
