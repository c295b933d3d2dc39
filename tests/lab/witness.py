"""Everything that the users of one gateway see, for tests: metrics, page, both SNMP agents, and notifications."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from tests import series
from tests.lab.cluster import Cluster
from tests.lab.expected_objects import Variables, expected_variables, walked_variables
from tests.lab.expected_page import EXPECTED, Metrics, read_page
from tests.lab.gateways import PORT, NodeGateway, configuration
from tests.lab.receivers import STARTED, inside, notifications, target, trapd
from tests.lab.scrape import get
from tests.programs import ROOT, installed
from tests.series import Series
from tests.snmpd import Snmpd
from tests.snmptrapd import COMMUNITY, Snmptrapd

Alarm = tuple[str, str]
"""Condition and object."""

Changes = Mapping[Alarm, Sequence[str]]
"""What the receiver was notified of, in order."""

_AGENT, _RECEIVER = 1161, 1162
_MIBS = f"{ROOT / 'mibs'}:{ROOT / 'mibs' / 'stubs'}"
_WALK = ("-v2c", "-c", COMMUNITY, "-Ln", "-OqUX", "-M", _MIBS, "-m", "HA-CLUSTER-MIB", "-t5")
_SNMP = """\
agentx = "unix:{socket}"
[snmp.agent]
listen = ["127.0.0.1:{port}"]
[[snmp.agent.community]]
name = "{community}"
"""


class Witness:
    """A gateway in a node, with a real snmpd and a real snmptrapd beside it.

    Args:
        cluster: the lab.
        node: the node.
        config: the configuration of the gateway.
        snmpd: the daemon that the gateway serves through.
        receiver: the receiver of the gateway's informs.

    Attributes:
        gateway: the gateway; ``restart`` replaces it.
    """

    def __init__(self, cluster: Cluster, node: str, config: Path, snmpd: Snmpd, receiver: Snmptrapd) -> None:
        self._cluster = cluster
        self._node = node
        self._config = config
        self._ports = {"snmpd": snmpd.port, "the built-in agent": _AGENT}
        self._receiver = receiver
        self._seen = 0
        self._active: frozenset[Alarm] = frozenset()
        self.gateway = NodeGateway(cluster, node, config)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.gateway.kill()

    def page(self) -> Series:
        """Returns a scrape."""
        return self.gateway.page()

    def alarms(self) -> set[Alarm]:
        """Returns the alarms that a scrape shows."""
        return self.gateway.alarms()

    def restart(self) -> None:
        """Restarts the gateway, which raises all alarms again."""
        self.gateway.stop()
        self._seen, self._active = len(notifications(self._receiver)), frozenset()
        self.gateway = NodeGateway(self._cluster, self._node, self._config)

    def expect(self, *alarms: Alarm, passed: Iterable[Alarm] = (), possibly: Iterable[Alarm] = ()) -> None:
        """Waits until exactly these alarms are active, and everything that users see is the same.

        Since the last call, the receiver was notified once of each alarm that is new, and of each that is over.

        Args:
            alarms: the alarms.
            passed: the alarms that were raised and cleared since the last call.
            possibly: those that may have been, depending on when the tools ran.
        """
        expected = frozenset(alarms)
        try:
            self._cluster.wait_for(lambda: self.alarms() == expected, 180)
        except TimeoutError:
            raise AssertionError(f"{self._node}: {self.alarms()}, expected {expected}") from None
        changes = {alarm: ["raised"] for alarm in expected - self._active}
        changes |= {alarm: ["cleared"] for alarm in self._active - expected}
        changes |= {alarm: ["raised", "cleared"] for alarm in passed}
        self._wait_for_notifications(changes, {alarm: ["raised", "cleared"] for alarm in possibly})
        self._active = expected
        self._wait_until_all_agree()

    def _wait_for_notifications(self, changes: Changes, possible: Changes) -> None:
        def are_notified() -> bool:
            notified = self._new_changes()
            return changes == {alarm: one for alarm, one in notified.items() if possible.get(alarm) != one}

        try:
            self._cluster.wait_for(are_notified, 30)
        except TimeoutError:
            raise AssertionError(f"{self._node}: expected {changes}, notified of {self._new_changes()}") from None
        self._seen = len(notifications(self._receiver))

    def _new_changes(self) -> Changes:
        changes: dict[Alarm, list[str]] = {}
        for notification in notifications(self._receiver)[self._seen :]:
            if notification.notification != STARTED:
                changes.setdefault((notification.condition, notification.object), []).append(notification.change)
        return changes

    def _wait_until_all_agree(self) -> None:
        differences: list[str] = []

        def agree() -> bool:
            differences[:] = self._differences()
            return not differences

        try:
            self._cluster.wait_for(agree, 30)
        except TimeoutError:
            raise AssertionError(f"{self._node}: " + "\n".join(differences)) from None

    def _differences(self) -> list[str]:
        """Returns where the page and the agents differ from the metrics, for example because time has passed."""
        scraped = self.gateway.page()
        page = read_page(get(self._cluster, self._node, PORT, "/?show=all"))
        metrics, variables = Metrics(scraped), expected_variables(scraped)
        differences: list[str] = []
        for name, port in self._ports.items():
            walked, texts = walked_variables(self._walk(port))
            differences += _compared(name, variables, walked)
            if set(texts.values()) != page.alarms:
                differences.append(f"{name}: alarms {texts}, page {sorted(page.alarms)}")
        for key, expected in EXPECTED.items():
            if metrics.rows(f"{key}_up") and (section := page.sections[key]) != (correct := expected(metrics)):
                differences.append(f"page, {key}: {section}, expected {correct}")
        count = len(series.named(scraped, "ha_cluster_gateway_alarms"))
        if not page.verdict.startswith(f"{count} active alarm" if count else "No active alarms"):
            differences.append(f"page: {page.verdict}, expected {count}")
        return differences

    def _walk(self, port: int) -> str:
        argv = [installed("snmpbulkwalk"), *_WALK, f"127.0.0.1:{port}", "HA-CLUSTER-MIB::haClusterMIB"]
        return self._cluster.run(self._node, *argv, check=False).stdout


def _compared(name: str, expected: Variables, actual: Variables) -> Iterator[str]:
    for key in sorted(expected.keys() | actual.keys()):
        if expected.get(key) != actual.get(key):
            yield f"{name}: {key}: {actual.get(key)}, expected {expected.get(key)}"


@contextmanager
def witness(cluster: Cluster, node: str, directory: Path, *, collectors: str) -> Iterator[Witness]:
    """Starts a gateway, an snmpd and an snmptrapd in a node."""
    directory.mkdir()
    with ExitStack() as stack:
        snmpd = stack.enter_context(Snmpd(directory, **inside(cluster, node)))
        receiver = stack.enter_context(trapd(cluster, node, directory / "receiver", port=_RECEIVER))
        config = configuration(
            directory,
            snmp=_SNMP.format(socket=snmpd.agentx, port=_AGENT, community=COMMUNITY),
            alarms="raise_at_start = true",
            targets=target(_RECEIVER, "inform"),
            collectors=collectors,
        )
        with Witness(cluster, node, config, snmpd, receiver) as running:
            yield running
