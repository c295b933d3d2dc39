"""Reloads the configuration of the running gateway: all of it, or nothing.

A reload has two phases. First each part of the gateway prepares what the new configuration needs: it opens sockets,
derives keys, starts services. Any of that can fail; then what was prepared is closed again, and nothing has changed.
Then all parts take over what they have prepared, within one turn of the event loop, which cannot fail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import NoReturn

import structlog

from gateway.clock import Clock, SystemClock
from gateway.config.changes import Changes, compare
from gateway.config.config import Config
from gateway.engine.worker import Worker
from gateway.errors import ConfigError, GatewayError
from gateway.samples import SampleSet
from gateway.self_monitoring import self_metrics

READ_TIMEOUT = 10.0
"""Seconds that reading the configuration may take: its file, and the files with secrets that it names."""

Commit = Callable[[], None]
"""Takes over what was prepared: at once, and without fail."""

Prepare = Callable[[Config, AsyncExitStack], Awaitable[Commit]]
"""Prepares one part of the gateway for a configuration; the stack closes what was prepared if the reload fails.

Raises ``GatewayError`` if the configuration cannot be applied.
"""

ReadConfig = Callable[[Config], Config]
"""Reads the configuration from where the current one, its argument, was read; raises ``ConfigError``."""


class Reloader:
    """Reloads the configuration on request, one reload after the other. A service.

    Args:
        config: the configuration that the gateway has started with.
        read: reads the configuration again; it runs in a thread.
        parts: prepare the parts of the gateway, in this order.
        clock: the time of the last success.
        read_timeout: seconds that reading may take.
        on_begin: called when a reload begins.
        on_end: called when it has ended, however it did.

    Attributes:
        config: the configuration in effect.
    """

    def __init__(
        self,
        config: Config,
        read: ReadConfig,
        parts: Sequence[Prepare],
        *,
        clock: Clock | None = None,
        read_timeout: float = READ_TIMEOUT,
        on_begin: Callable[[], None] = lambda: None,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self.config = config
        self._read = read
        self._parts = tuple(parts)
        self._clock = clock or SystemClock()
        self._read_timeout = read_timeout
        self._on_begin, self._on_end = on_begin, on_end
        self._worker = Worker("configuration")
        self._successful = True
        self._success_time = self._clock.time()
        self._next: asyncio.Future[Sequence[str]] | None = None
        self._requested = asyncio.Event()
        self._task: asyncio.Task[NoReturn] | None = None
        self._log = structlog.get_logger("config")

    async def start(self) -> None:
        """Starts to handle requests."""
        self._task = asyncio.create_task(self._run(), name="reloads")

    async def close(self) -> None:
        """Cancels a reload in progress. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._next is not None:
            self._next.cancel()
        self._worker.close()

    def request(self) -> asyncio.Future[Sequence[str]]:
        """Requests a reload that begins after this moment. All who request one before it begins share it.

        Returns:
            What has changed, in lines for a person, or a ``ConfigError`` with the problems.
        """
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
            self._next.add_done_callback(_mark_retrieved)
        self._requested.set()
        return self._next

    @property
    def successful(self) -> bool:
        """Whether the last reload, if there was one, has succeeded."""
        return self._successful

    async def reload(self) -> Sequence[str]:
        """Reloads the configuration, and returns what has changed, in lines for a person.

        Raises:
            ConfigError: the new configuration was refused, with one line for each problem.
        """
        return await asyncio.shield(self.request())

    def add_samples(self, samples: SampleSet) -> None:
        """Adds the samples about reloads to a set."""
        samples.add(self_metrics.CONFIG_RELOAD_SUCCESSFUL, int(self._successful))
        samples.add(self_metrics.CONFIG_RELOAD_TIME, self._success_time)

    async def _run(self) -> NoReturn:
        while True:
            await self._requested.wait()
            self._requested.clear()
            outcome, self._next = self._next, None
            assert outcome is not None
            self._on_begin()
            try:
                changes = await self._reload()
            except ConfigError as error:
                self._successful = False
                self._log.error("configuration not reloaded", problems="; ".join(error.problems))
                outcome.set_exception(error)
            except asyncio.CancelledError:
                outcome.cancel()
                raise
            else:
                self._successful, self._success_time = True, self._clock.time()
                self._log_success(changes)
                outcome.set_result(_describe(changes))
            self._on_end()

    async def _reload(self) -> Changes:
        """Reads and applies the configuration.

        Raises:
            ConfigError: it is invalid or cannot be applied; nothing has changed.
        """
        try:
            new = await self._worker.run(lambda: self._read(self.config), timeout=self._read_timeout)
            changes = compare(self.config, new)
            await self._apply(changes.config)
        except ConfigError:
            raise
        except TimeoutError:
            raise ConfigError([f"reading the configuration took longer than {self._read_timeout:g} s"]) from None
        except GatewayError as error:
            raise ConfigError([str(error)]) from None
        except Exception as error:  # noqa: BLE001 - a bug in one part must not end the gateway
            self._log.exception("reload failed")
            raise ConfigError([f"an error of the gateway: {error!r}"]) from None
        return changes

    async def _apply(self, config: Config) -> None:
        async with AsyncExitStack() as prepared:
            commits = [await prepare(config, prepared) for prepare in self._parts]
            prepared.pop_all()  # from now on it is in use
            self.config = config
            for commit in commits:
                commit()

    def _log_success(self, changes: Changes) -> None:
        changed = ", ".join(changes.applied) or "nothing"
        if changes.pending:
            pending = ", ".join(changes.pending)
            self._log.warning("configuration reloaded", changed=changed, needs_restart=pending)
        else:
            self._log.info("configuration reloaded", changed=changed)


def _describe(changes: Changes) -> Sequence[str]:
    changed = f"changed: {', '.join(changes.applied) or 'nothing'}"
    return (changed, *(f"{key}: unchanged, because the new value needs a restart" for key in changes.pending))


def _mark_retrieved(outcome: asyncio.Future[Sequence[str]]) -> None:
    """Marks an error as retrieved: nobody waits for the outcome of a SIGHUP."""
    if not outcome.cancelled():
        outcome.exception()
