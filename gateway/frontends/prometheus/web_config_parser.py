"""Reads the YAML of a web configuration, and reports everything that is wrong with it.

As in exporter-toolkit, an unknown key or a key that is there twice is an error. Other than there, so is what would have
no effect, and what Python's ssl cannot do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, TypeVar

from gateway.errors import ConfigError
from gateway.frontends.prometheus.web_config import (
    CIPHER_SUITES,
    CURVES,
    TLS13_CIPHER_SUITES,
    ClientAuth,
    Pem,
    RateLimit,
    TlsConfig,
    TlsVersion,
    WebConfiguration,
    cost_of,
)
from gateway.options.readers import InvalidValueError, boolean, format_value, one_of, unknown_key, whole_number
from gateway.yaml_reader import YamlError, load_texts

T = TypeVar("T")

MAX_COST = 18
"""The cost of a hash that takes seconds; each further step takes twice as long."""

_HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
"""The headers that may be set, and their values; none for any value."""

_REQUIRE_ANY_BEFORE = "RequireClientCert"
"""An earlier name of ``RequireAnyClientCert``."""


def parse(text: str, path: PurePosixPath) -> WebConfiguration:
    """Returns the web configuration of a file.

    Args:
        text: its content.
        path: the file; the paths in it are relative to its directory.

    Raises:
        ConfigError: with one line for each problem.
    """
    try:
        document = load_texts(text)
    except YamlError as error:
        raise ConfigError([f"{path}: not YAML: {error}"]) from None
    problems: list[str] = []
    sections = _Table(document, "", problems)
    configuration = WebConfiguration(
        tls=_read_tls(sections.table("tls_server_config"), path.parent),
        headers=_read_http(sections.table("http_server_config")),
        users=_read_users(sections.table("basic_auth_users")),
        rate_limit=_read_rate_limit(sections.table("rate_limit")),
    )
    sections.check_unknown()
    if problems:
        raise ConfigError([f"{path}: {problem}" for problem in problems])
    return configuration


class _Table:
    """A table of the document, which remembers the keys that were read.

    Args:
        value: the table; None is an empty one.
        name: its dotted key in the document; empty for the document itself.
        problems: where problems are added.
    """

    def __init__(self, value: Any, name: str, problems: list[str]) -> None:
        self.values: Mapping[Any, Any] = value if isinstance(value, dict) else {}
        self.name = name
        self._problems = problems
        self._known: list[str] = []
        if value is not None and not isinstance(value, dict):
            self.report("", "expected a table of keys and values")

    def get(self, key: str) -> Any:
        """Returns a value, or None."""
        self._known.append(key)
        return self.values.get(key)

    def table(self, key: str) -> _Table:
        """Returns a table in this one; one that is absent is empty."""
        return _Table(self.get(key), self._full(key), self._problems)

    def read(self, key: str, read: Callable[[Any], T], default: T, *, secret: bool = False) -> T:
        """Returns a value as a reader returns it, or a default if it is absent, empty or invalid."""
        value = self.get(key)
        if value is None or value == "":
            return default
        try:
            return read(value)
        except InvalidValueError as error:
            self.report(key, f"expected {error}" + ("" if secret else f", found {format_value(value)}"))
            return default

    def report(self, key: str, message: str) -> None:
        """Adds a problem of a key, or of the table itself."""
        full = self._full(key)
        self._problems.append(f"{full}: {message}" if full else message)

    def _full(self, key: str) -> str:
        """Returns the dotted key in the document."""
        return f"{self.name}.{key}" if self.name and key else self.name or key

    def check_unknown(self) -> None:
        """Reports the keys that were not read; without values, which may be secrets."""
        for key in self.values:
            if key not in self._known:
                self.report(key if isinstance(key, str) else "", unknown_key(str(key), self._known))


# --- tls_server_config -----------------------------------------------------------------------------------------------


def _read_tls(table: _Table, directory: PurePosixPath) -> TlsConfig | None:
    certificate = _read_pem(table, "cert", directory)
    private_key = _read_pem(table, "key", directory)
    client_ca = _read_pem(table, "client_ca", directory)
    client_auth = table.read("client_auth_type", _client_auth, None)
    sans = table.read("client_allowed_sans", _texts, None)
    curves = table.read("curve_preferences", _names(CURVES), None)
    tls = TlsConfig(
        certificate=certificate or Pem(key=""),
        private_key=private_key or Pem(key=""),
        client_ca=client_ca,
        client_auth=client_auth or ClientAuth.NONE,
        client_allowed_sans=None if sans is None else frozenset(sans),
        min_version=table.read("min_version", _version, TlsVersion.TLS12),
        max_version=table.read("max_version", _version, TlsVersion.TLS13),
        cipher_suites=_read_cipher_suites(table),
        prefer_server_cipher_suites=table.read("prefer_server_cipher_suites", _truth, default=True),
        curves=tuple(CURVES[name] for name in curves or ()),
    )
    table.check_unknown()
    # without any of these the toolkit does not use TLS
    if certificate is None and private_key is None and client_ca is None and client_auth is None:
        if sans is not None:
            table.report("client_allowed_sans", "has no effect without a certificate of the server")
        return None
    _check_tls(table, tls)
    return tls


def _check_tls(table: _Table, tls: TlsConfig) -> None:
    for pem, name in ((tls.certificate, "cert"), (tls.private_key, "key")):
        if not pem.key:
            table.report("", f"{name} or {name}_file is missing")
    if tls.client_ca is not None and tls.client_auth is ClientAuth.NONE:
        table.report("client_auth_type", f"is missing: without it, {tls.client_ca.key} has no effect")
    if tls.client_allowed_sans is not None and tls.client_auth is ClientAuth.NONE:
        table.report("client_auth_type", "is missing: without it, client_allowed_sans has no effect")
    if tls.min_version > tls.max_version:
        table.report("min_version", f"{tls.min_version.name} is above max_version, {tls.max_version.name}")
    unverified = "Python's ssl cannot accept certificates without verifying them, which would protect nothing anyway"
    if tls.client_auth is ClientAuth.REQUIRE_ANY:
        table.report("client_auth_type", f"{unverified}; use RequireAndVerifyClientCert with client_ca_file")
    elif tls.client_auth is ClientAuth.REQUEST and tls.client_allowed_sans is not None:
        table.report("client_allowed_sans", f"{unverified}; use VerifyClientCertIfGiven or RequireAndVerifyClientCert")


def _read_pem(table: _Table, name: str, directory: PurePosixPath) -> Pem | None:
    key = f"{name}_file"
    path = table.read(key, _text, "")
    text = table.read(name, _text, "", secret=True)
    if path and text:
        table.report(name, f"{key} is set, too; leave one of them out")
    if path:
        return Pem(key=key, path=directory / path)
    return Pem(key=name, text=text) if text else None


def _read_cipher_suites(table: _Table) -> tuple[str, ...] | None:
    names = table.read("cipher_suites", _names([*CIPHER_SUITES, *TLS13_CIPHER_SUITES]), None)
    return tuple(CIPHER_SUITES[name] for name in names if name in CIPHER_SUITES) if names else None


def _client_auth(value: Any) -> ClientAuth:
    if value == _REQUIRE_ANY_BEFORE:
        return ClientAuth.REQUIRE_ANY
    return ClientAuth(one_of(*(policy.value for policy in ClientAuth))(value))


def _version(value: Any) -> TlsVersion:
    return TlsVersion[one_of(*TlsVersion.__members__)(value)]


# --- The other sections ----------------------------------------------------------------------------------------------


def _read_http(table: _Table) -> Mapping[str, str]:
    table.read("http2", _truth, default=True)  # without effect: the gateway speaks HTTP/1.1
    headers = table.table("headers")
    table.check_unknown()
    values = {
        name: headers.read(name, one_of(*allowed) if allowed else _header_value, "")
        for name, allowed in _HEADERS.items()
    }
    headers.check_unknown()
    return {name: value for name, value in values.items() if value}


_HASH = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}", re.ASCII)
"""A hash of bcrypt: version, cost, 16 octets of salt, and 23 octets of digest."""


def _read_users(table: _Table) -> Mapping[str, str]:
    users = {}
    for number, (name, value) in enumerate(table.values.items(), 1):
        # neither the name nor the value is shown: if they are mixed up, either may be a password
        where = f"[{number}]"
        if not isinstance(name, str) or ":" in name or not name.isprintable():
            table.report(where, "expected the name of a user, without colon")
        elif not isinstance(value, str) or not _HASH.fullmatch(value):
            table.report(where, "expected a bcrypt hash that begins with $2a$, $2b$ or $2y$, as htpasswd -nB prints it")
        elif not 4 <= cost_of(value) <= MAX_COST:
            table.report(where, f"expected a hash with a cost from 4 to {MAX_COST}, found {cost_of(value)}")
        else:
            users[name] = value
    return users


def _read_rate_limit(table: _Table) -> RateLimit | None:
    interval = table.read("interval", _duration, 0.0)
    # with 0, no request would be answered
    burst = table.read("burst", whole_number(1 if interval else 0), 0)
    table.check_unknown()
    if interval and not table.values.get("burst"):
        table.report("burst", "is missing: without it, no request would be answered")
    if not interval or not burst:
        return None
    return RateLimit(interval=interval, burst=burst)


# --- Values ----------------------------------------------------------------------------------------------------------

_TRUTH = {**dict.fromkeys(("y", "yes", "on"), "true"), **dict.fromkeys(("n", "no", "off"), "false")}
"""What YAML 1.1 has besides true and false."""

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"\+?((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+", re.ASCII)
_PART = re.compile(r"([\d.]+)(\D+)", re.ASCII)
_MAX_DURATION = 24 * 3600.0


def _truth(value: Any) -> bool:
    word = value.lower() if isinstance(value, str) else value
    return boolean(_TRUTH.get(word, word) if isinstance(word, str) else word)


def _text(value: Any) -> str:
    # YAML can escape characters that neither the name of a file nor PEM can have
    if not isinstance(value, str) or _UNUSABLE.search(value):
        raise InvalidValueError("a text")
    return value


_UNUSABLE = re.compile("[\0\ud800-\udfff]")


def _header_value(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise InvalidValueError("a text in one line")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidValueError("a list of texts")
    return tuple(value)


def _names(choices: Iterable[str]) -> Callable[[Any], tuple[str, ...]]:
    """Returns a reader of a list of names."""
    read = one_of(*choices)

    def read_names(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise InvalidValueError("a list of names")
        return tuple(map(read, value))

    return read_names


def _duration(value: Any) -> float:
    """Reads a duration as Go does: numbers with units, or a number of nanoseconds."""
    text = value if isinstance(value, str) else ""
    if text.isascii() and text.isdigit():
        text += "ns"
    if not _DURATION.fullmatch(text) and text != "0":
        raise InvalidValueError('a duration such as "1s" or "500ms"')
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text.lstrip("+")))
    if seconds > _MAX_DURATION:
        raise InvalidValueError("a duration of at most 24 hours")
    return seconds
