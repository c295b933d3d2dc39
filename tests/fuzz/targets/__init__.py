"""Every target of ``make fuzz``, by name. To add one, add it to a module and its table here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.fuzz.target import Target
from tests.fuzz.targets import agentx, cluster, configuration, helpers, http, parsers, snmp

TARGETS: Mapping[str, Callable[[], Target]] = {
    **parsers.TARGETS,
    **helpers.TARGETS,
    **agentx.TARGETS,
    **snmp.TARGETS,
    **configuration.TARGETS,
    **http.TARGETS,
    **cluster.TARGETS,
}
