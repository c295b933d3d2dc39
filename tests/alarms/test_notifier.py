"""The notifier: with real receivers, with some that are down, slow, silent, unwilling or misnamed, and at the end."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import socket
import statistics
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]
from structlog.testing import capture_logs

from gateway import self_metrics
from gateway.alarms import notification as notices
from gateway.alarms.delivery import (
    Delivery,
    DeliveryError,
    DeliveryState,
    DeliveryStats,
    Outcome,
    Pauses,
    QueuedNotification,
    Result,
)
from gateway.alarms.notification import Notification
from gateway.alarms.notifier import AGENTX, Notifier
from gateway.errors import GatewayError
from gateway.frontends.snmp.notifications.resolver import Address, Addresses, resolve
from gateway.frontends.snmp.notifications.target import Target, TargetKind
from gateway.frontends.snmp.notifications.udp_channel import _send
from gateway.samples import SampleSet
from gateway.snmp import oid as oids
from gateway.snmp.credentials import UsmUser
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.message import CommunityCodec
from gateway.snmp.mib.module import mib
from gateway.snmp.usm import MsgFlags
from gateway.snmp.values import VarBind
from tests.alarms.receivers import TOO_BIG, Manager, Receiver, acknowledge, community_pdu, notice, sequences
from tests.conftest import open_descriptors
from tests.programs import environment
from tests.snmptrapd import COMMUNITY, HOST, Received, Snmptrapd, free_port
from tests.waiting import until

ENGINE = bytes.fromhex("80001f8805") + b"a gateway"
QUICK = Pauses(least=0.01, first=0.02, longest=0.1)
SEQUENCE = oids.dotted(mib()["haClusterNoticeSequence"].oid) + ".0"
AUTH_PASSWORD, PRIV_PASSWORD = "an auth password", "a priv password"


def user(name: str, auth: str = "SHA-256", priv: str = "AES") -> UsmUser:
    return UsmUser(
        name=name,
        auth=auth,
        auth_password="" if auth == "none" else AUTH_PASSWORD,
        priv=priv,
        priv_password="" if priv == "none" else PRIV_PASSWORD,
    )


def target(port: int, kind: TargetKind = TargetKind.INFORM, **changes: Any) -> Target:
    values = {"host": HOST, "port": port, "kind": kind, "timeout": 0.2, "retries": 1}
    credential = {} if "user" in changes else {"community": COMMUNITY}
    return Target(**{**values, **credential, **changes})


@asynccontextmanager
async def notifier(*targets: Target, grace: float = 0.0, **options: Any) -> AsyncIterator[Notifier]:
    given = {"pauses": QUICK, "identity": EngineIdentity(engine_id=ENGINE, boots=3), **options}
    made = Notifier(mib(), targets=targets, **given)
    await made.start()
    try:
        yield made
    finally:
        await made.close(grace)


def account(of: Notifier, name: str) -> DeliveryStats:
    (found,) = (delivery.account for delivery in of._deliveries if delivery.name == name)
    return found


def has_failed(state: DeliveryStats, times: int) -> bool:
    return state.failed >= times


def has(receiver: Receiver, count: int) -> bool:
    return len(receiver.messages) == count


def numbers(received: Sequence[Received]) -> list[int | bytes | str]:
    return [one.varbinds[SEQUENCE][1] for one in received]


# --- Real receivers --------------------------------------------------------------------------------------------------

_OWN = f"-e 0x{ENGINE.hex()}"
_PASSWORDS = (f'"{AUTH_PASSWORD}"', f'"{PRIV_PASSWORD}"')

USERS: Mapping[str, tuple[UsmUser, str]] = {
    "SHA-256 AES": (user("u1"), "SHA-256 {} AES {}"),
    "SHA-512 AES-256": (user("u2", "SHA-512", "AES-256"), "SHA-512 {} AES-256 {}"),
    "SHA-384 AES-192": (user("u3", "SHA-384", "AES-192"), "SHA-384 {} AES-192 {}"),
    "SHA AES-256": (user("u4", "SHA", "AES-256"), "SHA {} AES-256 {}"),
    "SHA-224": (user("u5", "SHA-224", "none"), "SHA-224 {}"),
    "none": (user("u6", "none", "none"), ""),
}
"""Users, and what snmptrapd has to be told of them."""


def trapd(directory: Path, *extra: str, port: int = 0) -> Snmptrapd:
    """Returns a receiver that knows the users, for traps of our engine and for informs to its own."""
    lines: list[str] = []
    levels: dict[str, str] = {}
    for one, protocols in USERS.values():
        words = protocols.format(*_PASSWORDS)
        lines += [f"{one.name} {words}", f"{_OWN} trap-{one.name} {words}"]
        level = {1: "noauth", 2: "auth", 3: "priv"}[one.level]
        levels |= {one.name: level, f"trap-{one.name}": level}
    return Snmptrapd(directory, users=[*lines, *extra], levels=levels, port=port)


def told(received: Received) -> dict[str, object]:
    return {name: value for name, (_, value) in received.varbinds.items()}


def expected(of: Notification) -> dict[str, object]:
    found = notices.varbinds(of, mib(), uptime=0)
    return {
        oids.dotted(name): oids.dotted(value) if name == notices.SNMP_TRAP_OID and isinstance(value, bytes) else value
        for name, _, value in found
        if name != notices.SYS_UP_TIME
    }


@pytest.mark.daemon
@pytest.mark.parametrize("kind", [TargetKind.TRAP, TargetKind.INFORM])
@pytest.mark.parametrize("credential", ["community", *USERS])
async def test_a_real_receiver_is_told(credential: str, kind: TargetKind, tmp_path: Path) -> None:
    with trapd(tmp_path) as receiver:
        options: dict[str, Any] = {}
        if credential != "community":
            known, _ = USERS[credential]
            name = f"trap-{known.name}" if kind is TargetKind.TRAP else known.name
            options["user"] = dataclasses.replace(known, name=name)
        async with notifier(target(receiver.port, kind, **options)) as tested:
            (outcome,) = await tested.test(notice())
        await until(lambda: len(receiver.received) == 1)
        (received,) = receiver.received
        assert outcome.result == (Result.SENT if kind is TargetKind.TRAP else Result.ACKNOWLEDGED)
        assert received.kind == ("TRAP2" if kind is TargetKind.TRAP else "INFORM")
        assert ("v3" if "user" in options else f"v2c, community {COMMUNITY}") in received.security
        found = told(received)
        assert found.pop("1.3.6.1.2.1.1.3.0") in range(3000)
        assert found == expected(notice())


@pytest.mark.daemon
@pytest.mark.parametrize("kind", [TargetKind.TRAP, TargetKind.INFORM])
async def test_many_arrive_in_order_and_once(kind: TargetKind, tmp_path: Path) -> None:
    with trapd(tmp_path) as receiver:
        async with notifier(target(receiver.port, kind, timeout=5.0)) as tested:
            for number in range(1, 51):
                tested.submit(notice(number))
            await until(lambda: len(receiver.received) >= 50, seconds=20)
            state = account(tested, receiver.name)
            await until(lambda: tested._deliveries[0].queued == 0)
            assert (state.sent, state.retries, state.failed, state.dropped, state.state) == (
                50,
                0,
                0,
                0,
                DeliveryState.OK,
            )
            assert state.acknowledged == (50 if kind is TargetKind.INFORM else 0)
        assert numbers(receiver.received) == list(range(1, 51))


@pytest.mark.daemon
@pytest.mark.parametrize("version", ["2c", "3"])
async def test_what_happens_while_a_receiver_is_down_arrives_in_order(version: str, tmp_path: Path) -> None:
    receiver = trapd(tmp_path)
    options: dict[str, Any] = {"user": USERS["SHA-256 AES"][0]} if version == "3" else {}
    with capture_logs() as logs:
        async with notifier(
            target(receiver.port, **options), pauses=Pauses(least=0.1, first=0.3, longest=0.6)
        ) as tested:
            state = account(tested, receiver.name)
            for number in range(1, 7):  # three alarms come and go
                tested.submit(notice(number))
                await until(partial(has_failed, state, number + 2), seconds=20)
            assert (state.state, state.acknowledged) == (DeliveryState.FAILING, 0)
            assert state.last_error == "connection refused: nobody listens there"
            with receiver:
                await until(lambda: state.acknowledged == 6, seconds=20)
                tested.submit(notice(7))
                await until(lambda: state.acknowledged == 7)
                assert numbers(receiver.received) == [1, 2, 3, 4, 5, 6, 7]
            assert (state.state, state.last_error, state.dropped, state.sent) == (DeliveryState.OK, "", 0, 7)
    assert [log["event"] for log in logs if log["log_level"] != "debug"] == [
        "notifications not delivered",
        "notifications delivered again",
    ]


@pytest.mark.daemon
async def test_a_receiver_that_was_made_anew_gets_informs_of_a_user(tmp_path: Path) -> None:
    with trapd(tmp_path / "first") as receiver:
        async with notifier(target(receiver.port, user=USERS["SHA-256 AES"][0])) as tested:
            await tested.test(notice(1))
            receiver.stop()
            with trapd(tmp_path / "second", port=receiver.port) as other:  # another engine id, other boots
                (outcome,) = await tested.test(notice(2))
                assert outcome.result is Result.ACKNOWLEDGED
                assert numbers(other.received) == [2]


@pytest.mark.daemon
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": "nobody"}, "the receiver does not know user nobody (usmStatsUnknownUserNames)"),
        ({"auth_password": "another password"}, "has another auth or auth_password for user u1 (usmStatsWrongDigests)"),
        ({"auth": "SHA-512"}, "has another auth or auth_password for user u1 (usmStatsWrongDigests)"),
        ({"priv_password": "another password"}, "no answer in 0.4 s"),
    ],
)
async def test_wrong_keys_are_named_and_disturb_nobody(changes: dict[str, str], error: str, tmp_path: Path) -> None:
    good, _ = USERS["SHA-256 AES"]
    with trapd(tmp_path / "one") as receiver, trapd(tmp_path / "other") as unwilling:
        wrong = target(unwilling.port, user=dataclasses.replace(good, **changes))
        async with notifier(wrong, target(receiver.port, user=good)) as tested:
            bad, other = await tested.test(notice())
            assert (bad.result, other.result) == (None, Result.ACKNOWLEDGED)
            assert error in bad.error
            state = account(tested, unwilling.name)
            await until(lambda: state.failed >= 2)
            assert tested.last_errors() == {unwilling.name: state.last_error, receiver.name: ""}
        assert unwilling.received == []


async def test_a_receiver_that_never_likes_the_time_is_not_asked_for_ever() -> None:
    known = USERS["SHA-256 AES"][0]
    manager = Manager(known)

    def answer(message: bytes) -> list[bytes]:
        asked = b"manager" not in message
        return [manager.report(message, 4 if asked else 2, flags=MsgFlags.NONE if asked else MsgFlags.AUTH)]

    with Receiver(answer) as receiver:
        async with notifier(target(receiver.port, user=known, timeout=0.2, retries=0)) as tested:
            tested.submit(notice())
            state = account(tested, f"{HOST}:{receiver.port}")
            await until(lambda: state.failed == 1)
            assert (state.sent, state.acknowledged) == (1, 0)
            assert state.retries in {2, 3}  # one of four messages asks for the engine id, or two


# --- Receivers that do not do their part -----------------------------------------------------------------------------


async def test_a_silent_receiver_delays_nobody() -> None:
    with Receiver() as silent, Receiver(acknowledge) as good:
        targets = (target(silent.port), target(free_port()), target(good.port, timeout=5.0))
        async with notifier(*targets) as tested:
            delays = []
            for number in range(1, 31):
                begun = asyncio.get_running_loop().time()
                tested.submit(notice(number))
                await until(partial(has, good, number))
                delays.append(good.times[-1] - begun)
            assert sequences(good.messages) == list(range(1, 31))
            assert set(sequences(silent.messages)) == {1}
            assert statistics.median(delays) < 0.02


async def test_the_first_packet_leaves_at_once() -> None:
    with Receiver() as receiver:
        async with notifier(target(receiver.port, TargetKind.TRAP)) as tested:
            delays = []
            for number in range(1, 21):
                begun = asyncio.get_running_loop().time()
                tested.submit(notice(number))
                await until(partial(has, receiver, number))
                delays.append(receiver.times[-1] - begun)
    assert min(delays) < 0.005


async def test_an_inform_is_repeated_as_configured_and_then_pauses() -> None:
    with Receiver() as silent:
        pauses = Pauses(least=30, first=30, longest=30)
        async with notifier(target(silent.port, timeout=0.05, retries=3), pauses=pauses) as tested:
            tested.submit(notice())
            state = account(tested, f"{HOST}:{silent.port}")
            await until(lambda: state.failed == 1)
            assert (state.sent, state.retries, state.last_error) == (1, 3, "no answer in 0.2 s")
            assert len(set(silent.messages)) == 1
            assert len(silent.messages) == 4


async def test_an_answer_that_comes_late_counts() -> None:
    with Receiver() as slow:
        pauses = Pauses(least=0.05, first=0.1, longest=0.1)
        async with notifier(target(slow.port, timeout=0.05, retries=0), pauses=pauses) as tested:
            tested.submit(notice())
            state = account(tested, f"{HOST}:{slow.port}")
            await until(lambda: state.failed == 1)
            slow.send(acknowledge(slow.messages[0])[0])
            await until(lambda: state.acknowledged == 1)
            assert len(slow.messages) == 1


async def test_answers_to_something_else_do_not_count() -> None:
    def answer(message: bytes) -> list[bytes]:
        number = v2c.apiPDU.get_request_id(community_pdu(message))
        other = CommunityCodec(COMMUNITY).encode_inform(int(number) + 1, ())
        return [b"", b"nonsense", message, *acknowledge(other)]

    with Receiver(answer) as confused:
        async with notifier(target(confused.port, timeout=0.05)) as tested:
            tested.submit(notice())
            state = account(tested, f"{HOST}:{confused.port}")
            await until(lambda: state.failed == 1)
            assert state.acknowledged == 0


async def test_what_a_receiver_refuses_is_not_repeated() -> None:
    def answer(message: bytes) -> list[bytes]:
        return acknowledge(message, TOO_BIG if sequences([message]) == [1] else 0)

    with Receiver(answer) as receiver:
        async with notifier(target(receiver.port)) as tested:
            first = asyncio.create_task(tested.test(notice(1)))
            await until(lambda: len(receiver.messages) == 1)
            (second,) = await tested.test(notice(2))
            (refused,) = await first
            state = account(tested, f"{HOST}:{receiver.port}")
        assert (refused.result, refused.error) == (None, "the receiver responds with the error tooBig")
        assert second.result is Result.ACKNOWLEDGED
        assert sequences(receiver.messages) == [1, 2]
        assert (state.sent, state.acknowledged, state.failed, state.dropped) == (2, 1, 1, 1)


async def test_a_trap_to_nobody_is_sent_once_and_said_once() -> None:
    port = free_port()
    with capture_logs() as logs:
        async with notifier(target(port, TargetKind.TRAP)) as tested:
            outcomes = [(await tested.test(notice(number)))[0] for number in (1, 2, 3)]
            state = account(tested, f"{HOST}:{port}")
    assert {outcome.error for outcome in outcomes} == {"connection refused: nobody listens there"}
    assert (state.sent, state.failed, state.dropped, state.state) == (3, 3, 0, DeliveryState.FAILING)
    assert [log["event"] for log in logs] == ["notifications not delivered"]


async def test_no_way_to_a_receiver_is_no_end() -> None:
    unreachable = target(162, TargetKind.TRAP, host="255.255.255.255")  # broadcasts are not permitted
    async with notifier(unreachable) as tested:
        (outcome,) = await tested.test(notice())
        assert outcome.result is None
        assert outcome.error == "Permission denied"
        assert account(tested, unreachable.name).sent == 0


async def test_what_is_too_large_is_given_up() -> None:
    with Receiver() as receiver:
        async with notifier(target(receiver.port, TargetKind.TRAP)) as tested:
            (delivery,) = tested._deliveries
            varbinds = notices.varbinds(notice(), mib(), uptime=0)
            huge = varbinds[-1]._replace(value=bytes(65_500))
            with capture_logs() as logs:
                delivery.submit(QueuedNotification(varbinds=[*varbinds, huge], notice=notice(1)))
                (outcome,) = await tested.test(notice(2))
            assert outcome.result is Result.SENT
            assert [log["error"].partition(" of ")[0] for log in logs if "error" in log] == ["a message"]
            assert delivery.account.dropped == 1
            assert sequences(receiver.messages) == [2]


async def test_a_socket_that_fails_is_made_anew() -> None:
    with Receiver(acknowledge) as receiver:
        async with notifier(target(receiver.port)) as tested:
            await tested.test(notice(1))
            channel: Any = tested._deliveries[0]._channel
            channel._socket.shutdown(socket.SHUT_WR)
            (outcome,) = await tested.test(notice(2))
            assert outcome.result is Result.ACKNOWLEDGED


async def test_a_socket_that_fails_again_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(sock: socket.socket, data: bytes) -> None:
        raise OSError(errno.ENOBUFS, "No buffer space available")

    with Receiver(acknowledge) as receiver:
        async with notifier(target(receiver.port)) as tested:
            with monkeypatch.context() as patch:
                patch.setattr("gateway.frontends.snmp.notifications.udp_channel._send", full)
                (outcome,) = await tested.test(notice(1))
                assert outcome.error == "No buffer space available"
            await until(lambda: sequences(receiver.messages) == [1])


async def test_the_refusal_of_one_message_does_not_cost_the_next() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((HOST, free_port()))
        sock.send(b"to nobody")
        _send(sock, b"to nobody")
        with pytest.raises(ConnectionRefusedError):
            sock.send(b"to nobody")


async def test_many_answers_at_once_leave_others_their_turn() -> None:
    with Receiver(lambda message: [b"nonsense"] * 50 + acknowledge(message)) as receiver:
        async with notifier(target(receiver.port, timeout=5.0)) as tested:
            (outcome,) = await tested.test(notice())
            assert outcome.result is Result.ACKNOWLEDGED


# --- Names -----------------------------------------------------------------------------------------------------------


class Names:
    """Name servers that know what they are told, and fail while they know nothing."""

    def __init__(self, *ports: int) -> None:
        self.ports = ports
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked += 1
        if not self.ports:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [Address(socket.AF_INET, (HOST, known)) for known in self.ports]


async def test_a_name_that_cannot_be_looked_up_is_looked_up_again() -> None:
    names = Names()
    with Receiver(acknowledge) as receiver:
        async with notifier(target(162, host="manager.example"), resolve=names) as tested:
            (outcome,) = await tested.test(notice(1))
            assert outcome.error == "manager.example cannot be looked up: Temporary failure in name resolution"
            names.ports = (receiver.port,)
            (outcome,) = await tested.test(notice(2))
            assert sequences(receiver.messages) == [1, 2]


async def test_while_name_servers_are_down_the_old_address_is_used() -> None:
    with Receiver() as receiver:
        names = Names(receiver.port)
        async with notifier(target(162, host="manager.example", timeout=0.05, retries=0), resolve=names) as tested:
            await until(lambda: names.asked == 1)
            names.ports = ()
            tested.submit(notice())
            await until(lambda: names.asked >= 3)
            receiver.answer = acknowledge
            await until(lambda: account(tested, "manager.example:162").acknowledged == 1)


async def test_of_several_addresses_the_next_is_tried() -> None:
    with Receiver(acknowledge) as receiver:
        names = Names(free_port(), receiver.port)
        async with notifier(target(162, host="manager.example", timeout=0.05), resolve=names) as tested:
            tested.submit(notice(1))
            await until(lambda: account(tested, "manager.example:162").acknowledged == 1)
            (outcome,) = await tested.test(notice(2))
            assert outcome.result is Result.ACKNOWLEDGED


async def test_a_look_up_that_takes_long_delays_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(host: str, port: int) -> Sequence[Address]:
        return await resolve(host, port) if host == HOST else await asyncio.Event().wait()  # type: ignore[return-value]

    monkeypatch.setattr("gateway.frontends.snmp.notifications.resolver._FIRST", 0.05)
    with Receiver(acknowledge) as receiver:
        async with notifier(target(162, host="manager.example"), target(receiver.port), resolve=never) as tested:
            slow, good = await tested.test(notice())
            assert slow.error == "manager.example is still being looked up"
            assert good.result is Result.ACKNOWLEDGED


async def test_names_are_looked_up_in_time_and_addresses_at_once() -> None:
    assert await resolve("127.0.0.1", 162) == [Address(socket.AF_INET, ("127.0.0.1", 162))]
    assert await resolve("::1", 162) == [Address(socket.AF_INET6, ("::1", 162, 0, 0))]
    assert Address(socket.AF_INET, ("127.0.0.1", 162)) in await resolve("localhost", 162)
    for name in ("name.invalid", "a" * 70 + ".example", "a..b"):
        with pytest.raises(OSError, match=r"."):
            await resolve(name, 162)


async def test_a_look_up_that_nobody_waits_for_any_more_ends_quietly() -> None:
    before = threading.active_count()
    task = asyncio.create_task(resolve("name.invalid", 162))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: threading.active_count() == before)


async def test_a_name_is_looked_up_again_now_and_then() -> None:
    names = Names(1)
    addresses = Addresses("manager.example", 162, resolve=names, refresh=0.01, retry=0.01)
    addresses.start()
    assert (await addresses.get()).name == (HOST, 1)
    names.ports = (2,)
    await until(lambda: addresses._found[0].name == (HOST, 2))
    names.ports = ()
    asked = names.asked
    await until(lambda: names.asked > asked + 2)
    assert (await addresses.get()).name == (HOST, 2)
    await addresses.close()


# --- The master agent ------------------------------------------------------------------------------------------------


class Master:
    """A session that is there or not."""

    def __init__(self, *, there: bool = True) -> None:
        self.there = there
        self.accepted: list[int] = []
        self.asked = 0

    absent = False

    async def notify(self, varbinds: Sequence[VarBind]) -> None:
        self.asked += 1
        if not self.there:
            raise GatewayError("no session")
        assert isinstance(varbinds[2].value, int)
        self.accepted.append(varbinds[2].value)


async def test_what_cannot_be_handed_over_is_handed_over_later_in_order() -> None:
    master = Master(there=False)
    with capture_logs() as logs:
        async with notifier(master=master) as tested:
            for number in range(1, 6):
                tested.submit(notice(number))
            await until(lambda: master.asked >= 3)
            state = account(tested, AGENTX)
            assert (state.state, state.last_error, state.sent) == (DeliveryState.FAILING, "no session", 0)
            master.there = True
            await until(lambda: state.sent == 5)
            assert master.accepted == [1, 2, 3, 4, 5]
            assert (state.state, state.acknowledged, state.dropped) == (DeliveryState.OK, 0, 0)
    assert [(log["event"], log["target"]) for log in logs] == [
        ("notifications not delivered", AGENTX),
        ("notifications delivered again", AGENTX),
    ]


async def test_a_host_without_a_master_agent_is_no_failure_and_takes_no_time_at_the_end() -> None:
    master = Master(there=False)
    master.absent = True
    with capture_logs() as logs:
        tested = Notifier(mib(), master=master, pauses=QUICK, queue_size=3)
        await tested.start()
        tested.submit(notice(1))
        await until(lambda: master.asked >= 2)
        for number in range(2, 7):
            tested.submit(notice(number))
        assert account(tested, AGENTX).state is DeliveryState.IDLE
        begun = asyncio.get_running_loop().time()
        await tested.close()
        assert asyncio.get_running_loop().time() - begun < 1
    assert logs == []


async def test_what_is_handed_over_is_not_a_burst() -> None:
    master = Master()
    async with notifier(master=master) as tested:
        begun = asyncio.get_running_loop().time()
        for number in range(1, 21):
            tested.submit(notice(number))
        await until(lambda: len(master.accepted) == 20)
        assert asyncio.get_running_loop().time() - begun >= 0.19


async def test_a_mistake_costs_one_notification_only() -> None:
    class Wrong(Master):
        async def notify(self, varbinds: Sequence[VarBind]) -> None:
            if varbinds[2].value == 1:
                raise ValueError("no such type")
            await super().notify(varbinds)

    master = Wrong()
    with capture_logs() as logs:
        async with notifier(master=master) as tested:
            first = asyncio.create_task(tested.test(notice(1)))
            (second,) = await tested.test(notice(2))
            ((outcome),) = await first
            state = account(tested, AGENTX)
    assert (outcome.result, outcome.error) == (None, "ValueError('no such type')")
    assert second == Outcome(AGENTX, TargetKind.AGENTX, Result.SENT)
    assert (state.failed, state.dropped, master.accepted) == (1, 1, [2])
    assert "notification not delivered" in [log["event"] for log in logs]


# --- The queue -------------------------------------------------------------------------------------------------------


class Stuck:
    """A channel that delivers when it is let."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.begun: list[int] = []
        self.delivered: list[int] = []

    async def start(self) -> None:
        pass

    async def deliver(self, parcel: QueuedNotification, account: DeliveryStats) -> Result:
        self.begun.append(parcel.notice.sequence)
        await self.let.wait()
        self.delivered.append(parcel.notice.sequence)
        account.sent += 1
        return Result.SENT

    async def close(self) -> None:
        pass


