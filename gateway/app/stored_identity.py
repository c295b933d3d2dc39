"""The identity of the SNMP engine: it is stored as soon as the configuration needs that."""

from __future__ import annotations

import asyncio

from gateway.config.config import Config
from gateway.frontends.snmp import engine_identity
from gateway.snmp.engine import EngineIdentity


def needs_stored_identity(config: Config) -> bool:
    """Returns whether the SNMP engine has to survive a restart: only SNMPv3 requires that."""
    has_readers = bool(config.snmp.agent.listen and config.snmp.agent.users)
    return has_readers or any(target.user for target in config.alarms.snmp_targets)


class StoredIdentity:
    """The identity of the SNMP engine: it is stored as soon as the configuration needs that, and then stays.

    Attributes:
        current: the identity.
    """

    def __init__(self, config: Config) -> None:
        self.current = engine_identity.ephemeral()
        self._stored = False
        self._store_if_needed(config)

    async def update(self, config: Config) -> EngineIdentity:
        """Returns the identity for a configuration.

        Raises:
            StartError: it cannot be stored.
        """
        await asyncio.to_thread(self._store_if_needed, config)
        return self.current

    def _store_if_needed(self, config: Config) -> None:
        if needs_stored_identity(config) and not self._stored:
            self.current = engine_identity.begin_boot(config.snmp.state_directory)
            self._stored = True
