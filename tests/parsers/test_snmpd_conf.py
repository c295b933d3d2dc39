"""snmpd.conf: what it permits to subagents and managers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.commands.check.snmpd_conf import Reader, VacmView, included_directories, parse
from gateway.snmp import oid as oids

ROOT = oids.parse("1.3.6.1.4.1.8072.9999.9999.9664")

DEBIAN = b"""\
# as Debian 12 ships it
sysLocation    Sitting on the Dock of the Bay
master  agentx
agentaddress  127.0.0.1,[::1]
view   systemonly  included   .1.3.6.1.2.1.1
view   systemonly  included   .1.3.6.1.2.1.25.1
rocommunity  public default -V systemonly
rocommunity6 public default -V systemonly
rouser authPrivUser authpriv -V systemonly
includeDir /etc/snmp/snmpd.conf.d
"""

RED_HAT = b"""\
com2sec notConfigUser  default       public
group   notConfigGroup v1           notConfigUser
view    systemview    included   .1.3.6.1.2.1.1
access  notConfigGroup ""      any       noauth    exact  systemview none none
"""


def test_the_file_of_debian() -> None:
    config = parse([DEBIAN])
    assert config.master
    assert config.addresses == ("127.0.0.1", "[::1]")
    assert config.sockets == ()
    assert config.readers == (
        Reader(name="public", community=True, view="systemonly"),
        Reader(name="public", community=True, view="systemonly"),
        Reader(name="authPrivUser", community=False, view="systemonly"),
    )
    assert not any(config.is_visible(ROOT, reader) for reader in config.readers)
    assert included_directories(DEBIAN) == ("/etc/snmp/snmpd.conf.d",)


def test_the_file_of_red_hat() -> None:
    config = parse([RED_HAT])
    assert not config.master
    assert config.readers == (Reader(name="notConfigGroup", community=False, view="systemview"),)
    assert config.views == (VacmView(name="systemview", included=True, subtree=oids.parse("1.3.6.1.2.1.1")),)


def test_a_drop_in_adds_to_the_main_file() -> None:
    config = parse(
        [DEBIAN, b"view systemonly included .1.3.6.1.4.1.8072.9999.9999.9664\nagentXPerms 0660 0755 root haclient"]
    )
    assert all(config.is_visible(ROOT, reader) for reader in config.readers)
    assert config.permissions == ("0660", "0755", "root", "haclient")


def test_the_longest_view_decides() -> None:
    (reader,) = parse([b"rocommunity c default -V v"]).readers
    views = b"view v included .1\nview v excluded .1.3.6.1.4.1\nview other included .1.3.6.1.4.1.8072\n"
    assert not parse([views]).is_visible(ROOT, reader)
    assert parse([views + b"view v included 1.3.6.1.4.1.8072\n"]).is_visible(ROOT, reader)


def test_visibility_without_a_view() -> None:
    config = parse(
        [b"rocommunity a\nrocommunity b 10.0.0.0/8 .1.3.6.1.2\nrocommunity c default .1\nrwuser -s usm d priv\n"]
    )
    assert [config.is_visible(ROOT, reader) for reader in config.readers] == [True, False, True, True]


def test_sockets_and_other_spellings() -> None:
    config = parse(
        [b"MASTER yes\nagentXSocket unix:/run/x,tcp:localhost:705\nagentaddress udp:161\nview v included iso\n"]
    )
    assert config.master
    assert config.sockets == ("unix:/run/x", "tcp:localhost:705")
    assert config.views == (VacmView(name="v", included=True, subtree=oids.parse("1")),)


@given(st.lists(st.sampled_from(DEBIAN.split() + RED_HAT.split() + [b"\n", b'"', b"-V", b"\xff"]), max_size=40))
def test_nothing_in_the_file_is_an_error(words: list[bytes]) -> None:
    content = b" ".join(words)
    config = parse([content])
    for reader in config.readers:
        config.is_visible(ROOT, reader)
    included_directories(content)
