"""The options of alarms: targets and their credentials, disabled conditions, and invalid values."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.catalog import CONDITIONS
from gateway.config.loader import load
from gateway.frontends.snmp.notifications.target import Target, TargetKind
from gateway.snmp.credentials import UsmUser
from tests.alarms.target_files import MANAGER, SECRET, problems


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gateway.conf"


# --- Receivers -------------------------------------------------------------------------------------------------------


def test_all_settings_of_targets_are_read(file: Path) -> None:
    file.write_text(
        MANAGER
        + """
[[alarms.target]]
address = "[2001:db8::1]:1162"
version = "3"
kind = "trap"
timeout = 0.5
retries = 0
user = "gateway"
auth = "SHA-512"
auth_password = "a password of mine"
priv = "AES-256"
priv_password = "another one"
"""
    )
    targets = load(file, {}).alarms.targets
    assert targets == (
        Target(host="manager", kind=TargetKind.INFORM, community=SECRET),
        Target(
            host="2001:db8::1",
            port=1162,
            kind=TargetKind.TRAP,
            user=UsmUser(
                name="gateway", auth="SHA-512", auth_password=SECRET, priv="AES-256", priv_password="another one"
            ),
            timeout=0.5,
            retries=0,
        ),
    )
    assert [target.name for target in targets] == ["manager:162", "[2001:db8::1]:1162"]
    assert SECRET not in repr(targets)


@pytest.mark.parametrize("kind", ["inform", "trap"])
def test_a_localized_key_can_be_in_a_file(kind: str, file: Path) -> None:
    key = b"a localized key of u"
    (file.parent / "key").write_text(f"0x{key.hex()}\n")
    (file.parent / "key").chmod(0o600)
    file.write_text(
        f"""
