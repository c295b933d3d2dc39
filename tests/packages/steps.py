"""What an administrator does with a package on a machine, step by step; each step returns what it has seen."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from tests.packages import service
from tests.packages.cases import RPM, Case
from tests.packages.machine import Machine
from tests.packages.service import CONFIG, UNIT, shown
from tests.waiting import wait_until

ENGINE = "/var/lib/ha-cluster-gateway/snmp-engine.json"
ROOT_OID = "1.3.6.1.4.1.8072.9999.9999.9664"
SNMPD_LOCAL = "/etc/snmp/snmpd.local.conf"

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
WALK_SNMPD = ("snmpwalk", "-v2c", "-c", "public", "-On", "127.0.0.1", ROOT_OID)
"""A walk through snmpd."""

WALK_AGENT = ("snmpwalk", "-v3", *_USER, "-X", "battery staple", "-On", "127.0.0.1:1161", ROOT_OID)
"""A walk through the built-in agent, as that user."""

_CHANGED_BY_OTHERS = re.compile(
    r"/(etc/(passwd|group|shadow|gshadow)-?|etc/\.pwd\.lock|etc/snmp(/snmpd\.conf\.d)?|var/agentx.*"
    r"|var/(cache|log|tmp)/.*|tmp/.*|var/lib/(dpkg|snmp|systemd|rpm|private)/.*|root/\.rpmdb.*|usr/lib/sysimage.*"
    r"|var/lib/rpm.*)"
)
"""Paths that stay after a purge: users, logs, the databases of the package manager, directories that others may use."""


def install(machine: Machine, case: Case) -> str:
    machine.run(*case.family.install, f"/root/{case.old.name}")
    if not case.family.starts:
        machine.run("systemctl", "enable", "--now", UNIT)
    exposure = matched(r"level for .*: ([\d.]+)", machine.run("systemd-analyze", "security", "--no-pager", UNIT))
    return f"{state(machine)}, exposure {exposure}"


def versions(machine: Machine) -> Mapping[str, str]:
    """Returns the versions of what the installed package runs with."""
    return {
        "systemd": matched(r"^systemd (\d+)", machine.run("systemctl", "--version")),
        "Python": matched(r"\(Python ([\d.]+)\)", machine.run("ha-cluster-gateway", "--version")),
        "Net-SNMP": matched(r"NET-SNMP version: +([\w.]+)", machine.run("snmpd", "--version")),
    }


def matched(pattern: str, text: str) -> str:
    """Returns the group of a regular expression that matches a part of a text."""
    match = re.search(pattern, text, re.MULTILINE)
    assert match is not None, f"{pattern} is not in {text}"
    return match[1]


def state(machine: Machine) -> str:
    """Waits until the service is active, and returns its state and its user."""
    wait_until(lambda: machine.succeeds("systemctl", "is-active", UNIT), seconds=60, what=UNIT)
    user = machine.run("ps", "-o", "user:32=,group:32=", "-p", shown(machine, "MainPID")).split()
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
        machine.shell(f"cat /usr/share/ha-cluster-gateway/snmpd/*.conf >> {SNMPD_LOCAL}")
    machine.run("systemctl", "restart", "snmpd.service")
    machine.run("test", "-s", "/usr/share/snmp/mibs/HA-CLUSTER-MIB.txt")
    return f"{wait_for_walk(machine, WALK_SNMPD)} objects through snmpd"


def wait_for_walk(machine: Machine, command: Sequence[str]) -> int:
    """Waits until a walk finds the objects of the gateway, and returns how many."""
    wait_until(lambda: walked(machine, command) > 50, seconds=90, what=f"the walk {' '.join(command)}")
    return walked(machine, command)


def walked(machine: Machine, command: Sequence[str]) -> int:
    """Returns how many objects a walk has found."""
    lines = machine.run(*command, check=False).splitlines()
    return len([line for line in lines if line.startswith(f".{ROOT_OID}") and "No Such" not in line])


def survive(machine: Machine, _: Case) -> str:
    return f"{service.survive(machine)}; {service.wait_for_ports(machine)}"


def check(machine: Machine, case: Case) -> str:
    if case.family is RPM:
        return "not tried: snmpd of this machine is Debian's"
    return service.check(machine)


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
    objects = wait_for_walk(machine, WALK_AGENT)
    return f"{active}; SNMPv3 engine, boots {engine(machine)['boots']}; {objects} objects over SNMPv3"


def engine(machine: Machine) -> Mapping[str, object]:
    """Returns the state of the SNMPv3 engine."""
    document: Mapping[str, object] = json.loads(machine.run("cat", ENGINE))
    return document


def upgrade(machine: Machine, case: Case) -> str:
    def kept() -> Sequence[str]:
        return [machine.run("cat", CONFIG), machine.run("cat", case.family.arguments)]

    before, files, pid = engine(machine), kept(), shown(machine, "MainPID")
    machine.run(*case.family.install, f"/root/{case.new.name}")
    active = state(machine)
    wait_until(lambda: engine(machine) != before, seconds=60, what="the restart")
    after = engine(machine)
    assert shown(machine, "MainPID") != pid, "not restarted"
    assert kept() == files, "the configuration has changed"
    ids = {key: value for key, value in after.items() if key != "boots"}
    assert ids == {key: value for key, value in before.items() if key != "boots"}, "another engine"
    assert after["boots"] == int(str(before["boots"])) + 1
    wait_for_walk(machine, WALK_AGENT)
    return f"{active}; configuration and engine kept, boots {before['boots']} to {after['boots']}"


def reboot(machine: Machine, case: Case) -> str:
    boots = int(str(engine(machine)["boots"]))
    machine.reboot()
    active = state(machine)
    objects = wait_for_walk(machine, WALK_SNMPD)
    assert engine(machine)["boots"] == boots + 1
    if case.family is RPM:
        machine.run("rm", SNMPD_LOCAL)
    return f"{active}; {objects} objects through snmpd, boots {boots} to {boots + 1}"


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


STEPS: Sequence[Callable[[Machine, Case], str]] = (
    *(install, scrape, walk, survive, check, extras, configure, upgrade, reboot, keep_disabled, remove),
)


def run_steps(machine: Machine, case: Case) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yields the name of each step, and a function that does it and returns the result."""
    before = machine.files()
    for step in (*STEPS, purge_to(before)):
        yield step.__name__, partial(step, machine, case)


def purge_to(before: frozenset[str]) -> Callable[[Machine, Case], str]:
    """Returns the last step, which compares what is on the disk with what was there before."""

    def purge(machine: Machine, case: Case) -> str:
        machine.run(*case.family.purge, "ha-cluster-gateway")
        new = machine.files() - before - case.family.of_the_system
        left = sorted(path for path in new if not _CHANGED_BY_OTHERS.fullmatch(path))
        assert not left, left
        assert UNIT not in machine.run("systemctl", "--failed", "--no-legend", "--plain")
        user = machine.run("id", "ha-cluster-gateway").split()[0]
        return f"no file is left; the user {user} stays"

    return purge
