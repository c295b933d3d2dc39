"""Reads a web configuration and the files that it names, and reads them again when they change.

As in exporter-toolkit, a renewed certificate or a new password works without a restart: before each connection and each
request, the files are compared with what was read, by their status only. A file that has become invalid, or that would
switch off a protection, changes nothing: what was read before stays.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import structlog

from gateway.clock import Clock
from gateway.errors import ConfigError
from gateway.files import UntrustedPathError, explain, read_trusted_file
from gateway.frontends.prometheus.tls import PemFiles, TlsError, expiry_of, make_context
from gateway.frontends.prometheus.web_config import ClientAuth, Pem, TlsConfig, WebConfiguration
from gateway.frontends.prometheus.web_config_parser import parse
from gateway.samples import SampleSet
from gateway.self_monitoring import self_metrics

_MAX_SIZE = 1024 * 1024
"""Bytes that each file may have."""

_SETTLED = 2.0
"""Seconds after a change for which a file is read again each time.

The next change could have the same time: kernels count it in ticks of up to 10 ms, some file systems in seconds.
"""

_TIMEOUT = 5.0
"""Seconds after which a connection or a request no longer waits for changed files."""

_Status = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedWebConfig:
    """A web configuration, and what was made of the files that it names.

    Attributes:
        configuration: the configuration.
        context: the context for new connections; None without TLS.
        certificate_expiry: the time at which the certificate of the server expires, in Unix seconds; None without TLS.
        public_hashes: whether everyone can read the hashes of the passwords.
    """

    configuration: WebConfiguration
    context: ssl.SSLContext | None = field(compare=False)
    certificate_expiry: float | None
    public_hashes: bool


def load(path: Path) -> LoadedWebConfig:
    """Returns the web configuration of a file.

    Raises:
        ConfigError: with one line for each problem.
    """
    return _Reader(path).load()


class _Reader:
    """Reads a web configuration once.

    Attributes:
        statuses: the status of each file that was read, before it was read; None if there was none.
        contents: their content.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.statuses: dict[str, _Status | None] = {}
        self.contents: dict[str, bytes] = {}

    def load(self) -> LoadedWebConfig:
        """Returns the web configuration.

        Raises:
            ConfigError: with one line for each problem.
        """
        try:
            text = self._read(str(self._path)).decode("utf-8")
        except OSError as error:
            raise ConfigError([f"{self._path}: {explain(error, self._path)}"]) from None
        except UnicodeDecodeError:
            raise ConfigError([f"{self._path}: not text in UTF-8"]) from None
        configuration = parse(text, PurePosixPath(self._path))
        public = self._public
        try:
            context, expiry = self._load_tls(configuration.tls) if configuration.tls is not None else (None, None)
        except TlsError as error:
            raise ConfigError([f"{self._path}: tls_server_config.{error}"]) from None
        return LoadedWebConfig(
            configuration=configuration,
            context=context,
            certificate_expiry=expiry,
            public_hashes=bool(configuration.users) and public,
        )

    def _load_tls(self, tls: TlsConfig) -> tuple[ssl.SSLContext, float]:
        if tls.private_key.path is None and self._public:
            raise TlsError("key", f"everyone can read {self._path}; run chmod o-r {self._path}")
        files = PemFiles(
            certificate=self._read_pem(tls.certificate),
            private_key=self._read_pem(tls.private_key, private=True),
            client_ca=self._read_pem(tls.client_ca) if tls.client_ca is not None else None,
        )
        return make_context(tls, files), expiry_of(files.certificate)

    def _read(self, path: str, *, private: bool = False) -> bytes:
        self.statuses[path] = status_of(path)
        file = read_trusted_file(path, max_size=_MAX_SIZE)
        if private:
            file.require_private()
        self._public = file.public
        self.contents[path] = file.content
        return file.content

    def _read_pem(self, pem: Pem, *, private: bool = False) -> bytes:
        if pem.path is None:
            return pem.text.encode()
        try:
            return self._read(str(pem.path), private=private)
        except UntrustedPathError as error:
            raise TlsError(pem.key, str(error)) from None
        except OSError as error:
            raise TlsError(pem.key, f"{pem.path}: {explain(error, pem.path)}") from None


