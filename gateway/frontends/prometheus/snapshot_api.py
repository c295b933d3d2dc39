"""``/api/v1/snapshot``: the current snapshot as JSON, and the schema of the document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import resources

from aiohttp import hdrs, web

from gateway.alarms.alarm_table import Alarm
from gateway.engine.engine import Engine
from gateway.frontends.prometheus import snapshot_document
from gateway.frontends.prometheus.exposition import OnError
from gateway.frontends.prometheus.pages import EncodePage, PageCache
from gateway.frontends.prometheus.route import Route
from gateway.frontends.prometheus.snapshot_request import collect_for
from gateway.samples import SamplesByMetric
from gateway.snapshot import Snapshot

PATH = "/api/v1/snapshot"
SCHEMA_PATH = f"{PATH}/schema"

_SCHEMA_CONTENT_TYPE = "application/schema+json"

ActiveAlarms = Callable[[], Sequence[Alarm] | None]
"""Returns the active alarms, or None if none have been evaluated."""


def schema() -> bytes:
    """Returns the JSON schema of the document."""
    return resources.files(__package__).joinpath("snapshot.schema.json").read_bytes()


class SnapshotFormat:
    """The JSON document as a format of pages. Implements ``PageFormat``; instances are compared by identity.

    Args:
        active_alarms: returns the active alarms.
    """

    content_type = snapshot_document.CONTENT_TYPE

    def __init__(self, active_alarms: ActiveAlarms) -> None:
        self._active_alarms = active_alarms

    def encoder(self, snapshot: Snapshot) -> EncodePage:
        """Returns the encoder for a snapshot and the alarms that are active now."""
        alarms = self._active_alarms()
        entries = None if alarms is None else snapshot_document.alarm_entries(alarms)

        def encode(samples_by_metric: SamplesByMetric, on_error: OnError) -> bytes:
            return snapshot_document.encode(snapshot, samples_by_metric, alarms=entries, on_error=on_error)

        return encode


class SnapshotApi:
    """Serves snapshots as JSON.

    Args:
        engine: collects the snapshots.
        pages: encodes the documents once for all requests.
        active_alarms: returns the active alarms.
    """

    def __init__(self, engine: Engine, pages: PageCache, active_alarms: ActiveAlarms) -> None:
        self._engine = engine
        self._pages = pages
        self._format = SnapshotFormat(active_alarms)
        self._schema = schema()

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes to add to the server."""
        return (
            Route(path=PATH, handler=self._get_snapshot, title="Snapshot as JSON"),
            Route(path=SCHEMA_PATH, handler=self._get_schema),
        )

    async def _get_snapshot(self, request: web.Request) -> web.StreamResponse:
        snapshot = await collect_for(request, self._engine)
        headers: dict[str, str] = {hdrs.CACHE_CONTROL: "no-store", hdrs.VARY: "Accept-Encoding"}
        return await self._pages.respond(request, snapshot, self._format, headers)

    async def _get_schema(self, request: web.Request) -> web.Response:
        del request
        return web.Response(body=self._schema, headers={hdrs.CONTENT_TYPE: _SCHEMA_CONTENT_TYPE})
