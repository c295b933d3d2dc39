"""``make package-tests``: installs, uses, upgrades and purges the packages on clean systems, and prints a table.

It needs root, debootstrap, rpm and a mirror of Debian. The machines have no network: a package that would download
something fails. The exit status is 1 if something has failed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packager import deb, rpm
from packager.build import Build, Libraries, source_date_epoch
from packager.packaged_file import PackagerError
from tests.packages import service
from tests.packages.machine import CommandError, Machine, booted, prepare_tree
from tests.waiting import wait_until

RELEASES = ("bookworm", "trixie", "sid")
WITH_LIBRARIES = ("trixie", "sid")
"""The releases whose own libraries are new enough."""

UNIT = "ha-cluster-gateway.service"
CONFIG = "/etc/ha-cluster-gateway/gateway.conf"
ENGINE = "/var/lib/ha-cluster-gateway/snmp-engine.json"
ROOT_OID = "1.3.6.1.4.1.8072.9999.9999.9664"

SETTINGS = """\
[snmp.agent]
listen = ["127.0.0.1:1161"]
[[snmp.agent.user]]
name = "monitoring"
auth = "SHA-256"
auth_password = "correct horse"
priv = "AES"
priv_password = "battery staple"
"""
"""A configuration with an SNMPv3 user, who makes the gateway count its restarts."""

_USER = ("-u", "monitoring", "-l", "authPriv", "-a", "SHA-256", "-A", "correct horse", "-x", "AES")
WALK_AGENT = ("snmpwalk", "-v3", *_USER, "-X", "battery staple", "-On", "127.0.0.1:1161", ROOT_OID)
"""A walk through the built-in agent, as that user."""

_CHANGED_BY_OTHERS = re.compile(
    r"/(etc/(passwd|group|shadow|gshadow)-?|etc/\.pwd\.lock|etc/snmp(/snmpd\.conf\.d)?|var/agentx.*"
    r"|var/(cache|log|tmp)/.*|tmp/.*|var/lib/(dpkg|snmp|systemd|rpm|private)/.*|root/\.rpmdb.*|usr/lib/sysimage.*"
    r"|usr/lib/firewalld.*|usr/lib/supportconfig.*|usr/share/zsh.*|var/lib/rpm.*)"
)
"""Paths that stay after a purge: users, logs, the databases of the package manager, directories that others may use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The commands and the paths of one kind of package.

    Attributes:
        install: the words in front of the path of a package.
        remove: the words in front of its name.
        purge: the same, for removing the configuration as well.
        starts: whether the service starts when the package is installed.
        arguments: the file with the arguments of the service.
        kept_after_purge: what stays, apart from ``_CHANGED_BY_OTHERS``.
    """

    install: tuple[str, ...]
    remove: tuple[str, ...]
    purge: tuple[str, ...]
    starts: bool
    arguments: str
    kept_after_purge: str


DEB = Family(
    install=("dpkg", "--install"),
    remove=("dpkg", "--remove"),
    purge=("dpkg", "--purge"),
    starts=True,
    arguments="/etc/default/ha-cluster-gateway",
    kept_after_purge="nothing",
)
RPM = Family(
    install=("rpm", "--upgrade", "--nodeps"),
    remove=("rpm", "--erase"),
    purge=("sh", "-c", "rm -r /etc/ha-cluster-gateway /var/lib/ha-cluster-gateway /etc/sysconfig/$1.rpmsave", "purge"),
    starts=False,
    arguments="/etc/sysconfig/ha-cluster-gateway",
    kept_after_purge="/etc/sysconfig",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A package and its successor, on one release.

    Attributes:
        release: the release of Debian.
        family: the kind of package.
        libraries: where its libraries come from.
        old: the package.
        new: the same with a higher revision.
    """

    release: str
    family: Family
    libraries: Libraries
    old: Path
    new: Path

    @property
    def title(self) -> str:
        """What the table calls it."""
        return f"{self.old.suffix[1:]}, {self.libraries.value}"


