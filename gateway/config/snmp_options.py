"""The options of SNMP: the subagent, the built-in agent, and who may ask it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway.frontends.snmp.subagent.address import MAX_PATH, parse_agentx
from gateway.options.model import Field, Option, Records, Rule
from gateway.options.readers import (
    MistakeError,
    MistakesError,
    addresses_if_any,
    given_path,
    octets,
    one_of,
    parse_address,
    seconds,
    switch,
)
from gateway.snmp.credentials import (
    MAX_NAME,
    MIN_PASSWORD,
    Community,
    UsmUser,
    is_insecure,
    is_loopback,
)
from gateway.snmp.mib.module import DEFAULT_ROOT, ENTERPRISES, MAX_ROOT, root_arcs
from gateway.snmp.usm_protocols import AUTH_PROTOCOLS, NONE, PRIV_PROTOCOLS

# --- Readers ---------------------------------------------------------------------------------------------------------


def _root(value: Any) -> str:
    try:
        arcs = root_arcs(value if isinstance(value, str) else "")
    except ValueError:
        raise MistakeError(
            f"an OID below {ENTERPRISES} of at most {MAX_ROOT} numbers (more leave no room for indexes)"
        ) from None
    return ".".join((ENTERPRISES, *map(str, arcs)))


def _agentx(value: Any) -> str:
    try:
        parse_agentx(value if isinstance(value, str) else "")
    except ValueError:
        raise MistakeError(
            f'"unix:PATH" with an absolute path of at most {MAX_PATH} bytes, "tcp:HOST:PORT" or "off"'
        ) from None
    return str(value)


def _protocol(protocols: Iterable[str], advice: Mapping[str, str]) -> Callable[[Any], str]:
    """Returns the reader of a protocol's name, with advice for those that are no longer to be used."""
    known = one_of(*protocols)

    def read(value: Any) -> str:
        if isinstance(value, str) and value.upper() in advice:
            raise MistakesError(("", advice[value.upper()]))
        return known(value)

    return read


_MD5 = 'MD5 is not supported, for it can be broken: take "SHA-256", or "SHA" for what has no SHA-2'
_DES = 'DES is not supported, for it can be broken: take "AES"'


def _password(value: Any) -> str:
    if not isinstance(value, str) or len(value) < MIN_PASSWORD:
        raise MistakeError(f"a text of at least {MIN_PASSWORD} characters")
    return value


_LONGEST_LINE = 4096


def _password_file(value: Any) -> str:
    """Returns the password in the first line of a file that others cannot read."""
    path = Path(given_path(value))
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            line = file.readline(_LONGEST_LINE).strip()
    except OSError as error:
        raise MistakesError(("", f"{path}: {error.strerror or error}")) from None
    except ValueError:
        raise MistakesError(("", f"{path}: not text in UTF-8")) from None
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise MistakesError(("", f"{path}: everyone can read or write it; chmod 600 {path}"))
    if len(line) < MIN_PASSWORD:
        raise MistakesError(("", f"{path}: expected a first line of at least {MIN_PASSWORD} characters"))
    return line


# --- Records ---------------------------------------------------------------------------------------------------------

USM_FIELDS = (
    Field(
        name="auth",
        read=_protocol(AUTH_PROTOCOLS, {"MD5": _MD5}),
        help=f"How the user's messages are authenticated: {', '.join(AUTH_PROTOCOLS)}.",
        example="SHA-256",
    ),
    Field(
        name="auth_password",
        read=_password,
        help=f"The password for that, of at least {MIN_PASSWORD} characters.",
        example="change me",
        secret=True,
    ),
    Field(
        name="auth_password_file",
        read=_password_file,
        help="Or a file that has it in its first line, and that others cannot read.",
        example="/etc/ha-cluster-gateway/auth",
    ),
    Field(
        name="priv",
        read=_protocol(PRIV_PROTOCOLS, {"DES": _DES, "3DES": _DES}),
        help=f"How they are encrypted: {', '.join(PRIV_PROTOCOLS)}.",
        example="AES",
        default=NONE,
    ),
    Field(
        name="priv_password",
        read=_password,
        help=f"The password for that, of at least {MIN_PASSWORD} characters.",
        example="change me, too",
        secret=True,
    ),
    Field(
        name="priv_password_file",
        read=_password_file,
        help="Or a file that has it in its first line, and that others cannot read.",
        example="/etc/ha-cluster-gateway/priv",
    ),
)
"""What describes a user of SNMPv3, but for the name."""


