"""The configuration: valid and invalid values of every option, and the example that comes with the program."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import json
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog import CONDITIONS
from gateway.config import loader as config
from gateway.config.config import BY_KEY, OPTIONS, RULES, TABLES, Config
from gateway.config.loader import load
from gateway.config.secret_files import CREDENTIAL
from gateway.config.subsystem_options import TOOLS
from gateway.engine.mode import CollectorMode
from gateway.errors import ConfigError
from gateway.host.host import DEFAULT_MAX_OUTPUT, Tool
from gateway.log import LogFormat, LogLevel
from gateway.network import Address
from gateway.options.model import Records
from gateway.options.readers import InvalidValuesError
from gateway.snmp import oid as oids
from gateway.snmp.credentials import Community, SecurityLevel, UsmUser
from gateway.subsystems import SUBSYSTEMS
from tests.config_values import config_values, plain_defaults, plain_values
from tests.conftest import closed

SUBSYSTEM_NAMES = [subsystem.name for subsystem in SUBSYSTEMS]
TOOL_NAMES = [tool.name for tool in TOOLS]

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes()
FIELDS = sorted({field.name for option in OPTIONS if isinstance(option.read, Records) for field in option.read.fields})
KEYS = st.sampled_from(FIELDS) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=10)
"""Whatever can be in a file, and a little more."""

EXAMPLE = Path(__file__).parents[1] / "gateway.conf.example"


def problems(text: str, path: Path, flags: Mapping[str, Any] | None = None) -> list[str]:
    """Returns the problems of a file, without the name of the file that precedes each."""
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, flags or {})
    assert all(problem.startswith((f"{path}: ", "--")) for problem in caught.value.problems)
    return [problem.removeprefix(f"{path}: ") for problem in caught.value.problems]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gateway.conf"


# --- Values ----------------------------------------------------------------------------------------------------------

ADDRESS = 'expected "HOST:PORT", "[IPv6]:PORT" or ":PORT", or a list of these'
URL_PATH = (
    'expected a path such as "/metrics", of letters, digits and ._~+:@,=-, '
    "other than /-/healthy, /-/ready, /-/status.css"
)
NICE = "expected a whole number from 0 to 19"
COUNT = "expected a whole number of at least 1"
SECONDS_OR_ZERO = "expected 0 for never, or a number of seconds, more than 0 and at most 3600"
SECONDS = "expected a number of seconds, more than 0 and at most 3600"
LEVEL = 'expected one of "debug", "info", "warn", "error"'
FORMAT = 'expected one of "logfmt", "json"'
MODE = 'expected one of "auto", "on", "off"'
PATH = 'expected an absolute path, or "" to search for it'
ARGUMENTS = 'expected a list of words, such as ["sudo", "-n"]'
REQUIRED_PATH = "expected an absolute path"
AGENTX = 'expected "unix:PATH" with an absolute path of at most 107 bytes, "tcp:HOST:PORT" or "off"'
ROOT = "expected an OID below 1.3.6.1.4.1 of at most 10 numbers (more leave no room for indexes)"
LIBRARY_SOURCE = 'expected one of "auto", "tools", "library"'
BOOLEAN = "expected true or false"

INVALID: dict[str, tuple[str, list[str]]] = {
    "web.listen": (
        ADDRESS,
        [
            "9664",
            "true",
            "[]",
            '""',
            '"localhost"',
            '"localhost:"',
            '"localhost:http"',
            '"localhost:65536"',
            '"localhost:-1"',
            '"localhost:٣"',
            '"::1:9664"',
            '"[::1]"',
            '"[::1"',
            '"[]:9664"',
            '"http://localhost:9664"',
            '"a\\nb:9664"',
            '[":9664", 9665]',
            '[":9664", [":9665"]]',
            '{a = "secret"}',
        ],
    ),
    "web.telemetry_path": (
        URL_PATH,
        [
            '""',
            '"/"',
            '"metrics"',
            "1",
            '"/-/healthy"',
            '"/-/ready"',
            '"/-/status.css"',
            '"/a b"',
            '"/{a}"',
            '"/a?b"',
            '"/é"',
            '"//a"',
        ],
    ),
    "web.config_file": ('expected a path, or "" for no file', ["1", "true", "[]", '"/a\\nb"']),
    "web.healthy_without_password": (BOOLEAN, ['"yes"', "1"]),
    "web.max_connections_per_source": (COUNT, ["0", "-1", "true"]),
    "web.max_connections": (COUNT, ["0", "-1", "1.5", "true", '"many"', "[1]"]),
    "web.discovery_host": (
        'expected one of "name", "link0", "link1", "link2", "link3", "link4", "link5", "link6", "link7"',
        ['"link8"', '"Name"', "0", "[]"],
    ),
    "web.discovery_port": ("expected a whole number from 0 to 65535", ["-1", "65536", "true", '"http"']),
    "web.client_timeout": (SECONDS, ["0", "-1", "nan", "inf", "3600.1", "false", '"soon"', "[1]"]),
    "log.level": (LEVEL, ['"warning"', '"INFO"', "20", "[]", "{a = 1}"]),
    "log.format": (FORMAT, ['"xml"', "true"]),
    "corosync.statistics": ("expected auto, true or false", ['"yes"', "1"]),
    "corosync.source": (LIBRARY_SOURCE, ['"tool"', "true", "[]"]),
    "pacemaker.source": (LIBRARY_SOURCE, ['"Auto"', "1", '""']),
    "web.enable_lifecycle": (BOOLEAN, ['"yes"', "1"]),
    "corosync.config": (PATH, ['"corosync.conf"', "1", '"/a\\u0000b"', '"/a\\nb"']),
    "booth.config_directory": (PATH, ['"./booth"', "1", '"/a\\nb"']),
    "sbd.config": (PATH, ['"./sbd"', '["/etc/sbd"]']),
    "sbd.source": ('expected one of "auto", "device", "tool"', ['"sbd"', "true", '"Auto"']),
    "drbd.split_brain_directory": (PATH, ['"splitbrain"', "true"]),
    "snmp.agentx": (
        AGENTX,
        [
            '""',
            "true",
            '"on"',
            '"unix:"',
            '"unix:agentx"',
            '"/var/agentx/master"',
            '"tcp:705"',
            '"tcp:h:x"',
            '"off:"',
            '"tcp::705"',
            '"tcp:h:0"',
            '"udp:h:705"',
            '"unix:/a\\u0000b"',
        ],
    ),
    "snmp.root": (
        ROOT,
        [
            '""',
            "1",
            "1.3",
            '"1.3.6.1"',
            '"1.3.6.1.4.1"',
            '"1.3.6.1.2.1.1"',
            '"1.3.6.1.4.1.x"',
            '"enterprises.1"',
            '"1.3.6.1.4.1.1.2.3.4.5.6.7"',
            '"1.3.6.1.4.1.4294967296"',
            '"1.3.6.1.4.1..1"',
            '["1.3.6.1.4.1.1"]',
        ],
    ),
    "snmp.max_age": (SECONDS, ["0", "true", '"15s"']),
    "snmp.state_directory": (REQUIRED_PATH, ['""', '"state"', "1", '"/a\\nb"']),
    "snmp.agent.listen": (ADDRESS, ["161", '"localhost"', '[""]', '["::1:161"]', "{a = 1}"]),
    "snmp.agent.allow": (
        'expected a list of IP addresses and networks, such as ["10.0.0.0/24", "2001:db8::1"]',
        ['"10.0.0.0/8"', '["10.0.0.1/8"]', '["node1"]', "[10]", '["10.0.0.0/33"]', '[""]'],
    ),
    "snmp.agent.allow_insecure_off_loopback": (BOOLEAN, ['"yes"', "0"]),
    "alarms.interval": (SECONDS, ["0", "true", '"15s"']),
    "collectors.min_interval": (SECONDS_OR_ZERO, ["-1", "true", '"5s"', "3601"]),
    "alarms.send_from": ('expected one of "all", "dc"', ['"DC"', "true", '["dc"]']),
    "alarms.repeat_interval": (SECONDS, ["0", "true", '"60s"']),
    "alarms.heartbeat": (
        SECONDS_OR_ZERO,
        ["-1", "false", '"off"', "3601", "nan"],
    ),
    "alarms.burst": ("expected a whole number from 0 to 1000", ["-1", "1001", "2.5", "true", '"many"']),
    "alarms.raise_at_start": (
        'expected true, false, or one of "critical", "major", "minor", "warning", "info"',
        ['"yes"', "1", '"Major"', '["major"]'],
    ),
    **{f"alarms.{name}": (BOOLEAN, ['"yes"', "1"]) for name in ("native", "send_action", "agentx")},
    "alarms.compat": (
        'expected a list of "corosync", "pacemaker"',
        ['"corosync"', "true", '["Corosync"]', '["pacemaker", 1]', '[["corosync"]]'],
    ),
    "alarms.socket": ('expected an absolute path, or "" for none', ['"alert.sock"', "1"]),
    **{f"alarms.disable.{condition.name}": (BOOLEAN, ['"yes"', "0"]) for condition in CONDITIONS},
    "tools.nice": (NICE, ["-1", "20", '"low"', "0.5"]),
    **{f"collectors.{name}": (MODE, ['"yes"', "true", '"On"']) for name in SUBSYSTEM_NAMES},
    **{f"tools.{tool}.path": (PATH, ['"crm_mon"', "0", '"~/tool"']) for tool in TOOL_NAMES},
    **{f"tools.{tool}.max_output": (COUNT, ["0", "1e6", '"64 MiB"']) for tool in TOOL_NAMES},
    **{f"tools.{tool}.timeout": (SECONDS, ["0", "-5.0", '"5s"', "1979-05-27"]) for tool in TOOL_NAMES},
    **{
        f"tools.{tool}.prefix": (ARGUMENTS, ['"sudo -n"', "[1]", '[""]', '["a\\nb"]', "{a = 1}"]) for tool in TOOL_NAMES
    },
}


def test_every_option_has_invalid_values_to_test() -> None:
    assert INVALID.keys() == BY_KEY.keys() - {option.key for option in OPTIONS if isinstance(option.read, Records)}


def test_a_number_beyond_all_floats_is_an_invalid_duration(file: Path) -> None:
    (problem,) = problems(f"[web]\nclient_timeout = 1{400 * '0'}\n", file)
    assert problem.startswith(
        "web.client_timeout: expected a number of seconds, more than 0 and at most 3600, found 1000"
    )


@pytest.mark.parametrize("key", INVALID)
def test_an_invalid_value_is_reported_with_the_expected_one(key: str, file: Path) -> None:
    expected, values = INVALID[key]
    table, _, name = key.rpartition(".")
    for value in values:
        parsed = tomllib.loads(f"x = {value}")["x"]
        text = "{...}" if isinstance(parsed, dict) else json.dumps(parsed, default=str, ensure_ascii=False)
        assert problems(f"[{table}]\n{name} = {value}\n", file) == [f"{key}: {expected}, found {text}"]


def test_a_long_value_is_cut(file: Path) -> None:
    (problem,) = problems(f'[log]\nlevel = "{"x" * 1000}"\n', file)
    assert len(problem) < 200
    assert problem.endswith("xxx...")


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ('[web]\nlisten = "[::1]:0"', "web.listen", ("[::1]:0",)),
        ('[web]\nlisten = [":1", "h.example:65535"]', "web.listen", (":1", "h.example:65535")),
        ('[web]\ntelemetry_path = "/a/b_c.d/"', "web.telemetry_path", "/a/b_c.d/"),
        ("[web]\nclient_timeout = 3", "web.client_timeout", 3.0),
        ("[tools]\nnice = 19", "tools.nice", 19),
        ("[tools.sbd]\nmax_output = 1", "tools.sbd.max_output", 1),
        ('[tools.crm_mon]\npath = "/opt/é/crm_mon"', "tools.crm_mon.path", "/opt/é/crm_mon"),
        ("tools.sbd.timeout = 3600", "tools.sbd.timeout", 3600.0),
        ('tools = {corosync = {prefix = ["sudo", "-n"]}}', "tools.corosync.prefix", ("sudo", "-n")),
        ('[collectors]\ndrbd = "on"', "collectors.drbd", "on"),
        ('[snmp]\nagentx = "unix:/run/agentx"', "snmp.agentx", "unix:/run/agentx"),
        ('[snmp]\nagentx = "tcp:[::1]:705"', "snmp.agentx", "tcp:[::1]:705"),
        ('[snmp]\nagentx = "off"', "snmp.agentx", "off"),
        ('[snmp]\nroot = ".1.3.6.1.4.1.99999"', "snmp.root", "1.3.6.1.4.1.99999"),
        ("[snmp]\nmax_age = 0.5", "snmp.max_age", 0.5),
        ("[snmp.agent]\nlisten = []", "snmp.agent.listen", ()),
        (
            '[snmp.agent]\nallow = ["10.0.0.0/24", "2001:db8::1"]',
            "snmp.agent.allow",
            (IPv4Network("10.0.0.0/24"), IPv6Network("2001:db8::1/128")),
        ),
    ],
)
def test_each_valid_value_is_read(text: str, key: str, value: object, file: Path) -> None:
    file.write_text(text)
    assert plain_values(load(file, {}))[key] == value


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":9664", ("", 9664)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
        ("node1.example:1", ("node1.example", 1)),
        ("[::]:65535", ("::", 65535)),
        ("[fe80::1%eth0]:1", ("fe80::1%eth0", 1)),
    ],
)
def test_addresses_with_and_without_a_host(text: str, address: tuple[str, int]) -> None:
    assert Address.parse(text) == address


# --- Keys and files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[web]\nlisten_address = 1", ["web.listen_address: unknown key"]),
        ("[web]\ntelemetry-path = 1", ["web.telemetry-path: unknown key, did you mean web.telemetry_path?"]),
        ("[wbe]\nlisten = 1", ["wbe: unknown key, did you mean web?"]),
        ("[wbe]", ["wbe: unknown key, did you mean web?"]),
        ("[tools.crm-mon]\npath = 1", ["tools.crm-mon: unknown key, did you mean tools.crm_mon?"]),
        ("[tools.crm_mon]\ntimeot = 1", ["tools.crm_mon.timeot: unknown key, did you mean tools.crm_mon.timeout?"]),
        ("x = 1", ["x: unknown key"]),
        ('"" = 1', [": unknown key"]),
        ("web = 3", ["web: expected a table, found another value"]),
        ("[[web]]\nlisten = 1", ["web: expected a table, found another value"]),
        ("tools.sbd = true", ["tools.sbd: expected a table, found another value"]),
        ("[log.level]\na = 1", [f"log.level: {LEVEL}, found {{...}}"]),
        ("[web.config]\nfile = 1", ["web.config: unknown key"]),
    ],
)
def test_unknown_keys_and_tables(text: str, expected: list[str], file: Path) -> None:
    lines = problems(text, file)
    assert [problem.partition(", did you mean")[0] for problem in lines] == [
        problem.partition(", did you mean")[0] for problem in expected
    ]
    if "did you mean" in expected[0]:
        assert lines == expected


def test_all_problems_are_reported_at_once(file: Path) -> None:
    text = '[web]\nlisten = 1\nfoo = 2\n[log]\nlevel = "loud"\n[tools.sbd]\npath = "sbd"\ntimeout = -1\n[nothing]\n'
    lines = problems(text, file, {"log.format": "xml", "collectors.sbd": "maybe"})
    keys = [problem.partition(": ")[0] for problem in lines]
    assert keys == [
        "web.listen",
        "web.foo",
        "log.level",
        "tools.sbd.path",
        "tools.sbd.timeout",
        "nothing",
        "--log.format",
        "--collector.sbd",
    ]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (b"[web]\nlisten = \n", "(at line 2, column 10)"),
        (b"[web\n", "line 1"),
        (b"a = 1\na = 2\n", "line 2"),
        (b'a = "\xff"', "can't decode byte 0xff in position 5"),
        (b"a = " + b"[" * 100_000, ""),
        (b"a = " + b"9" * 5_000, "4300 digits"),
    ],
)
def test_a_syntax_error_is_reported_with_its_line(text: bytes, where: str, file: Path) -> None:
    file.write_bytes(text)
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    (problem,) = caught.value.problems
    assert problem.startswith(f"{file}: not TOML: ")
    assert where in problem
    assert "\n" not in problem


DENIED = r"Permission denied for \w+: /\S+ has mode 0\d{3} and belongs to \w+:\w+; run (chgrp|usermod) .*"
"""What is said if a permission is missing: whose, for what, and the command that gives it."""


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, reason in (
        (tmp_path / "missing", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (Path("/etc/passwd/x"), "Not a directory"),
    ):
        with pytest.raises(ConfigError) as caught:
            load(path, {})
        assert caught.value.problems == (f"{path}: {reason}",)
        assert not caught.value.is_denied
    file = tmp_path / "file"
    file.touch()
    with closed(file), pytest.raises(ConfigError) as caught:
        load(file, {})
    (problem,) = caught.value.problems
    assert re.fullmatch(f"{file}: {DENIED}", problem)
    assert caught.value.is_denied


def test_whether_a_permission_is_missing_does_not_depend_on_words(tmp_path: Path) -> None:
    secret = tmp_path / "Permission denied"
    with pytest.raises(ConfigError, match=f"{secret}: No such file") as caught:
        load(secret, {})
    assert not caught.value.is_denied
    secret.write_text("community\n")
    target = {"address": "localhost", "version": "2c", "community_file": str(secret)}
    with closed(secret), pytest.raises(ConfigError) as caught:
        load(None, {"alarms.target": [target]}, search=False)
    assert caught.value.is_denied


def test_flags_override_the_file(file: Path) -> None:
    file.write_text('[log]\nlevel = "debug"\nformat = "json"\n[web]\nlisten = ["a:1", "b:2"]\n')
    loaded = load(file, {"log.level": "error", "web.listen": [":3"]})
    assert (loaded.log.level, loaded.log.format, loaded.web.listen) == (
        LogLevel.ERROR,
        LogFormat.JSON,
        (Address("", 3),),
    )
    assert loaded.source == file


# --- Arrays of tables: communities and users --------------------------------------------------------------------------

SECRET = "correct horse"
OTHER = "battery staple"
LOCALIZED = b"a localized key of u"


def users(*tables: str) -> str:
    return "".join(f"[[snmp.agent.user]]\n{table}\n" for table in tables)


def test_views_of_communities_and_users_are_read(file: Path) -> None:
    view = '["1.3.6.1.2.1.1", ".1.3.6.1.4.1.1"]'
    file.write_text(
        f'[[snmp.agent.community]]\nname = "a"\nview = {view}\n' + users(f'name = "u"\nauth = "none"\nview = {view}')
    )
    agent = load(file, {}).snmp.agent
    expected = (oids.parse("1.3.6.1.2.1.1"), oids.parse("1.3.6.1.4.1.1"))
    assert (agent.communities[0].view, agent.users[0].view) == (expected, expected)


def test_communities_and_users(file: Path) -> None:
    file.write_text(
        f'[[snmp.agent.community]]\nname = "{SECRET}"\n[[snmp.agent.community]]\nname = "b"\n'
        + users(
            f'name = "both"\nauth = "SHA-512"\nauth_password = "{SECRET}"\npriv = "AES-256"\npriv_password = "{OTHER}"',
            f'name = "auth"\nauth = "SHA"\nauth_password = "{SECRET}"',
            'name = "none"\nauth = "none"',
            f'name = "keys"\nauth = "SHA"\nauth_key = "0x{LOCALIZED.hex()}"\n'
            f'priv = "AES"\npriv_key = "{LOCALIZED[:16].hex()}"',
        )
    )
    loaded = load(file, {})
    assert loaded.snmp.agent.communities == (Community(name=SECRET), Community(name="b"))
    assert loaded.snmp.agent.users == (
        UsmUser(name="both", auth="SHA-512", auth_password=SECRET, priv="AES-256", priv_password=OTHER),
        UsmUser(name="auth", auth="SHA", auth_password=SECRET),
        UsmUser(name="none"),
        UsmUser(name="keys", auth="SHA", auth_key=LOCALIZED, priv="AES", priv_key=LOCALIZED[:16]),
    )
    assert [user.level for user in loaded.snmp.agent.users] == [
        SecurityLevel.AUTH_PRIV,
        SecurityLevel.AUTH_NO_PRIV,
        SecurityLevel.NO_AUTH_NO_PRIV,
        SecurityLevel.AUTH_PRIV,
    ]
    assert SECRET not in repr(loaded)
    assert repr(LOCALIZED) not in repr(loaded)
    assert OTHER not in repr(loaded)


AUTH = 'one of "none", "SHA", "SHA-224", "SHA-256", "SHA-384", "SHA-512"'
PRIV = 'one of "none", "AES", "AES-192", "AES-256"'
PASSWORD = "expected a text of at least 8 characters, found another value"
KEY = "expected a localized key in hexadecimal, found another value"
GOOD_AUTH = f'auth = "SHA-256"\nauth_password = "{SECRET}"'


def test_only_what_may_be_a_secret_is_hidden(file: Path) -> None:
    """A password can be under the wrong key, and then no message may show it."""
    for value, shown in (
        ('"sha256"', '"sha256"'),
        ('"SHA_512"', '"SHA_512"'),
        ("256", "256"),
        ("true", "true"),
        ('"a secret"', "another value"),
        ('"hunter2"', "another value"),
        ("12345678", "another value"),
        ('["SHA"]', "another value"),
    ):
        expected = f"snmp.agent.user[1].auth: expected {AUTH}, found {shown}"
        assert problems(users(f'name = "u"\nauth = {value}'), file) == [expected]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("", ["name: missing"]),
        ('name = ""\nauth = "none"', ['name: expected a text of 1 to 32 octets, found ""']),
        (f'name = "{"ü" * 17}"\nauth = "none"', ["name: expected a text of 1 to 32 octets, found another value"]),
        ("name = 1", ["name: expected a text of 1 to 32 octets, found 1"]),
        ('name = "u"', ["auth: missing: one of none, SHA, SHA-224, SHA-256, SHA-384, SHA-512"]),
        ('name = "u"\nauth = "SHA1"', [f'auth: expected {AUTH}, found "SHA1"']),
        ('name = "u"\nauth = 256', [f"auth: expected {AUTH}, found 256"]),
        (
            'name = "u"\nauth = "MD5"\npriv = "DES"',
            [
                'auth: MD5 is not supported, because it is broken: use "SHA-256", '
                'or "SHA" if the other side has no SHA-2',
                'priv: DES is not supported, because it is broken: use "AES"',
            ],
        ),
        (f'name = "u"\n{GOOD_AUTH}\npriv = "aes"', [f'priv: expected {PRIV}, found "aes"']),
        (
            'name = "u"\nauth = "SHA"',
            ["auth_password: missing: auth requires it, or auth_password_file"],
        ),
        ('name = "u"\nauth = "SHA"\nauth_password = "1234567"', [f"auth_password: {PASSWORD}"]),
        ('name = "u"\nauth = "SHA"\nauth_password = 12345678', [f"auth_password: {PASSWORD}"]),
        (
            f'name = "u"\nauth = "none"\nauth_password = "{SECRET}"',
            ['auth_password: not used with auth = "none"'],
        ),
        (
            f'name = "u"\n{GOOD_AUTH}\npriv_password = "{OTHER}"',
            ['priv_password: not used with priv = "none"'],
        ),
        (
            f'name = "u"\nauth = "none"\npriv = "AES"\npriv_password = "{SECRET}"',
            ['priv: privacy requires authentication: set auth, or priv = "none"'],
        ),
        *(
            (
                f'name = "u"\n{GOOD_AUTH}\nview = {view}',
                ['view: expected a list of OIDs, such as ["1.3.6.1.4.1.8072.9999.9999.9664"], found another value'],
            )
            for view in ('"1.3.6"', "[]", "[1.3]", '["1.3", "iso"]', '["1.4294967296"]')
        ),
        (f'name = "u"\nauth = "SHA"\nauth_key = "{SECRET}"', [f"auth_key: {KEY}"]),
        ('name = "u"\nauth = "SHA"\nauth_key = ""', [f"auth_key: {KEY}"]),
        (
            f'name = "u"\nauth = "SHA-256"\nauth_key = "{"ab" * 20}"\npriv = "AES-256"\npriv_key = "{"cd" * 16}"',
            [
                "auth_key: a localized key of SHA-256 has 32 octets, found 20",
                "priv_key: a localized key of AES-256 has 32 octets, found 16",
            ],
        ),
        (
            f'name = "u"\n{GOOD_AUTH}\nauth_key = "{"ab" * 32}"',
            ["auth_key: set together with auth_password: remove one of them"],
        ),
        (f'name = "u"\nauth = "none"\nauth_key = "{"ab" * 32}"', ['auth_key: not used with auth = "none"']),
        (f'name = "u"\n{GOOD_AUTH}\nauth_pasword = "x"', ["auth_pasword: unknown key, did you mean auth_password?"]),
        (
            'name = 1\nauth = "x"\npriv = 2\npriv_password = "short"',
            [
                "name: expected a text of 1 to 32 octets, found 1",
                f'auth: expected {AUTH}, found "x"',
                f"priv: expected {PRIV}, found 2",
                f"priv_password: {PASSWORD}",
            ],
        ),
    ],
)
def test_each_mistake_in_a_user_is_named(table: str, expected: list[str], file: Path) -> None:
    good = 'name = "good"\nauth = "none"'
    assert problems(users(good, table), file) == [f"snmp.agent.user[2].{problem}" for problem in expected]


def test_problems_of_all_tables_are_reported_at_once(file: Path) -> None:
    text = "[[snmp.agent.community]]\n" + users("auth = 1", 'name = "b"') + "[log]\nlevel = 1\n"
    assert [problem.partition(": ")[0] for problem in problems(text, file)] == [
        "snmp.agent.community[1].name",
        "snmp.agent.user[1].name",
        "snmp.agent.user[1].auth",
        "snmp.agent.user[2].auth",
        "log.level",
    ]


def test_names_are_unique(file: Path) -> None:
    text = users(*['name = "u"\nauth = "none"'] * 3) + f'[[snmp.agent.community]]\nname = "{SECRET}"\n' * 2
    assert problems(text, file) == [
        "snmp.agent.user[2].name: the same as in [1]",
        "snmp.agent.user[3].name: the same as in [1]",
        "snmp.agent.community[2].name: the same as in [1]",
    ]


@pytest.mark.parametrize(
    "text",
    [
        f'[snmp.agent]\ncommunity = "{SECRET}"',
        f'[snmp.agent]\ncommunity = ["{SECRET}"]',
        f'[snmp.agent.community]\nname = "{SECRET}"',
        f'[snmp]\nagent = "{{}}"\ncommunity = "{SECRET}"',
        f'[[snmp.agent.community]]\nnam = "{SECRET}"',
        f'[[snmp.agent.community]]\nname = ["{SECRET}"]',
        f'[[snmp.agent.community]]\nname = "{SECRET}\\n"',
        f'[snmp.agent.user]\nname = "u"\nauth_password = "{SECRET}"',
        f'[[snmp.agent.users]]\nname = "u"\nauth_password = "{SECRET}"',
        f'[[snmp.agent]]\nlisten = [":1"]\nuser = [{{name = "u", auth_password = "{SECRET}"}}]',
        f'[[snmp]]\ncommunity = "{SECRET}"',
        users(f'name = "u"\nauth = "none"\nauth_password = ["{SECRET}"]'),
        users(f'name = "u"\nauth = "none"\nauth_pass = "{SECRET}"'),
        users(f'name = {{x = "{SECRET}"}}\nauth = "none"'),
        f'[snmp]\nroot = {{x = "{SECRET}"}}',
        f'[log]\nlevel = [{{auth_password = "{SECRET}"}}]',
        f'[snmp]\nagent = "{SECRET}"',
        f'[snmp.agent]\ncomunity = "{SECRET}"',
        f'[snmp.agent]\nauth_password = "{SECRET}"',
        f'auth_password = "{SECRET}"',
        *(users(f'name = "u"\n{key} = "{SECRET}"') for key in ("auth", "priv", "auth_password_file", "password_file")),
        users(f'name = "u"\nauth_password_file = "/{SECRET}/{SECRET}"'),
        users(f'name = "u"\nauth_password_file = "{CREDENTIAL}{SECRET}"'),
        users(f'name = "u"\nauth_password_file = "{CREDENTIAL}/{SECRET}"'),
        "[[alarms.target]]\n"
        + "".join(f'{key} = "{SECRET}"\n' for key in ("address", "version", "kind", "timeout", "community_file")),
    ],
)
def test_no_message_reveals_a_secret(text: str, file: Path) -> None:
    lines = problems(text, file)
    assert lines
    assert SECRET not in "".join(lines)


def test_no_message_about_a_table_with_secrets_shows_a_value() -> None:
    """Wherever a password is written by mistake, and whatever is wrong with it."""
    records = [option for option in OPTIONS if isinstance(option.read, Records)]
    assert len(records) >= 3
    tested = 0
    for option in records:
        assert isinstance(option.read, Records)
        for key in (*(field.name for field in option.read.fields), "pasword"):
            for value in (SECRET, [SECRET], {"x": SECRET}, f"{SECRET}\n", f"/{SECRET}", f"{SECRET}:1", SECRET * 100):
                reader = config.OptionReader()
                reader.read(option.key, [{key: value}], "file")
                assert SECRET not in "".join(reader.problems)
                tested += bool(reader.problems)
    assert tested > 100


@given(st.text())
def test_any_text_is_read_or_reported(text: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "gateway.conf")
        path.write_text(text, "utf-8", "replace")
        with contextlib.suppress(ConfigError):
            load(path, {})


@given(st.dictionaries(st.sampled_from([*BY_KEY, *TABLES, "x"]), VALUES))
def test_any_values_are_read_or_reported(values: dict[str, Any]) -> None:
    reader = config.OptionReader()
    for key, value in values.items():
        reader.read(key, value, key)
    with contextlib.suppress(ConfigError):
        reader.build(None)


# --- Password files --------------------------------------------------------------------------------------------------


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"  {SECRET} \nand a comment\n")
    path.chmod(0o600)
    return path


def test_a_password_from_a_file(file: Path, password_file: Path) -> None:
    file.write_text(users(f'name = "u"\nauth = "SHA"\nauth_password_file = "{password_file}"'))
    assert load(file, {}).snmp.agent.users == (UsmUser(name="u", auth="SHA", auth_password=SECRET),)


@pytest.mark.parametrize(
    ("content", "mode", "expected"),
    [
        (b"", 0o600, "expected a text of at least 8 characters in the first line of the file"),
        (b"\nsecond line\n", 0o600, "expected a text of at least 8 characters in the first line of the file"),
        (b"1234567\n", 0o600, "expected a text of at least 8 characters in the first line of the file"),
        (b"\xff" * 10, 0o600, "the file is not text in UTF-8"),
        (b"long enough\n" * 10_000, 0o600, "cannot read the file: larger than 65536 bytes"),
        (SECRET.encode(), 0o644, "everyone can read {0}; run chmod o-r {0}"),
        (SECRET.encode(), 0o602, "everyone can write {0}; run chmod go-w {0}"),
        (SECRET.encode(), 0o620, "the group {1} can write {0}; run chmod go-w {0}"),
    ],
)
def test_invalid_password_files(content: bytes, mode: int, expected: str, file: Path, password_file: Path) -> None:
    password_file.write_bytes(content)
    password_file.chmod(mode)
    lines = problems(users(f'name = "u"\n{GOOD_AUTH}\npriv = "AES"\npriv_password_file = "{password_file}"'), file)
    text = expected.format(password_file, password_file.group())
    assert lines == [f"snmp.agent.user[1].priv_password_file: {text}"]


def test_unreadable_password_files(file: Path, password_file: Path, tmp_path: Path) -> None:
    def problems_with(path: str | Path) -> list[str]:
        return problems(users(f'name = "u"\nauth = "SHA"\nauth_password_file = "{path}"'), file)

    place = "snmp.agent.user[1].auth_password_file: "
    os.mkfifo(tmp_path / "fifo")
    assert problems_with(tmp_path / "missing") == [f"{place}cannot read the file: No such file or directory"]
    assert problems_with(tmp_path) == [f"{place}cannot read the file: Is a directory"]
    assert problems_with(tmp_path / "fifo") == [f"{place}cannot read the file: not a regular file"]
    expected = "expected an absolute path, or credential:NAME, found another value"
    assert problems_with("password") == [f"{place}{expected}"]
    user = {"name": "u", "auth": "SHA", "auth_password_file": str(password_file)}
    with closed(password_file), pytest.raises(InvalidValuesError) as caught:
        BY_KEY["snmp.agent.user"].read([user])
    ((place, problem, is_denied),) = caught.value.problems
    assert is_denied
    assert place == "[1].auth_password_file"
    assert re.fullmatch(f"cannot read the file: {DENIED}", problem)


def test_a_group_may_read_a_password_file(file: Path, password_file: Path) -> None:
    password_file.chmod(0o640)
    file.write_text(users(f'name = "u"\nauth = "SHA"\nauth_password_file = "{password_file}"'))
    assert load(file, {}).snmp.agent.users[0].auth_password == SECRET


def test_a_password_from_a_credential(file: Path, password_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials are files that only the user of the service may read, and nobody may write."""
    password_file.chmod(0o400)
    text = users(f'name = "u"\nauth = "SHA"\nauth_password_file = "credential:{password_file.name}"')
    place = "snmp.agent.user[1].auth_password_file: "
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    reason = "CREDENTIALS_DIRECTORY is not set: only systemd passes credentials, to the service"
    assert problems(text, file) == [f"{place}{reason}"]
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(password_file.parent))
    assert load(file, {}).snmp.agent.users[0].auth_password == SECRET
    assert problems(text.replace("credential:", "credential:../"), file) == [
        f"{place}expected credential:NAME, with the name of a credential, found another value"
    ]
    assert problems(text.replace("credential:", "credential:other-"), file) == [
        f"{place}cannot read the file: No such file or directory"
    ]


