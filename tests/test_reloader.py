"""The mechanism of reloads: everything or nothing, one after the other, and the same as a start."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.alarms.sources.alert_socket import AlertSocket
from gateway.app import reloadable_parts
from gateway.app.reloader import Commit, Prepare, Reloader
from gateway.app.services import build_services
from gateway.config.changes import compare
from gateway.config.config import OPTIONS, Config
from gateway.config.loader import OptionReader
from gateway.errors import ConfigError, StartError
from gateway.host.local import LocalHost
from gateway.runtime.service import Replaceable
from tests.waiting import until


def make_config(values: Mapping[str, Any] | None = None) -> Config:
    """Returns a configuration with these values by key."""
    reader = OptionReader()
    base = {
        "web.listen": ["127.0.0.1:0"],
        "snmp.agentx": "off",
        "alarms.socket": "",
        "snmp.agent.community": [{"name": "public"}],
    }
    for key, value in {**base, **(values or {})}.items():
        reader.read(key, value, key)
    return reader.build(None)


class Part:
    """A part of a program that records what happens to it."""

    def __init__(self, *, error: Exception | None = None) -> None:
        self.calls: list[str] = []
        self._error = error

    async def prepare(self, config: Config, rollback: AsyncExitStack) -> Commit:
        self.calls.append("prepare")
        rollback.callback(self.calls.append, "rollback")
        if self._error is not None:
            raise self._error
        return lambda: self.calls.append("commit")


async def reload(read: Callable[[Config], Config], *prepare: Prepare) -> Reloader:
    reloader = Reloader(make_config(), read, prepare)
    await reloader.start()
    try:
        await reloader.reload()
    finally:
        await reloader.close()
    return reloader


async def test_all_parts_take_over_what_they_have_prepared() -> None:
    first, second = Part(), Part()
    new = make_config({"alarms.interval": 3.0})
    reloader = await reload(lambda _: new, first.prepare, second.prepare)
    assert first.calls == second.calls == ["prepare", "commit"]
    assert reloader.config == new


@pytest.mark.parametrize("error", [StartError("no port"), ZeroDivisionError("bug")])
async def test_nothing_changes_if_one_part_cannot(error: Exception) -> None:
    first, second = Part(), Part(error=error)
    with capture_logs() as logs, pytest.raises(ConfigError, match=r"no port|bug"):
        await reload(lambda _: make_config({"alarms.interval": 3.0}), first.prepare, second.prepare)
    assert first.calls == second.calls == ["prepare", "rollback"]
    assert logs[-1]["event"] == "configuration not reloaded"


async def test_all_who_ask_before_a_reload_begins_share_it() -> None:
    reads = threading.Semaphore(0)
    count = 0

    def read(current: Config) -> Config:
        nonlocal count
        count += 1
        assert reads.acquire(timeout=20)
        return current

    reloader = Reloader(make_config(), read, [])
    await reloader.start()
    running = reloader.request()
    await until(lambda: count == 1)
    waiting = [reloader.request() for _ in range(100)]
    reads.release(2)
    await asyncio.gather(running, *waiting)
    assert count == 2
    await reloader.close()


async def test_the_end_does_not_wait_for_a_file_that_hangs() -> None:
    begun, hang = threading.Event(), threading.Event()

    def read(current: Config) -> Config:
        begun.set()
        hang.wait(20)
        return current

    reloader = Reloader(make_config(), read, [])
    await reloader.start()
    outcome = reloader.request()
    await until(begun.is_set)
    async with asyncio.timeout(5):
        await reloader.close()
    assert outcome.cancelled()
    hang.set()


async def test_a_file_that_hangs_is_a_failure() -> None:
    hang = threading.Event()

    def read(current: Config) -> Config:
        hang.wait(20)
        return current

    reloader = Reloader(make_config(), read, [], read_timeout=0.01)
    await reloader.start()
    with pytest.raises(ConfigError, match=r"longer than 0\.01 s"):
        await reloader.reload()
    hang.set()
    await reloader.close()


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


async def test_a_service_is_replaced_once_its_successor_runs(tmp_path: Path) -> None:
    sockets = [AlertSocket(lambda _: None, tmp_path / name) for name in ("a", "b")]
    place = Replaceable(sockets[0])
    await place.start()
    async with AsyncExitStack() as rollback:
        await place.prepare(sockets[1], rollback)
        assert names(tmp_path) == {"a", "b"}
    assert names(tmp_path) == {"a"}
    successor = AlertSocket(lambda _: None, tmp_path / "b")
    async with AsyncExitStack() as rollback:
        commit = await place.prepare(successor, rollback)
        commit()
        rollback.pop_all()
    await until(lambda: names(tmp_path) == {"b"})
    await place.close()
    assert not names(tmp_path)


# --- the same as a start ---------------------------------------------------------------------------------------------


HOSTS = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
LISTEN = st.lists(st.sampled_from([f"{host}:0" for host in HOSTS]), min_size=1, unique=True)
SECONDS = st.sampled_from([1.0, 2.5, 30.0])


def _target(host: str, kind: str, community: str) -> dict[str, str]:
    return {"address": host, "version": "2c", "community": community, "kind": kind}


TARGETS = st.lists(
    st.builds(
        _target, st.sampled_from(HOSTS), st.sampled_from(["trap", "inform"]), st.sampled_from(["public", "other"])
    ),
    unique_by=lambda target: target["address"],
)
VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "web.listen": LISTEN,
    "web.max_connections": st.sampled_from([8, 16]),
    "web.client_timeout": SECONDS,
    "web.telemetry_path": st.sampled_from(["/metrics", "/other"]),
    "collectors.sbd": st.sampled_from(["auto", "on", "off"]),
    "collectors.corosync": st.sampled_from(["auto", "on", "off"]),
    "collectors.min_interval": st.sampled_from([0.0, 5.0]),
    "corosync.statistics": st.sampled_from([True, False, "auto"]),
    "corosync.source": st.sampled_from(["tools", "auto", "library"]),
    "tools.nice": st.sampled_from([0, 5]),
    "tools.crm_mon.path": st.sampled_from(["", "/opt/crm_mon"]),
    "tools.crm_mon.timeout": SECONDS,
    "snmp.max_age": SECONDS,
    "snmp.agent.listen": st.one_of(st.just([]), LISTEN),
    "snmp.agent.community": st.sampled_from([[{"name": "public"}], [{"name": "other"}]]),
    "snmp.agent.allow": st.sampled_from([[], ["127.0.0.0/8"]]),
    "alarms.interval": SECONDS,
    "alarms.send_from": st.sampled_from(["all", "dc"]),
    "alarms.send_action": st.booleans(),
    "alarms.compat": st.sampled_from([[], ["corosync"], ["pacemaker"]]),
    "alarms.target": TARGETS,
    "alarms.disable.quorum-lost": st.booleans(),
}
CONFIGS = st.fixed_dictionaries({}, optional=dict(VALUES)).map(make_config)


class Running:
    """The services of a gateway whose settings a test can see. No tool runs."""

    def __init__(self, config: Config) -> None:
        self.host = LocalHost(config.tools.by_name, nice=config.tools.nice)
        self.services = build_services(config, self.host)

    @property
    def parts(self) -> list[Prepare]:
        """The parts of a reload, without the one that would start a program."""
        listed = reloadable_parts.reloadable_parts(self.services)
        return [part for part in listed if getattr(part, "func", None) is not reloadable_parts.prepare_quorum_watcher]

    def settings(self) -> Mapping[str, Any]:
        """Returns what can be seen of the configuration."""
        services = self.services
        agent, pool, deliveries = services.snmp._agent, services.server._pool, services.notifier._deliveries
        assert pool is not None
        responder = agent._responder if agent is not None else None
        return {
            "tools": (self.host._tools, self.host._nice),
            "collectors": (services.engine._collectors, services.engine._required, services.engine._min_interval),
            "http": ({address.rpartition(":")[0] for address in services.server.addresses}, pool.limits),
            "agent": agent and {address.rpartition(":")[0] for address in agent.addresses},
            "communities": responder and set(responder._engine._communities),
            "allowed": agent and agent._admission.allowed,
            "max_age": services.snmp.cache.max_age,
            "forms": (services.renderer._native, services.renderer._compat, services.renderer._send_action),
            "targets": [(delivery.name, delivery.kind, delivery.settings) for delivery in deliveries],
            "alarms": (services.alarms._settings, services.alarms._collection.interval),
            "conditions": [condition.name for condition in services.alarms._table._conditions],
        }

    async def __aenter__(self) -> Self:
        for service in (self.services.server, self.services.snmp, self.services.notifier):
            await service.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        services = self.services
        for service in (services.notifier, services.snmp, services.server, services.engine):
            await service.close()


async def _started(config: Config) -> Mapping[str, Any]:
    async with Running(config) as running:
        return running.settings()


async def _reloaded(current: Config, new: Config) -> Mapping[str, Any]:
    async with Running(current) as running:
        reloader = Reloader(current, lambda _: new, running.parts)
        await reloader.start()
        await reloader.reload()
        await reloader.close()
        return running.settings()


@settings(max_examples=20, deadline=None)
@given(CONFIGS, CONFIGS)
def test_a_reload_has_the_same_result_as_a_start(current: Config, new: Config) -> None:
    expected = asyncio.run(_started(new))
    assert asyncio.run(_reloaded(current, new)) == expected


@settings(deadline=None)
@given(CONFIGS, CONFIGS)
def test_what_is_not_reloadable_stays(current: Config, new: Config) -> None:
    changes = compare(current, new)
    for option in OPTIONS:
        expected = new if option.reloadable else current
        assert changes.config.option_values[option] == expected.option_values[option]
    again = compare(changes.config, new)
    assert again.config == changes.config
    assert not again.applied
    assert again.pending == changes.pending
