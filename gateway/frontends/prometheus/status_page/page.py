"""Serves the status page, and its stylesheet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources

from aiohttp import hdrs, web

from gateway.alarms.overview import AlarmOverview
from gateway.catalog import SUMMARIES
from gateway.conditions.view import ClusterView
from gateway.engine.engine import Engine
from gateway.frontends.prometheus.exposition import OnError
from gateway.frontends.prometheus.pages import EncodePage, PageCache
from gateway.frontends.prometheus.route import Route
from gateway.frontends.prometheus.status_page.model import PageModel, build_sections
from gateway.frontends.prometheus.status_page.template import REFRESH, Layout, Template
from gateway.samples import SamplesByMetric
from gateway.self_monitoring import self_metrics
from gateway.snapshot import Snapshot
from gateway.summary import Summary

COLLECTION_TIMEOUT = 5.0
"""Seconds that the collectors may take. After that, what is missing is shown as unknown: a person is waiting."""

STYLESHEET_PATH = "/-/status.css"

_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusFormat:
    """The page as a format of pages, in one of its forms. Implements ``PageFormat``.

    Attributes:
        layout: how the page is shown.
        overview: returns the alarms at this moment.
        summaries: what the page shows of a snapshot.
        content_type: the value of the header ``Content-Type``.
    """

    layout: Layout
    overview: Callable[[], AlarmOverview] = field(compare=False)
    summaries: Sequence[Summary] = field(compare=False)
    content_type: str = "text/html; charset=utf-8"

    def encoder(self, snapshot: Snapshot) -> EncodePage:
        """Returns the encoder for a snapshot and the alarms that are active now."""
        alarms = self.overview()

        def encode(samples_by_metric: SamplesByMetric, on_error: OnError) -> bytes:
            def on_bug(title: str, error: Exception) -> None:
                on_error(f"section {title!r} of the status page", error)

            view = ClusterView(replace(snapshot, samples_by_metric=samples_by_metric))
            sections = build_sections(view, self.summaries, on_bug)
            age = view.number(self_metrics.SNAPSHOT_AGE) or 0.0
            model = PageModel(time=snapshot.time, age=age, alarms=alarms, sections=sections)
            return Template(model, self.layout, on_error=on_bug).render().encode()

        return encode


class StatusPage:
    """The status page at ``/``.

    Args:
        engine: makes the snapshots, which a page shares with scrapes that wait for the same run.
        pages: encodes each form of the page once for all requests.
        overview: returns the alarms at this moment.
        routes: returns the routes of the server; those with a title are linked.
        summaries: what the page shows of a snapshot.
    """

    def __init__(
        self,
        engine: Engine,
        pages: PageCache,
        *,
        overview: Callable[[], AlarmOverview],
        routes: Callable[[], Collection[Route]],
        summaries: Sequence[Summary] = SUMMARIES,
    ) -> None:
        self._engine = engine
        self._pages = pages
        self._overview = overview
        self._server_routes = routes
        self._summaries = summaries
        self._stylesheet = resources.files(__package__).joinpath("style.css").read_bytes()
        self._etag = hashlib.sha256(self._stylesheet).hexdigest()[:16]

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes of the page and of its stylesheet."""
        return (
            Route(path="/", handler=self._get_page),
            Route(path=STYLESHEET_PATH, handler=self._get_stylesheet),
        )

    def format(self, *, paused: bool, unfolded: bool) -> StatusFormat:
        """Returns the page in one of its forms."""
        layout = Layout(
            paused=paused,
            unfolded=unfolded,
            stylesheet=f"{STYLESHEET_PATH.lstrip('/')}?v={self._etag}",
            links=tuple((route.title, route.path.lstrip("/")) for route in self._server_routes() if route.title),
        )
        return StatusFormat(layout=layout, overview=self._overview, summaries=self._summaries)

    async def _get_page(self, request: web.Request) -> web.StreamResponse:
        paused = request.query.get("refresh") == "0"
        page_format = self.format(paused=paused, unfolded=request.query.get("show") == "all")
        snapshot = await self._engine.collect(timeout=COLLECTION_TIMEOUT, allow_recent=True)
        headers = {**_HEADERS, hdrs.CACHE_CONTROL: "no-store", hdrs.VARY: "Accept-Encoding"}
        if not paused:
            headers["Refresh"] = str(REFRESH)  # the browser keeps the address, and with it what is unfolded
        return await self._pages.respond(request, snapshot, page_format, headers)

    async def _get_stylesheet(self, request: web.Request) -> web.Response:
        headers = {**_HEADERS, hdrs.CACHE_CONTROL: "private, max-age=86400"}
        etag = next((tag.value for tag in request.if_none_match or ()), "")
        if etag == self._etag:
            response = web.Response(status=304, headers=headers)
        else:
            response = web.Response(body=self._stylesheet, content_type="text/css", charset="utf-8", headers=headers)
        response.etag = self._etag
        return response
