"""The life cycle that everything which runs in the background shares."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Protocol


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
