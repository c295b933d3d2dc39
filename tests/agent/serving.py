"""Runs the built-in agent, and queries it with Net-SNMP's tools."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from gateway.frontends.snmp import engine_identity
from gateway.frontends.snmp.agent.agent import AgentSettings, BuiltInAgent
from gateway.network import Network
from gateway.snmp import oid as oids
from gateway.snmp.credentials import Community, UsmUser
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.oid import Oid
from tests.agent.mib import MIB, ExampleMib
from tests.programs import environment, installed

DESCRIPTION = "ha-cluster-gateway 1.2.3"
NO_COMMUNITIES: tuple[Community, ...] = ()


@contextlib.asynccontextmanager
async def serving(
    *,
    mib: ExampleMib = MIB,
    addresses: Sequence[tuple[str, int]] = (("127.0.0.1", 0),),
    communities: Sequence[Community] = (Community(name="public"),),
    users: Sequence[UsmUser] = (),
    allowed: Sequence[Network] = (),
    identity: EngineIdentity | None = None,
) -> AsyncIterator[BuiltInAgent]:
    settings = AgentSettings(
        addresses=addresses,
        communities=communities,
        users=users,
        allowed=allowed,
        identity=identity or engine_identity.ephemeral(),
    )
    agent = BuiltInAgent(settings, source=mib, description=DESCRIPTION, name="node1")
    await agent.start()
    try:
        yield agent
    finally:
        await agent.close()


class ToolResult(NamedTuple):
    status: int
    lines: list[str]
    error: str


COMMUNITY_OPTIONS = ("-v2c", "-c", "public")


def user_options(user: UsmUser, *, auth: str = "auth password", priv: str = "priv password") -> tuple[str, ...]:
    level = ("noAuthNoPriv", "authNoPriv", "authPriv")[user.level - 1]
    with_auth = ("-a", user.auth, "-A", auth) if user.auth != "none" else ()
    with_priv = ("-x", user.priv, "-X", priv) if user.priv != "none" else ()
    return ("-v3", "-u", user.name, "-l", level, *with_auth, *with_priv)


NET_SNMP = tempfile.mkdtemp(prefix="net-snmp-")
"""A home and state directory for Net-SNMP's tools."""
atexit.register(shutil.rmtree, NET_SNMP)


async def net_snmp(
    tool: str, agent: BuiltInAgent, *arguments: str, options: Sequence[str] = COMMUNITY_OPTIONS, at: int = 0
) -> ToolResult:
    """Runs one of Net-SNMP's tools with numeric output, while the agent is running."""
    process = await asyncio.create_subprocess_exec(
        installed(tool),
        *("-On", "-r0", "-t3", *options),
        f"udp6:{agent.addresses[at]}" if agent.addresses[at].startswith("[") else agent.addresses[at],
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": environment()["PATH"], "MIBS": "", "HOME": NET_SNMP, "SNMP_PERSISTENT_DIR": NET_SNMP},
    )
    output, error = await process.communicate()
    assert process.returncode is not None
    return ToolResult(process.returncode, output.decode().splitlines(), error.decode())


def walked(lines: Sequence[str]) -> list[Oid]:
    """Returns the names in the output of a walk; a string value may span several lines."""
    return [
        oids.parse(match[1]) for line in lines if (match := re.match(r"(\.1\.3\.6\.1\.[\d.]+) = (?!No more)", line))
    ]
