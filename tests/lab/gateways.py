"""The gateway as the real program inside a node."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from gateway.subsystems import SUBSYSTEMS
from tests import series
from tests.lab.base import PATIENCE
from tests.lab.cluster import NODE_ENV, Cluster
from tests.lab.scrape import get
from tests.programs import PACKAGES
from tests.series import Series

PORT = 9664
_RUN = "/run/gateway"

Entry = Mapping[str, Any]
"""A line of the log: ``event``, ``level``, and what belongs to the event."""


def configuration(
    directory: Path,
    *,
    web: str = "",
    snmp: str = 'agentx = "off"',
    alarms: str = "",
    targets: str = "",
    collectors: str = "",
    host: str = "127.0.0.1",
    port: int = PORT,
) -> Path:
    """Returns the path of a configuration: tables of TOML without their heads, and the tables of targets."""
    path = directory / f"gateway-{port}.conf"
    path.write_text(
        f'[web]\nlisten = ["{host}:{port}"]\n{web}\n[log]\nformat = "json"\n[snmp]\n{snmp}\n[alarms]\n{alarms}\n'
        f"[collectors]\n{collectors}\n{targets}"
    )
    path.chmod(0o600 if targets else 0o644)  # targets have passwords and communities
    return path


def with_tools(cluster: Cluster, node: str, config: Path) -> Path:
    """Returns a configuration with which the gateway finds a node's tools, if it does not run in the node's system."""
    if cluster.system(node).runs_gateway:
        return config
    tools = [tool.name for subsystem in SUBSYSTEMS for tool in subsystem.tools]
    prefix = json.dumps(cluster.chroot(node))
    path = config.with_name(f"{node}-{config.name}")
    path.touch(mode=config.stat().st_mode & 0o777)
    path.write_text(config.read_text() + "".join(f"[tools.{tool}]\nprefix = {prefix}\n" for tool in tools))
    return path


class NodeGateway:
    """The program, serving; a context manager that ends it.

    Args:
        cluster: the cluster.
        node: the node that it runs on.
        config: its configuration.
        user: the user that it runs as.
        port: its HTTP port.

    Attributes:
        process: the program.
        log: its log until now.
    """

    def __init__(self, cluster: Cluster, node: str, config: Path, *, user: str | None = None, port: int = PORT) -> None:
        self.cluster, self.node, self.port = cluster, node, port
        self.log: list[Entry] = []
        self._news = threading.Condition()
        self._ended = False
        if user is not None and cluster.system(node).is_machine:
            _open_for_all(cluster, node)
        self.process = cluster.popen_python(
            node,
            *("-m", "gateway", "--config", with_tools(cluster, node, config)),
            user=user,
            env={**NODE_ENV, "PYTHONWARNINGS": "error"},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.once("started")

    def once(self, event: str, *, timeout: float = PATIENCE, after: int = 0, **fields: object) -> Entry:
        """Waits for an entry of the log, and returns it; the first ``after`` entries do not count."""
        deadline = time.monotonic() + timeout
        expected = {"event": event, **fields}
        with self._news:
            while True:
                for entry in self.log[after:]:
                    if expected.items() <= entry.items():
                        return entry
                after = len(self.log)
                assert not self._ended, f"ended without {expected}: {self.log[-5:]}"
                assert self._news.wait(deadline - time.monotonic()), f"not logged in {timeout:g} s: {expected}"

    def page(self) -> Series:
        """Returns a scrape."""
        return series.parse(self.text())

    def text(self) -> str:
        """Returns a scrape as text."""
        return get(self.cluster, self.node, self.port)

    def alarms(self) -> set[tuple[str, str]]:
        """Returns the alarms that a scrape shows: condition and object."""
        alarms = series.named(self.page(), "ha_cluster_gateway_alarms")
        return {(dict(labels)["condition"], dict(labels)["object"]) for labels in alarms}

    def stop(self, timeout: float = PATIENCE) -> int:
        """Stops it with SIGTERM, and returns its exit status."""
        self.process.terminate()
        status = self.process.wait(timeout)
        self._reader.join()
        return status

    def kill(self) -> None:
        """Kills it with SIGKILL."""
        self.process.kill()
        self.process.wait(PATIENCE)
        self._reader.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._news:
                self.log.append(json.loads(line))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


def _open_for_all(cluster: Cluster, node: str) -> None:
    """Makes the interpreter, its packages and the gateway readable to every user of a node.

    A parent directory that is closed to others, such as root's home, is replaced by one that contains only these.
    Nothing changes outside the node.
    """
    places = [Path(sys.base_prefix).resolve(), Path(sys.prefix), PACKAGES]
    closed = {parent for place in places if (parent := _closed(place)) is not None}
    inside = [place for place in places if any(place.is_relative_to(above) for above in closed)]
    for number, place in enumerate(inside):
        _inside(cluster, node, "mkdir", "-p", f"{_RUN}/{number}")
        _inside(cluster, node, "mount", "--bind", str(place), f"{_RUN}/{number}")
    for above in closed:
        _inside(cluster, node, "mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(above))
    for number, place in enumerate(inside):
        _inside(cluster, node, "mkdir", "-p", str(place))
        _inside(cluster, node, "mount", "--bind", f"{_RUN}/{number}", str(place))


def _closed(place: Path) -> Path | None:
    """Returns the topmost directory on the way to a place that others may not pass."""
    return next((above for above in reversed((place, *place.parents)) if not above.stat().st_mode & stat.S_IXOTH), None)


def _inside(cluster: Cluster, node: str, *argv: str) -> Sequence[str]:
    return cluster.run(node, *argv).stdout.splitlines()