def parcel(number: int) -> QueuedNotification:
    return QueuedNotification(varbinds=(), notice=notice(number))


async def test_a_full_queue_drops_the_oldest_that_waits() -> None:
    channel = Stuck()
    delivery = Delivery("target", TargetKind.INFORM, channel, pauses=QUICK, size=3)
    with capture_logs() as logs:
        await delivery.start()
        delivery.submit(parcel(1))
        await until(lambda: channel.begun == [1])
        for number in range(2, 9):
            delivery.submit(parcel(number))
        assert (delivery.queued, delivery.account.dropped) == (3, 5)
        channel.let.set()
        await until(lambda: channel.delivered == [1, 7, 8])
        await delivery.close(0)
    assert [(log["event"], log.get("sequence")) for log in logs] == [("queue full, dropping the oldest", 2)]


async def test_a_full_queue_drops_what_is_no_alarm_before_what_is_one() -> None:
    channel = Stuck()
    delivery = Delivery("target", TargetKind.INFORM, channel, pauses=QUICK, size=4)
    await delivery.start()
    delivery.submit(parcel(1))
    await until(lambda: channel.begun == [1])
    for number in (2, 3, 4, 5, 6, 7):
        told = notice(number) if number % 2 else notice(number, notification="")
        delivery.submit(QueuedNotification(varbinds=(), notice=told))
    assert (delivery.queued, delivery.account.dropped) == (4, 3)
    channel.let.set()
    await until(lambda: channel.delivered == [1, 3, 5, 7])
    await delivery.close(0)


