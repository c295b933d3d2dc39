"""The plugin check_snmp, and Nagios and Icinga, which run it: all states must be those that follow from the walk."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from integrations.generator import nagios
from integrations.generator.files import FOLDER
from integrations.generator.watched import Check
from tests.managers.difference import Difference, expect, expect_soon, expect_text
from tests.managers.node import Way, is_stable
from tests.managers.tree import Tree


def check_plugin(tree: Tree, way: Way) -> str:
    """Runs check_snmp for each service of Nagios, and for each row of the templates, and compares it with the walk."""
    walk = way.walk()
    run = partial(_plugin, tree, way, walk)
    states = [run(check, f"{oid}.0", options) for check, oid, options in _nagios_checks(way)]
    rows = [
        run(check, instance, options)
        for check, oid, options in _nagios_rows()
        for instance in walk
        if instance.startswith(f"{oid}.")
    ]
    return f"services: {_counted(states)}; rows: {_counted(rows)}"


def _counted(states: Sequence[str]) -> str:
    return ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))


def _nagios_checks(way: Way) -> Iterator[tuple[Check, str, str]]:
    """Yields the checks of the services of a host, each once, with its object identifier and options of check_snmp."""
    found: dict[Check, tuple[str, str]] = {}
    for name in way.situation.files:
        services = re.findall(r"check_ha_cluster!([\d.]+)\.0!(\S+ \S+)!", (FOLDER / "nagios" / name).read_text())
        _, _, checks = nagios.GROUPS[name]
        found.update(zip(checks, services, strict=True))
    yield from ((check, oid, options) for check, (oid, options) in found.items())


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
    argv = ("/usr/lib/nagios/plugins/check_snmp", *target, "-o", instance, *shlex.split(options), "-l", check.object)
    printed = tree.run(*argv, check=False).stdout
    match = re.match(rf"SNMP (\w+) - {check.object} \*?(-?\d+)", printed)
    if not match:
        raise Difference(f"check_snmp for {check.object}", expected="a state and a number", received=printed)
    value = int(match[2])
    expect(f"the state of {check.object}, {value}", match[1], _state(check, value))
    if is_stable(check.object):
        expect(f"the value of {instance}, {check.object}", value, walk[instance])
    return match[1]


# --- The programs ----------------------------------------------------------------------------------------------------

_NAGIOS = """\
log_file={inside}/log
lock_file={inside}/lock
status_file={inside}/status
temp_file={inside}/temporary
temp_path={inside}
check_result_path={inside}
{recipes}
cfg_file={inside}/site.cfg
cfg_file=/etc/nagios4/objects/templates.cfg
cfg_file=/etc/nagios4/objects/timeperiods.cfg
cfg_file=/etc/nagios4/objects/contacts.cfg
cfg_file=/etc/nagios4/objects/commands.cfg
resource_file=/etc/nagios4/resource.cfg
illegal_macro_output_chars=`~$&|'"<>
check_external_commands=0
max_service_check_spread=1
status_update_interval=1
use_syslog=0
"""
_NAGIOS_SITE = """\
define command {
    command_name  check-host-alive
    command_line  /bin/true
}
"""
_NAGIOS_HOST = """\
define host {{
    use            linux-server
    host_name      {host}
    address        127.0.0.1
    hostgroups     {groups}
    _SNMP_OPTIONS  -P 2c -C public -p {port}
}}
"""
_NAGIOS_GROUP = """\
define hostgroup {{
    hostgroup_name  {group}
}}
"""
_NAGIOS_ROW = """\
define service {{
    use                  {name}
    host_name            {host}
    service_description  {name} {index}
    _INDEX               {index}
}}
"""
_ICINGA_SITE = """\
const PluginDir = "/usr/lib/nagios/plugins"
const PluginContribDir = PluginDir
const ManubulonPluginDir = PluginDir
const NodeName = "manager"
include <itl>
include <plugins>
object CheckerComponent "checker" {{ }}
object PerfdataWriter "perfdata" {{
  service_perfdata_path = "{inside}/services"
  service_temp_path = "{inside}/services.new"
  host_perfdata_path = "{inside}/hosts"
  host_temp_path = "{inside}/hosts.new"
  service_format_template = "$host.name$|$service.name$|$service.state$|$service.output$"
  rotation_interval = 1s
}}
"""
_ICINGA_HOST = """\
object Host "{host}" {{
  check_command = "hostalive"
  address = "127.0.0.1"
  {groups}
  vars.snmp_community = "public"
  vars.snmp_port = {port}
}}
"""
_ICINGA_ROW = """\
object Service "{name} {index}" {{
  import "{name}"
  host_name = "{host}"
  vars.ha_index = "{index}"
}}
"""
_ICINGA_FOLDERS = """
rm -rf /run/icinga2
install -d -o nagios -g nagios /run/icinga2
chown -R nagios: /var/lib/icinga2 /var/cache/icinga2
"""
_STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


Results = Mapping[tuple[str, str], str]
"""States by the names of the host and of the service."""


def check_nagios(tree: Tree, ways: Sequence[Way]) -> str:
    """Runs Nagios with the services of all hosts, and a service for each of their rows."""
    with tree.folder() as (folder, inside):
        recipes = (*nagios.GROUPS, "rows.cfg")
        for recipe in recipes:
            (folder / recipe).write_text((FOLDER / "nagios" / recipe).read_text())
        groups = "".join(_NAGIOS_GROUP.format(group=group) for group, _, _ in nagios.GROUPS.values())
        hosts = (
            _NAGIOS_HOST.format(host=way.host, groups=", ".join(_groups(way)), port=way.port) + _rows(way, _NAGIOS_ROW)
            for way in ways
        )
        (folder / "site.cfg").write_text("".join((_NAGIOS_SITE, groups, *hosts)))
        files = "\n".join(f"cfg_file={inside}/{recipe}" for recipe in recipes)
        (folder / "nagios.cfg").write_text(_NAGIOS.format(inside=inside, recipes=files))
        accepted = tree.run("nagios4", "-v", f"{inside}/nagios.cfg", check=False).stdout
        expect_text("the result of Nagios", re.sub(r"\s+", " ", accepted), "Total Warnings: 0 Total Errors: 0")
        with tree.running("nagios4", f"{inside}/nagios.cfg", log=folder / "output"):
            return _compare_all(ways, lambda: _nagios_results(folder / "status"))


def check_icinga(tree: Tree, ways: Sequence[Way]) -> str:
    """Runs Icinga 2 with the same services."""
    tree.run("sh", "-c", _ICINGA_FOLDERS)
    with tree.folder() as (folder, inside):
        recipe = (FOLDER / "nagios" / "icinga2.conf").read_text().replace("check_interval = 1m", "check_interval = 5s")
        hosts = []
        for way in ways:
            groups = "\n  ".join(f"vars.{group.replace('-', '_')} = true" for group in _groups(way))
            hosts.append(_ICINGA_HOST.format(host=way.host, groups=groups, port=way.port) + _rows(way, _ICINGA_ROW))
        (folder / "icinga2.conf").write_text("".join((_ICINGA_SITE.format(inside=inside), recipe, *hosts)))
        with tree.running("icinga2", "daemon", "-c", f"{inside}/icinga2.conf", log=folder / "output"):
            return _compare_all(ways, lambda: _icinga_results(folder))


def _groups(way: Way) -> Sequence[str]:
    """Returns the groups that a host belongs to."""
    return [nagios.GROUPS[name][0] for name in way.situation.files]


def _rows(way: Way, service: str) -> str:
    """Returns the configuration of a service for each row of the templates."""
    walk = way.walk()
    return "".join(
        service.format(name=nagios.template_name(check), index=instance.removeprefix(f"{oid}."), host=way.host)
        for check, oid, _ in _nagios_rows()
        for instance in walk
        if instance.startswith(f"{oid}.")
    )


def _nagios_results(path: Path) -> Results:
    """Returns the states that Nagios shows."""
    text = path.read_text() if path.exists() else ""
    blocks = [dict(re.findall(r"^\t(\w+)=(.*)$", block, re.MULTILINE)) for block in text.split("servicestatus {")[1:]]
    checked = [block for block in blocks if block["has_been_checked"] == "1"]
    return {
        (block["host_name"], block["service_description"]): _STATES[int(block["current_state"])] for block in checked
    }


def _icinga_results(folder: Path) -> Results:
    """Returns the states that Icinga has written."""
    lines = [line.split("|") for path in folder.glob("services*") for line in path.read_text().splitlines()]
    return {(host, service): state for host, service, state, *_ in lines}


def _compare_all(ways: Sequence[Way], results: Callable[[], Results]) -> str:
    return "; ".join(f"{way.name}: {_compare(way, partial(_of_host, results, way))}" for way in ways)


def _of_host(results: Callable[[], Results], way: Way) -> Mapping[str, str]:
    return {service: state for (host, service), state in results().items() if host == way.host}


def _compare(way: Way, results: Callable[[], Mapping[str, str]]) -> str:
    """Waits for the states of all services, and compares them with the walk."""
    walk = way.walk()
    rows = {
        f"{nagios.template_name(check)} {instance.removeprefix(f'{oid}.')}": (check, value)
        for check, oid, _ in _nagios_rows()
        for instance, value in walk.items()
        if instance.startswith(f"{oid}.")
    }
    services = {nagios.label(check): (check, walk[f"{oid}.0"]) for check, oid, _ in _nagios_checks(way)}
    expected = {name: _state(check, value) for name, (check, value) in {**services, **rows}.items()}
    stable = [name for name, (check, _) in {**services, **rows}.items() if is_stable(check.object)]

    def states() -> Mapping[str, str]:
        return {name if name in rows else _service(name): state for name, state in results().items()}

    expect_soon("the services that were checked", lambda: expected.keys() - states().keys(), seconds=180)
    received = states()
    expect("the states", {name: received[name] for name in stable}, {name: expected[name] for name in stable})
    return f"{len(services)} services, {len(rows)} rows: {_counted(list(received.values()))}"


def _service(name: str) -> str:
    """Returns what a service of either program is about."""
    return re.sub("^(?:HA cluster: |ha-cluster-)", "", name).replace("-", " ")


def _state(check: Check, value: int | str) -> str:
    """Returns the state of a service with a value."""
    assert isinstance(value, int)
    return "OK" if check.is_met(value) else nagios.severity(check).upper()
