"""The built-in agent, asked by Net-SNMP's tools and by hand-made messages, over a MIB of some thousand variables."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import random
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder  # type: ignore[import-untyped]
from pysnmp.proto import rfc1902, rfc1905  # type: ignore[import-untyped]
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]
from pysnmp.proto.mpmod.rfc3412 import ScopedPDU, SNMPv3Message  # type: ignore[import-untyped]
from pysnmp.proto.secmod.rfc3414.service import UsmSecurityParameters  # type: ignore[import-untyped]
from structlog.testing import capture_logs

from gateway.errors import StartError
from gateway.frontends.snmp import engine_identity
from gateway.frontends.snmp.agent.agent import BuiltInAgent
from gateway.frontends.snmp.agent.command_responder import MAX_MESSAGE, UNFRAGMENTED, CommandResponder
from gateway.frontends.snmp.agent.commands import ErrorStatus, Request, RequestKind, execute
from gateway.frontends.snmp.agent.view import MibView, fitting
from gateway.frontends.snmp.agent.view import scalars as scalar_group
from gateway.frontends.snmp.variable import Cell, Variable
from gateway.frontends.snmp.variable_table import VariableTable
from gateway.snmp import oid as oids
from gateway.snmp.credentials import Community, UsmUser
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.oid import Oid
from gateway.snmp.usm_protocols import AUTH_PROTOCOLS, PRIV_PROTOCOLS
from gateway.snmp.values import SearchRange, Type
from tests.conftest import open_descriptors
from tests.programs import environment, installed

ROOT = "1.3.6.1.4.1.8072.9999.9999.9664"
COLUMN = f"{ROOT}.1.2.1"
SYS_DESCR = "1.3.6.1.2.1.1.1.0"
USM_STATS = "1.3.6.1.6.3.15.1.1"
USM_USERS = "1.3.6.1.6.3.15.1.2"
DESCRIPTION = "ha-cluster-gateway 1.2.3"
NO_COMMUNITIES: tuple[Community, ...] = ()


class Simple(VariableTable):
    """A MIB of six columns with a value of each kind, and 500 rows."""

    def __init__(self, rows: int = 500) -> None:
        source = random.Random(1)
        root = oids.parse(ROOT)
        self.variables: dict[Oid, Cell] = {}
        self.failing = False
        for row in range(rows):
            values: tuple[tuple[Type, int | bytes], ...] = (
                (Type.INTEGER, row - 5),
                (Type.OCTET_STRING, source.randbytes(source.randrange(256))),
                (Type.COUNTER64, 2**64 - 1 - row),
                (Type.GAUGE32, 2**32 - 1 - row),
                (Type.OBJECT_IDENTIFIER, root),
                (Type.OCTET_STRING, b"row %d" % row),
            )
            for column, (kind, value) in enumerate(values, 1):
                self.variables[oids.parse(f"{COLUMN}.{column}.{row}")] = Cell(kind, value)
        self.names = sorted(self.variables)
        super().__init__(root, objects=[root], names=self.names, cells=[self.variables[name] for name in self.names])

    def get(self, names: Sequence[Oid]) -> list[Variable]:
        if self.failing:
            raise RuntimeError("for a test")
        return super().get(names)


MIB = Simple()
SMALL_MIB = Simple(rows=50)

USERS = [
    UsmUser(name="nobody"),
    *(
        UsmUser(
            name=f"{auth}/{priv}",
            auth=auth,
            auth_password="auth password",
            priv=priv,
            priv_password="" if priv == "none" else "priv password",
        )
        for auth in list(AUTH_PROTOCOLS)[1:]
        for priv in PRIV_PROTOCOLS
    ),
]


@contextlib.asynccontextmanager
async def serving(
    *,
    mib: Simple = MIB,
    addresses: Sequence[tuple[str, int]] = (("127.0.0.1", 0),),
    communities: Sequence[Community] = (Community(name="public"),),
    users: Sequence[UsmUser] = (),
    identity: EngineIdentity | None = None,
) -> AsyncIterator[BuiltInAgent]:
    agent = BuiltInAgent(
        source=mib,
        identity=identity or engine_identity.ephemeral(),
        addresses=addresses,
        communities=communities,
        users=users,
        description=DESCRIPTION,
        name="node1",
    )
    await agent.start()
    try:
        yield agent
    finally:
        await agent.close()


class Done(NamedTuple):
    status: int
    lines: list[str]
    error: str


V2C = ("-v2c", "-c", "public")


def as_user(user: UsmUser, *, auth: str = "auth password", priv: str = "priv password") -> tuple[str, ...]:
    level = ("noAuthNoPriv", "authNoPriv", "authPriv")[user.level - 1]
    with_auth = ("-a", user.auth, "-A", auth) if user.auth != "none" else ()
    with_priv = ("-x", user.priv, "-X", priv) if user.priv != "none" else ()
    return ("-v3", "-u", user.name, "-l", level, *with_auth, *with_priv)


NET_SNMP = tempfile.mkdtemp(prefix="net-snmp-")
"""Where Net-SNMP's tools keep what they want to keep; what they do not find they make."""
atexit.register(shutil.rmtree, NET_SNMP)