async def test_what_comes_before_the_start_waits_and_what_comes_after_the_end_is_dropped() -> None:
    channel = Stuck()
    channel.let.set()
    delivery = Delivery("target", TargetKind.INFORM, channel, pauses=QUICK)
    delivery.submit(parcel(1))
    await delivery.start()
    await until(lambda: channel.delivered == [1])
    await delivery.close(0)
    delivery.submit(parcel(2))
    assert (delivery.queued, delivery.account.dropped) == (0, 1)


async def test_something_new_ends_a_pause() -> None:
    class Failing(Stuck):
        async def deliver(self, parcel: QueuedNotification, account: DeliveryStats) -> Result:
            self.begun.append(parcel.notice.sequence)
            if len(self.begun) == 1:
                raise DeliveryError("not now")
            return Result.SENT

    channel = Failing()
    pauses = Pauses(least=0.01, first=1000, longest=1000)
    delivery = Delivery("target", TargetKind.INFORM, channel, pauses=pauses)
    await delivery.start()
    delivery.submit(parcel(1))
    await until(lambda: delivery.account.failed == 1)
    delivery.submit(parcel(2))
    await until(lambda: channel.begun == [1, 1, 2])
    await delivery.close(0)


def test_pauses_grow_to_a_limit_and_differ() -> None:
    pauses = Pauses(least=0.5, first=1.0, longest=15.0)
    assert [pauses.after(failures, 1.0) for failures in range(1, 7)] == [1, 2, 4, 8, 15, 15]
    assert [pauses.after(failures, 0.0) for failures in range(1, 7)] == [0.5, 1, 2, 4, 7.5, 7.5]
    assert pauses.after(10_000, 0.5) == 11.25


