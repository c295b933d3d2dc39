"""Delivers notifications through the master agent of the host, to the sinks that are configured there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.alarms.channel import DeliveryError, DeliveryResult, DeliveryStats, NoReceiverError
from gateway.alarms.notification import Notification
from gateway.errors import GatewayError
from gateway.frontends.snmp.notifications.header import SYS_UP_TIME, SnmpNotification
from gateway.frontends.snmp.notifications.rendering import Renderer
from gateway.frontends.snmp.notifications.snmp_channel import PACE, SnmpChannel
from gateway.snmp.values import VarBind


class MasterAgent(Protocol):
    """The session with the master agent."""

    @property
    def absent(self) -> bool:
        """Whether there is no master agent on this host, and has been none since the start."""
        ...

    async def notify(self, varbinds: Sequence[VarBind]) -> None:
        """Sends a notification through the master agent, which puts its sysUpTime.0 before the variables.

        Raises:
            GatewayError: there is no session, or the master agent did not accept the notification.
        """
        ...


class AgentxChannel(SnmpChannel):
    """Hands notifications to the master agent. A notification that it accepted counts as delivered.

    They have no ``sysUpTime.0``, which is optional (RFC 2741, section 6.2.10): snmpd adds its own. Receivers get its
    notifications from the same agent, so that the gateway's uptime would look like a restart of the agent.

    The master agent may take long to accept a notification, and may send it to its sinks long before. It is therefore
    not given another copy as long as the session lives, and at the end one without a response is not reported as lost.

    Args:
        renderer: renders notifications.
        master: the session with the master agent.
        pace: seconds between two messages.
    """

    def __init__(self, renderer: Renderer, master: MasterAgent, *, pace: float = PACE) -> None:
        super().__init__(renderer, pace=pace)
        self._master = master
        self._handed_over: SnmpNotification | None = None  # the message that waits for a response

    def was_sent(self, notification: Notification) -> bool:
        """Returns whether all messages of a notification were handed over, even if the last one got no response."""
        progress = self._progress
        if progress is None or progress.notification is not notification or progress.unsent:
            return False
        return all(message is self._handed_over for message in progress.remaining)

    async def _send(self, message: SnmpNotification, stats: DeliveryStats) -> DeliveryResult:
        self._handed_over = message
        try:
            await self._master.notify([varbind for varbind in message if varbind.oid != SYS_UP_TIME])
        except GatewayError as error:
            self._handed_over = None
            raise (NoReceiverError if self._master.absent else DeliveryError)(str(error)) from None
        stats.sent += 1
        return DeliveryResult.SENT