async def net_snmp(tool: str, agent: BuiltInAgent, *arguments: str, who: Sequence[str] = V2C, at: int = 0) -> Done:
    """Runs one of Net-SNMP's tools, with numeric output, while the agent goes on."""
    process = await asyncio.create_subprocess_exec(
        installed(tool),
        *("-On", "-r0", "-t3", *who),
        f"udp6:{agent.addresses[at]}" if agent.addresses[at].startswith("[") else agent.addresses[at],
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": environment()["PATH"], "MIBS": "", "HOME": NET_SNMP, "SNMP_PERSISTENT_DIR": NET_SNMP},
    )
    output, error = await process.communicate()
    assert process.returncode is not None
    return Done(process.returncode, output.decode().splitlines(), error.decode())


# --- By Net-SNMP's tools, SNMPv2c ------------------------------------------------------------------------------------


async def test_get() -> None:
    async with serving() as agent:
        names = [SYS_DESCR, f"{COLUMN}.1.0", f"{COLUMN}.3.0", f"{COLUMN}.4.1", f"{COLUMN}.5.2", f"{COLUMN}.6.499"]
        done = await net_snmp("snmpget", agent, *names)
        assert done.lines == [
            f'.{SYS_DESCR} = STRING: "{DESCRIPTION}"',
            f".{COLUMN}.1.0 = INTEGER: -5",
            f".{COLUMN}.3.0 = Counter64: 18446744073709551615",
            f".{COLUMN}.4.1 = Gauge32: 4294967294",
            f".{COLUMN}.5.2 = OID: .{ROOT}",
            f'.{COLUMN}.6.499 = STRING: "row 499"',
        ]
        assert agent.requests == {"get": 1, "getnext": 0, "getbulk": 0, "set": 0}


async def test_the_groups_that_every_agent_has() -> None:
    identity = EngineIdentity(engine_id=bytes.fromhex("80001f880501020304"), boots=7)
    async with serving(identity=identity) as agent:
        system = await net_snmp("snmpwalk", agent, "1.3.6.1.2.1.1")
        assert re.fullmatch(r"\.1\.3\.6\.1\.2\.1\.1\.3\.0 = Timeticks: \(\d+\) 0:00:0\d\.\d\d", system.lines.pop(2))
        assert system.lines == [
            f'.1.3.6.1.2.1.1.1.0 = STRING: "{DESCRIPTION}"',
            f".1.3.6.1.2.1.1.2.0 = OID: .{ROOT}",
            '.1.3.6.1.2.1.1.4.0 = ""',
            '.1.3.6.1.2.1.1.5.0 = STRING: "node1"',
            '.1.3.6.1.2.1.1.6.0 = ""',
            ".1.3.6.1.2.1.1.7.0 = INTEGER: 64",
        ]
        engine = await net_snmp("snmpwalk", agent, "1.3.6.1.6.3.10.2.1")
        assert engine.lines == [
            ".1.3.6.1.6.3.10.2.1.1.0 = Hex-STRING: 80 00 1F 88 05 01 02 03 04 ",
            ".1.3.6.1.6.3.10.2.1.2.0 = INTEGER: 7",
            f".1.3.6.1.6.3.10.2.1.3.0 = INTEGER: {identity.time}",
            f".1.3.6.1.6.3.10.2.1.4.0 = INTEGER: {MAX_MESSAGE}",
        ]


async def test_what_there_is_not() -> None:
    async with serving() as agent:
        none = [SYS_DESCR.removesuffix(".0"), f"{COLUMN}.1.500", f"{SYS_DESCR}.1", "1.3.6.1.2.1.1.9.0", "1.3.6.1.2.1.2"]
        done = await net_snmp("snmpget", agent, *none)
        assert [line.partition(" = ")[2] for line in done.lines] == [
            "No Such Instance currently exists at this OID",
            "No Such Instance currently exists at this OID",
            "No Such Instance currently exists at this OID",
            "No Such Object available on this agent at this OID",
            "No Such Object available on this agent at this OID",
        ]


def walked(lines: Sequence[str]) -> list[Oid]:
    """Returns the names of a walk's lines; strings may go over several of them."""
    return [
        oids.parse(found[1]) for line in lines if (found := re.match(r"(\.1\.3\.6\.1\.[\d.]+) = (?!No more)", line))
    ]


ONE_BY_ONE = [("snmpwalk",), ("snmpbulkwalk", "-Cr1")]
WALKS = [*ONE_BY_ONE, ("snmpbulkwalk",), ("snmpbulkwalk", "-Cr1000")]


@pytest.mark.parametrize("tool", WALKS, ids=" ".join)
async def test_a_walk_over_all_ends_where_the_view_ends(tool: tuple[str, ...]) -> None:
    mib = SMALL_MIB if tool in ONE_BY_ONE else MIB
    async with serving(mib=mib) as agent:
        done = await net_snmp(tool[0], agent, *tool[1:], "1")
        found = walked(done.lines)
        assert found == sorted(set(found))
        assert [name for name in found if name.startswith(MIB.root)] == mib.names
        groups = [
            oids.dotted(name).rpartition(".")[0].rpartition(".")[0] for name in found if name not in mib.variables
        ]
        assert sorted(set(groups)) == [
            "1.3.6.1.2.1.1",
            "1.3.6.1.2.1.11",
            "1.3.6.1.6.3.10.2.1",
            "1.3.6.1.6.3.11.2.1",
            "1.3.6.1.6.3.12.1",
            USM_STATS,
        ]
        end = await net_snmp("snmpgetnext", agent, oids.dotted(found[-1]))
        assert end.lines == [
            f".{oids.dotted(found[-1])} = No more variables left in this MIB View (It is past the end of the MIB tree)"
        ]


