"""The life cycle that everything which runs in the background shares."""

from __future__ import annotations

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
        """Stops the service and releases what it holds; idempotent, and safe after a failed ``start``."""
        ...


async def start_service(stack: AsyncExitStack, service: Service) -> None:
    """Starts a service that the stack closes, even if the start fails."""
    stack.push_async_callback(service.close)
    await service.start()
