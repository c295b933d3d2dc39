"""The life cycle that everything which runs in the background shares."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Generic, Protocol, TypeVar


class Service(Protocol):
    """Something that runs from ``start`` to ``close``.

    A service gets everything it needs in its constructor, which starts nothing and registers the service nowhere.
    """

    async def start(self) -> None:
        """Starts the service.

        Raises:
            StartError: the service cannot start.
        """
        ...

    async def close(self) -> None:
        """Stops the service and releases its resources; idempotent, and safe after a failed ``start``."""
        ...


async def start_service(stack: AsyncExitStack, service: Service) -> None:
    """Starts a service that the stack closes, even if the start fails."""
    stack.push_async_callback(service.close)
    await service.start()


S = TypeVar("S", bound=Service)


class Replaceable(Generic[S]):
    """A place for one service, which can be replaced by another one, or by none. A service itself.

    Args:
        service: the first service, or None.

    Attributes:
        current: the service that runs, or None.
    """

    def __init__(self, service: S | None) -> None:
        self.current = service
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Starts the service.

        Raises:
            StartError: it cannot start.
        """
        if self.current is not None:
            await self.current.start()

    async def prepare(self, service: S | None, rollback: AsyncExitStack) -> Callable[[], None]:
        """Starts another service, and returns a function that puts it in the place of this one, which is then closed.

        Args:
            service: the other service, or None.
            rollback: closes it if it does not get the place.

        Raises:
            StartError: it cannot start.
        """
        if service is not None:
            await start_service(rollback, service)

        def commit() -> None:
            previous, self.current = self.current, service
            if previous is not None:
                task = asyncio.ensure_future(previous.close())
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

        return commit

    async def close(self) -> None:
        """Closes the service, and waits for those that it has replaced. Idempotent."""
        if self.current is not None:
            await self.current.close()
        await asyncio.gather(*self._closing)


class ServiceChain:
    """Services of which each uses those before it: started in order, closed in reverse order. A service itself."""

    def __init__(self, *services: Service) -> None:
        self._services = services
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        """Starts one service after another.

        Raises:
            StartError: a service cannot start; those before it run until ``close``.
        """
        for service in self._services:
            await start_service(self._stack, service)

    async def close(self) -> None:
        """Closes one service after another, the last first. Idempotent."""
        await self._stack.aclose()


class ServiceGroup:
    """Independent services: started in order, closed at the same time. A service itself.

    Args:
        services: in the order in which they are started.
        close_timeout: seconds after which ``close`` no longer waits for them.
    """

    def __init__(self, *services: Service, close_timeout: float) -> None:
        self._services = services
        self._close_timeout = close_timeout

    async def start(self) -> None:
        """Starts one service after another.

        Raises:
            StartError: a service cannot start; those before it run until ``close``.
        """
        for service in self._services:
            await service.start()

    async def close(self) -> None:
        """Closes all services at the same time. Idempotent."""
        closing = [asyncio.ensure_future(service.close()) for service in self._services]
        done, _ = await asyncio.wait(closing, timeout=self._close_timeout)
        for task in done:
            task.result()