@pytest.mark.parametrize("tool", WALKS, ids=" ".join)
async def test_a_walk_over_the_mib_stays_within(tool: tuple[str, ...]) -> None:
    mib = SMALL_MIB if tool in ONE_BY_ONE else MIB
    async with serving(mib=mib) as agent:
        done = await net_snmp(tool[0], agent, *tool[1:], ROOT)
        assert walked(done.lines) == mib.names
        assert done.status == 0


async def test_a_bulk_of_columns_and_a_non_repeater() -> None:
    async with serving() as agent:
        done = await net_snmp(
            "snmpbulkget", agent, "-Cn1", "-Cr3", "1.3.6.1.2.1.1.4", f"{COLUMN}.1.490", f"{COLUMN}.6.10"
        )
        assert done.lines == [
            '.1.3.6.1.2.1.1.4.0 = ""',
            f".{COLUMN}.1.491 = INTEGER: 486",
            f'.{COLUMN}.6.11 = STRING: "row 11"',
            f".{COLUMN}.1.492 = INTEGER: 487",
            f'.{COLUMN}.6.12 = STRING: "row 12"',
            f".{COLUMN}.1.493 = INTEGER: 488",
            f'.{COLUMN}.6.13 = STRING: "row 13"',
        ]


async def test_a_bulk_is_cut_to_what_needs_no_fragments() -> None:
    async with serving() as agent:
        done = await net_snmp("snmpbulkget", agent, "-Cr1000", f"{COLUMN}.2")
        found = walked(done.lines)
        assert found == MIB.names[500 : 500 + len(found)]
        assert 3 <= len(found) < 50


async def test_what_has_no_room_is_too_big() -> None:
    async with serving() as agent:
        names = [f"{COLUMN}.2.{row}" for row in range(100)]
        done = await net_snmp("snmpget", agent, *names)
        assert "Reason: (tooBig) Response message would have been too large." in done.error
        assert done.lines == []
        fits = await net_snmp("snmpget", agent, *names[:40])
        assert walked(fits.lines) == [oids.parse(name) for name in names[:40]]
        following = await net_snmp("snmpgetnext", agent, *names)
        assert "(tooBig)" in following.error


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (SYS_DESCR, "notWritable"),
        (f"{COLUMN}.6.1", "notWritable"),
        (f"{ROOT}.99", "notWritable"),
        ("1.3.6.1.2.1.2.1.0", "noAccess"),
        (f"{USM_USERS}.1.0", "noAccess"),
    ],
)
async def test_nothing_can_be_set(name: str, reason: str) -> None:
    async with serving() as agent:
        done = await net_snmp("snmpset", agent, name, "s", "x")
        assert done.status == 2
        assert f"Reason: {reason}" in done.error
        assert f"Failed object: .{name}" in done.error
        assert agent.requests["set"] == 1
        assert (await net_snmp("snmpget", agent, SYS_DESCR)).lines == [f'.{SYS_DESCR} = STRING: "{DESCRIPTION}"']


@pytest.mark.parametrize("who", [("-v2c", "-c", "wrong"), ("-v2c", "-c", ""), ("-v1", "-c", "public")])
async def test_a_wrong_community_or_version_gets_no_answer(who: tuple[str, ...]) -> None:
    async with serving() as agent:
        done = await net_snmp("snmpget", agent, SYS_DESCR, who=(*who, "-t0.3"))
        assert "Timeout: No Response" in done.error
        assert (agent.refused, agent.malformed) == (1, 0)
        counters = await net_snmp("snmpget", agent, "1.3.6.1.2.1.11.3.0", "1.3.6.1.2.1.11.4.0")
        assert [line.rpartition(" ")[2] for line in counters.lines] == (["1", "0"] if "-v1" in who else ["0", "1"])


async def test_a_community_of_any_letters() -> None:
    async with serving(communities=[Community(name="grün äöü"), Community(name="x" * 255)]) as agent:
        for name in ("grün äöü", "x" * 255):
            done = await net_snmp("snmpget", agent, SYS_DESCR, who=("-v2c", "-c", name))
            assert done.status == 0
        done = await net_snmp("snmpget", agent, SYS_DESCR, who=("-v2c", "-c", "community1", "-t0.3"))
        assert "Timeout" in done.error


# --- By Net-SNMP's tools, SNMPv3 -------------------------------------------------------------------------------------


async def test_every_authentication_and_encryption() -> None:
    async with serving(users=USERS, communities=NO_COMMUNITIES) as agent:
        for user in USERS:
            done = await net_snmp("snmpget", agent, SYS_DESCR, who=as_user(user))
            assert done.lines == [f'.{SYS_DESCR} = STRING: "{DESCRIPTION}"'], (user, done.error)
        assert agent.refused == 0
        assert agent.malformed == 0


STRONG = UsmUser(name="größe", auth="SHA-256", auth_password="auth password", priv="AES", priv_password="priv password")
AUTHENTIC = UsmUser(name="authentic", auth="SHA-512", auth_password="auth password")


async def test_a_walk_in_cipher() -> None:
    async with serving(users=[STRONG]) as agent:
        done = await net_snmp("snmpbulkwalk", agent, "-Cr50", ROOT, who=as_user(STRONG))
        assert walked(done.lines) == MIB.names


async def usm_stats(agent: BuiltInAgent) -> dict[str, int]:
    done = await net_snmp("snmpget", agent, *(f"{USM_STATS}.{number}.0" for number in range(1, 7)))
    names = ("levels", "windows", "users", "engines", "digests", "decryptions")
    values = [int(line.rpartition(" ")[2]) for line in done.lines]
    return dict(zip(names, values, strict=True))


