"""HTTP to a server inside a node of the lab."""

from __future__ import annotations

import http.client
from contextlib import closing

from tests.lab.cluster import Cluster


def get(cluster: Cluster, node: str, port: int, path: str = "/metrics") -> str:
    """Returns a page that a server on a node's loopback interface serves."""
    status, body = _request(cluster, node, port, path)
    assert status == 200, body
    return body


def is_ready(cluster: Cluster, node: str, port: int) -> bool:
    """Returns whether a server of Prometheus' family accepts connections there, and says that it is ready."""
    try:
        return _request(cluster, node, port, "/-/ready")[0] == 200
    except OSError:
        return False


def _request(cluster: Cluster, node: str, port: int, path: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.sock = cluster.connect(node, port, timeout=30)
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()


def is_listening(cluster: Cluster, node: str, port: int) -> bool:
    """Returns whether a server accepts connections on a port of a node's loopback interface."""
    try:
        cluster.connect(node, port).close()
    except OSError:
        return False
    return True