# --- What a user does ------------------------------------------------------------------------------------------------


def install(machine: Machine, case: Case) -> str:
    machine.run(*case.family.install, f"/root/{case.old.name}")
    if not case.family.starts:
        machine.run("systemctl", "enable", "--now", UNIT)
    python = re.search(r"\((Python [\d.]+)\)", machine.run("ha-cluster-gateway", "--version"))
    assert python
    exposure = re.search(r"level for .*: ([\d.]+)", machine.run("systemd-analyze", "security", "--no-pager", UNIT))
    return f"{python[1]}, {state(machine)}, exposure {exposure[1] if exposure else '?'}"


def state(machine: Machine) -> str:
    """Waits until the service is active, and returns its state and its user."""
    wait_until(lambda: machine.succeeds("systemctl", "is-active", UNIT), seconds=60, what=UNIT)
    pid = machine.run("systemctl", "show", "--property=MainPID", "--value", UNIT).strip()
    user = machine.run("ps", "-o", "user:32=,group:32=", "-p", pid).split()
    return f"active as {':'.join(user)}"


def scrape(machine: Machine, _: Case) -> str:
    page = fetch(machine, "/metrics")
    series = [line for line in page.splitlines() if line.startswith("ha_cluster_")]
    assert series, page
    return f"{len(series)} series"


def fetch(machine: Machine, path: str) -> str:
    """Returns a page of the gateway, which may just be starting."""
    script = f"import urllib.request as r; print(r.urlopen('http://127.0.0.1:9664{path}', timeout=20).read().decode())"
    wait_until(lambda: machine.succeeds("python3", "-c", script), seconds=60, what=path)
    return machine.run("python3", "-c", script)


def walk(machine: Machine, case: Case) -> str:
    if case.family is RPM:  # as docs/install.md says for RHEL and SLES
        machine.shell("cat /usr/share/ha-cluster-gateway/snmpd/*.conf >> /etc/snmp/snmpd.local.conf")
    machine.run("systemctl", "restart", "snmpd.service")
    command = ("snmpwalk", "-v2c", "-c", "public", "-On", "127.0.0.1", ROOT_OID)
    wait_until(lambda: walked(machine, command) > 50, seconds=90, what="the walk through snmpd")
    objects = walked(machine, command)
    if case.family is RPM:
        machine.run("rm", "/etc/snmp/snmpd.local.conf")
    machine.run("test", "-s", "/usr/share/snmp/mibs/HA-CLUSTER-MIB.txt")
    return f"{objects} objects through {machine.run('snmpd', '--version').splitlines()[1].strip()}"


def walked(machine: Machine, command: Sequence[str]) -> int:
    """Returns how many objects a walk has found."""
    lines = machine.run(*command, check=False).splitlines()
    return len([line for line in lines if line.startswith(f".{ROOT_OID}") and "No Such" not in line])


def extras(machine: Machine, _: Case) -> str:
    for page in ("ha-cluster-gateway.8", "gateway.conf.5", "ha-cluster-gateway-alert.8"):
        section = page.rpartition(".")[2]
        assert len(machine.run("mandoc", "-Tascii", f"/usr/share/man/man{section}/{page}.gz")) > 400, page
    machine.run(
        "bash", "-c", ". /usr/share/bash-completion/completions/ha-cluster-gateway; complete -p ha-cluster-gateway"
    )
    machine.run("runuser", "-u", "ha-cluster-gateway", "--", "ha-cluster-gateway-alert")
    for path in ("rules/ha-cluster.yml", "dashboards/ha-cluster.json"):
        machine.run("test", "-s", f"/usr/share/ha-cluster-gateway/{path}")
    return "manual pages, completion, alert agent, rules, dashboards"


