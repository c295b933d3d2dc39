"""Programs that print the events of a node of the lab, the alert agent on the nodes, and Corosync's log."""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.lab import namespaces
from tests.lab.base import PATIENCE
from tests.lab.cluster import Cluster
from tests.programs import PACKAGES

LOST = "will NOT provide any services"
REGAINED = "is within the primary component"
"""What Corosync logs when the quorum is lost and regained."""

# Both print a line of JSON for each event, with the time at which it was received.
WATCHER = """
import json, time
from dataclasses import asdict
from gateway import log
from gateway.runtime import event_loop
from gateway.alarms.sources.quorum_watcher import QuorumWatcher
from gateway.host.local import LocalHost
log.configure(level=log.LogLevel.ERROR, log_format=log.LogFormat.JSON)
def on_event(event):
    print(json.dumps({"event": type(event).__name__, "received": time.time(), **asdict(event)}), flush=True)
event_loop.run(QuorumWatcher(LocalHost(), on_event).run())
"""
RECEIVER = """
import json, time
from gateway import log
from gateway.runtime import event_loop
from gateway.alarms.sources.alert_socket import AlertSocket
log.configure(level=log.LogLevel.ERROR, log_format=log.LogFormat.JSON)
async def main():
    alerts = AlertSocket(lambda alert: None)
    alerts.open()
    print(json.dumps({"event": "open", "received": time.time()}), flush=True)
    while True:
        alert = await alerts.next_alert()
        event = {"event": alert.kind, "received": time.time(), "object": alert.object, **alert.fields}
        print(json.dumps(event), flush=True)
event_loop.run(main())
"""

Event = Mapping[str, Any]


class Program:
    """A program inside a node that prints events.

    Attributes:
        process: the program.
        events: the events that were not read yet; several programs may share the queue.
    """

    def __init__(self, cluster: Cluster, node: str, code: str, events: queue.Queue[Event] | None = None) -> None:
        self.process = cluster.popen_python(node, "-c", code, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.events = queue.Queue() if events is None else events
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def next(self, timeout: float = PATIENCE) -> Event:
        """Returns the next event."""
        return self.events.get(timeout=timeout)

    def until(self, timeout: float = PATIENCE, **fields: object) -> Event:
        """Returns the next event that has these fields."""
        deadline = time.monotonic() + timeout
        while True:
            event = self.next(max(deadline - time.monotonic(), 0.001))
            if fields.items() <= event.items():
                return event

    def is_idle(self) -> bool:
        """Returns whether all events were read."""
        return self.events.empty()

    def close(self) -> None:
        """Kills it with SIGKILL; its child processes have to detect that by themselves."""
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.put(json.loads(line))


@contextmanager
def running(cluster: Cluster, node: str, code: str, events: queue.Queue[Event] | None = None) -> Iterator[Program]:
    program = Program(cluster, node, code, events)
    try:
        yield program
    finally:
        program.close()


def decision_time(cluster: Cluster, node: str, message: str) -> float:
    """Returns the Unix time at which Corosync logged a message last; its log has no year."""
    lines = (cluster.path(node, "/var/log") / "cluster/corosync.log").read_text("utf-8").splitlines()
    stamp = next(line for line in reversed(lines) if message in line)[:19]
    now = datetime.now(UTC)
    local = datetime.strptime(f"{now.year} {stamp}", "%Y %b %d %H:%M:%S.%f").astimezone()
    return local.timestamp()


def delay(cluster: Cluster, node: str, event: Event, message: str) -> float:
    """Returns the seconds from Corosync's log message to the receipt of an event."""
    seconds: float = event["received"] - decision_time(cluster, node, message)
    since_monitor = event["received"] - event["time"]
    print(f"{message}: {seconds * 1000:.1f} ms, of which {since_monitor * 1000:.1f} ms after the monitor's report")
    return seconds


def corosync_readers(cluster: Cluster, node: str) -> list[int]:
    """Returns the process ids, outside the node, of the readers of Corosync that run in it; they watch the quorum."""
    pids = namespaces.processes(cluster.init_pid(node), [Path(cluster.system(node).python).name])
    return [pid for pid in pids if Path(f"/proc/{pid}/cmdline").read_bytes().endswith(b"/child.py\0corosync\0")]


# Runs as hacluster, which may not be able to run the interpreter of the tests.
AGENT = """#!/usr/bin/python3 -IS
import sys
sys.path.insert(0, "/var/log/agent")
from gateway.alert_agent import main
main()
"""
# Without "select", Pacemaker sends all alerts but those of attributes.
ALERT = "alert gateway /var/log/agent/ha-cluster-gateway-alert select nodes fencing resources attributes { weather }\n"


def install_agent(cluster: Cluster, node: str) -> None:
    """Installs the alert agent where hacluster may read it."""
    directory = cluster.path(node, "/var/log") / "agent"
    (directory / "gateway").mkdir(parents=True)
    for name in ("__init__.py", "alert_agent.py"):
        shutil.copy(PACKAGES / "gateway" / name, directory / "gateway" / name)
    script = directory / "ha-cluster-gateway-alert"
    script.write_text(AGENT)
    script.chmod(0o755)
