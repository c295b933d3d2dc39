"""Notifiers over SNMP for tests: targets on the loopback address, users, and a master agent that a test controls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from gateway.alarms.delivery import Delivery
from gateway.alarms.notifier import Notifier
from gateway.backoff import Backoff
from gateway.errors import GatewayError
from gateway.frontends.snmp.notifications.deliveries import snmp_deliveries
from gateway.frontends.snmp.notifications.rendering import Renderer
from gateway.frontends.snmp.notifications.target import Target, TargetKind
from gateway.snmp.credentials import UsmUser
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.mib.module import mib
from gateway.snmp.values import VarBind
from tests.snmptrapd import COMMUNITY, HOST

ENGINE = bytes.fromhex("80001f8805") + b"a gateway"
"""The engine id of the gateway."""

QUICK = Backoff(first=0.02, longest=0.1, least=0.01)
AUTH_PASSWORD, PRIV_PASSWORD = "an auth password", "a priv password"


def usm_user(name: str, auth: str = "SHA-256", priv: str = "AES") -> UsmUser:
    """Returns a user with these protocols."""
    return UsmUser(
        name=name,
        auth=auth,
        auth_password="" if auth == "none" else AUTH_PASSWORD,
        priv=priv,
        priv_password="" if priv == "none" else PRIV_PASSWORD,
    )


USERS: Mapping[str, tuple[UsmUser, str]] = {
    "SHA-256 AES": (usm_user("u1"), "SHA-256 {} AES {}"),
    "SHA-512 AES-256": (usm_user("u2", "SHA-512", "AES-256"), "SHA-512 {} AES-256 {}"),
    "SHA-384 AES-192": (usm_user("u3", "SHA-384", "AES-192"), "SHA-384 {} AES-192 {}"),
    "SHA AES-256": (usm_user("u4", "SHA", "AES-256"), "SHA {} AES-256 {}"),
    "SHA-224": (usm_user("u5", "SHA-224", "none"), "SHA-224 {}"),
    "none": (usm_user("u6", "none", "none"), ""),
}
"""Users, and the configuration of snmptrapd for each."""


def target(port: int, kind: TargetKind = TargetKind.INFORM, **changes: Any) -> Target:
    """Returns a target on the loopback address."""
    fields = {"host": HOST, "port": port, "kind": kind, "timeout": 0.2, "retries": 1}
    credential = {} if "user" in changes else {"community": COMMUNITY}
    return Target(**{**fields, **credential, **changes})


@asynccontextmanager
async def running_notifier(
    *targets: Target, grace: float = 0.0, native: bool = True, compat: Sequence[str] = (), **options: Any
) -> AsyncIterator[Notifier]:
    """Runs a notifier for some targets; ``options`` are those of ``snmp_deliveries``."""
    notifier = make_notifier(*targets, grace=grace, native=native, compat=compat, **options)
    await notifier.start()
    try:
        yield notifier
    finally:
        await notifier.close()


def make_notifier(
    *targets: Target,
    grace: float = 0.0,
    test_timeout: float = 10.0,
    native: bool = True,
    compat: Sequence[str] = (),
    **options: Any,
) -> Notifier:
    """Returns a notifier for some targets; ``options`` are those of ``snmp_deliveries``."""
    defaults = {"backoff": QUICK, "identity": EngineIdentity(engine_id=ENGINE, boots=3)}
    renderer = Renderer(mib(), native=native, compat=compat)
    deliveries = snmp_deliveries(renderer, targets=targets, **{**defaults, **options})
    return Notifier(deliveries, grace=grace, test_timeout=test_timeout)


def delivery_of(notifier: Notifier, name: str) -> Delivery:
    """Returns the delivery to a target."""
    (delivery,) = (delivery for delivery in notifier._deliveries if delivery.name == name)
    return delivery


class FakeMasterAgent:
    """A session with a master agent.

    Attributes:
        registered: whether there is a session.
        absent: whether there never was a master agent.
        attempts: the number of notifications that were sent to it.
        accepted: the sequence numbers of the notifications that it accepted.
    """

    def __init__(self, *, registered: bool = True, absent: bool = False) -> None:
        self.registered = registered
        self.absent = absent
        self.attempts = 0
        self.accepted: list[object] = []

    async def notify(self, varbinds: Sequence[VarBind]) -> None:
        """Accepts a notification, which begins with snmpTrapOID.0, if there is a session."""
        self.attempts += 1
        if not self.registered:
            raise GatewayError("no session")
        self.accepted.append(varbinds[1].value)
