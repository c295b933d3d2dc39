"""Collects the snapshot that a request selects: by its parameters, as in node_exporter, and by its time limit."""

from __future__ import annotations

from collections.abc import Collection

from aiohttp import web

from gateway.engine.engine import Engine
from gateway.frontends.prometheus.negotiation import SCRAPE_TIMEOUT_HEADER, collection_timeout
from gateway.snapshot import Snapshot


async def collect_for(request: web.Request, engine: Engine) -> Snapshot:
    """Returns a snapshot that is shared with all others who wait for the same collectors.

    Raises:
        HTTPBadRequest: the parameters are invalid.
    """
    names = _selected_collectors(request, engine.collector_names)
    timeout = collection_timeout(request.headers.get(SCRAPE_TIMEOUT_HEADER))
    return await engine.collect(names, timeout=timeout, allow_recent=True)


def _selected_collectors(request: web.Request, names: Collection[str]) -> Collection[str] | None:
    """Returns the collectors that ``collect[]`` or ``exclude[]`` selects; None for all."""
    collect, exclude = request.query.getall("collect[]", []), request.query.getall("exclude[]", [])
    if collect and exclude:
        raise web.HTTPBadRequest(text="collect[] and exclude[] cannot be used together\n")
    if unknown := sorted({*collect, *exclude} - {*names}):
        raise web.HTTPBadRequest(text=f"no such collector: {', '.join(unknown)}; there are: {', '.join(names)}\n")
    if collect:
        return set(collect)
    return {*names} - {*exclude} if exclude else None
