"""Delivers notifications through the master agent of the host, to the sinks that are configured there."""

from __future__ import annotations

from typing import Protocol

from gateway.alarms.channel import DeliveryError, DeliveryResult, DeliveryStats, NoReceiverError
from gateway.errors import GatewayError
from gateway.frontends.snmp.notifications.header import SnmpNotification
from gateway.frontends.snmp.notifications.rendering import Renderer
from gateway.frontends.snmp.notifications.snmp_channel import PACE, SnmpChannel


class MasterAgent(Protocol):
    """The session with the master agent."""

    @property
    def absent(self) -> bool:
        """Whether there is no master agent on this host, and has been none since the start."""
        ...

    async def notify(self, varbinds: SnmpNotification) -> None:
        """Sends a notification through the master agent.

        Raises:
            GatewayError: there is no session, or the master agent did not accept the notification.
        """
        ...


class AgentxChannel(SnmpChannel):
    """Hands notifications to the master agent. A notification that it accepted counts as delivered.

    Args:
        renderer: renders notifications.
        master: the session with the master agent.
        pace: seconds between two messages.
    """

    def __init__(self, renderer: Renderer, master: MasterAgent, *, pace: float = PACE) -> None:
        super().__init__(renderer, pace=pace)
        self._master = master

    async def _send(self, message: SnmpNotification, stats: DeliveryStats) -> DeliveryResult:
        try:
            await self._master.notify(message)
        except GatewayError as error:
            raise (NoReceiverError if self._master.absent else DeliveryError)(str(error)) from None
        stats.sent += 1
        return DeliveryResult.SENT
