"""``cibadmin --query --scope alerts``: the alert agents of Pacemaker 1.1.15 and later."""

from __future__ import annotations

from gateway.subsystems.parsing.xml import parse_root


def parse(output: bytes) -> tuple[str, ...]:
    """Parses the output of the tool; returns the paths of the alert agents.

    Raises:
        ParseError: the output is not XML, or has another root element.
    """
    return tuple(alert.get("path", "") for alert in parse_root(output, tags=("alerts",)).iter("alert"))
