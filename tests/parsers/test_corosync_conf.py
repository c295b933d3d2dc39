"""``corosync.conf``."""

from __future__ import annotations

import pytest

from gateway.errors import ParseError
from gateway.subsystems import corosync_conf
from gateway.subsystems.corosync_conf import ConfiguredNode, CorosyncConfig
from tests.fakes import FakeHost
from tests.subsystems import make_collectors
from tests.unreadable import reasons

CONFIG = """\
# totem { cluster_name: not this
totem {
\tversion: 2
\tcluster_name:   prod:hana 1
\t# transport: udp
\tinterface {
\t\tlinknumber: 0
\t\ttransport: sctp
\t}
\ttransport:knet
}

nodelist {
  node {
    name: alpha
    nodeid: 1
    cluster_name: nor this
  }
  node {
    nodeid: 2
  }
  node {
    nodeid: 3
    name: gamma
    ring0_addr: 192.0.2.3
  }
}
cluster_name: nor this either
"""


def parse(output: bytes) -> CorosyncConfig:
    return corosync_conf.parse(output).value


def test_every_setting_is_read() -> None:
    assert parse(CONFIG.encode()) == CorosyncConfig(
        cluster_name="prod:hana 1",
        transport="knet",
        nodes=(
            ConfiguredNode(id="1", name="alpha"),
            ConfiguredNode(id="2"),
            ConfiguredNode(id="3", name="gamma", addresses={0: "192.0.2.3"}),
        ),
    )
    assert parse(CONFIG.encode()).node_names == {"1": "alpha", "3": "gamma"}


def test_crlf_line_ends() -> None:
    assert parse(CONFIG.replace("\n", "\r\n").encode()) == parse(CONFIG.encode())