@pytest.mark.parametrize(
    ("who", "counter", "message"),
    [
        (as_user(STRONG, auth="wrong password"), "digests", "Authentication failure"),
        (as_user(AUTHENTIC, auth="wrong password"), "digests", "Authentication failure"),
        (as_user(UsmUser(name="unknown")), "users", "Unknown user name"),
        (as_user(UsmUser(name=STRONG.name)), "levels", "Unsupported security level"),
        (as_user(UsmUser(name=AUTHENTIC.name)), "levels", "Unsupported security level"),
        (as_user(UsmUser(name=STRONG.name, auth="SHA-256")), "levels", "Unsupported security level"),
        (as_user(UsmUser(name=AUTHENTIC.name, auth="SHA-512", priv="AES")), "levels", "Timeout"),
        (as_user(UsmUser(name="nobody", auth="SHA")), "levels", "Timeout"),
        (as_user(STRONG, priv="wrong password"), "decryptions", "Decryption error"),
    ],
)
async def test_who_may_not_ask_by_v3(who: tuple[str, ...], counter: str, message: str) -> None:
    async with serving(users=[STRONG, AUTHENTIC, UsmUser(name="nobody")]) as agent:
        done = await net_snmp("snmpget", agent, SYS_DESCR, who=(*who, "-t1"))
        assert done.lines == []
        assert done.status != 0
        assert message in done.error
        stats = await usm_stats(agent)
        assert stats[counter] == 1
        assert agent.refused == 1
        assert sum(stats.values()) - stats["engines"] - stats["windows"] == 1


async def test_the_table_of_users_cannot_be_seen() -> None:
    async with serving(users=[STRONG]) as agent:
        for who in (V2C, as_user(STRONG)):
            walk = await net_snmp("snmpwalk", agent, USM_USERS, who=who)
            assert walked(walk.lines) == []
            got = await net_snmp("snmpgetnext", agent, USM_USERS, who=who)
            assert "No more variables left" in got.lines[0]
            own = await net_snmp("snmpwalk", agent, "1.3.6.1.6.3.16", who=who)
            assert walked(own.lines) == []


async def test_a_context_that_there_is_not() -> None:
    async with serving(users=[AUTHENTIC]) as agent:
        done = await net_snmp("snmpget", agent, SYS_DESCR, who=(*as_user(AUTHENTIC), "-n", "other"))
        assert done.error == "snmpget: Bad context specified\n"
        counter = await net_snmp("snmpget", agent, "1.3.6.1.6.3.12.1.5.0")
        assert counter.lines[0].endswith(" = Counter32: 1")
        assert agent.refused == 1


async def test_clients_go_on_after_a_restart(tmp_path: Any) -> None:
    boots = []
    for _ in range(3):
        identity = engine_identity.begin_boot(tmp_path / "state")
        async with serving(users=[STRONG], identity=identity) as agent:
            done = await net_snmp("snmpget", agent, "1.3.6.1.6.3.10.2.1.2.0", SYS_DESCR, who=as_user(STRONG))
            boots.append(done.lines[0].rpartition(" ")[2])
            # one who still believes in the boot before is told the new one, and goes on
            late = await net_snmp("snmpget", agent, SYS_DESCR, who=(*as_user(STRONG), "-Z", f"{identity.boots - 1},9"))
            assert late.status == 0
            assert (await usm_stats(agent))["windows"] >= 1
    assert boots == ["1", "2", "3"]


# --- Addresses -------------------------------------------------------------------------------------------------------


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            return False
    return True


async def test_several_addresses() -> None:
    addresses = [("127.0.0.1", 0), ("127.0.0.2", 0), *([("::1", 0)] if has_ipv6() else [])]
    async with serving(addresses=addresses) as agent:
        assert len(agent.addresses) == len(addresses)
        for at in range(len(addresses)):
            assert (await net_snmp("snmpget", agent, SYS_DESCR, at=at)).status == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1"])
async def test_the_answer_comes_from_where_it_was_asked(host: str) -> None:
    if host == "::1" and not has_ipv6():
        pytest.skip("this host has no IPv6")
    async with serving(addresses=[("", 0)]) as agent:
        port = int(agent.addresses[0].rpartition(":")[2])
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0)
            await asyncio.get_running_loop().sock_sendto(sock, get([SYS_DESCR]), (host, port))
            async with asyncio.timeout(5):
                _, sender = await asyncio.get_running_loop().sock_recvfrom(sock, 10000)
        assert sender[:2] == (host, port)


async def test_localhost() -> None:
    async with serving(addresses=[("localhost", 0)]) as agent:
        assert agent.addresses


async def test_an_address_in_use() -> None:
    async with serving() as agent:
        host, _, port = agent.addresses[0].rpartition(":")
        before = open_descriptors()
        with pytest.raises(StartError) as caught:
            async with serving(addresses=[("127.0.0.1", 0), (host, int(port))]):
                pass
        assert str(caught.value) == f"cannot listen on UDP {host}:{port}: Address already in use"
        assert open_descriptors() == before
        assert (await net_snmp("snmpget", agent, SYS_DESCR)).status == 0


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (("203.0.113.1", 161), "cannot listen on UDP 203.0.113.1:161: Cannot assign requested address"),
        (("2001:db8::1", 161), r"cannot listen on UDP \[2001:db8::1\]:161: "),
        (("no.such.host.invalid", 161), "cannot listen on UDP no.such.host.invalid:161: "),
        (("x" * 70 + ".example", 161), "cannot listen on UDP xxx"),
    ],
)
async def test_an_address_that_cannot_be_listened_on(address: tuple[str, int], message: str) -> None:
    with pytest.raises(StartError, match=message):
        async with serving(addresses=[address]):
            pass


