"""The options of SNMP: the subagent, the built-in agent, and its communities and users."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gateway.config.secret_files import FILE_HELP, secret_file
from gateway.config.section import from_option, from_section
from gateway.config.usm_options import USM_FIELDS, usm_user
from gateway.frontends.snmp.subagent.address import MAX_PATH, parse_agentx
from gateway.frontends.snmp.subagent.address import Address as AgentxAddress
from gateway.network import Address, Network
from gateway.options.model import Field, Option, Records
from gateway.options.readers import (
    InvalidValueError,
    absolute_path,
    addresses_or_none,
    boolean,
    networks,
    seconds,
    text,
)
from gateway.snmp import oid as oids
from gateway.snmp.credentials import MAX_COMMUNITY, MAX_NAME, Community, UsmUser
from gateway.snmp.mib.module import DEFAULT_ROOT, ENTERPRISES, MAX_ROOT, Mib, mib, root_arcs
from gateway.snmp.oid import Oid

# --- Readers ---------------------------------------------------------------------------------------------------------


def _root(value: Any) -> Mib:
    try:
        return mib(_canonical_root(value if isinstance(value, str) else ""))
    except ValueError:
        raise InvalidValueError(
            f"an OID below {ENTERPRISES} of at most {MAX_ROOT} numbers (more leave no room for indexes)"
        ) from None


def _canonical_root(text: str) -> str:
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


def _subtrees(value: Any) -> tuple[Oid, ...]:
    try:
        if isinstance(value, list) and value:
            return tuple(oids.parse(text if isinstance(text, str) else "") for text in value)
    except ValueError:
        pass
    raise InvalidValueError(f'a list of OIDs, such as ["{DEFAULT_ROOT}"]')


# --- Records ---------------------------------------------------------------------------------------------------------

_VIEW = Field(
    name="view",
    read=_subtrees,
    help="Subtrees that may be read; everything if it is not set.",
    example=[f"{DEFAULT_ROOT}.1.8"],
    default=(),
)

_COMMUNITIES = Records(
    key="snmp.agent.community",
    fields=(
        Field(
            name="name",
            read=text(MAX_COMMUNITY),
            help="Name of the community. Anyone who knows it may read; it crosses the network unencrypted.",
            example="change me",
            required=True,
            secret=True,
        ),
        Field(
            name="name_file",
            read=secret_file(text(MAX_COMMUNITY)),
            help=FILE_HELP.format("the name", "name"),
            example="/etc/ha-cluster-gateway/community",
            instead_of="name",
        ),
        _VIEW,
    ),
    make=lambda values: Community(name=values["name"], view=values["view"]),
    unique="name",
)

_USERS = Records(
    key="snmp.agent.user",
    fields=(
        Field(name="name", read=text(MAX_NAME), help="Name of the user.", example="monitoring", required=True),
        *USM_FIELDS,
        _VIEW,
    ),
    make=lambda values: replace(usm_user(values["name"], values), view=values["view"]),
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
            help="UDP addresses of the built-in agent: HOST:PORT, [IPv6]:PORT, or :PORT for all interfaces; empty to "
            "disable it.",
            flags=("--snmp.agent.listen",),
            reloadable=True,
        )
    )
    allow: tuple[Network, ...] = from_option(
        Option(
            key="snmp.agent.allow",
            default=[],
            read=networks,
            help="Addresses and networks that may send requests, such as 10.0.0.0/24; empty for all. Others get no "
            "response.",
            reloadable=True,
        )
    )
    allow_insecure_off_loopback: bool = from_option(
        Option(
            key="snmp.agent.allow_insecure_off_loopback",
            default=False,
            read=boolean,
            help="Whether communities, and users without auth, may also read on addresses other than loopback.",
            reloadable=True,
        )
    )
    communities: tuple[Community, ...] = from_option(
        Option(
            key="snmp.agent.community",
            default=[],
            read=_COMMUNITIES,
            help="Communities that may read over SNMPv2c, one table each.",
            reloadable=True,
        )
    )
    users: tuple[UsmUser, ...] = from_option(
        Option(
            key="snmp.agent.user",
            default=[],
            read=_USERS,
            help="Users that may read over SNMPv3, one table each.",
            reloadable=True,
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
            help="Age of the snapshot, in seconds, above which an SNMP request starts a new collection. The request "
            "itself is answered from the old one.",
            flags=("--snmp.max-age",),
            reloadable=True,
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
