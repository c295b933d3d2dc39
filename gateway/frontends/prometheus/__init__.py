"""The Prometheus HTTP endpoint."""

from __future__ import annotations

import importlib
import os

_AUTHORITIES = "SSL_CERT_FILE"
"""The variable with which OpenSSL finds the certificates of authorities."""


def _import_aiohttp() -> None:
    """Imports aiohttp without the authorities of the system.

    aiohttp reads all of them when it is imported, for a TLS context that the gateway does not use: it makes its own.
    They would take 2.5 MB.
    """
    configured = os.environ.get(_AUTHORITIES)
    os.environ[_AUTHORITIES] = os.devnull
    try:
        importlib.import_module("aiohttp")
    finally:
        del os.environ[_AUTHORITIES]
        if configured is not None:
            os.environ[_AUTHORITIES] = configured


_import_aiohttp()