async def test_closing_frees_the_addresses() -> None:
    before = open_descriptors()
    async with serving() as agent:
        host, _, port = agent.addresses[0].rpartition(":")
        await agent.close()
        assert agent.addresses == ()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((host, int(port)))
    assert open_descriptors() == before


@pytest.mark.parametrize(
    ("host", "communities", "users", "warned"),
    [
        ("", [Community(name="public")], [], True),
        ("", [], [UsmUser(name="nobody")], True),
        ("", [], [AUTHENTIC], False),
        ("127.0.0.1", [Community(name="public")], [], False),
    ],
)
async def test_what_is_insecure_is_warned_of(
    host: str, communities: list[Community], users: list[UsmUser], *, warned: bool
) -> None:
    with capture_logs() as logs:
        async with serving(addresses=[(host, 0)], communities=communities, users=users):
            pass
    assert [event["log_level"] for event in logs] == (["warning"] if warned else [])
    assert "public" not in repr(logs)


async def test_the_event_loop_goes_on_while_keys_are_made() -> None:
    longest = 0.0
    running = True

    async def watch() -> None:
        nonlocal longest
        while running:
            before = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - before)

    watching = asyncio.create_task(watch())
    async with serving(users=USERS):
        running = False
    await watching
    assert longest < 0.25  # of more than a second in all; a loaded machine adds to it


def test_pysnmp_is_for_agents_in_use() -> None:
    code = "import sys; import gateway.frontends.snmp.agent.agent; sys.exit('pysnmp' in sys.modules)"

    async def run() -> int:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, env=environment())
        return await process.wait()

    assert asyncio.run(run()) == 0


# --- By hand-made messages -------------------------------------------------------------------------------------------


def pdu(kind: Any, names: Sequence[str], **bulk: int) -> Any:
    made = kind()
    api = v2c.apiBulkPDU if kind is rfc1905.GetBulkRequestPDU else v2c.apiPDU
    api.set_defaults(made)
    api.set_varbinds(made, [(rfc1902.ObjectName(name), rfc1902.Null("")) for name in names])
    if bulk:
        api.set_non_repeaters(made, bulk["non_repeaters"])
        api.set_max_repetitions(made, bulk["max_repetitions"])
    return made


def message(made: Any, community: str | bytes = "public") -> bytes:
    whole = v2c.Message()
    v2c.apiMessage.set_defaults(whole)
    v2c.apiMessage.set_community(whole, community)
    v2c.apiMessage.set_pdu(whole, made)
    encoded = encoder.encode(whole)
    assert isinstance(encoded, bytes)
    return encoded


def get(names: Sequence[str]) -> bytes:
    return message(pdu(rfc1905.GetRequestPDU, names))


def bulk(names: Sequence[str], *, non_repeaters: int = 0, max_repetitions: int = 10) -> bytes:
    made = pdu(rfc1905.GetBulkRequestPDU, names, non_repeaters=non_repeaters, max_repetitions=max_repetitions)
    return message(made)


def message_v3(
    made: Any, *, engine_id: bytes, user: bytes = b"nobody", flags: int = 4, size: int = 65507, boots: int = 0
) -> bytes:
    """Returns a message without protection."""
    whole = SNMPv3Message()
    whole[0] = 3
    for position, value in enumerate((1, size, bytes([flags]), 3)):
        whole[1][position] = value
    parameters = UsmSecurityParameters()
    for position, value in enumerate((engine_id, boots, 0, user, b"", b"")):
        parameters[position] = value
    whole[2] = encoder.encode(parameters)
    scoped = ScopedPDU()
    scoped[0], scoped[1] = engine_id, b""
    loose = {"verifyConstraints": False, "matchTags": False, "matchConstraints": False}
    scoped.setComponentByPosition(2)
    scoped[2].setComponentByType(made.tagSet, made, **loose)
    whole[3].setComponentByPosition(0, scoped, **loose)
    encoded = encoder.encode(whole)
    assert isinstance(encoded, bytes)
    return encoded


class Answered(NamedTuple):
    status: int
    fault: int
    varbinds: list[tuple[Oid, Any]]


def answered(encoded: bytes | None) -> Answered:
    """Takes an answer apart, of either version."""
    assert encoded is not None
    version = encoded[4] if encoded[1] < 0x80 else encoded[4 + (encoded[1] & 0x7F)]
    if version == 3:
        whole, rest = decoder.decode(encoded, asn1Spec=SNMPv3Message())
        found = whole[3][0][2].getComponent()
    else:
        whole, rest = decoder.decode(encoded, asn1Spec=v2c.Message())
        found = v2c.apiMessage.get_pdu(whole)
    assert rest == b""
    return Answered(
        int(v2c.apiPDU.get_error_status(found)),
        int(v2c.apiPDU.get_error_index(found, muteErrors=True)),
        [(oids.encode(name), value) for name, value in v2c.apiPDU.get_varbinds(found)],
    )


IDENTITY = EngineIdentity(engine_id=bytes.fromhex("80001f880501020304"), boots=1)


def responder(mib: Simple = MIB) -> CommandResponder:
    return CommandResponder(
        identity=IDENTITY, communities=[Community(name="public")], users=[UsmUser(name="nobody"), STRONG], sources=[mib]
    )