def status_of(path: str) -> _Status | None:
    """Returns what changes whenever a file changes; None if there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - as Path, but for each request
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class WebConfigFile:
    """A web configuration that is read again when its files change.

    Args:
        path: the file.
        clock: shows whether a change is so recent that another one could have the same time.

    Attributes:
        current: the configuration as it was read last.

    Raises:
        ConfigError: the file is invalid.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._log = structlog.get_logger("http")
        self._reader = _Reader(path)
        self.current = self._reader.load()
        self._problems: tuple[str, ...] = ()
        self._last_success = clock.time()
        self._reloading: asyncio.Task[None] | None = None
        if self.current.public_hashes:
            self._log.warning("password hashes exposed", file=str(path), advice=f"chmod o-r {path}")

    async def get(self) -> LoadedWebConfig:
        """Returns the configuration; the files are read again first if they have changed."""
        if not self._is_unchanged(self._reader.statuses):
            if self._reloading is None or self._reloading.done():
                self._reloading = asyncio.get_running_loop().create_task(self._reload())
            await asyncio.wait([self._reloading], timeout=_TIMEOUT)
        return self.current

    async def reload(self) -> None:
        """Reads the files again, whether or not they have changed.

        Raises:
            ConfigError: they are invalid, or cannot be read in time; what was read before stays.
        """
        if self._reloading is not None and not self._reloading.done():  # it may have read them before they changed
            await asyncio.wait([self._reloading], timeout=_TIMEOUT)
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.get_running_loop().create_task(self._reload())
            await asyncio.wait([self._reloading], timeout=_TIMEOUT)
        if not self._reloading.done():
            raise ConfigError([f"{self._path}: reading it took longer than {_TIMEOUT:g} s"])
        if self._problems:
            raise ConfigError(self._problems)

    def add_samples(self, samples: SampleSet) -> None:
        """Adds the metrics of the web configuration."""
        samples.add(self_metrics.WEB_CONFIG_SUCCESSFUL, not self._problems)
        samples.add(self_metrics.WEB_CONFIG_TIMESTAMP, self._last_success)
        samples.add(self_metrics.WEB_CERTIFICATE_EXPIRY, self.current.certificate_expiry)

    def _is_unchanged(self, statuses: Mapping[str, _Status | None]) -> bool:
        now = self._clock.time()
        return all(
            status == status_of(path) and (status is None or status[-1] / 1e9 < now - _SETTLED)
            for path, status in statuses.items()
        )

    async def _reload(self) -> None:
        reader = _Reader(self._path)
        try:
            loaded = await asyncio.to_thread(reader.load)
            self._check_protections(loaded)
        except ConfigError as error:
            self._reader.statuses = reader.statuses
            self._report(error.problems)
            return
        changed = reader.contents != self._reader.contents
        self._reader = reader
        if changed:
            self.current = loaded
            self._last_success = self._clock.time()
            self._log.info("web configuration reloaded", file=str(self._path))
        self._problems = ()

    def _check_protections(self, loaded: LoadedWebConfig) -> None:
        """Raises an error if a configuration would switch off a protection, such as one that is half written.

        Raises:
            ConfigError: it would.
        """
        if lost := _protections(self.current) - _protections(loaded):
            message = f"{', '.join(sorted(lost))} would be switched off; restart the gateway to do that"
            raise ConfigError([f"{self._path}: {message}"])

    def _report(self, problems: tuple[str, ...]) -> None:
        """Logs problems, unless they are the same as the last time."""
        if problems != self._problems:
            self._problems = problems
            self._log.error("web configuration not reloaded", problems="; ".join(problems))


def _protections(loaded: LoadedWebConfig) -> set[str]:
    """Returns what protects the server."""
    configuration = loaded.configuration
    tls = configuration.tls
    protections = {
        "TLS": tls is not None,
        "the verification of client certificates": tls is not None and tls.client_auth is ClientAuth.REQUIRE_AND_VERIFY,
        "client_allowed_sans": tls is not None and tls.client_allowed_sans is not None,
        "passwords": bool(configuration.users),
    }
    return {name for name, protected in protections.items() if protected}
