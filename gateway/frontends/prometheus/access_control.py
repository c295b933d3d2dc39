"""Applies the web configuration: TLS to connections, passwords and a rate limit to requests."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from enum import StrEnum

import structlog
from aiohttp import hdrs, web

from gateway.clock import Clock, SystemClock
from gateway.frontends.prometheus.authentication import Access, Authentication
from gateway.frontends.prometheus.connector import PlainConnector
from gateway.frontends.prometheus.handshake import Handshakes, PlainHttpError
from gateway.frontends.prometheus.tls import alternative_names
from gateway.frontends.prometheus.web_config import RateLimit, WebConfiguration
from gateway.frontends.prometheus.web_config_file import WebConfigFile
from gateway.samples import SampleSet
from gateway.self_monitoring import self_metrics
from gateway.token_bucket import TokenBucket

HEALTHY = "/-/healthy"
"""The path that can be left without passwords."""

_QUIET = 600.0
"""Seconds without refusals for one reason after which the next one is logged: attackers must not fill the log."""

_RETRY_AFTER = "2"
"""Seconds after which a client may try again."""


class Refusal(StrEnum):
    """Why a connection or a request was refused."""

    HANDSHAKE = "handshake"
    """TLS could not begin: no certificate, one that is not valid, or a client that does not use TLS."""
    CERTIFICATE = "certificate"
    """None of the names in the certificate is in ``client_allowed_sans``."""
    PASSWORD = "password"  # noqa: S105 - a reason
    """There was no password, or a wrong one."""
    BUSY = "busy"
    """Too many wrong passwords from one source, or too many waiting."""
    RATE_LIMIT = "rate_limit"
    """Too many requests for ``rate_limit``."""


class AccessControl:
    """Applies a web configuration. Implements ``Connector``.

    Args:
        file: the web configuration.
        healthy_is_open: whether ``/-/healthy`` needs no password.
        clock: measures the time of limits.
        authentication: verifies passwords.
    """

    def __init__(
        self,
        file: WebConfigFile,
        *,
        healthy_is_open: bool = False,
        clock: Clock | None = None,
        authentication: Authentication | None = None,
    ) -> None:
        self._file = file
        self._healthy_is_open = healthy_is_open
        self._clock = clock or SystemClock()
        self._authentication = authentication or Authentication(self._clock)
        self._plain = PlainConnector()
        self._handshakes = Handshakes()
        self._refusals = Counter(dict.fromkeys(Refusal, 0))
        self._refused_at: dict[Refusal, float] = {}
        self._rate_limit: RateLimit | None = None
        self._bucket: TokenBucket | None = None
        self._log = structlog.get_logger("http")

    def close(self) -> None:
        """Ends the thread that verifies passwords. Idempotent."""
        self._authentication.close()

    async def reload(self) -> None:
        """Reads the web configuration again.

        Raises:
            ConfigError: it is invalid; the old one stays.
        """
        await self._file.reload()

    def add_samples(self, samples: SampleSet) -> None:
        """Adds the metrics of the web configuration, and of refusals."""
        self._file.add_samples(samples)
        for reason, count in self._refusals.items():
            samples.add(self_metrics.HTTP_REFUSED, count, reason.value)

    # --- Connections -------------------------------------------------------------------------------------------------

    @property
    def encrypted(self) -> bool:
        """Whether new connections use TLS."""
        return self._file.current.context is not None

    async def connect(self, protocol: asyncio.Protocol, sock: socket.socket) -> None:
        """Connects a protocol to the client of a socket, with TLS if it is configured.

        Raises:
            OSError: the connection could not begin.
        """
        context = (await self._file.get()).context
        if context is None:
            await self._plain.connect(protocol, sock)
            return
        remote = sock.getpeername()[0]
        try:
            await self._handshakes.connect(protocol, sock, context)
        except PlainHttpError as error:
            self._refuse(Refusal.HANDSHAKE, remote, str(error))
            raise
        except ssl.SSLError as error:
            self._refuse(Refusal.HANDSHAKE, remote, getattr(error, "verify_message", None) or error.reason)
            raise

    # --- Requests ----------------------------------------------------------------------------------------------------

    async def admit(self, request: web.Request, source: str) -> web.Response | None:
        """Returns the response that refuses a request, or None if it may be answered.

        Args:
            request: the request.
            source: the client, for limits.
        """
        configuration = (await self._file.get()).configuration
        if self.encrypted and not request.secure:  # the connection is older than the configuration
            return _refuse_plain_http()
        if not self._is_within_rate(configuration.rate_limit):
            self._refuse(Refusal.RATE_LIMIT, source)
            return _too_many_requests()
        if not _has_allowed_name(request, configuration):
            self._refuse(Refusal.CERTIFICATE, source)
            response = web.Response(status=403, text="the certificate has none of the names in client_allowed_sans\n")
            response.force_close()
            return response
        if not configuration.users or (self._healthy_is_open and request.path == HEALTHY):
            return None
        return await self._authenticate(request, configuration, source)

    async def set_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """Adds the configured headers to a response, except those that its handler has set."""
        del request
        for name, value in self._file.current.configuration.headers.items():
            response.headers.setdefault(name, value)

    async def _authenticate(
        self, request: web.Request, configuration: WebConfiguration, source: str
    ) -> web.Response | None:
        authorization = request.headers.get(hdrs.AUTHORIZATION, "")
        access = await self._authentication.authenticate(authorization, configuration.users, source)
        if access is Access.GRANTED:
            return None
        if access is Access.LIMITED:
            self._refuse(Refusal.BUSY, source)
            return _too_many_requests()
        if authorization:
            self._refuse(Refusal.PASSWORD, source)
        else:  # a browser that does not know yet that it needs one
            self._refusals[Refusal.PASSWORD] += 1
        headers = {hdrs.WWW_AUTHENTICATE: 'Basic realm="ha-cluster-gateway", charset="UTF-8"'}
        # the same for an unknown user: nobody can find out which users exist
        text = "the user or the password is wrong\n" if authorization else "a user and a password are required\n"
        return web.Response(status=401, text=text, headers=headers)

    def _is_within_rate(self, limit: RateLimit | None) -> bool:
        if limit != self._rate_limit:
            self._rate_limit = limit
            self._bucket = None
            if limit is not None:
                self._bucket = TokenBucket(rate=1 / limit.interval, burst=limit.burst, clock=self._clock)
        return self._bucket is None or self._bucket.take()

    def _refuse(self, reason: Refusal, source: str, detail: str | None = None) -> None:
        """Counts a refusal, and logs it if it is the first for this reason after a while."""
        self._refusals[reason] += 1
        now = self._clock.monotonic()
        if now - self._refused_at.get(reason, now - _QUIET) >= _QUIET:
            details = {"detail": detail} if detail else {}
            self._log.warning("clients refused", reason=reason.value, remote=source, **details)
        self._refused_at[reason] = now


def _has_allowed_name(request: web.Request, configuration: WebConfiguration) -> bool:
    """Returns whether the certificate of a client has one of the names that it must have, if it must have any."""
    allowed = configuration.tls.client_allowed_sans if configuration.tls is not None else None
    if allowed is None:
        return True
    connection: ssl.SSLObject = request.get_extra_info("ssl_object")
    certificate = connection.getpeercert(binary_form=True)
    try:
        return certificate is not None and not allowed.isdisjoint(alternative_names(certificate))
    except ValueError:
        return False


def _too_many_requests() -> web.Response:
    return web.Response(status=429, text="too many requests\n", headers={hdrs.RETRY_AFTER: _RETRY_AFTER})


def _refuse_plain_http() -> web.Response:
    response = web.Response(status=400, text="Client sent an HTTP request to an HTTPS server.\n")
    response.force_close()
    return response