[[alarms.target]]
address = "manager"
version = "3"
kind = "{kind}"
user = "gateway"
auth = "SHA"
auth_key_file = "{file.parent / "key"}"
"""
        + ('engine_id = "0x80001f8804"\n' if kind == "inform" else "")
    )
    (target,) = load(file, {}).alarms.snmp_targets
    assert target.user == UsmUser(name="gateway", auth="SHA", auth_key=key)
    assert target.engine_id == (bytes.fromhex("80001f8804") if kind == "inform" else b"")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("manager.example", "manager.example:162"),
        ("192.0.2.1:1162", "192.0.2.1:1162"),
        ("[::1]", "[::1]:162"),
        ("[fe80::1%eth0]:163", "[fe80::1%eth0]:163"),
    ],
)
def test_an_address_without_a_port_has_port_162(address: str, name: str, file: Path) -> None:
    file.write_text(MANAGER.replace("manager", address))
    (target,) = load(file, {}).alarms.snmp_targets
    assert target.name == name


HIDDEN = "another value"


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ('""', '""'),
        ('":162"', HIDDEN),
        ('"manager:0"', HIDDEN),
        ('"::1"', '"::1"'),
        ('"manager:snmp"', HIDDEN),
        ("162", "162"),
        (r'"a\nb"', r'"a\nb"'),
        ('"[::1"', HIDDEN),
    ],
)
def test_an_invalid_address_is_named(address: str, found: str, file: Path) -> None:
    expected = 'expected "HOST:PORT", "[IPv6]:PORT", or either without the port for 162'
    assert problems(MANAGER.replace('"manager"', address), file) == [
        f"alarms.target[1].address: {expected}, found {found}"
    ]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("", ["address: missing", "version: missing"]),
        ('address = "m"\nversion = "2c"', ['community: missing: version = "2c" requires it, or community_file']),
        (
            'address = "m"\nversion = "2c"\ncommunity = "c"\nuser = "u"\nauth = "SHA"\npriv_password = "12345678"',
            [f'{name}: not used with version = "2c"' for name in ("user", "auth", "priv_password")],
        ),
        (
            'address = "m"\nversion = "3"\ncommunity = "a password of mine"',
            [
                'user: missing: version = "3" requires it',
                'community: not used with version = "3"',
                "auth: missing: one of none, SHA, SHA-224, SHA-256, SHA-384, SHA-512",
            ],
        ),
        (
            'address = "m"\nversion = 3\nkind = "set"\ntimeout = 0\nretries = -1\ncommunity = ""\nuser = "u"\nx = 1',
            [
                "x: unknown key",
                'kind: expected one of "inform", "trap", "alertmanager", found "set"',
                'version: expected one of "2c", "3", found 3',
                "timeout: expected a number of seconds, more than 0 and at most 3600, found 0",
                "retries: expected a whole number from 0 to 100, found -1",
                "community: expected a text of 1 to 255 octets, found another value",
            ],
        ),
        (
            f'address = "m"\nversion = "3"\nuser = "u"\nauth = "SHA"\nauth_key = "{"ab" * 20}"',
            ["engine_id: missing: a localized key is valid for the engine ID of the receiver only"],
        ),
        (
            'address = "m"\nversion = "3"\nkind = "trap"\nuser = "u"\nauth = "none"\nengine_id = "0x8000000001"',
            ['engine_id: only used with version = "3" and kind = "inform"'],
        ),
        (
            'address = "m"\nversion = "3"\nuser = "u"\nauth = "none"\nengine_id = "0x80000000"',
            ["engine_id: expected an engine ID of 5 to 32 octets in hexadecimal, found another value"],
        ),
        (
            'address = "m"\nversion = "3"\nuser = "u"\nauth = "none"\npriv = "AES"\npriv_password = "12345678"',
            ['priv: privacy requires authentication: set auth, or priv = "none"'],
        ),
    ],
)
def test_each_mistake_in_a_target_is_named(table: str, expected: list[str], file: Path) -> None:
    assert problems(f"[[alarms.target]]\n{table}\n", file) == [f"alarms.target[1].{text}" for text in expected]


def test_problems_of_all_targets_are_reported_at_once(file: Path) -> None:
    table = '[[alarms.target]]\naddress = "m"\nversion = "2c"\n'
    lines = problems(f"[alarms]\ninterval = 0\n{table}{table}", file)
    assert [problem.partition(":")[0] for problem in lines] == [
        "alarms.interval",
        "alarms.target[1].community",
        "alarms.target[2].community",
    ]


def test_targets_are_unique(file: Path) -> None:
    again = MANAGER.replace('"manager"', '"Manager:162"')
    expected = ["alarms.target: [2] is the same receiver as [1], Manager:162"]
    assert problems(MANAGER + again, file) == expected


# --- The rest --------------------------------------------------------------------------------------------------------


def test_conditions_can_be_disabled(file: Path) -> None:
    file.write_text("[alarms.disable]\nnode-standby = true\nresource-moved = true\nquorum-lost = false\n")
    assert load(file, {}).alarms.disabled == {"node-standby", "resource-moved"}


def test_every_condition_can_be_disabled(file: Path) -> None:
    lines = (f"{condition.name} = true\n" for condition in CONDITIONS)
    file.write_text("[alarms.disable]\n" + "".join(lines))
    assert load(file, {}).alarms.disabled == {condition.name for condition in CONDITIONS}


def test_no_condition_is_disabled_by_default() -> None:
    assert load(None, {}, search=False).alarms.disabled == set()


def test_an_unknown_condition_is_reported_with_the_most_similar_one(file: Path) -> None:
    assert problems("[alarms.disable]\nnode-standbye = true\n", file) == [
        "alarms.disable.node-standbye: unknown key, did you mean alarms.disable.node-standby?"
    ]


def test_the_disabled_conditions_are_a_table(file: Path) -> None:
    assert problems('[alarms]\ndisable = ["node-standby"]\n', file) == [
        "alarms.disable: expected a table, found another value"
    ]


@pytest.mark.parametrize(("text", "value"), [("0", 0.0), ("0.0", 0.0), ("60", 60.0)])
def test_the_heartbeat_is_a_number_of_seconds(text: str, value: float, file: Path) -> None:
    file.write_text(f"[alarms]\nheartbeat = {text}\n")
    assert load(file, {}).alarms.heartbeat == value


def test_each_form_of_notifications_is_used_once(file: Path) -> None:
    file.write_text('[alarms]\nnative = false\ncompat = ["pacemaker", "corosync", "pacemaker"]\n')
    assert load(file, {}).alarms.compat == ("pacemaker", "corosync")


def test_some_form_has_to_be_sent(file: Path) -> None:
    assert problems("[alarms]\nnative = false\n", file) == [
        "alarms.native: no notification would be sent, because alarms.compat is empty, too"
    ]
