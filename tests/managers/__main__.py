"""``make integrations``: runs each manager with its recipe, through snmpd and the built-in agent.

Needs root and debootstrap: managers run in the trees of two Debian releases, which are made at first use and take some
gigabytes. The last output is a table. The exit status is 1 if something differs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.managers import notifications, polling, schemas, zabbix
from tests.managers.node import Way, running_node
from tests.managers.tree import Tree
from tests.ports import free_port

OLD, NEW = "bookworm", "trixie"


class Manager(NamedTuple):
    """A manager that is run.

    Attributes:
        name: its name in the table, and on the command line.
        release: the release of Debian that it is from.
        packages: the packages to install; the first one has its version.
        alone: checks that need no node.
        polls: checks of both ways.
    """

    name: str
    release: str
    packages: tuple[str, ...]
    alone: tuple[Callable[[Tree], str], ...] = ()
    polls: tuple[Callable[[Tree, Way], str], ...] = ()


MANAGERS: Sequence[Manager] = (
    Manager(
        "snmp_exporter",
        NEW,
        ("prometheus-snmp-exporter",),
        alone=(polling.check_generator,),
        polls=(polling.check_snmp_exporter,),
    ),
    Manager(
        "check_snmp",
        OLD,
        ("monitoring-plugins-basic", "monitoring-plugins-standard", "snmp"),
        polls=(polling.check_plugin,),
    ),
    Manager("nagios", OLD, ("nagios4-core", "icinga2-bin"), alone=(polling.check_nagios,)),
    Manager("collectd", OLD, ("collectd-core", "libsnmp40"), polls=(polling.check_collectd,)),
    Manager("snmptt", OLD, ("snmptt", "snmptrapd", "snmp"), alone=(notifications.check_converter,)),
    Manager("zabbix-6", OLD, zabbix.PACKAGES, polls=(zabbix.check_zabbix,)),
    Manager("zabbix-7", NEW, zabbix.PACKAGES, polls=(zabbix.check_zabbix,)),
)


class Row(NamedTuple):
    """A row of the table."""

    manager: str
    version: str
    way: str
    result: str
    is_good: bool


def run(directory: Path, names: Sequence[str]) -> Iterator[Row]:
    """Runs the managers of these names, or all of them."""
    chosen = [manager for manager in MANAGERS if not names or manager.name in names]
    trees = {release: Tree(release, directory) for release in {manager.release for manager in chosen}}
    for manager in chosen:
        trees[manager.release].add(manager.packages)
    port = free_port()
    with tempfile.TemporaryDirectory() as scratch:
        receives = any(manager.name == "snmptt" for manager in chosen)
        for manager in chosen:
            tree = trees[manager.release]
            for check in manager.alone:
                yield _row(manager, tree, "", partial(check, tree))
        if receives:
            with notifications.running_receiver(trees[OLD], port) as log, running_node(Path(scratch), trap_port=port):
                manager = next(manager for manager in chosen if manager.name == "snmptt")
                yield _row(manager, trees[OLD], "direct trap", partial(notifications.check_snmptt, log))
        if any(manager.polls for manager in chosen):
            folder = Path(tempfile.mkdtemp(dir=scratch))
            with running_node(folder, trap_port=port) as ways:
                for manager in chosen:
                    for check_way in manager.polls:
                        for way in ways:
                            tree = trees[manager.release]
                            yield _row(manager, tree, way.name, partial(check_way, tree, way))


def _row(manager: Manager, tree: Tree, way: str, check: Callable[[], str]) -> Row:
    """Runs a check; whatever it finds is a row of the table, so that the other checks follow."""
    version = tree.version(manager.packages[0])
    print(f"{manager.name} {version} {way}", flush=True)
    try:
        return Row(manager.name, version, way, check(), is_good=True)
    except Exception as error:  # noqa: BLE001 - a row of the table, so that the other managers are run as well
        traceback.print_exc()
        return Row(manager.name, version, way, f"FAILED: {str(error).partition(chr(10))[0]}", is_good=False)


def main() -> int:
    """Runs what the command line names, and prints a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.managers", description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, metavar="TREES", help="where the trees are, or are made")
    parser.add_argument("names", nargs="*", metavar="MANAGER", help=", ".join(manager.name for manager in MANAGERS))
    parser.add_argument("--librenms", type=Path, metavar="CLONE", help="a copy of LibreNMS's repository")
    parser.add_argument("--opennms", type=Path, metavar="CLONE", help="a copy of OpenNMS's repository")
    arguments = parser.parse_args()
    rows = list(run(arguments.directory.absolute(), arguments.names))
    if arguments.librenms:
        rows.append(Row("librenms", "", "schema", schemas.check_librenms(arguments.librenms), is_good=True))
    if arguments.opennms:
        rows.append(Row("opennms", "", "schema", schemas.check_opennms(arguments.opennms), is_good=True))
    print("\n| manager | version | way | result |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row.manager} | {row.version} | {row.way} | {row.result} |")
    return 0 if all(row.is_good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
