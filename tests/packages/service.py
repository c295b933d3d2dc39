"""What happens to the service when something goes wrong: tried with the real service manager."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.packages.machine import Machine
from tests.waiting import wait_until

UNIT = "ha-cluster-gateway.service"
CONFIG = "/etc/ha-cluster-gateway/gateway.conf"
_DROP_IN = f"/run/systemd/system/{UNIT}.d/test.conf"

_BACKUP = "/run/gateway.conf"

_HOLD = (
    "import signal, socket, sys; s = socket.create_server(('127.0.0.1', 9999)); open('/run/held', 'w'); signal.pause()"
)
"""A program that has a port until it is ended."""


def shown(machine: Machine, name: str) -> str:
    """Returns a property of the unit."""
    return machine.run("systemctl", "show", f"--property={name}", "--value", UNIT).strip()


def wait_for(machine: Machine, condition: Callable[[], object], what: str) -> None:
    """Waits for a condition, and shows the journal if it does not become true.

    Raises:
        AssertionError: it has not become true.
    """
    try:
        wait_until(condition, seconds=90, what=what)
    except TimeoutError:
        raise AssertionError(f"{what}: {machine.run('systemctl', 'status', '--no-pager', UNIT, check=False)}") from None


def survive(machine: Machine) -> str:
    """Ends the service in several ways; each time it is started again, except after an invalid configuration."""
    machine.shell(
        f"mkdir -p $(dirname {_DROP_IN}); printf '[Service]\\nWatchdogSec=3s\\nRestartSec=100ms\\n' > {_DROP_IN}; "
        f"systemctl daemon-reload; systemctl restart {UNIT}"
    )
    outcomes = []
    for signal, what in (("KILL", "killed"), ("STOP", "stuck")):
        before = shown(machine, "MainPID")
        machine.run("systemctl", "kill", f"--signal={signal}", "--kill-who=main", UNIT)
        wait_for(machine, partial(is_new, machine, before), what)
        outcomes.append(what)
    before = shown(machine, "MainPID")
    machine.run("systemctl", "kill", "--signal=HUP", "--kill-who=main", UNIT)
    machine.run("systemctl", "reload", UNIT)
    wait_for(machine, lambda: shown(machine, "SubState") == "running", "the reload")
    assert shown(machine, "MainPID") == before, "SIGHUP has ended it"
    machine.run("rm", _DROP_IN)
    machine.run("systemctl", "daemon-reload")
    return f"{' and '.join(outcomes)}: started again; SIGHUP: reloaded"


def is_active(machine: Machine) -> bool:
    """Returns whether the service is running."""
    return shown(machine, "ActiveState") == "active"


def is_new(machine: Machine, before: str) -> bool:
    """Returns whether the service is running, in another process than before."""
    return is_active(machine) and shown(machine, "MainPID") not in {before, "0"}


def wait_for_ports(machine: Machine) -> str:
    """Starts the service while another program has one of its ports."""
    backup = f"[ ! -e {CONFIG} ] || cp -p {CONFIG} {_BACKUP}"
    machine.shell(
        f'{backup}; printf \'[web]\\nlisten = [":9664", "127.0.0.1:9999"]\\n\' > {CONFIG}; chgrp haclient {CONFIG}'
    )
    machine.run("systemd-run", "--unit=held", "--quiet", "python3", "-c", _HOLD)
    wait_for(machine, lambda: machine.succeeds("test", "-e", "/run/held"), "the other program")
    machine.run("systemctl", "restart", UNIT)
    status = shown(machine, "StatusText")
    assert "cannot listen on 127.0.0.1:9999: Address already in use" in status, status
    assert is_active(machine)
    machine.run("systemctl", "stop", "held.service")
    wait_for(machine, lambda: "9664, 127.0.0.1:9999" in shown(machine, "StatusText"), "the second port")
    machine.shell(f"echo x > {CONFIG}")
    machine.run("systemctl", "restart", UNIT, check=False)
    wait_for(machine, lambda: shown(machine, "ActiveState") == "failed", "the end")
    assert shown(machine, "ExecMainStatus") == "2"
    machine.shell(f"rm {CONFIG}; [ ! -e {_BACKUP} ] || mv {_BACKUP} {CONFIG}; systemctl restart {UNIT}")
    wait_for(machine, lambda: is_active(machine), UNIT)
    return "a taken port is tried again; an invalid configuration ends it with status 2"


def check(machine: Machine) -> str:
    """Runs ``check`` as root, which becomes the user of the unit, while that user may not reach snmpd."""
    output = machine.run("ha-cluster-gateway", "check", check=False)
    assert f"ok    listen :9664: in use by this service (process {shown(machine, 'MainPID')})" in output, output
    assert "ok    user: ha-cluster-gateway, as in ha-cluster-gateway.service; groups haclient" in output, output
    assert "snmpd.conf: complete" in output, output
    machine.run("chmod", "700", "/var/agentx")
    machine.run("systemctl", "stop", UNIT)  # the session of a gateway that is connected is not closed
    output = machine.run("ha-cluster-gateway", "check", check=False)
    assert "Permission denied; /var/agentx has mode 0700 and belongs to root:haclient" in output, output
    machine.run("systemctl", "restart", "snmpd.service")
    machine.run("systemctl", "start", UNIT)
    output = machine.run("ha-cluster-gateway", "check", check=False)
    assert "Permission denied" not in output, output
    return "as ha-cluster-gateway; a closed socket of snmpd is noticed, and open again after a restart of snmpd"
