"""``POST /-/reload``, as in Prometheus: only if the configuration enables it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from gateway.errors import ConfigError
from gateway.frontends.prometheus.route import Route

Reload = Callable[[], Awaitable[Sequence[str]]]
"""Reloads the configuration, and returns what has changed, in lines; raises ``ConfigError``."""


def lifecycle_routes(reload: Reload, *, enabled: Callable[[], bool]) -> tuple[Route, ...]:
    """Returns the routes that control the gateway.

    Args:
        reload: reloads the configuration.
        enabled: returns whether clients may do so; it is asked for each request.
    """

    async def post_reload(request: web.Request) -> web.StreamResponse:
        del request
        if not enabled():
            return web.Response(status=403, text="forbidden: web.enable_lifecycle is not set\n")
        try:
            lines = await reload()
        except ConfigError as error:
            return web.Response(status=500, text=_text("not reloaded", error.problems))
        return web.Response(text=_text("reloaded", lines))

    return tuple(Route(path="/-/reload", handler=post_reload, method=method) for method in ("POST", "PUT"))


def _text(outcome: str, lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in (f"configuration {outcome}", *lines))
