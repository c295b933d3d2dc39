"""The Alertmanagers that the gateway sends alarms to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

KIND = "alertmanager"
"""The kind of the target; one of the names of haClusterTargetKind."""

DEFAULT_TIMEOUT = 5.0
"""Seconds that a request may take."""

_MAX_URL = 255
"""Characters of a URL: haClusterTargetName shows it."""

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[\da-fA-F:.]+\]|[\w.-]+)(?::(?P<port>\d{1,5}))?(?P<path>(?:/[\w.~+:@,=-]+)*)/?",
    re.ASCII,
)
_PORTS = {"http": 80, "https": 443}


class Url(NamedTuple):
    """Where an Alertmanager is reached.

    Attributes:
        text: the URL, without a slash at the end.
        scheme: ``http`` or ``https``.
        host: its name or address.
        port: its TCP port.
    """

    text: str
    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Url:
        """Returns the URL of a text, which has neither a password nor a query.

        Raises:
            ValueError: it is not such a URL.
        """
        match = _URL.fullmatch(text)
        if match is None or len(text) > _MAX_URL:
            raise ValueError("not the URL of an Alertmanager")
        port = int(match["port"] or _PORTS[match["scheme"]])
        if not 0 < port < 65536:
            raise ValueError("not a port")
        return cls(text.rstrip("/"), match["scheme"], match["host"].strip("[]"), port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How the server is authenticated, and how the gateway authenticates itself.

    Attributes:
        ca_file: the certificates of the authorities that are trusted; None for those of the system.
        cert_file: the certificate of the gateway, or None.
        key_file: the private key of the gateway, or None if it is in ``cert_file``.
        server_name: the name in the certificate of the server, if it is not the host of the URL.
        verify: whether the certificate of the server is verified.
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str = ""
    verify: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Alertmanagers:
    """The members of one cluster of Alertmanagers. Every member gets every alert.

    Attributes:
        urls: the members.
        authorization: the value of the header ``Authorization``; empty for none.
        tls: for members whose scheme is ``https``.
        timeout: seconds that a request may take.
        labels: labels of every alert, besides those of the gateway.
    """

    urls: tuple[Url, ...]
    authorization: str = field(default="", repr=False)
    tls: Tls = field(default_factory=Tls)
    timeout: float = DEFAULT_TIMEOUT
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The kind of the target, as for every target."""
        return KIND

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each member, which is unique among the targets."""
        return tuple(url.text for url in self.urls)