def configure(machine: Machine, case: Case) -> str:
    machine.shell(
        f"umask 027; printf '%s' '{SETTINGS}' > {CONFIG}; chgrp haclient {CONFIG}; "
        f"printf 'ARGS=\"--log.level=debug\"\\n' > {case.family.arguments}; systemctl restart {UNIT}"
    )
    active = state(machine)
    objects = walked(machine, WALK_AGENT)
    assert objects > 50
    return f"{active}; SNMPv3 engine, boots {engine(machine)['boots']}; {objects} objects over SNMPv3"


def engine(machine: Machine) -> Mapping[str, object]:
    """Returns the state of the SNMPv3 engine."""
    document: Mapping[str, object] = json.loads(machine.run("cat", ENGINE))
    return document


def upgrade(machine: Machine, case: Case) -> str:
    def kept() -> Sequence[str]:
        return [machine.run("cat", CONFIG), machine.run("cat", case.family.arguments)]

    before, files, pid = engine(machine), kept(), main_pid(machine)
    machine.run(*case.family.install, f"/root/{case.new.name}")
    active = state(machine)
    wait_until(lambda: engine(machine) != before, seconds=60, what="the restart")
    after = engine(machine)
    assert main_pid(machine) != pid, "not restarted"
    assert kept() == files, "the configuration has changed"
    ids = {key: value for key, value in after.items() if key != "boots"}
    assert ids == {key: value for key, value in before.items() if key != "boots"}, "another engine"
    assert after["boots"] == int(str(before["boots"])) + 1
    assert walked(machine, WALK_AGENT) > 50
    return f"{active}; configuration and engine kept, boots {before['boots']} to {after['boots']}"


def main_pid(machine: Machine) -> str:
    """Returns the process id of the service."""
    return machine.run("systemctl", "show", "--property=MainPID", "--value", UNIT)


def keep_disabled(machine: Machine, case: Case) -> str:
    machine.run("systemctl", "disable", "--now", UNIT)
    reinstall = ("--force",) if case.family is RPM else ()
    machine.run(*case.family.install, *reinstall, f"/root/{case.new.name}")
    enabled = machine.run("systemctl", "is-enabled", UNIT, check=False).strip()
    assert enabled == "disabled"
    return "stays disabled after another installation"


def remove(machine: Machine, case: Case) -> str:
    machine.run("systemctl", "start", UNIT)
    machine.run(*case.family.remove, "ha-cluster-gateway")
    assert not machine.succeeds("systemctl", "is-active", UNIT)
    assert not machine.succeeds("systemctl", "cat", UNIT)
    machine.run("test", "-e", CONFIG)
    machine.run("test", "-e", ENGINE)
    return "stopped; configuration and engine are still there"


def survive(machine: Machine, _: Case) -> str:
    return f"{service.survive(machine)}; {service.wait_for_ports(machine)}"


def check(machine: Machine, case: Case) -> str:
    if case.family is RPM:
        return "not tried: snmpd of this machine is Debian's"
    return service.check(machine)


STEPS: Sequence[Callable[[Machine, Case], str]] = (
    *(install, scrape, walk, survive, check, extras, configure, upgrade, keep_disabled, remove),
)


def run_case(machine: Machine, case: Case) -> Iterator[tuple[str, str, float]]:
    """Runs all steps, and yields the name, the result and the duration of each."""
    before = machine.files()
    failed = failed_units(machine)
    for step in (*STEPS, purge_to(before, failed)):
        started = time.monotonic()
        result = step(machine, case)
        yield step.__name__, result, time.monotonic() - started


def failed_units(machine: Machine) -> frozenset[str]:
    """Returns the units that have failed: in namespaces, some of systemd's own do."""
    return frozenset(machine.run("systemctl", "--failed", "--no-legend", "--plain").splitlines())


