"""Managers that poll: each is run with its recipe, and what it reads is compared with a walk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from gateway.snmp import oid as oids
from gateway.snmp.mib.module import mib
from integrations.generator import snmp_exporter, watched
from integrations.generator.files import FOLDER
from tests.managers.node import CHANGING, Way
from tests.managers.tree import Tree
from tests.ports import free_port
from tests.programs import ROOT
from tests.prometheus_server import get, wait_for
from tests.waiting import wait_until

MIB = mib()


def is_stable(name: str) -> bool:
    """Returns whether an object has the same value in each request."""
    return not any(part in name for part in CHANGING)


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
    assert made == ours, "the module differs from the generator's"
    return f"the generator makes the same module, {len(ours['modules'][snmp_exporter.MODULE]['metrics'])} metrics"


def check_snmp_exporter(tree: Tree, way: Way) -> str:
    """Scrapes through the exporter, and compares each sample with the walk."""
    port = free_port()
    with tree.folder() as (folder, inside):
        (folder / "snmp.yml").write_text((FOLDER / "snmp_exporter" / "snmp.yml").read_text())
        listen = f"--web.listen-address=127.0.0.1:{port}"
        argv = ("prometheus-snmp-exporter", f"--config.file={inside}/snmp.yml", listen)
        with tree.running(*argv, log=folder / "log"):
            wait_for(f"http://127.0.0.1:{port}/")
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
            assert sorted(found) == sorted(states), entry.name
        elif watched.is_number(entry) and is_stable(entry.name):
            assert sorted(value for _, value in shown) == sorted(map(float, rows.values())), entry.name
        else:
            assert len(shown) == len(rows), entry.name
        compared += len(rows)
    return f"{len(samples)} samples of {compared} variables"


_SAMPLE = re.compile(r"^(?P<name>haCluster\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")


# --- check_snmp, Nagios, Icinga --------------------------------------------------------------------------------------


def check_plugin(tree: Tree, way: Way) -> str:
    """Runs check_snmp for each service of Nagios, and compares value and state with the walk."""
    services = re.findall(r"check_ha_cluster!([\d.]+)!(\S+ \S+)!(.*)", (FOLDER / "nagios" / "commands.cfg").read_text())
    walk = way.walk()
    states: list[str] = []
    for (oid, options, label), check in zip(services, watched.SCALAR_CHECKS, strict=True):
        target = ("-H", "127.0.0.1", "-p", str(way.port), "-P", "2c", "-C", "public")
        argv = ("/usr/lib/nagios/plugins/check_snmp", *target, "-o", oid, *options.split(), "-l", label)
        printed = tree.run(*argv, check=False).stdout
        match = re.match(rf"SNMP (\w+) - {label} \*?(-?\d+)", printed)
        assert match, printed
        value = int(match[2])
        in_range = check.lowest <= value and (check.highest is None or value <= check.highest)
        assert match[1] == ("OK" if in_range else check.severity.upper()), printed
        assert value == walk[oid] or not is_stable(check.object), printed
        states.append(match[1])
    return ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))


_NAGIOS = """\
log_file={inside}/log
cfg_file={inside}/commands.cfg
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
define host {
    use            linux-server
    host_name      node1
    address        127.0.0.1
    hostgroups     ha-cluster
    _SNMP_OPTIONS  -P 2c -C public
}
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
"""


def check_nagios(tree: Tree) -> str:
    """Lets Nagios and Icinga verify their configurations."""
    with tree.folder() as (folder, inside):
        (folder / "commands.cfg").write_text((FOLDER / "nagios" / "commands.cfg").read_text())
        (folder / "site.cfg").write_text(_NAGIOS_SITE)
        (folder / "nagios.cfg").write_text(_NAGIOS.format(inside=inside))
        nagios = tree.run("nagios4", "-v", f"{inside}/nagios.cfg", check=False).stdout
        (folder / "icinga2.conf").write_text(_ICINGA_SITE + (FOLDER / "nagios" / "icinga2.conf").read_text())
        icinga = tree.run("icinga2", "daemon", "-C", "-c", f"{inside}/icinga2.conf").stdout
    count = len(watched.SCALAR_CHECKS)
    assert f"Checked {count} services." in nagios, nagios
    assert re.search(r"Total Warnings: 0\s+Total Errors:   0", nagios), nagios
    assert f"Instantiated {count} Services." in icinga, icinga
    return f"both accept {count} services"


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
            wait_until(lambda: len(_written(folder / "csv")) >= count, what="the values of collectd")
            written = _written(folder / "csv")
    differing = {name: (value, written[name]) for name, value in expected.items() if written[name] != value}
    assert differing == {}
    return f"{len([value for value in written.values() if value == value])} values"  # noqa: PLR0124 - not NaN


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