# --- The end ---------------------------------------------------------------------------------------------------------


async def test_at_the_end_informs_have_time_to_arrive() -> None:
    with Receiver() as receiver, capture_logs() as logs:
        pauses = Pauses(least=0.05, first=1000, longest=1000)
        async with notifier(target(receiver.port, timeout=0.05), grace=20, pauses=pauses) as tested:
            for number in (1, 2, 3):
                tested.submit(notice(number))
            state = account(tested, f"{HOST}:{receiver.port}")
            await until(lambda: state.failed == 1)
            receiver.answer = acknowledge
        assert (state.acknowledged, state.dropped) == (3, 0)
    assert [log["event"] for log in logs] == ["notifications not delivered", "notifications delivered again"]


async def test_what_does_not_arrive_in_time_is_in_the_log() -> None:
    with Receiver() as receiver, capture_logs() as logs:
        async with notifier(target(receiver.port), grace=0.05) as tested:
            for number in range(1, 26):
                tested.submit(notice(number))
            await until(lambda: len(receiver.messages) == 1)
            begun = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - begun < 2
        assert account(tested, f"{HOST}:{receiver.port}").dropped == 25
    (lost,) = (log for log in logs if log["event"] == "notifications lost")
    assert lost["lost"] == 25
    assert lost["notices"] == [f"{number} node-lost raised node2" for number in range(1, 21)]