def test_communities_from_files(file: Path, password_file: Path) -> None:
    file.write_text(
        f'[[snmp.agent.community]]\nname_file = "{password_file}"\n'
        f'[[alarms.target]]\naddress = "m"\nversion = "2c"\ncommunity_file = "{password_file}"\n'
    )
    file.chmod(0o644)  # the configuration itself has no secret
    loaded = load(file, {})
    assert loaded.snmp.agent.communities == (Community(name=SECRET),)
    assert loaded.alarms.snmp_targets[0].community == SECRET
    both = f'[[snmp.agent.community]]\nname = "a"\nname_file = "{password_file}"'
    file.chmod(0o600)
    assert problems(both, file) == ["snmp.agent.community[1].name_file: set together with name: remove one of them"]


def test_a_password_and_a_password_file_exclude_each_other(file: Path, password_file: Path) -> None:
    assert problems(users(f'name = "u"\n{GOOD_AUTH}\nauth_password_file = "{password_file}"'), file) == [
        "snmp.agent.user[1].auth_password_file: set together with auth_password: remove one of them"
    ]


# --- Rules between options -------------------------------------------------------------------------------------------

NO_READER = "no one can query the built-in agent: add a [[snmp.agent.user]] or a [[snmp.agent.community]]"
INSECURE = (
    "{} is not a loopback address: anyone who can listen on the network can learn a community "
    "or pose as a user without auth; configure only users with auth, or set "
    "snmp.agent.allow_insecure_off_loopback = true"
)
COMMUNITY = '[[snmp.agent.community]]\nname = "public"\n'


