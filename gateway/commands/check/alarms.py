"""What ``check`` finds out about alarms: whether Pacemaker tells the gateway of its events, and whom that tells."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from gateway import app
from gateway.commands.check.result import CheckResult
from gateway.config.loader import Config
from gateway.errors import ParseError
from gateway.host.host import Host
from gateway.subsystems.pacemaker import cib_alerts

PROGRAM = "ha-cluster-gateway-alert"

_ADVICE = """\
Without it changes are found by looking every {interval:g} s. With it, at once; on any one node:
          pcs alert create path={path} id=ha-cluster-gateway
      or  crm configure alert ha-cluster-gateway {path}"""


def alarms(config: Config, host: Host) -> Iterator[CheckResult]:
    """Yields what was found; nothing of it is wrong, for collections find what no event tells."""
    if config["alarms.socket"] and host.find("cibadmin"):
        yield _alert_agent(config, host)
    names = [f"{target.name} ({target.kind.value})" for target in config["alarms.target"]]
    text = f"sent to {', '.join(names)}" if names else "no [[alarms.target]]: only snmpd's own sinks are told"
    yield CheckResult(good=True, subject="notifications", text=text)


def _alert_agent(config: Config, host: Host) -> CheckResult:
    found = app.run(host.run("cibadmin", "--query", "--local", "--scope", "alerts"))
    try:
        paths = cib_alerts.parse(found.stdout) if found.exit_status == 0 else ()
    except ParseError:
        paths = ()
    if any(Path(path).name == PROGRAM for path in paths):
        return CheckResult(good=True, subject="alert agent", text="Pacemaker is configured to run it")
    path = shutil.which(PROGRAM) or str(Path(sys.executable).with_name(PROGRAM))
    advice = _ADVICE.format(interval=config["alarms.interval"], path=path)
    return CheckResult(
        good=True, subject="alert agent", text="not configured, or not to be seen; optional", advice=advice
    )