def usm_user(name: str, values: Mapping[str, Any]) -> UsmUser:
    """Returns the user that ``USM_FIELDS`` describe.

    Raises:
        MistakesError: they do not go together.
    """
    problems = [problem for kind in ("auth", "priv") for problem in _password_problems(kind, values)]
    if values["auth"] in {None, NONE} and values["priv"] != NONE:
        problems.append((".priv", f'there is no privacy without authentication: set auth, or priv = "{NONE}"'))
    if problems:
        raise MistakesError(*problems)
    return UsmUser(
        name=name,
        auth=values["auth"],
        auth_password=values["auth_password"] or values["auth_password_file"] or "",
        priv=values["priv"],
        priv_password=values["priv_password"] or values["priv_password_file"] or "",
    )


def _password_problems(kind: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    protocol, password, file = values[kind], f"{kind}_password", f"{kind}_password_file"
    given = [name for name in (password, file) if values[name] is not None]
    if protocol is None:
        yield f".{kind}", f"missing: one of {', '.join(AUTH_PROTOCOLS)}"
    elif protocol == NONE and given:
        yield f".{given[0]}", f'there is no use for it with {kind} = "{NONE}"'
    elif protocol != NONE and not given:
        yield f".{password}", f"missing: {kind} takes it, or {file}"
    elif len(given) > 1:
        yield f".{file}", f"there is {password}, too: leave one of them out"


_COMMUNITIES = Records(
    key="snmp.agent.community",
    fields=(
        Field(
            name="name",
            read=octets(255),
            help="Its name: whoever knows it may read, and it crosses the network in clear.",
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
        Field(name="name", read=octets(MAX_NAME), help="The user's name.", example="monitoring", required=True),
        *USM_FIELDS,
    ),
    make=lambda values: usm_user(values["name"], values),
    unique="name",
)


# --- Rules -----------------------------------------------------------------------------------------------------------


def _somebody_may_ask(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if values["snmp.agent.listen"] and not (values["snmp.agent.community"] or values["snmp.agent.user"]):
        yield "snmp.agent.listen", "nobody may ask there: add a [[snmp.agent.user]] or a [[snmp.agent.community]]"


_INSECURE = (
    "{} is not on loopback: whoever listens on the network can learn a community, or pose as a user without auth; "
    "have users with auth only, or set snmp.agent.allow_insecure_off_loopback = true"
)


def _insecure_is_meant(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if (
        is_insecure(values["snmp.agent.community"], values["snmp.agent.user"])
        and not (values["snmp.agent.allow_insecure_off_loopback"])
    ):
        for address in values["snmp.agent.listen"]:
            if not is_loopback(parse_address(address)[0]):
                yield "snmp.agent.listen", _INSECURE.format(address)


# --- The table -------------------------------------------------------------------------------------------------------

OPTIONS: tuple[Option[Any], ...] = (
    Option(
        key="snmp.agentx",
        default="unix:/var/agentx/master",
        read=_agentx,
        help="The host's snmpd to serve through, by AgentX: unix:PATH, tcp:HOST:PORT, or off.",
        flags=("--snmp.agentx",),
    ),
    Option(
        key="snmp.root",
        default=DEFAULT_ROOT,
        read=_root,
        help="Where HA-CLUSTER-MIB stands in the tree of OIDs.",
        flags=("--snmp.root",),
    ),
    Option(
        key="snmp.max_age",
        default=15.0,
        read=seconds,
        help="Seconds from which on a request over SNMP starts a new collection; it is answered at once all the same.",
        flags=("--snmp.max-age",),
    ),
    Option(
        key="snmp.state_directory",
        default="/var/lib/ha-cluster-gateway",
        read=given_path,
        help="Where SNMPv3 keeps who it is and how often it has started; a directory of the gateway's own.",
    ),
    Option(
        key="snmp.agent.listen",
        default=[],
        read=addresses_if_any,
        help="UDP addresses of the built-in agent: HOST:PORT, [IPv6]:PORT, :PORT for all interfaces; empty for none.",
        flags=("--snmp.agent.listen",),
    ),
    Option(
        key="snmp.agent.allow_insecure_off_loopback",
        default=False,
        read=switch,
        help="Whether it answers communities, and users without auth, on other addresses than loopback, too.",
    ),
    Option(
        key="snmp.agent.community",
        default=[],
        read=_COMMUNITIES,
        help="Communities that may read by SNMPv2c, each in a table of its own.",
    ),
    Option(
        key="snmp.agent.user",
        default=[],
        read=_USERS,
        help="Users that may read by SNMPv3, each in a table of its own.",
    ),
)

_AGENT = (
    "snmp.agent.listen",
    "snmp.agent.community",
    "snmp.agent.user",
    "snmp.agent.allow_insecure_off_loopback",
)

RULES: tuple[Rule, ...] = (Rule(keys=_AGENT, check=_somebody_may_ask), Rule(keys=_AGENT, check=_insecure_is_meant))
