"""The headers of a scrape: what real Prometheus servers send, and malformed values."""

from __future__ import annotations

import pytest

from gateway.frontends.prometheus import exposition
from gateway.frontends.prometheus.negotiation import accepts_gzip, collection_timeout, negotiate_content_type

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("text/plain", False),
        ("text/plain;version=0.0.4;q=1", False),
        (PROMETHEUS_2, True),
        (PROMETHEUS_3, True),
        ("application/openmetrics-text", True),
        ("APPLICATION/OpenMetrics-Text ; Q=0.5", True),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=0.4, text/plain;q=0.5", False),
        ("application/openmetrics-text;q=0.5, text/plain;q=0.5", True),
        ("application/openmetrics-text;q=high", False),
        ("application/openmetrics-text; q = 0.5", True),
        (",;,=;q=", False),
    ],
)
def test_openmetrics_is_served_to_clients_that_prefer_it(accept: str, openmetrics: bool) -> None:  # noqa: FBT001
    assert negotiate_content_type(accept) == (exposition.OPENMETRICS if openmetrics else exposition.TEXT)


@pytest.mark.parametrize(
    ("accept_encoding", "zipped"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0, identity", False),
        ("identity", False),
        ("br", False),
        ("notgzip", False),
        ("x-gzip", True),
    ],
)
def test_gzip_is_used_for_clients_that_accept_it(accept_encoding: str, zipped: bool) -> None:  # noqa: FBT001
    assert accepts_gzip(accept_encoding) is zipped


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("10", 9),
        ("0.5", 0.45),
        ("1_0", 9),
        *((odd, None) for odd in ("", "soon", "0", "-1", "nan", "inf", "1e400")),
    ],
)
def test_the_collection_timeout_leaves_time_for_the_page(header: str | None, seconds: float | None) -> None:
    assert collection_timeout(header) == (None if seconds is None else pytest.approx(seconds))
