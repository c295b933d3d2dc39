"""Notifications to snmptrapd, with every kind of credential, and while it is down, replaced or configured otherwise."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.alarms.channel import DeliveryResult, DeliveryStats
from gateway.alarms.delivery import DeliveryState
from gateway.alarms.notification import Notification
from gateway.backoff import Backoff
from gateway.conditions.model import Severity
from gateway.frontends.snmp.notifications.header import SNMP_TRAP_OID, SYS_UP_TIME
from gateway.frontends.snmp.notifications.rendering import Renderer
from gateway.frontends.snmp.notifications.target import TargetKind
from gateway.snmp import oid as oids
from gateway.snmp.mib.module import mib
from tests.alarms.notifications import link_faulty, node_lost
from tests.alarms.receivers import numbers
from tests.alarms.targets import (
    AUTH_PASSWORD,
    ENGINE,
    PRIV_PASSWORD,
    USERS,
    delivery_of,
    running_notifier,
    target,
)
from tests.snmptrapd import COMMUNITY, Snmptrapd
from tests.waiting import until

pytestmark = pytest.mark.daemon


def trapd(directory: Path, *, port: int = 0) -> Snmptrapd:
    """Returns a receiver that knows the users, for traps of the gateway's engine and for informs to its own."""
    lines: list[str] = []
    levels: dict[str, str] = {}
    for user, protocols in USERS.values():
        words = protocols.format(f'"{AUTH_PASSWORD}"', f'"{PRIV_PASSWORD}"')
        lines += [f"{user.name} {words}", f"-e 0x{ENGINE.hex()} trap-{user.name} {words}"]
        level = {1: "noauth", 2: "auth", 3: "priv"}[user.level]
        levels |= {user.name: level, f"trap-{user.name}": level}
    return Snmptrapd(directory, users=lines, levels=levels, port=port)


def expected_values(notification: Notification) -> dict[str, object]:
    """Returns the values of a notification as snmptrapd prints them, without sysUpTime."""
    (varbinds,) = Renderer(mib()).render(notification)
    return {
        oids.dotted(name): oids.dotted(value) if name == SNMP_TRAP_OID and isinstance(value, bytes) else value
        for name, _, value in varbinds
        if name != SYS_UP_TIME
    }


def has_failed(stats: DeliveryStats, times: int) -> bool:
    return stats.failed >= times


@pytest.mark.parametrize("kind", [TargetKind.TRAP, TargetKind.INFORM])
@pytest.mark.parametrize("credential", ["community", *USERS])
async def test_a_real_receiver_accepts_notifications(credential: str, kind: TargetKind, tmp_path: Path) -> None:
    with trapd(tmp_path) as receiver:
        options: dict[str, Any] = {}
        if credential != "community":
            user, _ = USERS[credential]
            name = f"trap-{user.name}" if kind is TargetKind.TRAP else user.name
            options["user"] = dataclasses.replace(user, name=name)
        async with running_notifier(target(receiver.port, kind, **options)) as notifier:
            (outcome,) = await notifier.test(node_lost(uptime=12.34))
        await until(lambda: len(receiver.received) == 1)
        (received,) = receiver.received
        is_trap = kind is TargetKind.TRAP
        assert outcome.result == (DeliveryResult.SENT if is_trap else DeliveryResult.ACKNOWLEDGED)
        assert received.kind == ("TRAP2" if is_trap else "INFORM")
        assert ("v3" if "user" in options else f"v2c, community {COMMUNITY}") in received.security
        values: dict[str, object] = {name: value for name, (_, value) in received.varbinds.items()}
        assert values.pop("1.3.6.1.2.1.1.3.0") == 1234
        assert values == expected_values(node_lost())


@pytest.mark.parametrize("kind", [TargetKind.TRAP, TargetKind.INFORM])
async def test_many_notifications_arrive_in_order_and_once(kind: TargetKind, tmp_path: Path) -> None:
    with trapd(tmp_path) as receiver:
        async with running_notifier(target(receiver.port, kind, timeout=5.0)) as notifier:
            for sequence in range(1, 51):
                notifier.publish(node_lost(sequence))
            await until(lambda: len(receiver.received) >= 50)
            delivery = delivery_of(notifier, receiver.name)
            await until(lambda: delivery.queued == 0)
            stats = delivery.stats
            assert delivery.state is DeliveryState.OK
            assert (stats.sent, stats.retries, stats.failed, stats.dropped) == (50, 0, 0, 0)
            assert stats.acknowledged == (50 if kind is TargetKind.INFORM else 0)
        assert numbers(receiver.received) == list(range(1, 51))


