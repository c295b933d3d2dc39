"""Debian's Alertmanager for tests."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from tests.ports import free_port
from tests.programs import installed
from tests.waiting import wait_until

HOST = "127.0.0.1"

_CONFIG = "route:\n  receiver: none\n  group_wait: 1s\nreceivers:\n- name: none\n"

Popen = Callable[..., subprocess.Popen[bytes]]


class Alertmanager:
    """An Alertmanager; a context manager that starts it, and ends it.

    Args:
        directory: an empty or missing one.
        prefix: the path before its own paths.
        web_config: the content of ``--web.config.file``; empty for none.
        peers: the addresses of the other members of its cluster; None if it is alone.
        cluster_port: where it listens for its peers.
        config: its configuration.
        client: the context and the user with the password that the test itself uses.
        port: where it listens.
        popen: starts it.
        connect: connects the test to it, without TLS.

    Attributes:
        port: where it listens.
    """

    def __init__(
        self,
        directory: Path,
        *,
        prefix: str = "",
        web_config: str = "",
        peers: Sequence[str] | None = None,
        cluster_port: int = 0,
        config: str = _CONFIG,
        client: tuple[ssl.SSLContext, str] | None = None,
        port: int | None = None,
        popen: Popen = subprocess.Popen,
        connect: Callable[[tuple[str, int], float], socket.socket] = socket.create_connection,
    ) -> None:
        directory.mkdir(exist_ok=True, parents=True)
        self.port = port or free_port()
        self._directory = directory
        self._prefix = prefix
        self._client = client
        self._popen = popen
        self._connect = connect
        (directory / "alertmanager.yml").write_text(config)
        (directory / "web.yml").write_text(web_config)
        self._argv = [
            installed("prometheus-alertmanager"),
            f"--config.file={directory / 'alertmanager.yml'}",
            f"--storage.path={directory / 'data'}",
            f"--web.listen-address={HOST}:{self.port}",
            f"--web.route-prefix={prefix or '/'}",
            f"--cluster.listen-address={'' if peers is None else f'{HOST}:{cluster_port}'}",
            *(f"--cluster.peer={peer}" for peer in peers or ()),
            *([f"--web.config.file={directory / 'web.yml'}"] if web_config else []),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the gateway sends alerts."""
        return f"{'https' if self._client else 'http'}://{HOST}:{self.port}{self._prefix}"

    def start(self) -> None:
        """Starts it, and waits until it is ready."""
        with (self._directory / "log").open("ab") as log:
            self._process = self._popen(self._argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._is_ready, what="Alertmanager")

    def stop(self) -> None:
        """Kills it; it forgets all alerts."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def alerts(self, **labels: str) -> list[Mapping[str, Any]]:
        """Returns the active alerts with these labels, as the API shows them."""
        status, body = self._get("/api/v2/alerts")
        assert status == 200, body
        return [
            alert for alert in json.loads(body) if all(alert["labels"].get(name) == labels[name] for name in labels)
        ]

    def names(self) -> list[str]:
        """Returns the names of the active alerts, sorted."""
        return sorted(alert["labels"]["alertname"] for alert in self.alerts())

    def wait_for_names(self, *names: str) -> None:
        """Waits until the active alerts have these names."""
        wait_until(lambda: self.names() == sorted(names), what=f"{names}")

    def _is_ready(self) -> bool:
        try:
            return self._get("/-/ready")[0] == 200
        except OSError:
            return False

    def _get(self, path: str) -> tuple[int, bytes]:
        connection: http.client.HTTPConnection
        headers = {}
        if self._client is None:
            connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
            connection.sock = self._connect((HOST, self.port), 10)
        else:
            context, user = self._client
            connection = http.client.HTTPSConnection(HOST, self.port, timeout=60, context=context)
            headers["Authorization"] = f"Basic {b64encode(user.encode()).decode()}"
        with closing(connection):
            connection.request("GET", f"{self._prefix}{path}", headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def timestamp(text: str) -> float:
    """Returns a time of the API in Unix seconds."""
    return time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone + float(f"0{text[19:-1] or '.0'}")
