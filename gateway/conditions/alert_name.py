"""The names that conditions have in Prometheus and Alertmanager."""

from __future__ import annotations

PREFIX = "HaCluster"


def alert_name(condition: str) -> str:
    """Returns the name of the alert about a condition: ``HaClusterQuorumLost`` for ``quorum-lost``.

    The alerts that the gateway sends to Alertmanager and the alerting rules for Prometheus have the same names.
    """
    return PREFIX + "".join(word.capitalize() for word in condition.split("-"))
