"""Managers that poll: each is run with its recipe, and what it reads is compared with a walk."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import yaml

from gateway.snmp import oid as oids
from gateway.snmp.mib.module import mib
from integrations.generator import nagios, snmp_exporter, watched
from integrations.generator.files import FOLDER
from integrations.generator.watched import Check
from tests.managers.difference import Difference, expect, expect_soon, expect_text
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


# --- check_snmp, Nagios, Icinga --------------------------------------------------------------------------------------


def check_plugin(tree: Tree, way: Way) -> str:
    """Runs check_snmp for each service of Nagios, and for each row of the templates, and compares it with the walk."""
    walk = way.walk()
    run = partial(_plugin, tree, way, walk)
    states = [run(check, f"{oid}.0", options) for check, oid, options in _nagios_checks()]
    rows = [
        run(check, instance, options)
        for check, oid, options in _nagios_rows()
        for instance in walk
        if instance.startswith(f"{oid}.")
    ]
    return f"services: {_counted(states)}; rows: {_counted(rows)}"


def _counted(states: Sequence[str]) -> str:
    return ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))


def _nagios_checks() -> Iterator[tuple[Check, str, str]]:
    """Yields the checks of the services, each with its object identifier and the options of check_snmp."""
    texts = [(FOLDER / "nagios" / name).read_text() for name in ("commands.cfg", "arbitrators.cfg")]
    services = re.findall(r"check_ha_cluster!([\d.]+)\.0!(\S+ \S+)!", "".join(texts))
    checks = (*watched.NODE_CHECKS, *watched.ARBITRATOR_CHECKS)
    yield from ((check, oid, options) for check, (oid, options) in zip(checks, services, strict=True))


def _nagios_rows() -> Iterator[tuple[Check, str, str]]:
    """Yields the checks of the templates, each with the object identifier of its column and the options."""
    templates = re.findall(r"check_ha_cluster_row!([\d.]+)!(\S+ \S+)\n", (FOLDER / "nagios" / "rows.cfg").read_text())
    for check, (oid, options) in zip(nagios.row_checks(), templates, strict=True):
        yield check, oid, options


def _plugin(  # noqa: PLR0917 - the first three are bound
    tree: Tree, way: Way, walk: Mapping[str, int | str], check: Check, instance: str, options: str
) -> str:
    """Runs check_snmp for an object, and returns the state that it prints."""
    target = ("-H", "127.0.0.1", "-p", str(way.port), "-P", "2c", "-C", "public")
    argv = ("/usr/lib/nagios/plugins/check_snmp", *target, "-o", instance, *options.split(), "-l", check.object)
    printed = tree.run(*argv, check=False).stdout
    match = re.match(rf"SNMP (\w+) - {check.object} \*?(-?\d+)", printed)
    if not match:
        raise Difference(f"check_snmp for {check.object}", expected="a state and a number", received=printed)
    value = int(match[2])
    in_range = check.lowest <= value and (check.highest is None or value <= check.highest)
    expect(f"the state of {check.object}, {value}", match[1], "OK" if in_range else check.severity.upper())
    if is_stable(check.object):
        expect(f"the value of {instance}, {check.object}", value, walk[instance])
    return match[1]


_NAGIOS = """\
log_file={inside}/log
cfg_file={inside}/commands.cfg
cfg_file={inside}/arbitrators.cfg
cfg_file={inside}/rows.cfg
cfg_file={inside}/site.cfg
cfg_file=/etc/nagios4/objects/templates.cfg
cfg_file=/etc/nagios4/objects/timeperiods.cfg
cfg_file=/etc/nagios4/objects/contacts.cfg
cfg_file=/etc/nagios4/objects/commands.cfg
resource_file=/etc/nagios4/resource.cfg
check_result_path={inside}
illegal_macro_output_chars=`~$&|'"<>
"""
_NAGIOS_SITE = """\
define command {
    command_name  check-host-alive
    command_line  /bin/true
}
define hostgroup {
    hostgroup_name  ha-cluster
}
define hostgroup {
    hostgroup_name  ha-arbitrator
}
define host {
    use            linux-server
    host_name      node1
    address        127.0.0.1
    hostgroups     ha-cluster
    _SNMP_OPTIONS  -P 2c -C public
}
define host {
    use            linux-server
    host_name      arbitrator1
    address        127.0.0.1
    hostgroups     ha-arbitrator
    _SNMP_OPTIONS  -P 2c -C public
}
"""
_NAGIOS_ROW = """\
define service {{
    use                  {name}
    host_name            node1
    service_description  {name}
    _INDEX               1
}}
"""
_ICINGA_SITE = """\
const PluginDir = "/usr/lib/nagios/plugins"
const PluginContribDir = PluginDir
const ManubulonPluginDir = PluginDir
const NodeName = "manager"
include <itl>
include <plugins>
object Host "node1" {
  check_command = "hostalive"
  address = "127.0.0.1"
  vars.ha_cluster = true
}
object Host "arbitrator1" {
  check_command = "hostalive"
  address = "127.0.0.1"
  vars.ha_arbitrator = true
}
"""
_ICINGA_ROW = """\
object Service "{name}" {{
  import "{name}"
  host_name = "node1"
  vars.ha_index = "1"
}}
"""


def check_nagios(tree: Tree) -> str:
    """Lets Nagios and Icinga verify their configurations, with one service of each template."""
    names = [nagios.template_name(check) for check in nagios.row_checks()]
    with tree.folder() as (folder, inside):
        for recipe in ("commands.cfg", "arbitrators.cfg", "rows.cfg"):
            (folder / recipe).write_text((FOLDER / "nagios" / recipe).read_text())
        (folder / "site.cfg").write_text(_NAGIOS_SITE + "".join(_NAGIOS_ROW.format(name=name) for name in names))
        (folder / "nagios.cfg").write_text(_NAGIOS.format(inside=inside))
        accepted = tree.run("nagios4", "-v", f"{inside}/nagios.cfg", check=False).stdout
        recipe_of_icinga = (FOLDER / "nagios" / "icinga2.conf").read_text()
        rows = "".join(_ICINGA_ROW.format(name=name) for name in names)
        (folder / "icinga2.conf").write_text(_ICINGA_SITE + recipe_of_icinga + rows)
        instantiated = tree.run("icinga2", "daemon", "-C", "-c", f"{inside}/icinga2.conf").stdout
    count = len(watched.NODE_CHECKS) + len(watched.ARBITRATOR_CHECKS)
    expect_text("the services that Nagios accepts", accepted, f"Checked {count + len(names)} services.")
    expect_text("the result of Nagios", re.sub(r"\s+", " ", accepted), "Total Warnings: 0 Total Errors: 0")
    expect_text("the services that Icinga accepts", instantiated, f"Instantiated {count + len(names)} Services.")
    return f"both accept {count} services, and {len(names)} of the templates"


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
