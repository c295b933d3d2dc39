"""Encodes metrics pages, each format once for all scrapes that share a snapshot."""

from __future__ import annotations

import asyncio
import gzip

from gateway.frontends.prometheus import exposition
from gateway.publication import Publication
from gateway.samples import SamplesByMetric
from gateway.snapshot import Snapshot

_LARGE_PAGE = 2000
"""Samples above which a page is encoded in a thread, so that encoding does not block the event loop."""

_GZIP_LEVEL = 1
"""Metrics are repetitive: higher levels take much longer and save little."""


class PageCache:
    """Keeps the pages of the newest snapshot.

    Args:
        publication: adds the gateway's own samples.
    """

    def __init__(self, publication: Publication) -> None:
        self._publication = publication
        self._snapshot: Snapshot | None = None
        self._pages: dict[tuple[str, bool], asyncio.Task[bytes]] = {}

    async def get(self, snapshot: Snapshot, content_type: str, *, compress: bool) -> bytes:
        """Returns the page of a snapshot in one of the formats of ``exposition``."""
        if snapshot is not self._snapshot:
            self._snapshot, self._pages = snapshot, {}
        key = (content_type, compress)
        task = self._pages.get(key)
        if task is None:
            samples_by_metric = self._publication.merge(snapshot)
            task = asyncio.create_task(_encode(samples_by_metric, content_type, compress=compress))
            self._pages[key] = task
        return await asyncio.shield(task)


async def _encode(samples_by_metric: SamplesByMetric, content_type: str, *, compress: bool) -> bytes:
    def encode() -> bytes:
        page = exposition.encode(samples_by_metric, content_type)
        return gzip.compress(page, _GZIP_LEVEL) if compress else page

    if sum(map(len, samples_by_metric.values())) < _LARGE_PAGE:
        return encode()
    return await asyncio.to_thread(encode)
