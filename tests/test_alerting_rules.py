"""The rules for Prometheus: each one fires in some situation, and none because of what administrators do on purpose."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway import catalog
from gateway.catalog import CONDITIONS
from gateway.conditions.alert_name import alert_name
from gateway.conditions.model import Condition
from gateway.snapshot import Snapshot
from gateway.status import Status
from tests.alarms.snapshots import make_snapshot
from tests.alarms.stack_walks import WALKS
from tests.gateway_pages import demo_snapshot, lab_snapshot, make_pages
from tests.programs import ROOT, load_script
from tests.promql import rule_problems, selector_problems, selectors
from tests.promtool import Pages, alerts, expectation, input_series, promtool, run_tests

RULES = ROOT / "rules" / "ha-cluster.yml"
GENERATE = load_script(ROOT / "rules" / "generate.py")
MINUTE = 60
HOUR = 60 * MINUTE

GROUPS: Sequence[Mapping[str, Any]] = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
ALERTS = {rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule}
RECORDINGS = {rule["record"]: rule for group in GROUPS for rule in group["rules"] if "record" in rule}

WINDOW = ALERTS["HaClusterMaintenanceMode"]["for"]


# --- The file --------------------------------------------------------------------------------------------------------


def test_the_file_is_up_to_date() -> None:
    assert RULES.read_text("utf-8") == GENERATE.rules(), "run make regenerate"


def test_every_condition_has_a_rule() -> None:
    rules = {condition.name: ALERTS[alert_name(condition.name)] for condition in CONDITIONS}
    for condition in CONDITIONS:
        rule = rules[condition.name]
        assert rule["labels"]["severity"] == condition.severity.value
        assert rule["annotations"]["description"] == condition.meaning
        assert rule["annotations"]["action"] == condition.action


def test_alerts_about_states_do_not_flap() -> None:
    events = {alert_name(condition.name) for condition in CONDITIONS if condition.expires_after}
    counters = {name for name, rule in ALERTS.items() if rule["expr"].startswith("increase(")}
    assert {name for name, rule in ALERTS.items() if "for" not in rule} <= events | counters


def test_rules_use_existing_metrics_and_labels() -> None:
    problems = [
        (name, problem)
        for name, rule in {**ALERTS, **RECORDINGS}.items()
        for metric, matchers in selectors(rule["expr"])
        for problem in selector_problems(metric, matchers)
    ]
    problems += [(name, problem) for name, rule in ALERTS.items() for problem in rule_problems(rule, RECORDINGS)]
    assert problems == []


def test_recorded_series_are_used() -> None:
    used = " ".join(rule["expr"] for rule in [*ALERTS.values(), *RECORDINGS.values()])
    assert [name for name in RECORDINGS if len(re.findall(re.escape(name), used)) < 1] == []


@pytest.mark.daemon
def test_promtool_accepts_the_rules() -> None:
    promtool("check", "rules", "--lint-fatal", RULES)


# --- Situations ------------------------------------------------------------------------------------------------------

Stages = Sequence[tuple[str, float]]
"""Situations, and how many seconds each lasts."""


async def load(situation: str) -> Snapshot | None:
    source, _, name = situation.partition("/")
    if source == "down":
        return None
    if source == "drbd-utils":
        return await lab_snapshot(name, with_drbd_utils=True)
    return await {"lab": lab_snapshot, "demo": demo_snapshot}[source](name)


def pages_of(stages: Stages, step: float) -> Pages:
    async def make() -> Pages:
        return await make_pages([(await load(situation), seconds) for situation, seconds in stages], step=step)

    return asyncio.run(make())


def target(node: str) -> dict[str, str]:
    return {"job": "ha-cluster", "cluster": "hana", "instance": f"{node}:9664"}


def check(
    folder: Path, gateways: Mapping[str, Stages], firing: AbstractSet[str], *, end: AbstractSet[str], step: int = MINUTE
) -> None:
    """Checks which alerts ever fire while gateways pass through situations, and which ones fire at the end."""
    pages = {node: pages_of(stages, step) for node, stages in gateways.items()}
    run_tests(folder, RULES, [unit_test(pages, firing, end=end, step=step)], step=step)


def unit_test(
    gateways: Mapping[str, Pages], firing: AbstractSet[str], *, end: AbstractSet[str], step: int = MINUTE
) -> dict[str, Any]:
    last = (max(map(len, gateways.values())) - 1) * step
    return {
        "input_series": [each for node, pages in gateways.items() for each in input_series(pages, target(node))],
        "promql_expr_test": [
            expectation(alerts("firing", during="1d"), f"{last}s", firing),
            expectation(alerts("firing"), f"{last}s", end),
        ],
    }


NOTHING: AbstractSet[str] = frozenset()
BEFORE, AFTER = ("lab/passive-site", 20 * MINUTE), ("lab/passive-site", 20 * MINUTE)
BEFORE_THERE, AFTER_THERE = ("lab/passive-site-seen-there", 20 * MINUTE), ("lab/passive-site-seen-there", 20 * MINUTE)
REMOTE, REMOTE_THERE = ("lab/remote/online", 20 * MINUTE), ("lab/remote/online-on-remote", 20 * MINUTE)

PLANNED: Mapping[str, tuple[Mapping[str, Stages], int]] = {
    "a passive geo site": ({"node1": [BEFORE], "node3": [BEFORE_THERE]}, MINUTE),
    "an orderly stop of one node": (
        {
            "node1": [BEFORE, ("lab/node-stopped", 3 * HOUR), AFTER],
            "node3": [BEFORE_THERE, ("lab/node-stopped-seen-there", 3 * HOUR), AFTER_THERE],
        },
        MINUTE,
    ),
    "an orderly stop of one node that is switched off": (
        {
            "node1": [BEFORE, ("lab/node-stopped", 3 * HOUR), AFTER],
            "node3": [BEFORE_THERE, ("lab/node-stopped-seen-there", MINUTE), ("down", 3 * HOUR - MINUTE), AFTER_THERE],
        },
        MINUTE,
    ),
    "a node with drbd-utils and without DRBD's module": (
        {"node1": [("drbd-utils/passive-site", 6 * HOUR)], "node3": [("drbd-utils/passive-site-seen-there", 6 * HOUR)]},
        MINUTE,
    ),
    "a remote node that is disconnected, shut down and switched off": (
        {
            "node1": [REMOTE, ("lab/remote/stopped", HOUR), REMOTE],
            "edge1": [
                REMOTE_THERE,
                ("lab/remote/stopped-on-remote", HOUR / 3),
                ("lab/remote/shut-down-on-remote", HOUR / 3),
                ("down", HOUR / 3),
                REMOTE_THERE,
            ],
        },
        MINUTE,
    ),
    "the start of a cluster": (
        {"node1": [("lab/corosync-stopped", 30), ("lab/no-dc", 30), ("lab/passive-site", 20 * MINUTE)]},
        15,
    ),
    "maintenance": (
        {"node1": [("lab/healthy", 20 * MINUTE), ("lab/maintenance-mode", 3 * HOUR), ("lab/healthy", 20 * MINUTE)]},
        MINUTE,
    ),
}
"""What administrators do on purpose: the situations of each gateway, and the seconds between two scrapes."""


@pytest.mark.daemon
@pytest.mark.parametrize("name", PLANNED)
def test_nothing_fires_during(name: str, tmp_path: Path) -> None:
    gateways, step = PLANNED[name]
    check(tmp_path, gateways, NOTHING, end=NOTHING, step=step)


@pytest.mark.daemon
def test_during_an_orderly_stop_only_the_reminder_is_pending(tmp_path: Path) -> None:
    gateways = {node: pages_of(stages, MINUTE) for node, stages in PLANNED["an orderly stop of one node"][0].items()}
    pending = [
        expectation(alerts("pending"), f"{minutes}m", names)
        for minutes, names in ((15, NOTHING), (30, {"HaClusterNodeStopped"}), (215, NOTHING))
    ]
    test = unit_test(gateways, NOTHING, end=NOTHING)
    run_tests(tmp_path, RULES, [{**test, "promql_expr_test": pending}])


@pytest.mark.daemon
@pytest.mark.parametrize(
    ("during", "reminders"),
    [
        ("lab/node-stopped", {"HaClusterNodeStopped"}),
        ("lab/maintenance-mode", {"HaClusterMaintenanceMode", "HaClusterFencingDisabled"}),
    ],
)
def test_work_that_is_left_behind_fires(during: str, reminders: set[str], tmp_path: Path) -> None:
    check(tmp_path, {"node1": [BEFORE, (during, 5 * HOUR), AFTER]}, reminders, end=NOTHING)


def lasting(situation: str, before: str = "lab/healthy", after: str = "lab/healthy") -> Mapping[str, Stages]:
    return {"node1": [(before, 20 * MINUTE), (situation, 30 * MINUTE), (after, 20 * MINUTE)]}


DEMO = {"before": "demo/healthy", "after": "demo/healthy"}
QNETD = {"before": "lab/arbitrator/healthy", "after": "lab/arbitrator/healthy"}
REMOTES = ("lab/remote/online", "lab/remote/online")
FENCED = {"before": "lab/passive-site", "after": "lab/passive-site"}

FIRING: Mapping[str, tuple[Mapping[str, Stages], set[str]]] = {
    "link-lost": (lasting("lab/link-lost"), {"HaClusterLinkPeerDown"}),
    "link-lost-seen-there": (lasting("lab/link-lost-seen-there"), {"HaClusterLinkDown"}),
    "node-lost": (lasting("lab/node-lost"), {"HaClusterNodeLost", "HaClusterVotesMissing"}),
    "quorum-lost": (
        lasting("lab/quorum-lost"),
        {"HaClusterQuorumLost", "HaClusterNodeLost", "HaClusterVotesMissing"},
    ),
    "fenced": (
        lasting("lab/fenced", **FENCED),
        {"HaClusterFencingPerformed", "HaClusterNodeLost", "HaClusterResourceMoved", "HaClusterVotesMissing"},
    ),
    "fencing-pending": (
        lasting("lab/fencing-pending", **FENCED),
        {
            "HaClusterFencingFailed",
            "HaClusterFencingPerformed",
            "HaClusterNodeLost",
            "HaClusterNodeUnclean",
            "HaClusterVotesMissing",
        },
    ),
    "resource-failed": (lasting("lab/resource-failed"), {"HaClusterFailedAction"}),
    "start-failed": (
        lasting("lab/start-failed"),
        {"HaClusterFailCount", "HaClusterFailedAction", "HaClusterResourceStopped"},
    ),
    "stop-failed": (
        lasting("lab/stop-failed"),
        {"HaClusterFailCount", "HaClusterFailedAction", "HaClusterResourceBlocked", "HaClusterResourceFailed"},
    ),
    "pacemaker-stopped": (lasting("lab/pacemaker-stopped"), {"HaClusterPacemakerDown"}),
    "corosync-killed": (lasting("lab/corosync-killed"), {"HaClusterCorosyncDown", "HaClusterPacemakerDown"}),
    "not-permitted": (lasting("lab/not-permitted"), {"HaClusterCollectorFailing"}),
    "no-dc": (lasting("lab/no-dc"), {"HaClusterDcMissing"}),
    "gateway-down": (
        {"node1": [("lab/healthy", 20 * MINUTE), ("down", 30 * MINUTE), ("lab/healthy", 20 * MINUTE)]},
        {"HaClusterGatewayDown"},
    ),
    "partitioned": (
        {
            "node1": [("lab/healthy", 20 * MINUTE), ("lab/node-lost", 30 * MINUTE), ("lab/healthy", 20 * MINUTE)],
            "node3": [("lab/healthy", 20 * MINUTE), ("lab/quorum-lost", 30 * MINUTE), ("lab/healthy", 20 * MINUTE)],
        },
        {"HaClusterPartitioned", "HaClusterQuorumLost", "HaClusterNodeLost", "HaClusterVotesMissing"},
    ),
    "arbitrator-killed": (lasting("lab/arbitrator/arbitrator-killed", **QNETD), {"HaClusterQnetdDown"}),
    "arbitrator-cut-off": (lasting("lab/arbitrator/cut-off", **QNETD), {"HaClusterQnetdClusterMissing"}),
    "arbitrator-one-left": (
        lasting("lab/arbitrator/node-lost", **QNETD),
        {"HaClusterQnetdLastNode", "HaClusterQnetdNodeMissing"},
    ),
    "remote-unreachable": (
        {**lasting("lab/remote/unreachable", *REMOTES), "edge1": [REMOTE_THERE, ("down", 30 * MINUTE), REMOTE_THERE]},
        {"HaClusterRemoteUnreachable", "HaClusterGatewayDown", "HaClusterResourceFailed", "HaClusterFailedAction"},
    ),
    "remote-node-not-connected": (
        {
            **lasting("lab/remote/online", *REMOTES),
            "edge1": [REMOTE_THERE, ("lab/remote/stopped-on-remote", 30 * MINUTE), REMOTE_THERE],
        },
        {"HaClusterRemoteHostDisconnected"},
    ),
    "demo/link-lost": (lasting("demo/link-lost", **DEMO), {"HaClusterLinkPeerDown"}),
    "demo/device-replaced": (
        lasting("demo/device-replaced", **DEMO),
        {"HaClusterSbdDevice", "HaClusterCollectorFailing"},
    ),
}
"""Problems that last for half an hour, and the alerts that fire."""


@pytest.mark.daemon
@pytest.mark.parametrize("name", FIRING)
def test_the_right_alerts_fire_and_stop(name: str, tmp_path: Path) -> None:
    gateways, firing = FIRING[name]
    check(tmp_path, gateways, firing, end=NOTHING)


def alarm(condition: str, name: str) -> str:
    severity = next(each.severity.value for each in CONDITIONS if each.name == condition)
    return f'ha_cluster_gateway_alarms{{condition="{condition}",object="{name}",severity="{severity}"}} 1\n'


@pytest.mark.daemon
def test_an_orderly_stop_fires_nothing_about_the_quorum_device_and_at_the_arbitrator(tmp_path: Path) -> None:
    """Arbitration is not in the recorded stop, so its alarms are added. The arbitrator has a label of its own."""
    stages = [("passive-site", 5), ("node-stopped", 15), ("passive-site", 5)]
    pages = {
        "node1": pages_of([(f"lab/{name}", minutes * MINUTE) for name, minutes in stages], MINUTE),
        "node3": pages_of([(f"lab/{name}-seen-there", minutes * MINUTE) for name, minutes in stages], MINUTE),
    }
    no_vote = alarm("qdevice-no-vote", "")
    pages["node3"] = [f"{page}{no_vote}" if 5 < at <= 20 else page for at, page in enumerate(pages["node3"])]
    arbitrator = {"job": "arbitrators", "cluster": "arbitrator", "instance": "arbitrator:9664"}
    during = alarm("qnetd-node-missing", "node 3 of hana") + alarm("qnetd-last-node", "hana")
    other = alarm("qnetd-node-missing", "node 3 of erp") + alarm("qnetd-last-node", "erp")
    tests = []
    for text, firing in ((during, NOTHING), (other, {"HaClusterQnetdLastNode", "HaClusterQnetdNodeMissing"})):
        test = unit_test(pages, firing, end=NOTHING)
        series = input_series([*[_FINE] * 6, *[f"{_FINE}{text}"] * 15, *[_FINE] * 5], arbitrator)
        tests.append({**test, "input_series": [*test["input_series"], *series]})
    run_tests(tmp_path, RULES, tests)


@pytest.mark.daemon
def test_a_gateway_that_is_gone_fires_in_place_of_its_alarms(tmp_path: Path) -> None:
    stages = [("lab/arbitrator/healthy", 10), ("lab/arbitrator/node-lost", 10), ("down", 10)]
    pages = pages_of([(name, minutes * MINUTE) for name, minutes in (*stages, *stages[1::-1], stages[0])], MINUTE)
    missing = {"HaClusterQnetdLastNode", "HaClusterQnetdNodeMissing"}
    times = {5: NOTHING, 15: missing, 25: {"HaClusterGatewayDown"}, 35: missing, 45: NOTHING}
    firing = [expectation(alerts("firing"), f"{minutes}m", names) for minutes, names in times.items()]
    test = unit_test({"arbitrator": pages}, NOTHING, end=NOTHING)
    run_tests(tmp_path, RULES, [{**test, "promql_expr_test": firing}])


@pytest.mark.daemon
def test_all_nodes_together_alert_once(tmp_path: Path) -> None:
    stages = [BEFORE, ("lab/fenced", HOUR)]
    gateways = {node: pages_of(stages, MINUTE) for node in ("node1", "node2")}
    test = unit_test(gateways, NOTHING, end=NOTHING)
    count = {
        "expr": 'count by (alertname, object) (ALERTS{alertname="HaClusterNodeLost",alertstate="firing"})',
        "eval_time": "79m",
        "exp_samples": [{"labels": '{alertname="HaClusterNodeLost",object="node3"}', "value": 1}],
    }
    run_tests(tmp_path, RULES, [{**test, "promql_expr_test": [count]}])


# --- Every condition -------------------------------------------------------------------------------------------------


def walk_stages(condition: Condition, lasting: float) -> Iterator[tuple[Snapshot, float]]:
    """Yields snapshots that show a condition as absent, then for some time as present, and then as absent."""
    if condition.name == "collector-failing":
        fine, failing = make_snapshot(), make_snapshot(failing={"crm_mon": Status.TIMED_OUT})
        yield from ((fine, 5 * MINUTE), (failing, lasting), (fine, 20 * MINUTE))
        return
    walk = WALKS[condition.name]
    yield make_snapshot(*walk.before), 5 * MINUTE
    present = make_snapshot(*walk.present)
    if condition.name == "booth-ticket-expiring":  # not renewed: its expiry does not move
        for number in range(round(lasting / MINUTE)):
            yield replace(present, time=float(number * MINUTE)), MINUTE
    else:
        yield present, lasting
    yield make_snapshot(*(walk.before if walk.absent is None else walk.absent)), 20 * MINUTE


@pytest.mark.daemon
@pytest.mark.no_cover  # thousands of similar inputs: four times as fast without
def test_the_alert_about_every_condition_fires_and_stops(tmp_path: Path) -> None:
    async def make() -> list[dict[str, Any]]:
        tests = []
        for condition in CONDITIONS:
            name = alert_name(condition.name)
            seconds = 5 * HOUR if ALERTS[name].get("for") == WINDOW else 15 * MINUTE
            pages = await make_pages(walk_stages(condition, seconds), step=MINUTE)
            last = f"{len(pages) - 1}m"
            of_condition = f'ALERTS{{alertname="{name}",alertstate="firing"}}'
            tests.append(
                {
                    "name": name,
                    "input_series": list(input_series(pages, target("node1"))),
                    "promql_expr_test": [
                        expectation(f"group by (alertname) ({of_condition})", "4m", NOTHING),
                        expectation(f"group by (alertname) (max_over_time({of_condition}[1d]))", last, {name}),
                        expectation(f"group by (alertname) ({of_condition})", last, NOTHING),
                    ],
                }
            )
        return tests

    run_tests(tmp_path, RULES, asyncio.run(make()))


# --- The gateway -----------------------------------------------------------------------------------------------------

_BUILD = 'ha_cluster_gateway_build_info{version="1",python="3"} 1\n'
_ACTIVE = 'ha_cluster_gateway_alarms_active{severity="critical"} 0\n'
_FINE = _BUILD + _ACTIVE
_TARGET = 'ha_cluster_gateway_notification_target_state{target="%s",kind="inform",state="failing"} %d\n'

GATEWAY: Mapping[str, tuple[str, ...]] = {
    "HaClusterAlarmsMissing": (_FINE, _BUILD, _FINE),
    "HaClusterSnapshotOld": tuple(f"{_FINE}ha_cluster_gateway_snapshot_age_seconds {age}\n" for age in (0, 900, 0)),
    "HaClusterNotListening": tuple(
        f'{_FINE}ha_cluster_gateway_listening{{server="snmp",address="192.0.2.1:161"}} {bound}\n' for bound in (1, 0, 1)
    ),
    "HaClusterReloadFailed": tuple(
        f"{_FINE}ha_cluster_gateway_web_config_last_reload_successful {successful}\n" for successful in (1, 0, 1)
    ),
    "HaClusterCertificateExpiring": tuple(
        f"{_FINE}ha_cluster_gateway_web_certificate_expiry_timestamp_seconds {days * 86400}\n" for days in (60, 10, 90)
    ),
    "HaClusterAgentxLost": tuple(
        f'{_FINE}ha_cluster_gateway_agentx_state{{state="registered"}} {registered}\n'
        "ha_cluster_gateway_agentx_sessions_total 1\n"
        for registered in (1, 0, 1)
    ),
    "HaClusterNotificationsFailing": tuple(_FINE + _TARGET % ("manager:162", failing) for failing in (0, 1, 0)),
}
"""Pages before, while and after an alert fires."""

COUNTERS: Mapping[str, str] = {
    "HaClusterScrapesIncomplete": "ha_cluster_gateway_scrapes_incomplete_total",
    "HaClusterValuesUnreadable": 'ha_cluster_gateway_values_unreadable_total{collector="pacemaker",command="crm_mon"}',
    "HaClusterSamplesDropped": 'ha_cluster_gateway_samples_dropped_total{collector="drbd"}',
    "HaClusterPublicationFailing": "ha_cluster_gateway_publication_failures_total",
    "HaClusterNotificationsDropped": 'ha_cluster_gateway_notifications_dropped_total{target="manager:162"}',
}
"""Alerts that fire while a counter increases."""


def counting(series_name: str) -> list[str]:
    values = [0] * 20 + list(range(1, 41)) + [40] * 60
    return [f"{_FINE}{series_name} {value}\n" for value in values]


@pytest.mark.daemon
def test_the_alerts_about_the_gateway_fire_and_stop(tmp_path: Path) -> None:
    pages: dict[str, list[str]] = {name: counting(counter) for name, counter in COUNTERS.items()}
    for name, (before, during, after) in GATEWAY.items():
        pages[name] = [before] * 20 + [during] * 90 + [after] * 20
    tests = [{"name": name, **unit_test({"n": each}, {name}, end=NOTHING)} for name, each in pages.items()]
    run_tests(tmp_path, RULES, tests)


@pytest.mark.daemon
def test_a_gateway_without_snmpd_is_in_order(tmp_path: Path) -> None:
    page = (
        f'{_FINE}ha_cluster_gateway_agentx_state{{state="registered"}} 0\n'
        f"ha_cluster_gateway_agentx_sessions_total 0\n{_TARGET % ('agentx', 1)}"
    )
    run_tests(tmp_path, RULES, [unit_test({"n": [page] * 60}, NOTHING, end=NOTHING)])


def test_every_alert_fires_in_some_test() -> None:
    tested = {alert_name(condition.name) for condition in CONDITIONS} | GATEWAY.keys() | COUNTERS.keys()
    tested |= set().union(*(firing for _, firing in FIRING.values())) | {"HaClusterNodeStopped"}
    assert ALERTS.keys() == tested


def test_the_catalog_has_no_metric_of_the_health_of_the_gateway_that_no_rule_knows() -> None:
    # whoever adds such a metric decides whether it needs a rule
    health = re.compile(r"_(failures|dropped|incomplete|unreadable|successful)(_total)?$")
    used = " ".join(rule["expr"] for rule in ALERTS.values())
    without = {metric.name for metric in catalog.METRICS if health.search(metric.name) and metric.name not in used}
    assert without == {
        "ha_cluster_booth_peer_authentication_failures_total",  # shows as a ticket that is not renewed
        "ha_cluster_drbd_force_io_failures",  # drbd-io-failures
        "ha_cluster_gateway_command_failures_total",  # collector-failing
        "ha_cluster_gateway_alerts_dropped_total",  # snapshots show the change some seconds later
        "ha_cluster_gateway_log_lines_dropped_total",  # shows in the log itself
    }