def test_an_agent_needs_a_community_or_a_user(file: Path) -> None:
    assert problems('[snmp.agent]\nlisten = ["localhost:161"]', file) == [f"snmp.agent.listen: {NO_READER}"]
    with pytest.raises(ConfigError) as caught:
        load(None, {"snmp.agent.listen": ["127.0.0.1:161"]}, search=False)
    assert caught.value.problems == (f"--snmp.agent.listen: {NO_READER}",)


def test_a_rule_is_skipped_if_one_of_its_options_is_invalid(file: Path) -> None:
    assert problems('[snmp.agent]\nlisten = "127.0.0.1:161"\n[[snmp.agent.community]]', file) == [
        "snmp.agent.community[1].name: missing, or name_file"
    ]


@pytest.mark.parametrize("who", [COMMUNITY, users('name = "u"\nauth = "none"')])
@pytest.mark.parametrize("address", [":161", "0.0.0.0:161", "10.1.2.3:161", "[::]:161", "node1:161"])
def test_insecure_access_off_loopback_has_to_be_allowed(who: str, address: str, file: Path) -> None:
    listen = f'[snmp.agent]\nlisten = ["127.0.0.1:161", "{address}"]\n'
    assert problems(listen + who, file) == [f"snmp.agent.listen: {INSECURE.format(address)}"]
    file.write_text(f"{listen}allow_insecure_off_loopback = true\n{who}")
    assert plain_values(load(file, {}))["snmp.agent.listen"] == ("127.0.0.1:161", address)


