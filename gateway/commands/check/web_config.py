"""Checks the web configuration: TLS and passwords of the HTTP server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from gateway.commands.check.check_result import CheckResult, Outcome
from gateway.config.config import Config
from gateway.errors import ConfigError
from gateway.frontends.prometheus.web_config_file import LoadedWebConfig, load

_RENEWAL = timedelta(days=30)
"""The time before its expiry in which a certificate should have been renewed."""


def check_web_config(config: Config) -> Iterator[CheckResult]:
    """Yields whether the web configuration is valid, and for how long the certificate is; nothing without one."""
    path = config.web.config_file
    if path is None:
        return
    subject = f"web configuration {path}"
    try:
        loaded = load(path)
    except ConfigError as error:
        for problem in error.problems:
            yield CheckResult(outcome=Outcome.FAIL, subject=subject, text=problem.removeprefix(f"{path}: "))
        return
    yield CheckResult(subject=subject, text=_describe(loaded))
    if loaded.public_hashes:
        yield CheckResult(
            outcome=Outcome.FAIL,
            subject=subject,
            text="everyone can read the hashes of the passwords, and try to guess them",
            advice=f"chmod o-r {path}",
        )
    if loaded.certificate_expiry is not None:
        yield _check_expiry(loaded.certificate_expiry)


def _describe(loaded: LoadedWebConfig) -> str:
    tls = loaded.configuration.tls
    users = len(loaded.configuration.users)
    encryption = "no TLS" if tls is None else f"TLS, {tls.client_auth.value}"
    return f"{encryption}, {users or 'no'} user{'' if users == 1 else 's'}"


def _check_expiry(expiry: float) -> CheckResult:
    end = datetime.fromtimestamp(expiry, UTC)
    left = end - datetime.now(UTC)
    text = f"expires on {end:%Y-%m-%d %H:%M} UTC"
    if left < timedelta(0):
        text = f"expired on {end:%Y-%m-%d %H:%M} UTC"
    elif left < _RENEWAL:
        text += f", in {left.days} day{'' if left.days == 1 else 's'}"
    subject = "certificate of the HTTP server"
    if left >= _RENEWAL:
        return CheckResult(subject=subject, text=text)
    advice = "Renew it; the gateway reads the files again when they change."
    return CheckResult(outcome=Outcome.FAIL, subject=subject, text=text, advice=advice)
