"""A real Prometheus inside a node."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.lab.cluster import Cluster
from tests.lab.scrape import get, is_ready
from tests.programs import installed

PORT = 9090
HOME = "node1"
"""The node on which it runs."""


@contextmanager
def prometheus(cluster: Cluster, directory: Path, configuration: str) -> Iterator[None]:
    """Runs the Prometheus of the node's system; it is ready."""
    file = directory / "prometheus.yml"
    file.write_text(configuration)
    argv = [
        installed("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{PORT}",
        "--log.level=error",
    ]
    process = cluster.popen(HOME, argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        cluster.wait_for(lambda: is_ready(cluster, HOME, PORT), 60, what="Prometheus")
        yield
    finally:
        process.kill()
        process.wait()


def api(cluster: Cluster, endpoint: str, **parameters: str) -> Any:
    """Returns the data in an answer of its API."""
    query = urllib.parse.urlencode(parameters)
    return json.loads(get(cluster, HOME, PORT, f"/api/v1/{endpoint}?{query}"))["data"]
