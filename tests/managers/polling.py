"""Managers that poll: each is run with its recipe, and what it reads is compared with a walk."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from gateway.snmp import oid as oids
from gateway.snmp.mib.module import mib
from integrations.generator import snmp_exporter, watched
from integrations.generator.files import FOLDER
from tests.managers.difference import expect, expect_soon
from tests.managers.node import Way, is_stable
from tests.managers.tree import Tree
from tests.ports import free_port
from tests.programs import ROOT
from tests.prometheus_server import get, wait_for

MIB = mib()


def copy_mibs(folder: Path) -> None:
    """Copies the MIB and what it imports."""
    (folder / "mibs").mkdir()
    for source in (ROOT / "mibs" / "HA-CLUSTER-MIB.txt", *(ROOT / "mibs" / "stubs").iterdir()):
        (folder / "mibs" / source.name).write_bytes(source.read_bytes())


# --- snmp_exporter ---------------------------------------------------------------------------------------------------


def check_generator(tree: Tree) -> str:
    """Compares the module with what snmp_exporter's own generator makes of its input."""
    with tree.folder() as (folder, inside):
        copy_mibs(folder)
        source = (FOLDER / "snmp_exporter" / "generator.yml").read_text()
        (folder / "generator.yml").write_text(source)
        options = ("-m", f"{inside}/mibs", "-g", f"{inside}/generator.yml", "-o", f"{inside}/snmp.yml")
        tree.run("prometheus-snmp-generator", "generate", *options)
        made = yaml.safe_load((folder / "snmp.yml").read_text())
    ours = yaml.safe_load((FOLDER / "snmp_exporter" / "snmp.yml").read_text())
    expect("the module of the generator", _lines(made), _lines(ours))
    return f"the generator makes the same module, {len(ours['modules'][snmp_exporter.MODULE]['metrics'])} metrics"


def _lines(document: object) -> str:
    return yaml.safe_dump(document)


@contextlib.contextmanager
def running_exporter(tree: Tree) -> Iterator[int]:
    """Runs the exporter with its recipe, and yields its port as soon as it answers."""
    port = free_port()
    with tree.folder() as (folder, inside):
        (folder / "snmp.yml").write_text((FOLDER / "snmp_exporter" / "snmp.yml").read_text())
        listen = f"--web.listen-address=127.0.0.1:{port}"
        argv = ("prometheus-snmp-exporter", f"--config.file={inside}/snmp.yml", listen)
        with tree.running(*argv, log=folder / "log"):
            wait_for(f"http://127.0.0.1:{port}/")
            yield port


def check_snmp_exporter(tree: Tree, way: Way) -> str:
    """Scrapes through the exporter, and compares each sample with the walk."""
    with running_exporter(tree) as port:
        query = f"target=127.0.0.1:{way.port}&module={snmp_exporter.MODULE}&auth={snmp_exporter.AUTH}"
        page = get(f"http://127.0.0.1:{port}/snmp?{query}")
    walk = way.walk()
    samples = [match for match in map(_SAMPLE.match, page.splitlines()) if match]
    compared = 0
    for entry in snmp_exporter.walked(MIB):
        rows = {oid: value for oid, value in walk.items() if oid.startswith(f"{oids.dotted(entry.oid)}.")}
        shown = [(match["labels"] or "", float(match["value"])) for match in samples if match["name"] == entry.name]
        assert entry.syntax is not None
        if entry.syntax.names:
            states = [entry.syntax.names[int(value)] for value in rows.values()]
            found = [state for labels, on in shown if on for state in re.findall(rf'{entry.name}="(\w+)"', labels)]
            expect(f"the states of {entry.name}", sorted(found), sorted(states))
        elif watched.is_number(entry) and is_stable(entry.name):
            values = sorted(value for _, value in shown)
            expect(f"the values of {entry.name}", values, sorted(map(float, rows.values())))
        else:
            expect(f"the number of samples of {entry.name}", len(shown), len(rows))
        compared += len(rows)
    return f"{len(samples)} samples of {compared} variables"


_SAMPLE = re.compile(r"^(?P<name>haCluster\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")


# --- collectd --------------------------------------------------------------------------------------------------------

_COLLECTD = """\
Hostname "manager"
FQDNLookup false
PIDFile "{inside}/pid"
Interval 2
LoadPlugin csv
<Plugin csv>
  DataDir "{inside}/csv"
  StoreRates false
</Plugin>
Include "{inside}/ha-cluster.conf"
"""


def check_collectd(tree: Tree, way: Way) -> str:
    """Runs collectd until it has written each value twice, and compares those of scalars with the walk."""
    recipe = (FOLDER / "collectd" / "ha-cluster.conf").read_text()
    walk = way.walk()
    with tree.folder() as (folder, inside):
        address = f'Address "127.0.0.1:{way.port}"'
        (folder / "ha-cluster.conf").write_text(
            recipe.replace('Address "127.0.0.1:161"', address).replace("Interval 60", "Interval 2")
        )
        (folder / "collectd.conf").write_text(_COLLECTD.format(inside=inside))
        expected = _expected_values(walk)
        with tree.running("collectd", "-f", "-C", f"{inside}/collectd.conf", log=folder / "log"):
            count = len(watched.scalars(MIB)) + _rows(recipe, walk)
            expect_soon("the values of collectd", lambda: _fewer_than(count, _written(folder / "csv")))
            written = _written(folder / "csv")
    expect("the values of scalars", {name: written.get(name) for name in expected}, expected)
    return f"{len([value for value in written.values() if value == value])} values"  # noqa: PLR0124 - not NaN


def _fewer_than(count: int, written: Mapping[str, float]) -> list[str]:
    return [] if len(written) >= count else [f"{count - len(written)} of {count} values"]


def _rows(recipe: str, walk: Mapping[str, int | str]) -> int:
    """Returns how many values of tables collectd has to write."""
    columns = [oid for oid in re.findall(r'Values "([\d.]+)"', recipe) if not oid.endswith(".0")]
    return sum(oid.startswith(f"{column}.") for oid in walk for column in columns)


def _expected_values(walk: Mapping[str, int | str]) -> dict[str, float]:
    """Returns the numbers of the scalars that do not change, by the names that collectd gives them."""
    factors = {"milliseconds": 0.001, "microseconds": 0.000001}
    return {
        f"node1/snmp/gauge-{watched.words(entry.name).lower().replace(' ', '_')}": int(value)
        * factors.get(entry.units, 1)
        for entry in watched.scalars(MIB)
        if (value := walk.get(f"{oids.dotted(entry.oid)}.0")) is not None
        and is_stable(entry.name)
        and entry.syntax is not None
        and entry.syntax.name != "Counter64"
    }


def _written(folder: Path) -> dict[str, float]:
    """Returns the last value of each file; its name ends in the date."""
    values = {}
    for path in folder.rglob("*-????-??-??"):
        lines = path.read_text().splitlines()
        if len(lines) > 2:
            values[str(path.relative_to(folder))[:-11]] = float(lines[-2].rpartition(",")[2])
    return values
