"""Checks that the HTTP server can listen on its addresses."""

from __future__ import annotations

from collections.abc import Iterator

from gateway import runtime
from gateway.commands.check.check_result import CheckResult
from gateway.config.config import Config
from gateway.errors import StartError
from gateway.network import Address, bind

_ADVICE = (
    "If the gateway is already running, this is normal. Otherwise stop the program that uses the address "
    "(ss -ltnp shows it), or set web.listen."
)


def check_listen_addresses(config: Config) -> Iterator[CheckResult]:
    """Yields whether each address of the HTTP server is free."""
    for address in config.web.listen:
        yield _check_address(address)


def _check_address(address: Address) -> CheckResult:
    subject = f"listen {address}"
    try:
        sockets = runtime.run(bind(address))
    except StartError as error:
        return CheckResult(good=False, subject=subject, text=str(error), advice=_ADVICE)
    for sock in sockets:
        sock.close()
    return CheckResult(good=True, subject=subject, text="free")