async def test_nothing_is_left_behind() -> None:
    before, tasks = open_descriptors(), len(asyncio.all_tasks())
    with Receiver(acknowledge) as receiver:
        async with notifier(target(receiver.port), target(free_port()), master=Master()) as tested:
            await tested.test(notice())
    assert (open_descriptors(), len(asyncio.all_tasks())) == (before, tasks)


async def test_a_notifier_that_was_never_started_can_be_closed() -> None:
    tested = Notifier(mib(), targets=[target(1)])
    tested.submit(notice())
    with capture_logs() as logs:
        await tested.close()
    assert [log["event"] for log in logs] == ["notifications lost"]


# --- Notices ---------------------------------------------------------------------------------------------------------


async def test_forms_follow_each_other() -> None:
    master = Master()
    seen: list[str] = []

    async def notify(varbinds: Sequence[VarBind]) -> None:
        assert isinstance(varbinds[1].value, bytes)
        seen.append(oids.dotted(varbinds[1].value))

    master.notify = notify  # type: ignore[method-assign]
    details = {"kind": "node", "node": "node2", "node_id": "2", "status": "left", "description": "lost"}
    corosync, pacemaker = "1.3.6.1.4.1.35488.0.1", "1.3.6.1.4.1.32723.2.1"
    async with notifier(master=master, forms=("corosync", "pacemaker")) as tested:
        tested.submit(notice(details=details))
        tested.submit(notice(details=details, notification=""))
        tested.submit(notice())
        await until(lambda: len(seen) == 6)
    own = oids.dotted(mib().notifications["haClusterNodeAlarm"].oid)
    assert seen == [own, corosync, pacemaker, corosync, pacemaker, own]


