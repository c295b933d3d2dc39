"""``make integrations``: runs each manager with its recipe, through snmpd and the built-in agent.

Needs root and debootstrap: managers run in the trees of two Debian releases, which are made at first use and take some
gigabytes. A check that fails prints its recipe, what was expected and what was received. The last output is a table.
The exit status is 1 if a check has failed.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.managers import compilers, librenms, nagios, notifications, polling, queries, schemas, zabbix
from tests.managers.difference import explain
from tests.managers.node import Way, running_nodes
from tests.managers.tree import Tree
from tests.ports import free_port

OLD, NEW = "bookworm", "trixie"
_PLUGINS = ("monitoring-plugins-basic", "monitoring-plugins-standard", "snmp")


class Manager(NamedTuple):
    """A manager that is run.

    Attributes:
        name: its name in the table, and on the command line.
        recipe: the files that it is run with.
        release: the release of Debian that it is from.
        packages: the packages to install; the first one has its version. None if the manager itself is not run.
        alone: checks that need no node.
        polls: checks of each way.
        together: checks of all ways in one run of the manager.
    """

    name: str
    recipe: str
    release: str = OLD
    packages: tuple[str, ...] = ()
    alone: tuple[Callable[[Tree], str], ...] = ()
    polls: tuple[Callable[[Tree, Way], str], ...] = ()
    together: tuple[Callable[[Tree, Sequence[Way]], str], ...] = ()


MANAGERS: Sequence[Manager] = (
    Manager(
        "snmp_exporter",
        "integrations/snmp_exporter/snmp.yml",
        NEW,
        ("prometheus-snmp-exporter", "prometheus"),
        alone=(polling.check_generator,),
        polls=(polling.check_snmp_exporter,),
        together=(queries.check_queries,),
    ),
    Manager(
        "check_snmp",
        "integrations/nagios/*.cfg",
        OLD,
        _PLUGINS,
        polls=(nagios.check_plugin,),
    ),
    Manager("nagios", "integrations/nagios/*.cfg", OLD, ("nagios4-core", *_PLUGINS), together=(nagios.check_nagios,)),
    Manager(
        "icinga", "integrations/nagios/icinga2.conf", OLD, ("icinga2-bin", *_PLUGINS), together=(nagios.check_icinga,)
    ),
    Manager(
        "collectd",
        "integrations/collectd/ha-cluster.conf",
        OLD,
        ("collectd-core", "libsnmp40"),
        polls=(polling.check_collectd,),
    ),
    Manager(
        "snmptt",
        "integrations/snmptt/ha-cluster.conf",
        OLD,
        ("snmptt", "snmptrapd", "snmp"),
        alone=(notifications.check_converter,),
    ),
    Manager("librenms", "integrations/librenms", polls=(lambda _, way: librenms.check_definitions(way),)),
    Manager("zabbix-6", "integrations/zabbix/ha-cluster.yaml", OLD, zabbix.PACKAGES, together=(zabbix.check_zabbix,)),
    Manager("zabbix-7", "integrations/zabbix/ha-cluster.yaml", NEW, zabbix.PACKAGES, together=(zabbix.check_zabbix,)),
    *(
        Manager(
            compiler.package,
            "mibs/HA-CLUSTER-MIB.txt",
            packages=(compiler.package, *compiler.needs),
            alone=(partial(compilers.check_compiler, compiler),),
        )
        for compiler in compilers.COMPILERS
    ),
)


class Row(NamedTuple):
    """A row of the table."""

    manager: str
    version: str
    way: str
    result: str = ""
    is_good: bool = True


def run(directory: Path, names: Sequence[str]) -> Iterator[Row]:
    """Runs the managers of these names, or all of them."""
    chosen = [manager for manager in MANAGERS if not names or manager.name in names]
    trees = {release: Tree(release, directory) for release in {manager.release for manager in chosen}}
    for manager in chosen:
        trees[manager.release].add(manager.packages)
    for manager in chosen:
        for check in manager.alone:
            yield _row(manager, trees[manager.release], "", partial(check, trees[manager.release]))
    if any((*manager.polls, *manager.together) or manager.name == "snmptt" for manager in chosen):
        yield from _with_nodes(chosen, trees)


def _with_nodes(chosen: Sequence[Manager], trees: Mapping[str, Tree]) -> Iterator[Row]:
    port = free_port()
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        receiver = next((manager for manager in chosen if manager.name == "snmptt"), None)
        log = stack.enter_context(notifications.running_receiver(trees[OLD], port)) if receiver else None
        ways = stack.enter_context(running_nodes(scratch, trap_port=port))
        if receiver and log:
            yield _row(receiver, trees[OLD], "traps", partial(notifications.check_snmptt, log, ways))
        for manager in chosen:
            yield from _poll(manager, trees[manager.release], ways)


def _poll(manager: Manager, tree: Tree, ways: Sequence[Way]) -> Iterator[Row]:
    for check in manager.polls:
        for way in ways:
            yield _row(manager, tree, way.name, partial(check, tree, way))
    for check_all in manager.together:
        yield _row(manager, tree, "all", partial(check_all, tree, ways))


def _row(manager: Manager, tree: Tree, way: str, check: Callable[[], str]) -> Row:
    version = tree.version(manager.packages[0]) if manager.packages else ""
    return run_check(Row(manager.name, version, way), manager.recipe, check)


def run_check(row: Row, recipe: str, check: Callable[[], str]) -> Row:
    """Runs a check and returns its row of the table; if it fails, it prints why, and the other checks follow."""
    print(" ".join(filter(None, (row.manager, row.version, row.way))), flush=True)
    try:
        return row._replace(result=check())
    except Exception as error:  # noqa: BLE001 - a row of the table, so that the other managers are run as well
        subject, expected, received = explain(error)
        lines = {"recipe": recipe, "compared": subject, "expected": expected, "received": received}
        for name, text in lines.items():
            print(textwrap.indent(f"{name}:\n{textwrap.indent(text, '  ')}", "  "), flush=True)
        return row._replace(result=f"FAILED: {subject}", is_good=False)


def main() -> int:
    """Runs what the command line names, and prints a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.managers", description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, metavar="TREES", help="where the trees are, or are made")
    parser.add_argument("names", nargs="*", metavar="MANAGER", help=", ".join(manager.name for manager in MANAGERS))
    parser.add_argument("--librenms", type=Path, metavar="CLONE", help="a copy of LibreNMS's repository")
    parser.add_argument("--opennms", type=Path, metavar="CLONE", help="a copy of OpenNMS's repository")
    arguments = parser.parse_args()
    rows = list(run(arguments.directory.absolute(), arguments.names))
    for name, check, source in (
        ("librenms", schemas.check_librenms, arguments.librenms),
        ("opennms", schemas.check_opennms, arguments.opennms),
    ):
        if source:
            rows.append(run_check(Row(name, "", "schema"), f"integrations/{name}", partial(check, source)))
    return print_table(rows)


def print_table(rows: Sequence[Row]) -> int:
    """Prints the results, and returns the exit status."""
    print("\n| manager | version | way | result |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row.manager} | {row.version} | {row.way} | {row.result} |")
    return 0 if all(row.is_good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
