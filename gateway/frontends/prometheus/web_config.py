"""The web configuration: TLS, passwords, response headers and a rate limit, in the format of exporter-toolkit.

All programs with Prometheus' exporter-toolkit read this format
(https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md), ``ha_cluster_exporter`` among
them. ``web_config_parser`` turns the YAML into these values; ``web_config_file`` reads the files that they name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from pathlib import PurePosixPath


class ClientAuth(Enum):
    """Which certificates clients have to present; the names are those of Go."""

    NONE = "NoClientCert"
    REQUEST = "RequestClientCert"
    REQUIRE_ANY = "RequireAnyClientCert"
    VERIFY_IF_GIVEN = "VerifyClientCertIfGiven"
    REQUIRE_AND_VERIFY = "RequireAndVerifyClientCert"


class TlsVersion(IntEnum):
    """Versions of TLS, in their order."""

    TLS10 = 10
    TLS11 = 11
    TLS12 = 12
    TLS13 = 13


CIPHER_SUITES: Mapping[str, str] = {
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}
"""The names that OpenSSL gives to the suites of TLS 1.2 and earlier that Go has, except for those that are insecure."""

TLS13_CIPHER_SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
"""Suites that TLS 1.3 always offers: in Go, as in Python, they cannot be chosen."""

CURVES: Mapping[str, str] = {
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
    "X25519": "X25519",
}
"""The names that OpenSSL gives to the curves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pem:
    """Certificates or a key: a file, or the text itself.

    Attributes:
        key: where the configuration names it.
        path: the file, or None.
        text: the text, if there is no file.
    """

    key: str
    path: PurePosixPath | None = None
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsConfig:
    """``tls_server_config``.

    Attributes:
        certificate: the certificate of the server, with intermediate certificates.
        private_key: its key.
        client_ca: the certificates that those of clients are verified with; None for those of the system.
        client_auth: which certificates clients have to present.
        client_allowed_sans: the subject alternative names of which a client must have one; None for any.
        min_version: the lowest version.
        max_version: the highest version.
        cipher_suites: the suites for TLS 1.2 and earlier, by the names in OpenSSL; None for the defaults.
        prefer_server_cipher_suites: whether their order decides, and not that of the client.
        curves: the curves, by the names in OpenSSL; empty for the defaults.
    """

    certificate: Pem
    private_key: Pem
    client_ca: Pem | None = None
    client_auth: ClientAuth = ClientAuth.NONE
    client_allowed_sans: frozenset[str] | None = None
    min_version: TlsVersion = TlsVersion.TLS12
    max_version: TlsVersion = TlsVersion.TLS13
    cipher_suites: tuple[str, ...] | None = None
    prefer_server_cipher_suites: bool = True
    curves: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """``rate_limit``.

    Attributes:
        interval: seconds after which one more request is answered.
        burst: requests that are answered at once.
    """

    interval: float
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfiguration:
    """A web configuration.

    Attributes:
        tls: how connections are encrypted; None if they are not.
        headers: the values of response headers.
        users: the bcrypt hash of the password of each user; without users, everybody is served.
        rate_limit: how often requests are answered; None for always.
    """

    tls: TlsConfig | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    rate_limit: RateLimit | None = None


def cost_of(password_hash: str) -> int:
    """Returns the binary logarithm of the work that a hash of bcrypt takes."""
    return int(password_hash[4:6])
