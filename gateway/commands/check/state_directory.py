"""Checks that the gateway can store the identity of its SNMP engine."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.app.stored_identity import needs_stored_identity
from gateway.commands.check.check_result import CheckResult, Outcome
from gateway.config.config import Config
from gateway.frontends.snmp import engine_identity


def check_state_directory(config: Config) -> Iterator[CheckResult]:
    """Yields the result, if there are SNMPv3 users; without them nothing is stored."""
    if not needs_stored_identity(config):
        return
    directory = config.snmp.state_directory
    obstacle = engine_identity.find_obstacle(directory)
    outcome = Outcome.FAIL if obstacle else Outcome.OK
    yield CheckResult(outcome=outcome, subject=f"SNMPv3 state in {directory}", text=obstacle or "usable")