@pytest.mark.parametrize("version", ["2c", "3"])
async def test_notifications_while_a_receiver_is_down_arrive_later_and_in_order(version: str, tmp_path: Path) -> None:
    receiver = trapd(tmp_path)
    options: dict[str, Any] = {"user": USERS["SHA-256 AES"][0]} if version == "3" else {}
    backoff = Backoff(first=0.3, longest=0.6, least=0.1)
    with capture_logs() as logs:
        async with running_notifier(target(receiver.port, **options), backoff=backoff) as notifier:
            delivery = delivery_of(notifier, receiver.name)
            stats = delivery.stats
            for sequence in range(1, 7):  # three alarms are raised and cleared
                notifier.publish(node_lost(sequence))
                await until(partial(has_failed, stats, sequence + 2))
            assert (delivery.state, stats.acknowledged) == (DeliveryState.FAILING, 0)
            assert delivery.last_error == "connection refused: nothing listens there"
            with receiver:
                await until(lambda: stats.acknowledged == 6)
                notifier.publish(node_lost(7))
                await until(lambda: stats.acknowledged == 7)
                assert numbers(receiver.received) == [1, 2, 3, 4, 5, 6, 7]
            assert (delivery.state, delivery.last_error) == (DeliveryState.OK, "")
            assert (stats.dropped, stats.sent) == (0, 7)
    assert [log["event"] for log in logs if log["log_level"] != "debug"] == [
        "notifications not delivered",
        "notifications delivered again",
    ]


async def test_a_storm_while_a_receiver_is_down_keeps_what_matters(tmp_path: Path) -> None:
    receiver = trapd(tmp_path)
    backoff = Backoff(first=0.3, longest=0.6, least=0.1)
    async with running_notifier(target(receiver.port), backoff=backoff, queue_size=20) as notifier:
        for sequence in range(1, 101):  # minor, and major if the number is even
            severity = Severity.MINOR if sequence % 2 else Severity.MAJOR
            notifier.publish(node_lost(50) if sequence == 50 else link_faulty(sequence, severity=severity))
        stats = delivery_of(notifier, receiver.name).stats
        with receiver:
            await until(lambda: stats.acknowledged == 21 and len(receiver.received) == 21)
            assert numbers(receiver.received) == [50, *range(64, 101, 2), 100]
            text = mib()["haClusterNoticeText"].oid + oids.encode((0,))
            values = {name: value for name, (_, value) in receiver.received[-1].varbinds.items()}
            assert values[oids.dotted(text)] == (
                b"80 notifications were dropped: 30 major, 50 minor (read haClusterAlarmTable)"
            )
            assert values[oids.dotted(SNMP_TRAP_OID)] == oids.dotted(mib().notifications["haClusterDropped"].oid)


async def test_a_receiver_that_was_set_up_anew_gets_informs_of_a_user(tmp_path: Path) -> None:
    with trapd(tmp_path / "first") as receiver:
        async with running_notifier(target(receiver.port, user=USERS["SHA-256 AES"][0])) as notifier:
            stats = delivery_of(notifier, receiver.name).stats
            notifier.publish(node_lost(1))
            await until(lambda: stats.acknowledged == 1)
            receiver.stop()
            with trapd(tmp_path / "second", port=receiver.port) as other:  # another engine id, other boots
                notifier.publish(node_lost(2))
                await until(lambda: stats.acknowledged == 2)
                assert numbers(other.received) == [2]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": "nobody"}, "the receiver does not know user nobody (usmStatsUnknownUserNames)"),
        ({"auth_password": "another password"}, "has another auth or auth_password for user u1 (usmStatsWrongDigests)"),
        ({"auth": "SHA-512"}, "has another auth or auth_password for user u1 (usmStatsWrongDigests)"),
        ({"priv_password": "another password"}, "no answer in 0.4 s"),
    ],
)
async def test_wrong_keys_are_named_and_hold_up_no_other_target(
    changes: dict[str, Any], error: str, tmp_path: Path
) -> None:
    user, _ = USERS["SHA-256 AES"]
    with trapd(tmp_path / "one") as receiver, trapd(tmp_path / "other") as unwilling:
        wrong = target(unwilling.port, user=dataclasses.replace(user, **changes))
        async with running_notifier(wrong, target(receiver.port, user=user)) as notifier:
            bad, good = await notifier.test(node_lost())
            assert (bad.result, good.result) == (None, DeliveryResult.ACKNOWLEDGED)
            assert error in bad.error
            delivery = delivery_of(notifier, unwilling.name)
            await until(lambda: delivery.stats.failed >= 2)
            assert notifier.last_errors == {unwilling.name: delivery.last_error, receiver.name: ""}
        assert unwilling.received == []
