"""Sends requests to one Alertmanager: bounded in time and size, without following redirects."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

import gateway
from gateway.alarms.channel import DeliveryError, RefusedError
from gateway.alarms.resolver import ReceiverAddresses
from gateway.frontends.prometheus.alertmanager.target import Alertmanagers, Tls, Url
from gateway.printable import printable

_MAX_REASON = 200
"""Characters of a response that an error shows."""

_KEEP_ALIVE = 5.0
"""Seconds for which an idle connection is kept, for a burst of alerts; shorter than servers keep theirs."""

_REFUSALS = frozenset({400, 413, 422})
"""The status codes of responses that say that the request itself is at fault. Sending it again would not help."""


class AlertmanagerClient:
    """Sends alerts to one Alertmanager.

    The files of the TLS configuration are read again after each failure, so a renewed certificate works.

    Args:
        url: the Alertmanager.
        group: how it is reached.
        addresses: the addresses of its host.
    """

    def __init__(self, url: Url, group: Alertmanagers, addresses: ReceiverAddresses) -> None:
        self._url = url
        self._group = group
        self._addresses = addresses
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Starts to resolve the name, and reads the certificates, so that no alert has to wait for that."""
        await self._addresses.start()
        with contextlib.suppress(DeliveryError):
            await self._open()

    async def close(self) -> None:
        """Closes the connections, and stops resolving the name. Idempotent."""
        await self._addresses.close()
        await self._reset()

    async def post(self, body: bytes) -> None:
        """Sends alerts.

        Raises:
            RefusedError: Alertmanager does not accept these alerts.
            DeliveryError: they were not delivered.
        """
        try:
            async with asyncio.timeout(self._group.timeout):
                await self._post(body)
        except RefusedError:
            await self._reset()  # a reverse proxy refuses an expired certificate in this way
            raise
        except DeliveryError:
            await self._on_failure()
            raise
        except TimeoutError:
            await self._on_failure()
            raise DeliveryError(f"no answer in {self._group.timeout:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            await self._on_failure()
            raise DeliveryError(_reason(error)) from None

    async def _post(self, body: bytes) -> None:
        session = self._session or await self._open()
        async with session.post(
            f"{self._url.text}/api/v2/alerts",
            data=body,
            allow_redirects=False,
            server_hostname=self._group.tls.server_name or None if self._url.scheme == "https" else None,
        ) as response:
            if response.status // 100 == 2:
                return
            text = (await response.content.read(_MAX_REASON)).decode("utf-8", "replace")
            raise _failure(response, " ".join(text.split()))

    async def _open(self) -> aiohttp.ClientSession:
        context = await self._tls_context() if self._url.scheme == "https" else None
        connector = aiohttp.TCPConnector(
            resolver=_Resolver(self._addresses),
            use_dns_cache=False,
            ssl=True if context is None else context,
            limit=1,
            keepalive_timeout=_KEEP_ALIVE,
        )
        headers = {"Content-Type": "application/json", "User-Agent": f"ha-cluster-gateway/{gateway.__version__}"}
        if self._group.authorization:
            headers["Authorization"] = self._group.authorization
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),  # the time-out of ``post`` covers everything
            auto_decompress=False,
        )
        return self._session

    async def _tls_context(self) -> ssl.SSLContext:
        try:
            return await asyncio.to_thread(_make_tls_context, self._group.tls)
        except (OSError, ValueError) as error:
            raise DeliveryError(f"cannot use the certificates: {_reason(error)}") from None

    async def _on_failure(self) -> None:
        """Closes the connections, and moves on to the next address."""
        self._addresses.mark_unreachable()
        await self._reset()

    async def _reset(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


class _Resolver(AbstractResolver):
    """Gives aiohttp the address that ``ReceiverAddresses`` has ready."""

    def __init__(self, addresses: ReceiverAddresses) -> None:
        self._addresses = addresses

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - of the interface
    ) -> list[ResolveResult]:
        address = await self._addresses.current()
        return [
            ResolveResult(
                hostname=host,
                host=address.name[0],
                port=port,
                family=address.family,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Does nothing: the client closes the addresses."""


def _make_tls_context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca_file)
    if tls.cert_file is not None:
        context.load_cert_chain(tls.cert_file, tls.key_file, password=_no_passphrase)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _no_passphrase() -> str:
    raise ValueError("the private key has a passphrase")


def _failure(response: aiohttp.ClientResponse, text: str) -> DeliveryError:
    """Returns the error for a response that does not report success."""
    status = printable(f"{response.status} {response.reason or ''}").strip()
    if response.status // 100 == 3:
        location = printable(response.headers.get("Location", "no location"))[:_MAX_REASON]
        return DeliveryError(f"{status}: redirects are not followed ({location})")
    error = RefusedError if response.status in _REFUSALS else DeliveryError
    return error(f"{status}: {printable(text)}" if text else status)


def _reason(error: Exception) -> str:
    """Returns why a request failed, in one line."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        error = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    # aiohttp passes on the number of an error of TLS, which is not one of the operating system
    is_tls = any(isinstance(each, ssl.SSLError) for each in (error, error.__cause__, error.__context__))
    if isinstance(error, OSError) and error.errno and not is_tls:
        return os.strerror(error.errno)
    text = str(error) or type(error).__name__
    return printable(text)[:_MAX_REASON]
