"""``cibadmin --query --scope alerts``: the programs that Pacemaker runs for each event, 1.1.15 and later."""

from __future__ import annotations

from gateway.subsystems.parsing.xml import parse_root


def parse(output: bytes) -> tuple[str, ...]:
    """Returns the paths of the alert agents.

    Raises:
        ParseError: it is not XML, or another section.
    """
    return tuple(alert.get("path", "") for alert in parse_root(output, tags=("alerts",)).iter("alert"))