def purge_to(before: frozenset[str], failed: frozenset[str]) -> Callable[[Machine, Case], str]:
    """Returns the last step, which compares what is on the disk with what was there before."""

    def purge(machine: Machine, case: Case) -> str:
        machine.run(*case.family.purge, "ha-cluster-gateway")
        left = sorted(path for path in machine.files() - before if not _CHANGED_BY_OTHERS.fullmatch(path))
        assert left in ([], [case.family.kept_after_purge]), left
        assert failed_units(machine) == failed
        user = machine.run("id", "ha-cluster-gateway").split()[0]
        return f"no file is left; the user {user} stays"

    return purge


# --- Packages and the table ------------------------------------------------------------------------------------------


def build_cases(output: Path, releases: Sequence[str]) -> Iterator[Case]:
    """Builds the packages, and yields what is to be tested with them."""

    def pair(make: Callable[[Build], Path], libraries: Libraries) -> tuple[Path, Path]:
        first = Build(libraries=libraries, output=output, epoch=source_date_epoch())
        return make(first), make(replace(first, revision="2"))

    bundled = pair(deb.build, Libraries.BUNDLED)
    distribution = pair(deb.build, Libraries.DISTRIBUTION)
    packages = pair(rpm.build, Libraries.BUNDLED)
    for release in releases:
        yield make_case(release, DEB, Libraries.BUNDLED, bundled)
        if release in WITH_LIBRARIES:
            yield make_case(release, DEB, Libraries.DISTRIBUTION, distribution)
        yield make_case(release, RPM, Libraries.BUNDLED, packages)


def make_case(release: str, family: Family, libraries: Libraries, packages: tuple[Path, Path]) -> Case:
    """Returns a case with a package and its successor."""
    return Case(release=release, family=family, libraries=libraries, old=packages[0], new=packages[1])


def run_on_release(case: Case, directory: Path, mirror: str, bases: Path | None) -> bool:
    """Runs a case on a new machine, prints a row of the table for each step, and returns whether all succeeded."""
    libraries = case.libraries is Libraries.DISTRIBUTION
    tree = prepare_tree(case.release, directory, mirror=mirror, libraries=libraries, bases=bases)
    with booted(tree, directory) as machine:
        for package in (case.old, case.new):
            (machine.tree / "root" / package.name).write_bytes(package.read_bytes())
        try:
            for step, result, seconds in run_case(machine, case):
                print_row(case.release, case.title, step, result, f"{seconds:.1f} s")
        except (AssertionError, CommandError, TimeoutError) as error:
            journal = machine.run("journalctl", "--no-pager", "--lines=30", f"--unit={UNIT}", check=False)
            print_row(case.release, case.title, "FAILED", f"{type(error).__name__}: {error}", "")
            print(journal, file=sys.stderr)
            return False
    return True


def print_row(*cells: str) -> None:
    """Prints one row of the table."""
    print(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |", flush=True)


def main() -> int:
    """Tests the packages on the releases, and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", action="append", choices=RELEASES, help="can be repeated (default: all)")
    parser.add_argument("--directory", type=Path, help="keeps the trees of the releases here (default: temporary)")
    parser.add_argument("--bases", type=Path, help="has a tree of each release, made by debootstrap, to be copied")
    parser.add_argument("--mirror", default="http://deb.debian.org/debian")
    arguments = parser.parse_args()
    if os.geteuid():
        parser.error("needs root")
    with tempfile.TemporaryDirectory(prefix="ha-cluster-gateway-packages-") as temporary:
        directory = (arguments.directory or Path(temporary)).absolute()
        directory.mkdir(parents=True, exist_ok=True)
        try:
            cases = [*build_cases(directory / "packages", arguments.release or RELEASES)]
        except PackagerError as error:
            print(f"packager: {error}", file=sys.stderr)
            return 1
        print_row("release", "package", "step", "result", "time")
        print_row(*["---"] * 5)
        results = [run_on_release(case, directory, arguments.mirror, arguments.bases) for case in cases]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