async def test_other_forms_instead() -> None:
    master = Master()
    async with notifier(master=master, forms=("corosync",), native=False) as tested:
        tested.submit(notice(details={"kind": "quorum", "node": "n", "node_id": "1", "status": "quorate"}))
        tested.submit(notice())
        await until(lambda: master.asked == 1)
        assert account(tested, AGENTX).sent <= 1
        assert tested._deliveries[0].queued <= 1


async def test_a_notice_that_cannot_be_told_raises_nothing() -> None:
    master = Master()
    with capture_logs() as logs:
        async with notifier(master=master) as tested:
            tested.submit(notice(1, notification="haClusterNothing"))
            tested.submit(notice(2))
            await until(lambda: master.accepted == [2])
    assert [(log["event"], log["form"]) for log in logs] == [("notification not made", "ha-cluster")]


async def test_samples() -> None:
    with Receiver(acknowledge) as receiver:
        name = f"{HOST}:{receiver.port}"
        async with notifier(target(receiver.port), master=Master(there=False)) as tested:
            tested.submit(notice(7))
            await until(lambda: account(tested, name).acknowledged == 1 and account(tested, AGENTX).failed > 0)
            samples = SampleSet()
            tested.samples(samples)
            errors = tested.last_errors()
    found = {(sample.metric, sample.labels): sample.value for sample in samples}
    assert found[self_metrics.NOTIFICATION_SEQUENCE, ()] == 7
    state = self_metrics.TARGET_STATE
    assert found[state, (name, "inform")] == state.flags_for("ok")
    assert found[state, (AGENTX, "agentx")] == state.flags_for("failing")
    assert found[self_metrics.NOTIFICATIONS_ACKNOWLEDGED, (name,)] == 1
    assert found[self_metrics.NOTIFICATIONS_QUEUED, (AGENTX,)] == 1
    assert {len(family) for metric, family in samples.samples_by_metric.items() if metric.labels} == {2}
    assert errors == {name: "", AGENTX: "no session"}


async def test_a_test_behind_others_says_what_they_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.alarms.notifier._TEST", 0.1)
    async with notifier(master=Master(there=False)) as tested:
        tested.submit(notice(1))
        (outcome,) = await tested.test(notice(2))
        assert outcome == Outcome(AGENTX, TargetKind.AGENTX, None, "1 others are before it: no session")


def test_targets_differ() -> None:
    with pytest.raises(ValueError, match=r"two targets of the name 127\.0\.0\.1:1"):
        Notifier(mib(), targets=[target(1), target(1, TargetKind.TRAP)])


def test_pysnmp_is_imported_for_targets_only() -> None:
    code = (
        "import asyncio, sys; from gateway.alarms.notifier import Notifier; from gateway.snmp.mib.module import mib\n"
        "asyncio.run(Notifier(mib()).start()); assert 'pysnmp' not in sys.modules and 'pyasn1' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=environment())
