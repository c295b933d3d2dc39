"""Builds the deliveries of notifications over SNMP: one for the master agent, and one for each target."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from gateway.alarms.delivery import BACKOFF, QUEUE_SIZE, Delivery
from gateway.alarms.resolver import PATIENCE, ReceiverAddresses, Resolve, resolve
from gateway.backoff import Backoff
from gateway.frontends.snmp.notifications.agentx_channel import AgentxChannel, MasterAgent
from gateway.frontends.snmp.notifications.rendering import Renderer
from gateway.frontends.snmp.notifications.target import Target, TargetKind
from gateway.frontends.snmp.notifications.udp_channel import InformChannel, TrapChannel, make_codec
from gateway.snmp.engine import EngineIdentity

AGENTX = "agentx"
"""The name of the target for all sinks of the master agent."""

AGENTX_BACKOFF = Backoff(first=0.25, longest=1.0, least=0.25)
"""The master agent is on this host, and whether there is a session is known at once."""


def snmp_deliveries(
    renderer: Renderer,
    *,
    targets: Sequence[Target] = (),
    master: MasterAgent | None = None,
    identity: EngineIdentity | None = None,
    resolve: Resolve = resolve,
    patience: float = PATIENCE,
    backoff: Backoff | None = None,
    queue_size: int = QUEUE_SIZE,
) -> list[Delivery]:
    """Returns the deliveries over SNMP.

    Args:
        renderer: renders notifications.
        targets: the receivers by UDP.
        master: the session with the master agent; None if notifications do not go through it.
        identity: the SNMP engine of the gateway; needed if a target has a user.
        resolve: resolves the names of targets.
        patience: seconds that a notification waits until the name of its target is resolved.
        backoff: replaces the usual pauses between two attempts.
        queue_size: how many notifications may wait for one target.
    """
    deliveries = []
    if master is not None:
        channel = AgentxChannel(renderer, master)
        kind = TargetKind.AGENTX.value
        deliveries.append(Delivery(AGENTX, kind, channel, backoff=backoff or AGENTX_BACKOFF, queue_size=queue_size))
    for target in targets:
        channel_type = TrapChannel if target.kind is TargetKind.TRAP else InformChannel
        addresses = ReceiverAddresses(target.host, target.port, resolve=resolve, patience=patience)
        udp = channel_type(target, renderer, addresses, partial(make_codec, target, identity))
        name, kind, settings = target.name, target.kind.value, (target, identity if target.user is not None else None)
        deliveries.append(
            Delivery(name, kind, udp, settings=settings, backoff=backoff or BACKOFF, queue_size=queue_size)
        )
    return deliveries
