"""The fields that describe a user of SNMPv3: the same for readers of the built-in agent and for targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from gateway.config.secret_files import FILE_HELP, secret_file
from gateway.options.model import Field
from gateway.options.readers import InvalidValueError, InvalidValuesError, Problem, one_of
from gateway.snmp.credentials import MIN_PASSWORD, UsmUser
from gateway.snmp.engine import MAX_ENGINE_ID, MIN_ENGINE_ID
from gateway.snmp.usm_protocols import AUTH_PROTOCOLS, NONE, PRIV_PROTOCOLS

# --- Readers ---------------------------------------------------------------------------------------------------------


def _protocol(names: Iterable[str], advice: Mapping[str, str]) -> Callable[[Any], str]:
    """Returns a reader that accepts the names of protocols; its errors name the successors of obsolete ones."""
    read_name = one_of(*names)

    def read(value: Any) -> str:
        if isinstance(value, str) and value.upper() in advice:
            raise InvalidValuesError(Problem("", advice[value.upper()]))
        return read_name(value)

    return read


_MD5 = 'MD5 is not supported, because it is broken: use "SHA-256", or "SHA" if the other side has no SHA-2'
_DES = 'DES is not supported, because it is broken: use "AES"'


def _password(value: Any) -> str:
    if not isinstance(value, str) or len(value) < MIN_PASSWORD:
        raise InvalidValueError(f"a text of at least {MIN_PASSWORD} characters")
    return value


def _octets(value: Any) -> bytes:
    """Returns the octets of a text in hexadecimal, with or without 0x; none if it is not one."""
    try:
        return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else b""
    except ValueError:
        return b""


def _key(value: Any) -> bytes:
    octets = _octets(value)
    if not octets:
        raise InvalidValueError("a localized key in hexadecimal")
    return octets


def read_engine_id(value: Any) -> bytes:
    """Reads an engine ID in hexadecimal.

    Raises:
        InvalidValueError: it is not one.
    """
    octets = _octets(value)
    if not MIN_ENGINE_ID <= len(octets) <= MAX_ENGINE_ID:
        raise InvalidValueError(f"an engine ID of {MIN_ENGINE_ID} to {MAX_ENGINE_ID} octets in hexadecimal")
    return octets


# --- Fields ----------------------------------------------------------------------------------------------------------


def _key_fields(kind: str, adjective: str) -> tuple[Field, Field]:
    key, password = f"{kind}_key", f"{kind}_password"
    return (
        Field(
            name=key,
            read=_key,
            help=f"Localized {adjective} key in hexadecimal, instead of {password}; it is valid for one engine ID.",
            example="0x" + "0123456789abcdef" * (4 if kind == "auth" else 2),
            secret=True,
        ),
        Field(
            name=f"{key}_file",
            read=secret_file(_key),
            help=FILE_HELP.format(f"the localized {adjective} key", key),
            instead_of=key,
            example=f"/etc/ha-cluster-gateway/{kind}.key",
        ),
    )


USM_FIELDS = (
    Field(
        name="auth",
        read=_protocol(AUTH_PROTOCOLS, {"MD5": _MD5}),
        help=f"Authentication protocol of the user: {', '.join(AUTH_PROTOCOLS)}.",
        example="SHA-256",
    ),
    Field(
        name="auth_password",
        read=_password,
        help=f"Authentication password, of at least {MIN_PASSWORD} characters.",
        example="change me",
        secret=True,
    ),
    Field(
        name="auth_password_file",
        read=secret_file(_password),
        help=FILE_HELP.format("the authentication password", "auth_password"),
        instead_of="auth_password",
        example="/etc/ha-cluster-gateway/auth",
    ),
    *_key_fields("auth", "authentication"),
    Field(
        name="priv",
        read=_protocol(PRIV_PROTOCOLS, {"DES": _DES, "3DES": _DES}),
        help=f"Privacy protocol of the user: {', '.join(PRIV_PROTOCOLS)}.",
        example="AES",
        default=NONE,
    ),
    Field(
        name="priv_password",
        read=_password,
        help=f"Privacy password, of at least {MIN_PASSWORD} characters.",
        example="change me, too",
        secret=True,
    ),
    Field(
        name="priv_password_file",
        read=secret_file(_password),
        help=FILE_HELP.format("the privacy password", "priv_password"),
        instead_of="priv_password",
        example="/etc/ha-cluster-gateway/priv",
    ),
    *_key_fields("priv", "privacy"),
)
"""The fields that describe a user of SNMPv3, except the name."""


_KEY_LENGTHS: Mapping[str, Mapping[str, int]] = {
    "auth": {name: protocol.key_length for name, protocol in AUTH_PROTOCOLS.items()},
    "priv": {name: protocol.key_length for name, protocol in PRIV_PROTOCOLS.items()},
}
"""Octets of localized keys."""


def usm_user(name: str, values: Mapping[str, Any]) -> UsmUser:
    """Returns the user that the values of ``USM_FIELDS`` describe.

    Raises:
        InvalidValuesError: the fields do not fit together.
    """
    problems = [problem for kind in ("auth", "priv") for problem in _secret_problems(kind, values)]
    if values["auth"] in {None, NONE} and values["priv"] != NONE:
        problems.append(Problem(".priv", f'privacy requires authentication: set auth, or priv = "{NONE}"'))
    if problems:
        raise InvalidValuesError(*problems)
    return UsmUser(
        name=name,
        auth=values["auth"],
        auth_password=values["auth_password"] or "",
        auth_key=values["auth_key"] or b"",
        priv=values["priv"],
        priv_password=values["priv_password"] or "",
        priv_key=values["priv_key"] or b"",
    )


def _secret_problems(kind: str, values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yields what is wrong with the password or the localized key for a kind of protocol: auth or priv."""
    protocol, password, key = values[kind], f"{kind}_password", f"{kind}_key"
    present = [name for name in (password, key) if values[name] is not None]
    if protocol is None:
        yield Problem(f".{kind}", f"missing: one of {', '.join(AUTH_PROTOCOLS)}")
    elif protocol == NONE:
        if present:
            yield Problem(f".{present[0]}", f'not used with {kind} = "{NONE}"')
    elif not present:
        yield Problem(f".{password}", f"missing: {kind} requires it, or {password}_file")
    elif len(present) > 1:
        yield Problem(f".{key}", f"set together with {password}: remove one of them")
    elif values[key] is not None:
        expected, found = _KEY_LENGTHS[kind][protocol], len(values[key])
        if found != expected:
            yield Problem(f".{key}", f"a localized key of {protocol} has {expected} octets, found {found}")