@pytest.mark.parametrize(
    ("output", "cluster_name", "transport"),
    [
        ("", None, None),
        ("nonsense\n", None, None),
        ("quorum { \n provider: corosync_votequorum\n}\n", None, None),
        ("totem{\ncluster_name: a\n}", "a", None),
        ("totem {\n}\ntotem {\n cluster_name: b\n transport: udpu\n}\n", "b", "udpu"),
        ("totem {\n cluster_name:\n transport: \n}\n", None, None),
        ("totem {\n cluster_name: a\n cluster_name: b\n}\n", "b", None),
        ("service {\n totem {\n  cluster_name: deeper\n }\n}\n", None, None),
        ("totem {\n cluster_name: knoten-ä\n # }\n}\n", "knoten-ä", None),
    ],
)
def test_a_fragment_has_only_what_it_contains(output: str, cluster_name: str | None, transport: str | None) -> None:
    configuration = parse(output.encode())
    assert (configuration.cluster_name, configuration.transport) == (cluster_name, transport)
    assert configuration.node_names == {}


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (b"totem {\n cluster_name: a\n", "line 3: section 'totem' is not closed"),
        (b"totem {\n interface {\n }\n", "section 'totem' is not closed"),
        (b"totem {\n}\n}\n", "line 3: a section is closed that was never opened"),
        (b"{\n" * 100_000, "line 100001: section '' is not closed"),
    ],
)
def test_unbalanced_sections_are_an_error(output: bytes, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        parse(output)


def test_a_line_that_is_damaged() -> None:
    output = CONFIG.replace("name: alpha", "name: \xff").replace("# totem", "# \xff").encode("latin-1")
    parsed = corosync_conf.parse(output)
    assert reasons(parsed) == ["line 15: not UTF-8 text: 'name: \N{REPLACEMENT CHARACTER}'"]
    assert parsed.value.node_names == {"3": "gamma"}
    assert parsed.value.has_qdevice is None


@pytest.mark.parametrize(
    ("output", "has_qdevice"),
    [
        (b"quorum {\n device {\n  model: net\n  net {\n   host: q\n  }\n }\n}\n", True),
        (b"quorum {\n device {\n  votes: 1\n }\n}\n", None),
        (b"quorum {\n provider: corosync_votequorum\n}\ndevice {\n model: net\n}\n", False),
        (b"quorum {\n device {\n  model: net\xe9\n }\n}\n", None),
        (b"# caf\xe9\nquorum {\n provider: corosync_votequorum\n}\n", False),
        (b"totem {\n}\n", None),
    ],
)
def test_the_quorum_device(output: bytes, has_qdevice: bool | None) -> None:  # noqa: FBT001
    assert parse(output).has_qdevice is has_qdevice


# --- Which node this host is -----------------------------------------------------------------------------------------


def local_name(hostname: str, *nodes: str, addresses: tuple[str, ...] = ()) -> str:
    """Returns the name of this host in a node list; a node is the lines of its section, separated by ``;``."""
    sections = "".join("node {{\n{}\n}}\n".format("\n".join(node.split(";"))) for node in nodes)
    content = f"nodelist {{\n{sections}}}\n".encode()
    host = FakeHost(files={"/corosync.conf": content}, hostname=hostname, addresses=addresses)
    name: str = corosync_conf.read_with_local_name(host, "/corosync.conf").ok_value.local_name
    return name


@pytest.mark.parametrize(
    ("hostname", "nodes", "name"),
    [
        ("alpha", ("name: beta", "name: alpha"), "alpha"),
        ("alpha.example.org", ("name: alpha.example.net", "name: alpha"), "alpha"),
        ("alpha.a.example", ("name: alpha", "name: alpha.a"), "alpha.a"),
        ("alpha", ("name: beta.example", "name: alpha.example"), "alpha.example"),
        ("alpha", ("name: one; ring0_addr: beta", "name: two; ring0_addr: alpha"), "two"),
        ("alpha", ("ring0_addr: beta", "ring0_addr: alpha.example"), "alpha.example"),
        ("alpha", ("name: one; ring1_addr: alpha",), ""),  # Corosync compares the first address only
        ("alpha", ("name: Alpha", "name: alpha2"), ""),
        ("alpha", ("nodeid: 1",), ""),
        ("", ("name: .example",), ""),
        ("alpha", (), ""),
    ],
)
def test_a_node_is_found_by_the_host_name(hostname: str, nodes: tuple[str, ...], name: str) -> None:
    assert local_name(hostname, *nodes) == name


@pytest.mark.parametrize(
    ("nodes", "name"),
    [
        (("name: one; ring0_addr: 192.0.2.1", "name: two; ring0_addr: 192.0.2.2"), "two"),
        (("name: one; ring0_addr: 192.0.2.1; ring1_addr: 2001:DB8:0::1",), "one"),
        (("name: one; ring0_addr: fe80::1%eth0",), "one"),
        (("ring0_addr: 192.0.2.1", "ring0_addr: 192.0.2.2"), "host"),  # as Pacemaker calls a node without a name
        (("ring0_addr: one; ring1_addr: 192.0.2.2",), "one"),
        (("name: one; ring0_addr: 192.0.2.2", "name: two; ring0_addr: 192.0.2.2"), ""),  # a mistake: which one is it?
        (("name: one; ring0_addr: 192.0.2.1", "name: two; ring0_addr: nonsense"), ""),
    ],
)
def test_a_node_is_found_by_its_address(nodes: tuple[str, ...], name: str) -> None:
    assert local_name("host", *nodes, addresses=("127.0.0.1", "192.0.2.2", "2001:db8::1", "fe80::1")) == name


def test_a_file_that_cannot_be_read_has_no_local_name() -> None:
    host = FakeHost(files={"/corosync.conf": b"totem {\n"})
    assert corosync_conf.read_with_local_name(host, "/corosync.conf").ok_value is None
    assert corosync_conf.read_with_local_name(host, "/missing").ok_value is None


def test_all_collectors_together_read_the_addresses_of_the_host_once() -> None:
    calls = []

    class Host(FakeHost):
        def own_addresses(self) -> tuple[str, ...]:
            calls.append("own_addresses")
            return ("192.0.2.2",)

    host = Host(
        files={corosync_conf.CONFIG.default: b"nodelist {\nnode {\nring0_addr: 192.0.2.1\n}\n}\n"}, hostname="elsewhere"
    )
    for collector in make_collectors():
        collector.plan(host)
    assert len(calls) == 1