@pytest.fixture(scope="module")
def shared() -> CommandResponder:
    """One for tests that look at answers only."""
    return responder()


@pytest.mark.parametrize(
    ("names", "non_repeaters", "max_repetitions", "count"),
    [
        ([f"{COLUMN}.1"], 0, 3, 3),
        ([f"{COLUMN}.1"], 0, 0, 0),
        ([f"{COLUMN}.1"], 9, 5, 1),
        ([f"{COLUMN}.1", f"{COLUMN}.4"], 1, 2, 3),
        ([], 0, 10, 0),
        ([], 5, 10, 0),
        (["1.3.7"], 0, 1000, 1),
        (["1.3.7", "2.0"], 0, 1000, 2),
        ([f"{USM_STATS}.6.0"], 0, 10, 1),
        ([f"{USM_STATS}.5.0"], 0, 10, 2),
        (["0", "0.0"], 0, 1, 2),
    ],
)
def test_how_much_a_bulk_brings(
    names: list[str], non_repeaters: int, max_repetitions: int, count: int, shared: CommandResponder
) -> None:
    names = [name if "." in name else f"{name}.0" for name in names]
    done = answered(shared.process_message(bulk(names, non_repeaters=non_repeaters, max_repetitions=max_repetitions)))
    assert done.status == 0
    assert len(done.varbinds) == count


def test_a_bulk_goes_on_over_the_end_of_the_mib(shared: CommandResponder) -> None:
    done = answered(shared.process_message(bulk([f"{COLUMN}.6.498", "1.3.7"], max_repetitions=3)))
    names = [oids.dotted(name) for name, _ in done.varbinds]
    engine = "1.3.6.1.6.3.10.2.1"
    assert names == [f"{COLUMN}.6.499", "1.3.7", f"{engine}.1.0", "1.3.7", f"{engine}.2.0", "1.3.7"]
    assert [value.tagSet == rfc1905.EndOfMibView.tagSet for _, value in done.varbinds] == [False, True] * 3


def test_a_bulk_of_large_values_is_whole_and_cut(shared: CommandResponder) -> None:
    names = [f"{COLUMN}.2", f"{COLUMN}.2.100", f"{COLUMN}.2.200"]
    encoded = shared.process_message(bulk(names, max_repetitions=2**31 - 1))
    assert encoded is not None
    done = answered(encoded)
    assert done.varbinds[0][0] == MIB.names[500]
    assert len(done.varbinds) % 3 == 0
    assert len(encoded) <= UNFRAGMENTED + 3 * 300


@pytest.mark.parametrize("size", [484, 600, 1000, 1472, 4000])
def test_no_answer_is_larger_than_the_other_side_takes(size: int, shared: CommandResponder) -> None:
    for made in (
        pdu(rfc1905.GetBulkRequestPDU, [f"{COLUMN}.2"] * 5, non_repeaters=0, max_repetitions=1000),
        pdu(rfc1905.GetBulkRequestPDU, [f"{COLUMN}.2"] * 20, non_repeaters=20, max_repetitions=0),
    ):
        encoded = shared.process_message(message_v3(made, engine_id=IDENTITY.engine_id, size=size))
        assert encoded is not None
        assert len(encoded) <= size
        done = answered(encoded)
        assert done.status == 0
        assert done.varbinds
    wanted = pdu(rfc1905.GetRequestPDU, [f"{COLUMN}.2.{row}" for row in range(40)])
    encoded = shared.process_message(message_v3(wanted, engine_id=IDENTITY.engine_id, size=size))
    assert encoded is not None
    assert len(encoded) <= size
    assert answered(encoded) == Answered(ErrorStatus.TOO_BIG, 0, [])


def test_an_answer_can_use_all_the_room_that_there_is(shared: CommandResponder) -> None:
    sizes = [
        len(shared.process_message(get([f"{COLUMN}.2.{row}" for row in range(count)])) or b"") for count in range(1, 90)
    ]
    assert MAX_MESSAGE - 400 < max(sizes) <= MAX_MESSAGE


def test_a_set_that_would_not_fit_is_too_big(shared: CommandResponder) -> None:
    made = pdu(rfc1905.SetRequestPDU, [f"{COLUMN}.2.{row}" for row in range(40)])
    encoded = shared.process_message(message_v3(made, engine_id=IDENTITY.engine_id, size=484))
    assert answered(encoded) == Answered(ErrorStatus.TOO_BIG, 0, [])


def test_an_empty_request(shared: CommandResponder) -> None:
    for kind in (rfc1905.GetRequestPDU, rfc1905.GetNextRequestPDU, rfc1905.SetRequestPDU):
        assert answered(shared.process_message(message(pdu(kind, [])))) == Answered(0, 0, [])


def test_what_goes_wrong_inside_is_told_to_both_sides() -> None:
    mib = Simple(rows=1)
    tested = responder(mib)
    mib.failing = True
    with capture_logs() as logs:
        done = answered(tested.process_message(get([SYS_DESCR, f"{COLUMN}.1.0"])))
    assert done.status == ErrorStatus.GEN_ERR
    assert [oids.dotted(name) for name, _ in done.varbinds] == [SYS_DESCR, f"{COLUMN}.1.0"]
    assert [event["event"] for event in logs] == ["request failed"]
    mib.failing = False
    assert answered(tested.process_message(get([f"{COLUMN}.1.0"]))).status == 0


