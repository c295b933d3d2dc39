"""Encodes pages, each format once for all requests of a snapshot, and sends them without copies."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from aiohttp import hdrs, web

from gateway.clock import Clock, SystemClock
from gateway.frontends.prometheus.connection import Closure, Connection
from gateway.frontends.prometheus.exposition import OnError
from gateway.frontends.prometheus.negotiation import accepts_gzip
from gateway.publication import Publication
from gateway.samples import SamplesByMetric
from gateway.snapshot import Snapshot

_LARGE_PAGE = 1000
"""Samples above which a page is encoded in a thread, so that encoding does not block the event loop."""

_LARGE_PAGE_SIZE = 256 * 1024
"""Bytes above which a page is compressed in a thread."""

_GZIP_LEVEL = 1
"""Pages are repetitive: higher levels take much longer and save little."""

_LIFETIME = 1.0
"""Seconds for which a page is shared: it shows the age of its snapshot, and the gateway's own counters."""

_MAX_MEMORY = 64 * 1024 * 1024
"""Bytes of all pages that are being sent. The clients that have been reading the oldest for too long are cut off."""

_CHUNK = 96 * 1024
"""Bytes that are written at once. aiohttp waits for a slow client only after more than 64 KiB."""


EncodePage = Callable[[SamplesByMetric, OnError], bytes]
"""Returns a page; runs in a thread if the page is large."""


class PageFormat(Protocol):
    """A format of pages. Requests share a page if their formats are equal."""

    @property
    def content_type(self) -> str:
        """The value of the header ``Content-Type``."""
        ...

    def encoder(self, snapshot: Snapshot) -> EncodePage:
        """Returns what encodes the page of a snapshot; runs on the event loop, and copies what may change there."""
        ...


class _Key(NamedTuple):
    """What a page is made of. Snapshots are compared by identity."""

    snapshot: Snapshot
    page_format: PageFormat
    compress: bool


class _Reading(NamedTuple):
    """A page that is being sent, and the connections that it is being sent to."""

    page: bytes
    readers: set[Connection]


class PageCache:
    """Shares the pages of the newest snapshots, and bounds the memory of those that are being sent.

    Args:
        publication: adds the gateway's own samples.
        clock: measures how long pages are shared.
    """

    def __init__(self, publication: Publication, *, clock: Clock | None = None) -> None:
        self._publication = publication
        self._clock = clock or SystemClock()
        self._pages: dict[_Key, tuple[float, asyncio.Task[bytes]]] = {}
        self._reading: dict[int, _Reading] = {}

    async def get(self, snapshot: Snapshot, page_format: PageFormat, *, compress: bool) -> bytes:
        """Returns the page of a snapshot."""
        return await asyncio.shield(self._task(_Key(snapshot, page_format, compress)))

    def _task(self, key: _Key) -> asyncio.Task[bytes]:
        """Returns the task that makes a page, or has just made it.

        Finished pages of other snapshots are dropped, because the requests that wait for a snapshot get it together.
        """
        now = self._clock.monotonic()
        self._pages = {
            other: (made, task)
            for other, (made, task) in self._pages.items()
            if not task.done() or (other.snapshot is key.snapshot and now - made < _LIFETIME)
        }
        if key not in self._pages:
            self._pages[key] = now, asyncio.create_task(self._compress(key) if key.compress else self._encode(key))
        return self._pages[key][1]

    async def _encode(self, key: _Key) -> bytes:
        samples_by_metric = self._publication.merge(key.snapshot)
        encode_page = key.page_format.encoder(key.snapshot)
        failures: list[tuple[str, Exception]] = []

        def encode() -> bytes:
            return encode_page(samples_by_metric, lambda name, error: failures.append((name, error)))

        page = encode() if _sample_count(samples_by_metric) < _LARGE_PAGE else await asyncio.to_thread(encode)
        for name, error in failures:
            self._publication.record_failure(name, error)
        return page

    async def _compress(self, key: _Key) -> bytes:
        page = await self._task(key._replace(compress=False))
        if len(page) < _LARGE_PAGE_SIZE:
            return gzip.compress(page, _GZIP_LEVEL)
        return await asyncio.to_thread(gzip.compress, page, _GZIP_LEVEL)

    # --- Sending -----------------------------------------------------------------------------------------------------

    async def respond(
        self, request: web.Request, snapshot: Snapshot, page_format: PageFormat, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        """Returns a response with the page of a snapshot, compressed if the client accepts that."""
        compress = accepts_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, ""))
        page = await self.get(snapshot, page_format, compress=compress)
        complete = {hdrs.CONTENT_TYPE: page_format.content_type, **headers}
        if compress:
            complete[hdrs.CONTENT_ENCODING] = "gzip"
        return self._respond(request, page, complete)

    def _respond(self, request: web.Request, page: bytes, headers: Mapping[str, str]) -> web.StreamResponse:
        """Returns a response; a large page is not copied for it."""
        if len(page) <= _CHUNK:
            return web.Response(body=page, headers=headers)
        response = _PageResponse(b"" if request.method == hdrs.METH_HEAD else page, self, Connection.of(request))
        response.headers.update(headers)
        response.content_length = len(page)
        return response

    async def send(self, response: web.StreamResponse, page: bytes, reader: Connection) -> None:
        """Sends a page in chunks; each waits until the client has made room for it."""
        reading = self._reading.setdefault(id(page), _Reading(page, set()))
        reading.readers.add(reader)
        self._limit_memory()
        try:
            view = memoryview(page)
            for start in range(0, len(view), _CHUNK):
                await response.write(view[start : start + _CHUNK])
        finally:
            reading.readers.discard(reader)
            if not reading.readers and self._reading.get(id(page)) is reading:
                del self._reading[id(page)]

    def _limit_memory(self) -> None:
        """Cuts off the clients that read the oldest pages, if slow clients keep too much in memory."""
        while len(self._reading) > 1 and sum(len(page) for page, _ in self._reading.values()) > _MAX_MEMORY:
            for reader in tuple(self._reading.pop(next(iter(self._reading))).readers):
                reader.abort(Closure.EVICTED)


class _PageResponse(web.StreamResponse):
    """A response whose body is sent by the cache of pages."""

    def __init__(self, page: bytes, pages: PageCache, connection: Connection) -> None:
        super().__init__()
        self._page = page
        self._pages = pages
        self._connection = connection

    async def write_eof(self, data: bytes = b"") -> None:
        """Sends the page. Idempotent."""
        page, self._page = self._page, b""
        if page:
            await self._pages.send(self, page, self._connection)
        await super().write_eof(data)


def _sample_count(samples_by_metric: SamplesByMetric) -> int:
    return sum(map(len, samples_by_metric.values()))
