"""The fields that describe a cluster of Alertmanagers as a target of notifications."""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway.config.secret_files import FILE_HELP, secret_file, trusted_path
from gateway.frontends.prometheus.alertmanager.alerts import RESERVED
from gateway.frontends.prometheus.alertmanager.target import DEFAULT_TIMEOUT, Alertmanagers, Tls, Url
from gateway.options.model import Field
from gateway.options.readers import InvalidValueError, InvalidValuesError, Problem, boolean, seconds, text

_MAX_URLS = 16
_MAX_SECRET = 4096
_MAX_LABELS = 16
_TLS_KEYS = ("ca_file", "cert_file", "key_file", "server_name", "insecure_skip_verify")

_LABEL = re.compile(r"([a-zA-Z_]\w*)=(.+)", re.ASCII)


def _urls(value: Any) -> tuple[Url, ...]:
    texts = [value] if isinstance(value, str) else value
    expected = InvalidValueError(
        '"http://HOST:PORT" or "https://HOST:PORT", with a path if Alertmanager has a prefix, without a user, a '
        "password or a query; or a list of these"
    )
    if not isinstance(texts, list) or not 1 <= len(texts) <= _MAX_URLS:
        raise expected
    if not all(isinstance(item, str) for item in texts):
        raise expected
    try:
        urls = tuple(map(Url.parse, texts))
    except ValueError:
        raise expected from None
    if len({url.text.lower() for url in urls}) < len(urls):
        raise InvalidValueError("each URL once")
    return urls


def _labels(value: Any) -> Mapping[str, str]:
    expected = InvalidValueError('a list of at most 16 labels, such as ["site=berlin"]')
    if not isinstance(value, list) or len(value) > _MAX_LABELS:
        raise expected
    labels = {}
    for item in value:
        match = _LABEL.fullmatch(item) if isinstance(item, str) and item.isprintable() else None
        if match is None or len(item) > 255:
            raise expected
        if match[1] in RESERVED or match[1] in labels:
            raise InvalidValueError(f"each label once, and none that the gateway sets: {', '.join(sorted(RESERVED))}")
        labels[match[1]] = match[2]
    return labels


ALERTMANAGER_FIELDS: tuple[Field, ...] = (
    Field(
        name="url",
        read=_urls,
        help="URL of Alertmanager, or a list with the URLs of all members of one cluster; each gets every alert.",
        example=["https://alertmanager.example:9093"],
        required=True,
    ),
    Field(
        name="timeout",
        read=seconds,
        help="Seconds that a request may take.",
        example=DEFAULT_TIMEOUT,
        default=DEFAULT_TIMEOUT,
    ),
    Field(
        name="labels",
        read=_labels,
        help="Further labels of all alerts, such as the external_labels of your Prometheus.",
        example=["site=berlin"],
        default=[],
    ),
    Field(
        name="user",
        read=text(255),
        help="User for basic authentication.",
        example="gateway",
    ),
    Field(
        name="password",
        read=text(_MAX_SECRET),
        help="Password for basic authentication.",
        example="change me",
        secret=True,
    ),
    Field(
        name="password_file",
        read=secret_file(text(_MAX_SECRET)),
        help=FILE_HELP.format("the password", "password"),
        example="/etc/ha-cluster-gateway/alertmanager-password",
        instead_of="password",
    ),
    Field(
        name="bearer_token_file",
        read=secret_file(text(_MAX_SECRET)),
        help=FILE_HELP.format("a bearer token", "user and password"),
        example="/etc/ha-cluster-gateway/alertmanager-token",
    ),
    Field(
        name="ca_file",
        read=trusted_path(),
        help="Certificates of the authorities that sign the certificate of Alertmanager; without it, those of the "
        "system.",
        example="/etc/ssl/certs/ca-certificates.crt",
    ),
    Field(
        name="cert_file",
        read=trusted_path(),
        help="Certificate of the gateway, if Alertmanager requires one.",
        example="/etc/ha-cluster-gateway/client.crt",
    ),
    Field(
        name="key_file",
        read=trusted_path(private=True),
        help="Private key of the certificate, without a passphrase. Not everyone may read it.",
        example="/etc/ha-cluster-gateway/client.key",
    ),
    Field(
        name="server_name",
        read=text(255),
        help="Name in the certificate of Alertmanager, if it is not the host of the URL.",
        example="alertmanager.example",
    ),
    Field(
        name="insecure_skip_verify",
        read=boolean,
        help="Whether to accept any certificate. Anyone on the network can then read the alerts and the password.",
        example=False,
        default=False,
    ),
)


def alertmanagers(values: Mapping[str, Any]) -> Alertmanagers:
    """Returns the target that the fields of a table describe.

    Raises:
        InvalidValuesError: the fields do not fit together.
    """
    if problems := [*_authorization_problems(values), *_tls_problems(values)]:
        raise InvalidValuesError(*problems)
    return Alertmanagers(
        urls=values["url"],
        authorization=_authorization(values),
        tls=Tls(
            ca_file=values["ca_file"],
            cert_file=values["cert_file"],
            key_file=values["key_file"],
            server_name=values["server_name"] or "",
            verify=not values["insecure_skip_verify"],
        ),
        timeout=values["timeout"],
        labels=dict(values["labels"]),
    )


def _authorization(values: Mapping[str, Any]) -> str:
    if values["bearer_token_file"] is not None:
        return f"Bearer {values['bearer_token_file']}"
    if values["user"] is not None:
        return "Basic " + base64.b64encode(f"{values['user']}:{values['password']}".encode()).decode()
    return ""


def _authorization_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    has_user, has_password = values["user"] is not None, values["password"] is not None
    if has_user and not has_password:
        yield Problem(".password", "missing: user requires it, or password_file")
    if has_password and not has_user:
        yield Problem(".user", "missing: password requires it")
    if has_user and ":" in values["user"]:
        yield Problem(".user", "basic authentication does not allow a colon in the name")
    token = values["bearer_token_file"]
    if token is not None and has_user:
        yield Problem(".bearer_token_file", "set together with user: remove one of them")
    if token is not None and not (token.isascii() and " " not in token):
        yield Problem(".bearer_token_file", "expected a token of ASCII characters, without blanks, in the first line")


def _tls_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    if values["key_file"] is not None and values["cert_file"] is None:
        yield Problem(".cert_file", "missing: key_file requires it")
    if values["cert_file"] is not None and values["key_file"] is None:
        yield Problem(".key_file", "missing: cert_file requires it")
    if any(url.scheme == "https" for url in values["url"]):
        yield from _certificate_problems(values)
        return
    for name in _TLS_KEYS:
        if values[name]:
            yield Problem(f".{name}", "only used with a URL that begins with https://")


def _certificate_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yields what is wrong with the content of the files, which would otherwise only fail when alerts are sent."""
    certificate, key = values["cert_file"], values["key_file"]
    valid = {name: values[name] is None or _has_certificates(values[name]) for name in ("ca_file", "cert_file")}
    for name, is_valid in valid.items():
        if not is_valid:
            yield Problem(f".{name}", f"expected certificates in PEM, without errors, in {values[name]}")
    if certificate is not None and key is not None and valid["cert_file"]:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password=lambda: "")
        except (OSError, ValueError):
            text = f"expected the private key of {certificate}, in PEM and without a passphrase, in {key}"
            yield Problem(".key_file", text)


def _has_certificates(path: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ValueError):
        return False
    return True
