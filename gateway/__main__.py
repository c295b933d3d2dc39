"""``python -m gateway`` is ``ha-cluster-gateway``."""

from __future__ import annotations

import sys

from gateway.runtime import hangup


def main() -> int:
    """Runs the program. SIGHUP is caught before the rest is imported, which takes a while."""
    hangup.catch()
    # structlog imports rich where it is installed, for tracebacks that the gateway does not print: four megabytes
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]
    from gateway.cli import main as run  # noqa: PLC0415 - after the line before it

    return run()


if __name__ == "__main__":
    sys.exit(main())
