"""``corosync.conf``."""

from __future__ import annotations

import pytest

from gateway.errors import ParseError
from gateway.subsystems import corosync_conf
from gateway.subsystems.corosync_conf import ConfiguredNode, CorosyncConfig
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


def test_everything() -> None:
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
def test_fragments(output: str, cluster_name: str | None, transport: str | None) -> None:
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
def test_malformed(output: bytes, reason: str) -> None:
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
