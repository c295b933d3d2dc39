"""The fields that describe a user of SNMPv3: the same for readers of the built-in agent and for targets."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from gateway.options.model import Field
from gateway.options.readers import InvalidValueError, InvalidValuesError, Problem, absolute_path, one_of
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


_MAX_LINE = 4096


def _password_file(value: Any) -> str:
    """Returns the password in the first line of a file that others cannot read."""
    path = absolute_path(value)
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            line = file.readline(_MAX_LINE).strip()
    except OSError as error:
        raise InvalidValuesError(Problem("", f"{path}: {error.strerror or error}")) from None
    except ValueError:
        raise InvalidValuesError(Problem("", f"{path}: not text in UTF-8")) from None
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise InvalidValuesError(Problem("", f"{path}: everyone can read or write it; run chmod 600 {path}"))
    if len(line) < MIN_PASSWORD:
        raise InvalidValuesError(Problem("", f"{path}: expected a first line of at least {MIN_PASSWORD} characters"))
    return line


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
        read=_password_file,
        help="File with the password in its first line, instead of auth_password; other users must not be able to "
        "read it.",
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
        read=_password_file,
        help="File with the password in its first line, instead of priv_password; other users must not be able to "
        "read it.",
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
        auth_password=values["auth_password"] or values["auth_password_file"] or "",
        priv=values["priv"],
        priv_password=values["priv_password"] or values["priv_password_file"] or "",
    )


def _password_problems(kind: str, values: Mapping[str, Any]) -> Iterator[Problem]:
    protocol, password, file = values[kind], f"{kind}_password", f"{kind}_password_file"
    present = [name for name in (password, file) if values[name] is not None]
    if protocol is None:
        yield Problem(f".{kind}", f"missing: one of {', '.join(AUTH_PROTOCOLS)}")
    elif protocol == NONE and present:
        yield Problem(f".{present[0]}", f'not used with {kind} = "{NONE}"')
    elif protocol != NONE and not present:
        yield Problem(f".{password}", f"missing: {kind} requires it, or {file}")
    elif len(present) > 1:
        yield Problem(f".{file}", f"set together with {password}: remove one of them")