@pytest.mark.parametrize(
    ("address", "who"),
    [
        ("127.0.0.1:161", COMMUNITY),
        ("127.1.2.3:161", COMMUNITY),
        ("[::1]:161", COMMUNITY),
        ("localhost:161", COMMUNITY),
        (":161", users(f'name = "u"\n{GOOD_AUTH}')),
    ],
)
def test_secure_access_needs_no_permission(address: str, who: str, file: Path) -> None:
    file.write_text(f'[snmp.agent]\nlisten = "{address}"\n{who}')
    assert plain_values(load(file, {}))["snmp.agent.listen"] == (address,)


# --- The file --------------------------------------------------------------------------------------------------------


@pytest.fixture
def default_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path that is read instead of the one in /etc."""
    directory = tmp_path / "etc"
    directory.mkdir()
    monkeypatch.setattr(config, "DEFAULT_FILE", directory / "gateway.conf")
    return directory / "gateway.conf"


def test_only_etc_is_searched(default_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.conf").write_text('[log]\nlevel = "debug"')
    loaded = load(None, {})
    assert loaded.source is None
    assert plain_values(loaded) == plain_defaults()
    default_file.write_text('[log]\nlevel = "error"')
    assert load(None, {}).log.level is LogLevel.ERROR
    assert load(None, {}).source == default_file
    assert load(None, {}, search=False).source is None
    assert load(Path("gateway.conf"), {}).log.level is LogLevel.DEBUG


def test_the_real_default_file() -> None:
    assert str(config.DEFAULT_FILE) == "/etc/ha-cluster-gateway/gateway.conf"


def test_whatever_is_in_the_place_of_the_default_file_is_read(default_file: Path) -> None:
    """A file that cannot be read is an error: the defaults may be the opposite of what it says."""

    def problem() -> str:
        with pytest.raises(ConfigError) as caught:
            load(None, {})
        return caught.value.problems[0].removeprefix(f"{default_file}: ")

    default_file.mkdir()
    assert problem() == "Is a directory"
    default_file.rmdir()
    os.mkfifo(default_file)
    assert problem() == "not a regular file"
    default_file.unlink()
    default_file.symlink_to("/dev/zero")
    assert problem().startswith("everyone can write /dev/zero")
    default_file.unlink()
    default_file.symlink_to("missing")
    assert problem() == "No such file or directory"
    default_file.unlink()
    default_file.touch()
    with closed(default_file.parent):
        assert re.fullmatch(DENIED, problem())
    default_file.write_text("#" * (1024 * 1024 + 1))
    assert problem() == "larger than 1048576 bytes"


def test_a_file_that_others_can_change_is_refused(file: Path, tmp_path: Path) -> None:
    file.write_text('[tools.sbd]\npath = "/tmp/evil"')
    for path, mode in ((file, 0o602), (file, 0o620), (tmp_path, 0o770), (tmp_path, 0o707)):
        before = path.stat().st_mode
        path.chmod(mode)
        with pytest.raises(ConfigError, match=rf"can write {path}; run chmod go-w {path}$"):
            load(file, {})
        path.chmod(before)
    assert load(file, {}).tools.by_name["sbd"].path == "/tmp/evil"


@pytest.mark.parametrize(
    "text",
    [
        f'[[snmp.agent.community]]\nname = "{SECRET}"',
        users(f'name = "u"\n{GOOD_AUTH}'),
        f'[[alarms.target]]\naddress = "m"\nversion = "2c"\ncommunity = "{SECRET}"',
    ],
)
def test_a_file_with_secrets_must_be_private(text: str, file: Path) -> None:
    file.touch()
    file.chmod(0o644)
    assert problems(text, file) == [
        f"contains passwords or communities, and everyone can read {file}; run chmod o-r {file}"
    ]
    file.chmod(0o640)
    load(file, {})


# --- Sections -------------------------------------------------------------------------------------------------


def test_tools_and_modes(file: Path) -> None:
    file.write_text(
        '[collectors]\nsbd = "off"\n[tools.cibadmin]\npath = "/opt/cibadmin"\ntimeout = 2\nprefix = ["sudo", "-n"]\n'
        "max_output = 5\n"
    )
    loaded = load(file, {})
    assert loaded.tools.by_name.keys() == set(TOOL_NAMES)
    assert loaded.tools.by_name["cibadmin"] == Tool(
        path="/opt/cibadmin", timeout=2.0, prefix=("sudo", "-n"), max_output=5
    )
    assert loaded.tools.by_name["crm_mon"] == Tool(max_output=32 * 1024 * 1024)
    assert loaded.tools.by_name["corosync-cfgtool"] == Tool()
    modes = {
        "pacemaker": CollectorMode.AUTO,
        "corosync": CollectorMode.AUTO,
        "qdevice": CollectorMode.AUTO,
        "qnetd": CollectorMode.AUTO,
        "sbd": CollectorMode.OFF,
        "drbd": CollectorMode.AUTO,
        "booth": CollectorMode.AUTO,
    }
    assert loaded.collectors.modes == modes


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        ({}, {}),
        ({"address": "0.0.0.0", "port": "9664", "log-level": "info"}, {}),
        ({"port": "9665"}, {"web.listen": ("0.0.0.0:9665",)}),
        ({"port": 9665}, {"web.listen": ("0.0.0.0:9665",)}),
        ({"address": "10.0.0.1"}, {"web.listen": ("10.0.0.1:9664",)}),
        ({"address": ""}, {"web.listen": (":9664",)}),
        ({"address": "::1", "port": 1}, {"web.listen": ("[::1]:1",)}),
        ({"address": "[::1]", "port": 0}, {"web.listen": ("[::1]:0",)}),
        ({"log-level": "warn"}, {"log.level": "warn"}),
    ],
)
def test_deprecated_options_override_unless_they_have_their_defaults(
    settings: dict[str, Any], values: dict[str, Any], file: Path
) -> None:
    file.write_text('[log]\nlevel = "debug"\n')
    before = plain_values(load(file, {"web.listen": "h:1"}))
    loaded = plain_values(load(file, {"web.listen": "h:1"}, deprecated=settings))
    assert {key: value for key, value in loaded.items() if before[key] != value} == values


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"port": "http"}, '--port: expected a port from 0 to 65535, found "http"'),
        ({"port": 65536}, "--port: expected a port from 0 to 65535, found 65536"),
        ({"port": True}, "--port: expected a port from 0 to 65535, found true"),
        ({"address": 1}, "--address: expected a host name or an address, found 1"),
        ({"address": "[::1"}, f'--address: {ADDRESS}, found ["[::1:9664"]'),
        ({"log-level": "loud"}, f'--log-level: {LEVEL}, found "loud"'),
    ],
)
def test_invalid_values_of_deprecated_options(settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, {}, deprecated=settings, search=False)
    assert caught.value.problems == (expected,)


# --- The example -----------------------------------------------------------------------------------------------------


def test_the_example_shows_the_defaults() -> None:
    loaded = load(EXAMPLE, {})
    assert plain_values(loaded) == plain_defaults()


def test_the_example_has_every_option_with_a_comment() -> None:
    lines = EXAMPLE.read_text().splitlines()
    table, comments = "", {}
    for before, line in itertools.pairwise(lines):
        if line.startswith("["):
            table = line.strip("[]")
        elif " = " in line and not line.startswith("#"):
            comments[f"{table}.{line.partition(' = ')[0]}"] = before
    arrays = {option.key for option in OPTIONS if isinstance(option.read, Records)}
    assert comments.keys() == BY_KEY.keys() - arrays
    assert all(comments[key] == f"# {BY_KEY[key].description}" for key in comments)


def test_the_example_has_every_array_of_tables_as_a_comment(file: Path) -> None:
    text = EXAMPLE.read_text()
    for option in OPTIONS:
        if isinstance(option.read, Records):
            for value, fields in option.read.variants:
                lines = [f"# {option.help}", f"# [[{option.key}]]"]
                for field in fields:
                    # instead of another, or seldom needed
                    off = "# " if field.name.endswith(("_file", "_key", "_id")) or field.name == "community" else ""
                    example = value if field.name == option.read.selector else field.example
                    lines += [f"# # {field.help}", f"# {off}{field.name} = {json.dumps(example)}"]
                assert "\n".join(["", *lines, ""]) in text
    file.write_text(re.sub(r"^# (?=\[\[|\w+ = )", "", text, flags=re.MULTILINE))
    loaded = load(file, {})
    assert (len(loaded.snmp.agent.communities), len(loaded.snmp.agent.users)) == (1, 1)
    assert (len(loaded.alarms.snmp_targets), len(loaded.alarms.alertmanagers)) == (1, 1)


def test_every_option_reaches_a_field_of_a_section() -> None:
    assert list(config_values(Config())) == list(BY_KEY)
    assert Config() == load(None, {}, search=False)


def test_all_tools_together_may_print_at_most_64_mib() -> None:
    assert DEFAULT_MAX_OUTPUT == 1024 * 1024
    assert sum(tool.output_limit for tool in TOOLS) <= 64 * 1024 * 1024


def test_the_options_are_consistent() -> None:
    assert len(BY_KEY) == len(OPTIONS)
    assert {option.key for option in OPTIONS} >= {key for rule in RULES for key in rule.keys}
    flags = [flag for option in OPTIONS for flag in option.flags]
    assert len(set(flags)) == len(flags)
    for option in OPTIONS:
        assert option.help.endswith(".")
        assert not isinstance(option.default, datetime.date)
    assert os.sep not in "".join(TOOL_NAMES)
