"""The options of SNMP: the subagent, the built-in agent, and who may read from it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.config.section import from_option, from_section
from gateway.frontends.snmp.subagent.address import MAX_PATH, parse_agentx
from gateway.frontends.snmp.subagent.address import Address as AgentxAddress
from gateway.network import Address
from gateway.options.model import Field, Option, Records
from gateway.options.readers import (
    InvalidValueError,
    InvalidValuesError,
    Problem,
    absolute_path,
    addresses_or_none,
    boolean,
    one_of,
    seconds,
    text,
)
from gateway.snmp.credentials import (
    MAX_NAME,
    MIN_PASSWORD,
    Community,
    UsmUser,
)
from gateway.snmp.mib.module import DEFAULT_ROOT, ENTERPRISES, MAX_ROOT, Mib, mib, root_arcs
from gateway.snmp.usm_protocols import AUTH_PROTOCOLS, NONE, PRIV_PROTOCOLS

# --- Readers ---------------------------------------------------------------------------------------------------------


def _root(value: Any) -> Mib:
    try:
        return mib(canonical_root(value if isinstance(value, str) else ""))
    except ValueError:
        raise InvalidValueError(
            f"an OID below {ENTERPRISES} of at most {MAX_ROOT} numbers (more leave no room for indexes)"
        ) from None


def canonical_root(text: str) -> str:
    """Returns the OID of a root without a leading dot.

    Raises:
        ValueError: the MIB cannot have this root.
    """
    return ".".join((ENTERPRISES, *map(str, root_arcs(text))))


def _agentx(value: Any) -> AgentxAddress | None:
    try:
        return parse_agentx(value if isinstance(value, str) else "")
    except ValueError:
        raise InvalidValueError(
            f'"unix:PATH" with an absolute path of at most {MAX_PATH} bytes, "tcp:HOST:PORT" or "off"'
        ) from None


def _protocol(names: Iterable[str], advice: Mapping[str, str]) -> Callable[[Any], str]:
    """Returns a reader that accepts the names of protocols, and says what to use instead of some obsolete ones."""
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


# --- Records ---------------------------------------------------------------------------------------------------------

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
        help="Or a file with the password in its first line; other users must not be able to read it.",
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
        help="Or a file with the password in its first line; other users must not be able to read it.",
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


_COMMUNITIES = Records(
    key="snmp.agent.community",
    fields=(
        Field(
            name="name",
            read=text(255),
            help="Name of the community. Anyone who knows it may read; it crosses the network unencrypted.",
            example="change me",
            required=True,
            secret=True,
        ),
    ),
    make=lambda values: Community(name=values["name"]),
    unique="name",
)

_USERS = Records(
    key="snmp.agent.user",
    fields=(
        Field(name="name", read=text(MAX_NAME), help="Name of the user.", example="monitoring", required=True),
        *USM_FIELDS,
    ),
    make=lambda values: usm_user(values["name"], values),
    unique="name",
)


# --- The sections ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """The built-in agent."""

    listen: tuple[Address, ...] = from_option(
        Option(
            key="snmp.agent.listen",
            default=[],
            read=addresses_or_none,
            help="UDP addresses of the built-in agent: HOST:PORT, [IPv6]:PORT, or :PORT for all interfaces; empty for "
            "no such agent.",
            flags=("--snmp.agent.listen",),
        )
    )
    allow_insecure_off_loopback: bool = from_option(
        Option(
            key="snmp.agent.allow_insecure_off_loopback",
            default=False,
            read=boolean,
            help="Whether communities, and users without auth, may also read on addresses other than loopback.",
        )
    )
    communities: tuple[Community, ...] = from_option(
        Option(
            key="snmp.agent.community",
            default=[],
            read=_COMMUNITIES,
            help="Communities that may read over SNMPv2c, one table each.",
        )
    )
    users: tuple[UsmUser, ...] = from_option(
        Option(
            key="snmp.agent.user",
            default=[],
            read=_USERS,
            help="Users that may read over SNMPv3, one table each.",
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SnmpConfig:
    """SNMP, through the host's snmpd and from the built-in agent.

    Attributes:
        agentx: the address of the host's snmpd; None to serve without it.
        root: HA-CLUSTER-MIB, below the configured root.
        max_age: seconds after which a request triggers a new collection.
        state_directory: the directory of the engine ID and boots.
        agent: the built-in agent.
    """

    agentx: AgentxAddress | None = from_option(
        Option(
            key="snmp.agentx",
            default="unix:/var/agentx/master",
            read=_agentx,
            help="The host's snmpd to serve through, over AgentX: unix:PATH, tcp:HOST:PORT, or off.",
            flags=("--snmp.agentx",),
        )
    )
    root: Mib = from_option(
        Option(
            key="snmp.root",
            default=DEFAULT_ROOT,
            read=_root,
            help="OID below which HA-CLUSTER-MIB is served.",
            flags=("--snmp.root",),
        )
    )
    max_age: float = from_option(
        Option(
            key="snmp.max_age",
            default=15.0,
            read=seconds,
            help="Age of the snapshot in seconds at which an SNMP request triggers a new collection; the request "
            "itself is answered at once.",
            flags=("--snmp.max-age",),
        )
    )
    state_directory: Path = from_option(
        Option(
            key="snmp.state_directory",
            default="/var/lib/ha-cluster-gateway",
            read=absolute_path,
            help="Directory where SNMPv3 stores its engine ID and the number of restarts; used by the gateway only.",
        )
    )
    agent: AgentConfig = from_section(AgentConfig)
