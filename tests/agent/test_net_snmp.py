"""The built-in agent, queried by Net-SNMP's tools."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

from gateway.frontends.snmp import engine_identity
from gateway.frontends.snmp.agent.agent import BuiltInAgent
from gateway.snmp import oid as oids
from gateway.snmp.credentials import Community, UsmUser
from gateway.snmp.decoding import MAX_MESSAGE
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.usm_security import UserSecurity
from tests.agent.mib import AUTHENTIC, COLUMN, MIB, ROOT, SMALL_MIB, STRONG, SYS_DESCR, USERS, USM_STATS, USM_USERS
from tests.agent.serving import COMMUNITY_OPTIONS, DESCRIPTION, NO_COMMUNITIES, net_snmp, serving, user_options, walked

pytestmark = pytest.mark.daemon

# --- SNMPv2c ---------------------------------------------------------------------------------------------------------


async def test_get_returns_values_of_every_type() -> None:
    async with serving() as agent:
        names = [SYS_DESCR, f"{COLUMN}.1.0", f"{COLUMN}.3.0", f"{COLUMN}.4.1", f"{COLUMN}.5.2", f"{COLUMN}.6.499"]
        result = await net_snmp("snmpget", agent, *names)
        assert result.lines == [
            f'.{SYS_DESCR} = STRING: "{DESCRIPTION}"',
            f".{COLUMN}.1.0 = INTEGER: -5",
            f".{COLUMN}.3.0 = Counter64: 18446744073709551615",
            f".{COLUMN}.4.1 = Gauge32: 4294967294",
            f".{COLUMN}.5.2 = OID: .{ROOT}",
            f'.{COLUMN}.6.499 = STRING: "row 499"',
        ]
        assert agent.requests == {"get": 1, "getnext": 0, "getbulk": 0, "set": 0}


async def test_the_system_group_and_the_snmp_counters_are_served() -> None:
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


async def test_missing_objects_and_instances() -> None:
    async with serving() as agent:
        none = [SYS_DESCR.removesuffix(".0"), f"{COLUMN}.1.500", f"{SYS_DESCR}.1", "1.3.6.1.2.1.1.9.0", "1.3.6.1.2.1.2"]
        result = await net_snmp("snmpget", agent, *none)
        assert [line.partition(" = ")[2] for line in result.lines] == [
            "No Such Instance currently exists at this OID",
            "No Such Instance currently exists at this OID",
            "No Such Instance currently exists at this OID",
            "No Such Object available on this agent at this OID",
            "No Such Object available on this agent at this OID",
        ]


ONE_BY_ONE = [("snmpwalk",), ("snmpbulkwalk", "-Cr1")]
WALKS = [*ONE_BY_ONE, ("snmpbulkwalk",), ("snmpbulkwalk", "-Cr1000")]


@pytest.mark.parametrize("tool", WALKS, ids=" ".join)
async def test_a_walk_of_the_whole_tree_returns_every_variable_once(tool: tuple[str, ...]) -> None:
    mib = SMALL_MIB if tool in ONE_BY_ONE else MIB
    async with serving(mib=mib) as agent:
        result = await net_snmp(tool[0], agent, *tool[1:], "1")
        names = walked(result.lines)
        assert names == sorted(set(names))
        assert [name for name in names if name.startswith(MIB.root)] == mib.names
        groups = [
            oids.dotted(name).rpartition(".")[0].rpartition(".")[0] for name in names if name not in mib.variables
        ]
        assert sorted(set(groups)) == [
            "1.3.6.1.2.1.1",
            "1.3.6.1.2.1.11",
            "1.3.6.1.6.3.10.2.1",
            "1.3.6.1.6.3.11.2.1",
            "1.3.6.1.6.3.12.1",
            USM_STATS,
        ]
        end = await net_snmp("snmpgetnext", agent, oids.dotted(names[-1]))
        assert end.lines == [
            f".{oids.dotted(names[-1])} = No more variables left in this MIB View (It is past the end of the MIB tree)"
        ]


@pytest.mark.parametrize("tool", WALKS, ids=" ".join)
async def test_a_walk_of_the_mib_ends_with_the_mib(tool: tuple[str, ...]) -> None:
    mib = SMALL_MIB if tool in ONE_BY_ONE else MIB
    async with serving(mib=mib) as agent:
        result = await net_snmp(tool[0], agent, *tool[1:], ROOT)
        assert walked(result.lines) == mib.names
        assert result.status == 0


async def test_get_bulk_with_a_non_repeater() -> None:
    async with serving() as agent:
        result = await net_snmp(
            "snmpbulkget", agent, "-Cn1", "-Cr3", "1.3.6.1.2.1.1.4", f"{COLUMN}.1.490", f"{COLUMN}.6.10"
        )
        assert result.lines == [
            '.1.3.6.1.2.1.1.4.0 = ""',
            f".{COLUMN}.1.491 = INTEGER: 486",
            f'.{COLUMN}.6.11 = STRING: "row 11"',
            f".{COLUMN}.1.492 = INTEGER: 487",
            f'.{COLUMN}.6.12 = STRING: "row 12"',
            f".{COLUMN}.1.493 = INTEGER: 488",
            f'.{COLUMN}.6.13 = STRING: "row 13"',
        ]


async def test_get_bulk_is_truncated_to_avoid_fragments() -> None:
    async with serving() as agent:
        result = await net_snmp("snmpbulkget", agent, "-Cr1000", f"{COLUMN}.2")
        names = walked(result.lines)
        assert names == MIB.names[500 : 500 + len(names)]
        assert 3 <= len(names) < 50


async def test_responses_that_do_not_fit_are_too_big() -> None:
    async with serving() as agent:
        names = [f"{COLUMN}.2.{row}" for row in range(100)]
        result = await net_snmp("snmpget", agent, *names)
        assert "Reason: (tooBig) Response message would have been too large." in result.error
        assert result.lines == []
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
async def test_set_is_refused(name: str, reason: str) -> None:
    async with serving() as agent:
        result = await net_snmp("snmpset", agent, name, "s", "x")
        assert result.status == 2
        assert f"Reason: {reason}" in result.error
        assert f"Failed object: .{name}" in result.error
        assert agent.requests["set"] == 1
        assert (await net_snmp("snmpget", agent, SYS_DESCR)).lines == [f'.{SYS_DESCR} = STRING: "{DESCRIPTION}"']


@pytest.mark.parametrize("options", [("-v2c", "-c", "wrong"), ("-v2c", "-c", ""), ("-v1", "-c", "public")])
async def test_there_is_no_response_to_a_wrong_community_or_version(options: tuple[str, ...]) -> None:
    async with serving() as agent:
        result = await net_snmp("snmpget", agent, SYS_DESCR, options=(*options, "-t0.3"))
        assert "Timeout: No Response" in result.error
        assert (agent.refused, agent.malformed) == (1, 0)
        counters = await net_snmp("snmpget", agent, "1.3.6.1.2.1.11.3.0", "1.3.6.1.2.1.11.4.0")
        assert [line.rpartition(" ")[2] for line in counters.lines] == (["1", "0"] if "-v1" in options else ["0", "1"])


async def test_communities_with_any_characters() -> None:
    async with serving(communities=[Community(name="grün äöü"), Community(name="x" * 255)]) as agent:
        for name in ("grün äöü", "x" * 255):
            result = await net_snmp("snmpget", agent, SYS_DESCR, options=("-v2c", "-c", name))
            assert result.status == 0
        result = await net_snmp("snmpget", agent, SYS_DESCR, options=("-v2c", "-c", "community1", "-t0.3"))
        assert "Timeout" in result.error


# --- SNMPv3 ----------------------------------------------------------------------------------------------------------


async def test_all_authentication_and_privacy_protocols() -> None:
    async with serving(users=USERS, communities=NO_COMMUNITIES) as agent:
        for user in USERS:
            result = await net_snmp("snmpget", agent, SYS_DESCR, options=user_options(user))
            assert result.lines == [f'.{SYS_DESCR} = STRING: "{DESCRIPTION}"'], (user, result.error)
        assert agent.refused == 0
        assert agent.malformed == 0


async def test_localized_keys_of_the_agents_engine_replace_passwords() -> None:
    identity = engine_identity.ephemeral()
    auth_key, priv_key = UserSecurity(STRONG).localize_keys(identity.engine_id)
    localized = dataclasses.replace(STRONG, auth_password="", auth_key=auth_key, priv_password="", priv_key=priv_key)
    async with serving(users=[localized], identity=identity) as agent:
        result = await net_snmp("snmpget", agent, SYS_DESCR, options=user_options(STRONG))
        assert result.lines == [f'.{SYS_DESCR} = STRING: "{DESCRIPTION}"']


async def test_an_encrypted_walk() -> None:
    async with serving(users=[STRONG]) as agent:
        result = await net_snmp("snmpbulkwalk", agent, "-Cr50", ROOT, options=user_options(STRONG))
        assert walked(result.lines) == MIB.names


async def usm_stats(agent: BuiltInAgent) -> dict[str, int]:
    result = await net_snmp("snmpget", agent, *(f"{USM_STATS}.{number}.0" for number in range(1, 7)))
    names = ("levels", "windows", "users", "engines", "digests", "decryptions")
    values = [int(line.rpartition(" ")[2]) for line in result.lines]
    return dict(zip(names, values, strict=True))


@pytest.mark.parametrize(
    ("options", "counter", "message"),
    [
        (user_options(STRONG, auth="wrong password"), "digests", "Authentication failure"),
        (user_options(AUTHENTIC, auth="wrong password"), "digests", "Authentication failure"),
        (user_options(UsmUser(name="unknown")), "users", "Unknown user name"),
        (user_options(UsmUser(name=STRONG.name)), "levels", "Unsupported security level"),
        (user_options(UsmUser(name=AUTHENTIC.name)), "levels", "Unsupported security level"),
        (user_options(UsmUser(name=STRONG.name, auth="SHA-256")), "levels", "Unsupported security level"),
        (
            user_options(UsmUser(name=AUTHENTIC.name, auth="SHA-512", priv="AES")),
            "levels",
            "Unsupported security level",
        ),
        (user_options(UsmUser(name="nobody", auth="SHA")), "levels", "Unsupported security level"),
        (user_options(STRONG, priv="wrong password"), "decryptions", "Decryption error"),
    ],
)
async def test_users_without_access(options: tuple[str, ...], counter: str, message: str) -> None:
    async with serving(users=[STRONG, AUTHENTIC, UsmUser(name="nobody")]) as agent:
        result = await net_snmp("snmpget", agent, SYS_DESCR, options=(*options, "-t1"))
        assert result.lines == []
        assert result.status != 0
        assert message in result.error
        stats = await usm_stats(agent)
        assert stats[counter] == 1
        assert agent.refused == 1
        assert sum(stats.values()) - stats["engines"] - stats["windows"] == 1


async def test_the_user_table_is_not_readable() -> None:
    async with serving(users=[STRONG]) as agent:
        for options in (COMMUNITY_OPTIONS, user_options(STRONG)):
            walk = await net_snmp("snmpwalk", agent, USM_USERS, options=options)
            assert walked(walk.lines) == []
            got = await net_snmp("snmpgetnext", agent, USM_USERS, options=options)
            assert "No more variables left" in got.lines[0]
            own = await net_snmp("snmpwalk", agent, "1.3.6.1.6.3.16", options=options)
            assert walked(own.lines) == []


async def test_an_unknown_context() -> None:
    async with serving(users=[AUTHENTIC]) as agent:
        result = await net_snmp("snmpget", agent, SYS_DESCR, options=(*user_options(AUTHENTIC), "-n", "other"))
        assert result.error == "snmpget: Bad context specified\n"
        counter = await net_snmp("snmpget", agent, "1.3.6.1.6.3.12.1.5.0")
        assert counter.lines[0].endswith(" = Counter32: 1")
        assert agent.refused == 1


async def test_managers_resynchronize_after_a_restart(tmp_path: Any) -> None:
    boots = []
    for _ in range(3):
        identity = engine_identity.begin_boot(tmp_path / "state")
        async with serving(users=[STRONG], identity=identity) as agent:
            result = await net_snmp("snmpget", agent, "1.3.6.1.6.3.10.2.1.2.0", SYS_DESCR, options=user_options(STRONG))
            boots.append(result.lines[0].rpartition(" ")[2])
            # a manager with the boots of the previous run gets a report, and resynchronizes
            resynchronized = await net_snmp(
                "snmpget", agent, SYS_DESCR, options=(*user_options(STRONG), "-Z", f"{identity.boots - 1},9")
            )
            assert resynchronized.status == 0
            assert (await usm_stats(agent))["windows"] >= 1
    assert boots == ["1", "2", "3"]


async def test_each_community_and_user_sees_its_view() -> None:
    columns = (oids.parse(f"{COLUMN}.3"), oids.parse(f"{COLUMN}.6"))
    communities = [Community(name="public"), Community(name="half", view=columns)]
    user = dataclasses.replace(STRONG, view=columns[:1])
    async with serving(mib=SMALL_MIB, communities=communities, users=[user]) as agent:
        for options, visible in (
            (("-v2c", "-c", "public"), SMALL_MIB.names),
            (("-v2c", "-c", "half"), [name for name in SMALL_MIB.names if name.startswith(columns)]),
            (user_options(user), [name for name in SMALL_MIB.names if name.startswith(columns[0])]),
        ):
            result = await net_snmp("snmpbulkwalk", agent, ROOT, options=options)
            assert walked(result.lines) == visible
        got = await net_snmp("snmpget", agent, SYS_DESCR, options=("-v2c", "-c", "half"))
        assert got.lines == [f".{SYS_DESCR} = No Such Object available on this agent at this OID"]
        refused = await net_snmp("snmpset", agent, SYS_DESCR, "s", "x", options=("-v2c", "-c", "half"))
        assert "Reason: noAccess" in refused.error


async def test_a_user_with_localized_keys() -> None:
    identity = EngineIdentity(engine_id=bytes.fromhex("80001f880501020304"), boots=7)
    keys = UserSecurity(STRONG).localize_keys(identity.engine_id)
    localized = dataclasses.replace(STRONG, auth_password="", auth_key=keys.auth, priv_password="", priv_key=keys.priv)
    async with serving(users=[localized], identity=identity) as agent:
        result = await net_snmp("snmpget", agent, SYS_DESCR, options=user_options(STRONG))
        assert result.lines == [f'.{SYS_DESCR} = STRING: "{DESCRIPTION}"']