def test_a_user_without_a_name_may_nothing(shared: CommandResponder) -> None:
    refused = shared.refused
    made = pdu(rfc1905.GetRequestPDU, [SYS_DESCR])
    encoded = shared.process_message(message_v3(made, engine_id=IDENTITY.engine_id, user=b""))
    assert answered(encoded).status == ErrorStatus.AUTHORIZATION_ERROR
    assert shared.refused == refused + 1


@pytest.mark.parametrize("kind", [rfc1905.ResponsePDU, rfc1905.InformRequestPDU, rfc1905.SNMPv2TrapPDU])
def test_what_is_no_request_gets_no_answer(kind: Any, shared: CommandResponder) -> None:
    before = shared.malformed + shared.refused
    assert shared.process_message(message(pdu(kind, [SYS_DESCR]))) is None
    assert shared.malformed + shared.refused == before + 1


@pytest.mark.parametrize("name", ["1.3." + "1." * 126 + "1", "1.3.4294967296", "1.3.6.1.4.1.99999999999999"])
def test_names_that_are_none_are_dropped(name: str) -> None:
    tested = responder()
    assert tested.process_message(get([name])) is None
    assert (tested.malformed, tested.counters["snmpInASNParseErrs"]) == (1, 1)
    assert answered(tested.process_message(get([SYS_DESCR + ".1" * 100]))).status == 0


@pytest.mark.parametrize(
    "datagram", [b"", b"\0", b"0", b"\x30\x80" * 4000, b"\x30\x82\xff\xff" + bytes(100), bytes(MAX_MESSAGE + 1)]
)
def test_what_is_no_message_is_dropped_and_counted(datagram: bytes) -> None:
    tested = responder()
    assert tested.process_message(datagram) is None
    assert (tested.malformed, tested.refused, tested.counters["snmpInASNParseErrs"]) == (1, 0, 1)


def test_ten_thousand_random_datagrams(shared: CommandResponder) -> None:
    source = random.Random(7)
    malformed, errors = shared.malformed, shared.counters["snmpInASNParseErrs"]
    for _ in range(10_000):
        assert shared.process_message(source.randbytes(source.randrange(1500))) is None
    assert shared.malformed == malformed + 10_000
    assert shared.counters["snmpInASNParseErrs"] == errors + 10_000
    assert answered(shared.process_message(get([SYS_DESCR.replace("1.1.0", "11.1.0")]))).status == 0


async def test_random_datagrams_over_the_network() -> None:
    source = random.Random(8)
    async with serving() as agent:
        host, _, port = agent.addresses[0].rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _ in range(500):
                sock.sendto(source.randbytes(source.randrange(1500)), (host, int(port)))
                await asyncio.sleep(0)
        done = await net_snmp("snmpget", agent, SYS_DESCR, "1.3.6.1.2.1.11.6.0")
        assert done.status == 0
        assert done.lines[1].endswith(f" = Counter32: {agent.malformed}")
        assert agent.malformed == 500


def damaged(good: bytes, source: random.Random) -> bytes:
    bad = bytearray(good)
    for _ in range(source.randrange(1, 4)):
        bad[source.randrange(len(bad))] = source.randrange(256)
    return bytes(bad[: source.randrange(len(bad) + 1)] if source.random() < 0.2 else bad)


@pytest.mark.parametrize(
    "good",
    [
        get([SYS_DESCR]),
        bulk([SYS_DESCR, f"{COLUMN}.2"]),
        message_v3(pdu(rfc1905.GetRequestPDU, [SYS_DESCR]), engine_id=IDENTITY.engine_id),
        message_v3(pdu(rfc1905.GetRequestPDU, [SYS_DESCR]), engine_id=IDENTITY.engine_id, user=STRONG.name.encode()),
    ],
    ids=["get", "bulk", "v3", "v3 unauthentic"],
)
def test_damaged_messages_do_no_harm(good: bytes, shared: CommandResponder) -> None:
    source = random.Random(9)
    for _ in range(1000):
        shared.process_message(damaged(good, source))
    assert answered(shared.process_message(get([SYS_DESCR]))).status == 0
    assert answered(shared.process_message(good)).varbinds


@pytest.mark.parametrize(("engine_id", "user"), [(None, b""), (IDENTITY.engine_id, None)], ids=["engines", "users"])
def test_nothing_grows_with_what_strangers_send(
    engine_id: bytes | None, user: bytes | None, shared: CommandResponder
) -> None:
    source = random.Random(10)
    made = pdu(rfc1905.GetRequestPDU, [SYS_DESCR])
    for _ in range(1999):
        stranger = source.randbytes(12) if engine_id is None else engine_id
        name = source.randbytes(8) if user is None else user
        shared.process_message(message_v3(made, engine_id=stranger, user=name))
    # where pysnmp forgets nothing, it keeps two or three things of each
    assert sum(map(len, tables_of_models(shared))) < 3500


def tables_of_models(tested: CommandResponder) -> list[Any]:
    """Returns all that can grow in pysnmp's models."""
    engine = tested._engine._engine
    models = [*engine.message_processing_subsystems.values(), *engine.security_models.values()]
    values = [value for model in models for value in vars(model).values()]
    values += [inner for value in values if type(value).__name__ == "Cache" for inner in vars(value).values()]
    values += [inner for value in values if isinstance(value, dict) for inner in value.values()]
    return [value for value in values if isinstance(value, dict | list)]


