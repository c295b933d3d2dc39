"""Routes of the HTTP server: each feature declares its own, and ``app/serve.py`` adds them to the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import hdrs, web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
"""Answers a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The handler of one path.

    Attributes:
        path: the path, or a pattern of aiohttp such as ``/static/{name}``.
        handler: answers the requests; it runs only if the client is authenticated.
        method: the method; HEAD is answered for GET, too.
        title: the text of the link to it on the status page; empty for none.
    """

    path: str
    handler: Handler
    method: str = hdrs.METH_GET
    title: str = ""
