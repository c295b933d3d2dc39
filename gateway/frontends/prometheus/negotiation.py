"""Reads the headers of a scrape: the format, the compression and the time that the scraper offers. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.frontends.prometheus import exposition

SCRAPE_TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"

_MARGIN = 0.1
"""Share of the scrape timeout that is kept for encoding and sending the page."""


def negotiate_content_type(accept: str) -> str:
    """Returns the content type for an ``Accept`` header: OpenMetrics if accepted and not ranked below plain text."""
    quality = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for part in accept.split(","):
        media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if media_type in quality:
            quality[media_type] = max(quality[media_type], _quality(parameters))
    openmetrics = quality["application/openmetrics-text"]
    return exposition.OPENMETRICS if 0 < openmetrics >= quality["text/plain"] else exposition.TEXT


def accepts_gzip(accept_encoding: str) -> bool:
    """Returns whether an ``Accept-Encoding`` header names gzip, with a quality above 0."""
    codings = (coding.strip().lower().split(";") for coding in accept_encoding.split(","))
    return any(name.strip() in {"gzip", "x-gzip"} and _quality(parameters) > 0 for name, *parameters in codings)


def collection_timeout(scrape_timeout: str | None) -> float | None:
    """Returns the seconds that the collectors may take, or None if the scraper does not limit them."""
    try:
        seconds = float(scrape_timeout) if scrape_timeout else 0.0
    except ValueError:
        return None
    return seconds * (1 - _MARGIN) if 0 < seconds < float("inf") else None


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
