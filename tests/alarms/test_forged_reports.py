"""SNMPv3 informs to a real snmptrapd while somebody forges reports, and to receivers that were set up anew."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.alarms.channel import DeliveryResult
from gateway.snmp.decoding import decode_usm_message
from gateway.snmp.usm_encoding import MsgFlags
from gateway.snmp.usm_security import UserSecurity
from tests.alarms.forger import Forge, Forger
from tests.alarms.notifications import node_lost
from tests.alarms.receivers import THEIRS, Manager, Receiver, numbers
from tests.alarms.targets import AUTH_PASSWORD, PRIV_PASSWORD, USERS, delivery_of, running_notifier, target
from tests.snmptrapd import HOST, Snmptrapd
from tests.waiting import until

USER, PROTOCOLS = USERS["SHA-256 AES"]
MAX_TIME = 2**31 - 1


def trapd(directory: Path, *, persistent: bool = False) -> Snmptrapd:
    """Returns a receiver that knows the user."""
    words = PROTOCOLS.format(f'"{AUTH_PASSWORD}"', f'"{PRIV_PASSWORD}"')
    return Snmptrapd(directory, users=[f"{USER.name} {words}"], persistent=persistent)


def once(forge: Forge) -> Forge:
    """Returns a forger of the first answer only."""
    messages: list[bytes] = []

    def forge_once(message: bytes) -> list[bytes]:
        messages.append(message)
        return list(forge(message)) if len(messages) == 1 else []

    return forge_once


def reporting(engine_id: bytes, *numbers: int, boots: int = MAX_TIME - 1, each_new: bool = False) -> Forge:
    """Returns a forger of reports of an engine: without the keys, so that they are not authentic."""
    forged: list[bytes] = []

    def forge(message: bytes) -> list[bytes]:
        forged.append(message)
        suffix = len(forged).to_bytes(2, "big") if each_new else b""
        manager = Manager(USER, engine_id=engine_id + suffix, boots=boots)
        manager.time = MAX_TIME
        return [manager.report(message, number) for number in numbers]

    return forge


async def engine_id_of(receiver: Snmptrapd) -> bytes:
    """Returns the engine id of a receiver, as a forger can discover it."""
    with Forger(receiver.port) as relay:
        async with running_notifier(target(relay.port, user=USER)):
            await until(lambda: bool(relay.answers))
    return decode_usm_message(relay.answers[0]).engine_id


@pytest.mark.daemon
@pytest.mark.parametrize(
    "make_forge",
    [
        lambda theirs: once(reporting(theirs, 4)),
        lambda theirs: reporting(theirs, 4),
        lambda theirs: once(reporting(b"a forged engine", 4)),
        lambda theirs: reporting(b"a forged engine", 4),
        lambda theirs: reporting(b"a forged engine", 4, each_new=True),
        lambda theirs: reporting(theirs, 2, 3, 5, 6),
        lambda theirs: reporting(b"a forged engine", 1, 2, 3, 4, 5, 6, each_new=True),
    ],
    ids=["boots once", "boots", "engine once", "engine", "new engines", "errors", "everything"],
)
async def test_forged_reports_do_not_silence_informs(make_forge: Callable[[bytes], Forge], tmp_path: Path) -> None:
    with trapd(tmp_path) as receiver:
        forge = make_forge(await engine_id_of(receiver))
        with Forger(receiver.port, forge) as forger:
            # a receiver answers within a millisecond, but on a busy machine it may take longer
            async with running_notifier(target(forger.port, user=USER, timeout=1.0, retries=5)) as notifier:
                stats = delivery_of(notifier, f"{HOST}:{forger.port}").stats
                for sequence in (1, 2, 3):
                    notifier.publish(node_lost(sequence))
                await until(lambda: stats.acknowledged == 3)
            assert forger.forged > 0
        # a forger can cause repetitions, but neither a loss nor another order
        assert list(dict.fromkeys(numbers(receiver.received))) == [1, 2, 3]


@pytest.mark.daemon
async def test_reports_that_are_forged_later_do_not_delay_informs(tmp_path: Path) -> None:
    with trapd(tmp_path) as receiver, Forger(receiver.port) as forger:
        async with running_notifier(target(forger.port, user=USER, timeout=600.0, retries=0)) as notifier:
            stats = delivery_of(notifier, f"{HOST}:{forger.port}").stats
            notifier.publish(node_lost(1))
            await until(lambda: stats.acknowledged == 1)
            forger.forge = reporting(b"a forged engine", 1, 2, 3, 4, 5, 6, each_new=True)
            for sequence in (2, 3, 4):
                notifier.publish(node_lost(sequence))
                await until(lambda count=sequence: stats.acknowledged == count)  # type: ignore[misc]
        assert numbers(receiver.received) == [1, 2, 3, 4]


@pytest.mark.daemon
async def test_a_receiver_that_was_restored_from_a_backup_gets_informs(tmp_path: Path) -> None:
    receiver = trapd(tmp_path / "trapd", persistent=True)
    backup = tmp_path / "backup"
    with receiver:
        pass
    shutil.copytree(receiver.persistent, backup)
    for _ in range(3):  # each start is one more boot
        with receiver:
            pass
    with receiver, Forger(receiver.port) as relay:
        async with running_notifier(target(relay.port, user=USER, timeout=1.0)) as notifier:
            stats = delivery_of(notifier, f"{HOST}:{relay.port}").stats
            notifier.publish(node_lost(1))
            await until(lambda: stats.acknowledged == 1)
            before = decode_usm_message(relay.answers[-1])
            receiver.stop()
            shutil.rmtree(receiver.persistent)
            shutil.copytree(backup, receiver.persistent)
            with receiver:
                notifier.publish(node_lost(2))
                await until(lambda: stats.acknowledged == 2)
            after = decode_usm_message(relay.answers[-1])
        assert after.engine_id == before.engine_id
        assert after.boots < before.boots
        assert numbers(receiver.received) == [1, 2]


@pytest.mark.daemon
async def test_localized_keys_and_a_configured_engine_id(tmp_path: Path) -> None:
    with trapd(tmp_path) as receiver:
        engine_id = await engine_id_of(receiver)
        auth_key, priv_key = UserSecurity(USER).localize_keys(engine_id)
        localized = dataclasses.replace(USER, auth_password="", auth_key=auth_key, priv_password="", priv_key=priv_key)
        forge = reporting(b"a forged engine", 4, each_new=True)
        with Forger(receiver.port, forge) as forger:
            configured = target(forger.port, user=localized, engine_id=engine_id, timeout=600.0, retries=0)
            async with running_notifier(configured) as notifier:
                (outcome,) = await notifier.test(node_lost(1))
                assert outcome.result is DeliveryResult.ACKNOWLEDGED
        assert numbers(receiver.received) == [1]


@pytest.mark.daemon
async def test_a_localized_key_for_another_engine_is_named(tmp_path: Path) -> None:
    auth_key, priv_key = UserSecurity(USER).localize_keys(THEIRS)
    localized = dataclasses.replace(USER, auth_password="", auth_key=auth_key, priv_password="", priv_key=priv_key)
    with trapd(tmp_path) as receiver:
        wrong = target(receiver.port, user=localized, engine_id=await engine_id_of(receiver))
        async with running_notifier(wrong) as notifier:
            (outcome,) = await notifier.test(node_lost(1))
        assert outcome.error == "the receiver has another auth or auth_key for user u1 (usmStatsWrongDigests)"


@pytest.mark.daemon
async def test_another_engine_id_than_the_configured_one_is_named(tmp_path: Path) -> None:
    with trapd(tmp_path) as receiver:
        engine_id = await engine_id_of(receiver)
        wrong = target(receiver.port, user=USER, engine_id=THEIRS)
        async with running_notifier(wrong) as notifier:
            (outcome,) = await notifier.test(node_lost(1))
        assert outcome.error == (
            f"the receiver reports the engine id 0x{engine_id.hex()}, but engine_id is 0x{THEIRS.hex()}"
        )


async def test_a_forged_engine_id_does_not_last_if_the_receiver_ignores_unknown_ones() -> None:
    manager = Manager(USER)
    forger = Manager(USER, engine_id=b"a forged engine")
    discoveries: list[bytes] = []

    def answer(message: bytes) -> list[bytes]:
        addressed = decode_usm_message(message)
        if not addressed.engine_id:
            discoveries.append(message)
            return [(forger if len(discoveries) == 1 else manager).report(message, 4)]
        if addressed.engine_id != THEIRS:
            return []
        if not addressed.boots:
            return [manager.report(message, 2, flags=MsgFlags.AUTH)]
        return [manager.acknowledge(message, request_id)]

    with Receiver(answer) as receiver:
        async with running_notifier(target(receiver.port, user=USER, timeout=0.1, retries=5)) as notifier:
            channel = delivery_of(notifier, f"{HOST}:{receiver.port}")._channel
            request_id = next(channel._request_ids) + 1  # type: ignore[attr-defined]
            notifier.publish(node_lost(1))
            stats = delivery_of(notifier, f"{HOST}:{receiver.port}").stats
            await until(lambda: stats.acknowledged == 1)
            assert stats.failed == 0


async def test_a_report_that_arrives_first_does_not_hide_the_acknowledgement() -> None:
    manager = Manager(USER)

    def answer(message: bytes) -> list[bytes]:
        addressed = decode_usm_message(message)
        if not addressed.engine_id:
            return [manager.report(message, 4)]
        if not addressed.boots:
            return [manager.report(message, 2, flags=MsgFlags.AUTH)]
        return [manager.report(message, 3), manager.acknowledge(message, request_id), manager.report(message, 5)]

    with Receiver(answer) as receiver:
        async with running_notifier(target(receiver.port, user=USER, timeout=600.0, retries=0)) as notifier:
            channel = delivery_of(notifier, f"{HOST}:{receiver.port}")._channel
            request_id = next(channel._request_ids) + 1  # type: ignore[attr-defined]
            (outcome,) = await notifier.test(node_lost(1))
            assert outcome.error == ""