@pytest.mark.parametrize("name", ["snmpInPkts", "snmpInASNParseErrs", "snmpInBadCommunityNames"])
def test_a_counter_that_is_full_begins_again(name: str) -> None:
    tested = responder()
    tested._engine.counter("SNMPv2-MIB", name)._set(2**32 - 1)
    for datagram in (
        bytes(MAX_MESSAGE + 1),
        b"",
        message(pdu(rfc1905.GetRequestPDU, [SYS_DESCR]), "wrong"),
        get([SYS_DESCR]),
    ):
        tested.process_message(datagram)
    assert tested.counters[name] < 5
    assert answered(tested.process_message(get([SYS_DESCR]))).status == 0


def test_pysnmp_keeps_nothing_where_others_find_it(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    responder()
    assert list(tmp_path.iterdir()) == []


def test_the_time_of_the_engine_is_not_the_clock_on_the_wall() -> None:
    started = time.monotonic() - 1000
    tested = CommandResponder(
        identity=EngineIdentity(engine_id=IDENTITY.engine_id, boots=3, started=started),
        communities=[Community(name="public")],
        users=[],
        sources=[],
    )
    symbol = tested._engine._symbol("__SNMP-FRAMEWORK-MIB", "snmpEngineTime")
    assert 1000 <= int(symbol.syntax.clone()) <= 1010
    (varbind,) = answered(tested.process_message(get(["1.3.6.1.6.3.10.2.1.3.0"]))).varbinds
    assert 1000 <= int(varbind[1]) <= 1010


# --- Pure parts: the view --------------------------------------------------------------------------------------------


def scalars(root: str, *numbers: int) -> VariableTable:
    name = oids.parse(root)
    return scalar_group(name, {name + oids.encode((number,)): (Type.INTEGER, lambda: 1) for number in numbers})


VIEW = MibView([scalars("1.3.5", 1, 2), scalars("1.3.1", 7), scalars("1.3.9"), scalars("1.3.7", 1)])


def names_behind(name: str, count: int = 10) -> list[str]:
    found = []
    start = oids.parse(name)
    for _ in range(count):
        (varbind,) = VIEW.get_next([start])
        if varbind.cell.type is Type.END_OF_MIB_VIEW:
            assert varbind.oid == start
            break
        start = varbind.oid
        found.append(oids.dotted(start))
    return found


def test_subtrees_follow_each_other() -> None:
    assert names_behind("1") == ["1.3.1.7.0", "1.3.5.1.0", "1.3.5.2.0", "1.3.7.1.0"]
    assert names_behind("1.3.1.7.0") == ["1.3.5.1.0", "1.3.5.2.0", "1.3.7.1.0"]
    assert names_behind("1.3.5.1") == ["1.3.5.1.0", "1.3.5.2.0", "1.3.7.1.0"]
    assert names_behind("1.3.6") == ["1.3.7.1.0"]
    assert names_behind("1.3.7.1.0") == []
    assert names_behind("2.1") == []


def test_many_names_at_once() -> None:
    names = list(map(oids.parse, ("1.3.5.2.0", "1", "1.3.8", "1.3.5.1.0")))
    found = VIEW.get_next(names)
    assert [oids.dotted(varbind.oid) for varbind in found] == ["1.3.7.1.0", "1.3.1.7.0", "1.3.8", "1.3.5.2.0"]
    got = VIEW.get([oids.parse("1.3.5.2.0"), oids.parse("1.3.5.2"), oids.parse("1.3.5.3"), oids.parse("1.3.5.2.0")])
    kinds = [Type.INTEGER, Type.NO_SUCH_INSTANCE, Type.NO_SUCH_OBJECT, Type.INTEGER]
    assert [variable.cell.type for variable in got] == kinds


@pytest.mark.parametrize(("name", "inside"), [("1.3.5", True), ("1.3.9.1", True), ("1.3", False), ("1.3.50", False)])
def test_what_is_in_the_view(name: str, *, inside: bool) -> None:
    assert (oids.parse(name) in VIEW) is inside


@given(st.lists(st.binary(max_size=20), max_size=20), st.integers(0, 200))
def test_what_fits_is_as_much_as_has_room(varbinds: list[bytes], room: int) -> None:
    chosen = list(fitting(varbinds, room))
    assert chosen == varbinds[: len(chosen)]
    assert sum(map(len, chosen)) <= room
    assert len(chosen) == len(varbinds) or sum(map(len, varbinds[: len(chosen) + 1])) > room


@pytest.mark.parametrize(("non_repeaters", "max_repetitions", "count"), [(-1, 2, 4), (0, -1, 0), (1, -1, 1)])
def test_negative_numbers_of_a_bulk_count_as_none(non_repeaters: int, max_repetitions: int, count: int) -> None:
    names = [oids.parse("1.3"), oids.parse("1.3.5")]
    request = Request(
        kind=RequestKind.GET_BULK,
        names=names,
        room=1000,
        enough=1000,
        non_repeaters=non_repeaters,
        max_repetitions=max_repetitions,
    )
    assert len(execute(VIEW, request).varbinds or ()) == count


def test_rows_that_would_not_be_sent_are_not_asked_for() -> None:
    asked = []

    class Counting(Simple):
        def get_next(self, ranges: Sequence[SearchRange]) -> list[Variable]:
            asked.append(len(ranges))
            return super().get_next(ranges)

    request = Request(
        kind=RequestKind.GET_BULK, names=[oids.parse(f"{COLUMN}.6")], room=8000, enough=1000, max_repetitions=5000
    )
    response = execute(MibView([Counting()]), request)
    assert response.varbinds is not None
    assert len(response.varbinds) == len(asked)
    assert 900 < sum(map(len, response.varbinds)) <= 1000
