"""What takes memory for nothing is not loaded by a gateway with the usual configuration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.programs import import_path, without_coverage

UNUSED = {
    "bcrypt",
    "cryptography",
    "http.server",
    "multiprocessing",
    "prometheus_client",
    "pyasn1",
    "pysnmp",
    "rich",
    "yaml",
}
"""Modules that only some configurations need, or none."""

PROGRAM = """
import ssl, sys
sys.modules["rich"] = None  # as __main__ does
contexts = []
make = ssl.SSLContext.load_default_certs
def load(context, *arguments):
    make(context, *arguments)
    contexts.append(context)
ssl.SSLContext.load_default_certs = load
import gateway.commands.serve
print(*sorted(name for name, module in sys.modules.items() if module is not None))
print(sum(context.cert_store_stats()["x509"] for context in contexts), file=sys.stderr)
"""


def test_a_gateway_with_the_usual_configuration_loads_no_large_library_for_nothing(tmp_path: Path) -> None:
    environment = {**without_coverage(), **import_path()}  # coverage loads some of the modules
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert UNUSED.isdisjoint(run.stdout.split())
    # aiohttp would read those of the system, which take 2.5 MB
    assert int(run.stderr) == 0, "authorities are loaded that nothing uses"
