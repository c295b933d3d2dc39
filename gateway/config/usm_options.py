"""The fields that describe a user of SNMPv3: the same for readers of the built-in agent and for targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from gateway.config.secret_files import FILE_HELP, secret_file
from gateway.options.model import Field
from gateway.options.readers import InvalidValueError, InvalidValuesError, Problem, one_of
from gateway.snmp.credentials import MIN_PASSWORD, UsmUser
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


# --- Fields ----------------------------------------------------------------------------------------------------------

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
)
"""The fields that describe a user of SNMPv3, except the name."""


def usm_user(name: str, values: Mapping[str, Any]) -> UsmUser:
    """Returns the user that the values of ``USM_FIELDS`` describe.

    Raises:
        InvalidValuesError: the fields do not fit together.
    """
    problems = [problem for kind in ("auth", "priv") for problem in _password_problems(kind, values)]
    if values["auth"] in {None, NONE} and values["priv"] != NONE:
        problems.append(Problem(".priv", f'privacy requires authentication: set auth, or priv = "{NONE}"'))
    if problems:
        raise InvalidValuesError(*problems)
    return UsmUser(
        name=name,
        auth=values["auth"],
        auth_password=values["auth_password"] or "",
        priv=values["priv"],
        priv_password=values["priv_password"] or "",
    )


def _password_problems(kind: str, values: Mapping[str, Any]) -> Iterator[Problem]:
    protocol, password = values[kind], f"{kind}_password"
    if protocol is None:
        yield Problem(f".{kind}", f"missing: one of {', '.join(AUTH_PROTOCOLS)}")
    elif protocol == NONE and values[password] is not None:
        yield Problem(f".{password}", f'not used with {kind} = "{NONE}"')
    elif protocol != NONE and values[password] is None:
        yield Problem(f".{password}", f"missing: {kind} requires it, or {password}_file")
