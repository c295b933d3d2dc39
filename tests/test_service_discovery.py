"""Service discovery: the nodes that Prometheus gets, and those that it must not lose."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import quoteattr

import aiohttp
import pytest

from gateway.engine.engine import Engine
from gateway.engine.mode import CollectorMode
from gateway.frontends.prometheus.server import MetricsServer
from gateway.frontends.prometheus.service_discovery import PATH, ServiceDiscovery
from gateway.frontends.prometheus.targets import TargetSettings
from gateway.host.host import CommandResult
from gateway.publication import Publication
from gateway.status import Status
from gateway.subsystems.corosync_conf import CONFIG
from tests.alarms.documents import TICKETS, crm_mon, node
from tests.config_values import server_settings
from tests.fakes import FakeHost
from tests.series import ended
from tests.situations import FORMATS, LAB
from tests.subsystems import make_collectors

PREFIX = "__meta_ha_cluster_"
FAILED = CommandResult(status=Status.NOT_RUNNING, exit_status=102)
COROSYNC_CONF = """
totem { \n cluster_name: hana \n }
nodelist {
  node {
    nodeid: 1
    name: n1
    ring0_addr: 192.0.2.1
    ring1_addr: fd00::1
  }
  node {
    nodeid: 2
    name: n2
    ring0_addr: 192.0.2.2
  }
  node {
    nodeid: 3
    ring0_addr: 192.0.2.3
  }
}
"""


@dataclass
class Discovery:
    """A host, and a server that serves its nodes."""

    url: str
    session: aiohttp.ClientSession
    host: FakeHost
    headers: Mapping[str, str] = field(default_factory=dict)

    def lists(self, *nodes: str, sections: str = "") -> None:
        self.host.results["crm_mon"] = ended(crm_mon(nodes=nodes, resources=(), sections=sections))

    def configures(self, text: str) -> None:
        self.host.files[CONFIG.default] = text.encode()

    async def get(self) -> tuple[int, str]:
        async with self.session.get(self.url) as response:
            self.headers = response.headers
            return response.status, await response.text()

    async def groups(self) -> list[dict[str, Any]]:
        status, text = await self.get()
        assert status == 200, text
        assert text.isascii()
        result: list[dict[str, Any]] = json.loads(text)
        return result

    async def targets(self) -> list[str]:
        return [target for group in await self.groups() for target in group["targets"]]

    async def labels(self) -> list[dict[str, str]]:
        """Returns the labels of each target, without the prefix."""
        groups = await self.groups()
        return [{name.removeprefix(PREFIX): value for name, value in group["labels"].items()} for group in groups]


@contextlib.asynccontextmanager
async def serving(*, modes: Mapping[str, CollectorMode] | None = None, **settings: Any) -> AsyncIterator[Discovery]:
    host = FakeHost()
    engine = Engine(host, make_collectors(), modes=modes)
    server = MetricsServer(engine, Publication(), **server_settings())
    used = TargetSettings(**{"link": None, "port": 9664, "scheme": "http", "metrics_path": "/metrics", **settings})
    discovery = ServiceDiscovery(engine, host, configuration_path=CONFIG.default, settings=lambda: used)
    server.add_routes(*discovery.routes)
    await server.start()
    async with aiohttp.ClientSession() as session:
        yield Discovery(f"http://{server.addresses[0]}{PATH}", session, host)
    await server.close()
    await engine.close()


# --- The nodes -------------------------------------------------------------------------------------------------------


async def test_every_node_is_a_target_with_its_states() -> None:
    async with serving() as discovery:
        discovery.configures(COROSYNC_CONF)
        discovery.lists(node("n1", "online", "dc"), node("n2", "offline"), node("n3", "standby"), sections=TICKETS)
        labels = await discovery.labels()
        assert discovery.headers["Content-Type"] == "application/json"
        assert discovery.headers["Cache-Control"] == "no-store"
    flags = {"node_standby": "false", "node_maintenance": "false", "node_dc": "false"}
    common = {"name": "hana", "tickets": ",paris,", "node_type": "member", **flags}
    assert labels == [
        {**common, "node": "n1", "node_id": "1", "node_online": "true", "node_dc": "true"},
        {**common, "node": "n2", "node_id": "2", "node_online": "false"},
        {**common, "node": "n3", "node_id": "3", "node_online": "true", "node_standby": "true"},
    ]


async def test_remote_nodes_are_targets_and_guests_are_not() -> None:
    async with serving() as discovery:
        discovery.host.results["crm_mon"] = ended((FORMATS / "crm_mon" / "2.0-output-as.xml").read_bytes())
        labels = await discovery.labels()
    assert {(each["node"], each["node_type"]) for each in labels} == {
        ("kestrel", "member"),
        ("merlin", "member"),
        ("owl", "remote"),
    }


async def test_a_lost_node_stays_and_a_deleted_one_leaves() -> None:
    async with serving() as discovery:
        discovery.configures(COROSYNC_CONF)
        discovery.lists(node("n1"), node("n2"))
        assert await discovery.targets() == ["n1:9664", "n2:9664"]
        discovery.lists(node("n1"), node("n2", "offline", "unclean"))
        assert await discovery.targets() == ["n1:9664", "n2:9664"]
        discovery.lists(node("n1"))
        assert await discovery.targets() == ["n1:9664"]
        discovery.lists(node("n1"), node("n4"))
        assert await discovery.targets() == ["n1:9664", "n4:9664"]


@pytest.mark.parametrize("situation", sorted(path.name for path in LAB.iterdir() if path.is_dir()))
async def test_no_situation_loses_a_node(situation: str) -> None:
    """Also if this node is alone, has no quorum, or does not run Pacemaker."""
    output = LAB / situation / "crm_mon--output-as=xml.stdout"
    document = output.read_text() if output.exists() else ""
    count = 2 if 'name="node2"' in document and 'name="node3"' not in document else 3
    nodes = [f"node{number}" for number in range(1, count + 1)]
    async with serving() as discovery:
        discovery.configures(corosync_conf(*nodes))
        discovery.host.results["crm_mon"] = ended(document.encode()) if document else FAILED
        assert await discovery.targets() == [f"{name}:9664" for name in nodes]


def corosync_conf(*names: str) -> str:
    nodes = "".join(f"node {{\nnodeid: {number}\nname: {name}\n}}\n" for number, name in enumerate(names, 1))
    return f"nodelist {{\n{nodes}}}\n"


# --- What is not known -----------------------------------------------------------------------------------------------


BROKEN: Mapping[str, Any] = {
    "failed": FAILED,
    "cut off": ended(crm_mon(nodes=[node("n1"), node("n2")], resources=())[:-200]),
    "no nodes": ended(crm_mon(nodes=[], resources=())),
    "a node without a name": ended(crm_mon(nodes=[node("n1"), node("")], resources=())),
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_nodes_that_were_known_stay_while_pacemaker_lists_not_all(broken: str) -> None:
    async with serving() as discovery:
        discovery.configures(COROSYNC_CONF)
        discovery.lists(node("n1"), node("r1", node_type="remote", id="r1"), node("n3"))
        before = await discovery.targets()
        assert before == ["n1:9664", "n3:9664", "r1:9664"]
        discovery.host.results["crm_mon"] = BROKEN[broken]
        # n2 is in corosync.conf, and the node without a name there has the ID of n3
        assert await discovery.targets() == ["n1:9664", "n2:9664", "n3:9664", "r1:9664"]
        assert all("node_online" not in each for each in await discovery.labels() if each["node"] != "n1")
        discovery.lists(node("n1"), node("n3"))
        assert await discovery.targets() == ["n1:9664", "n3:9664"]


async def test_corosync_conf_is_used_until_pacemaker_runs() -> None:
    async with serving() as discovery:
        discovery.host.results["crm_mon"] = FAILED
        discovery.configures(COROSYNC_CONF)
        assert await discovery.targets() == ["192.0.2.3:9664", "n1:9664", "n2:9664"]
        assert (await discovery.labels())[1] == {"name": "hana", "node": "n1", "node_id": "1", "node_type": "member"}


async def test_nothing_known_is_an_error_for_prometheus_to_keep_its_targets() -> None:
    async with serving() as discovery:
        discovery.host.results["crm_mon"] = FAILED
        status, text = await discovery.get()
    assert (status, text) == (503, "no node is known: neither crm_mon nor /etc/corosync/corosync.conf lists one\n")


async def test_pacemaker_may_be_off() -> None:
    async with serving(modes={"pacemaker": CollectorMode.OFF}) as discovery:
        discovery.configures(COROSYNC_CONF)
        assert await discovery.targets() == ["192.0.2.3:9664", "n1:9664", "n2:9664"]
        assert discovery.host.calls == []


@pytest.mark.parametrize("damage", [None, "totem {", "nodelist {\n node {\n nodeid: 1\n name: \xff\n }\n }\n"])
async def test_a_configuration_that_cannot_be_read_changes_no_target(damage: str | None) -> None:
    async with serving(link=0) as discovery:
        discovery.configures(COROSYNC_CONF)
        discovery.lists(node("n1"), node("n2"))
        before = await discovery.groups()
        if damage is None:
            del discovery.host.files[CONFIG.default]
        else:
            discovery.host.files[CONFIG.default] = damage.encode("latin-1")
        assert await discovery.groups() == before


# --- The document ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        (0, ["192.0.2.1:9664", "192.0.2.2:9664", "192.0.2.3:9664", "r1:9664"]),
        (1, ["[fd00::1]:9664", "n2:9664", "n3:9664", "r1:9664"]),
    ],
)
async def test_addresses_of_a_link(link: int, expected: list[str]) -> None:
    async with serving(link=link) as discovery:
        discovery.configures(COROSYNC_CONF)
        discovery.lists(*(node(name) for name in ("n1", "n2", "n3")), node("r1", node_type="remote", id="r1"))
        assert await discovery.targets() == expected


async def test_what_differs_from_the_defaults_of_prometheus_is_a_label() -> None:
    async with serving(scheme="https", metrics_path="/m") as discovery:
        discovery.lists(node("n1"))
        (labels,) = await discovery.labels()
    assert (labels["__scheme__"], labels["__metrics_path__"]) == ("https", "/m")


async def test_hostile_names_are_text() -> None:
    name = "<script>\"'&\u202e\u2028\x85 /../" + "x" * 900
    cluster = '<b>"\x1b[2J\u202e'
    async with serving() as discovery:
        discovery.configures(f"totem {{\n cluster_name: {cluster}\n}}\n")
        escaped = quoteattr(name, {'"': "&quot;"})[1:-1]
        discovery.lists(node(escaped), node("n2"))
        hostile, plain = await discovery.groups()
    assert (hostile["targets"], plain["targets"]) == ([f"{name}:9664"], ["n2:9664"])
    assert hostile["labels"][f"{PREFIX}node"] == name
    assert plain["labels"][f"{PREFIX}name"] == cluster
