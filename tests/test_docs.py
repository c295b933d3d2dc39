"""The documentation says what the code does: tables, flags, commands, and examples of PromQL."""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway import catalog, cli
from gateway.alarms.conditions import CONDITIONS
from gateway.alarms.notification import Change, notification_name
from gateway.conditions.model import Condition
from gateway.config.loader import load
from gateway.samples import Metric
from gateway.snmp.mib.module import mib
from gateway.subsystems.pacemaker import crm_mon
from tests import series
from tests.goldens import GOLDENS
from tests.programs import installed, load_script

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
TEXTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")] + PAGES

every_text = pytest.mark.parametrize("path", TEXTS, ids=[str(path.relative_to(ROOT)) for path in TEXTS])


# --- Pages -----------------------------------------------------------------------------------------------------------


def test_generated_parts_are_up_to_date() -> None:
    generate = load_script(DOCS / "generate.py")
    for name in generate.PAGES:
        assert (DOCS / name).read_text("utf-8") == generate.page(name), "run docs/generate.py"


def test_the_drop_in_metrics_are_in_the_catalogue() -> None:
    assert sum(metric.drop_in for metric in catalog.METRICS) == 33


def test_every_page_is_in_a_table_of_contents() -> None:
    listed = {DOCS / "index.md"}
    for page in PAGES:
        for block in re.findall(r"^```\{toctree\}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL):
            entries = (line for line in block.splitlines() if line and not line.startswith(":"))
            listed |= {page.parent / f"{entry}.md" for entry in entries}
    assert listed == set(PAGES)


@every_text
def test_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_the_changelog_tells_what_is_unreleased() -> None:
    section = (ROOT / "CHANGELOG.md").read_text("utf-8").partition("\n## [Unreleased]\n")[2].partition("\n## ")[0]
    assert re.search(r"^### (Added|Changed|Deprecated|Removed|Fixed|Security)\n\n- ", section, re.MULTILINE)


def test_what_is_measured_reads_the_same_both_ways() -> None:
    output = (ROOT / "tests" / "data" / "lab" / "healthy" / "crm_mon--output-as=xml.stdout").read_bytes()
    assert load_script(DOCS / "adr" / "measure.py").with_tree(output) == crm_mon.parse(output)


# --- Commands and flags ----------------------------------------------------------------------------------------------


@every_text
def test_targets_are_in_the_makefile(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    mentioned = set(re.findall(r"(?:^ +|`)make ([a-z]+)", path.read_text("utf-8"), re.MULTILINE))
    assert mentioned <= targets


def test_the_readme_begins_with_commands_that_work() -> None:
    first = re.findall(r"^    (.+)$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)[:3]
    assert first == ["make demo", "curl http://127.0.0.1:9664/metrics", "make test"]


def parsers() -> Iterator[argparse.ArgumentParser]:
    parser = cli._parser()
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


FLAGS = {flag for parser in parsers() for action in parser._actions for flag in action.option_strings}
COMMANDS = {"serve", *cli._COMMANDS}

OTHERS = {
    "--cleanup": "crm_resource",
    "--clear": "crm_resource",
    "--confirm": "stonith_admin",
    "--cuts": "the lab",
    "--discard-my-data": "drbdadm",
    "--gid": "useradd",
    "--history": "stonith_admin",
    "--in": "snmpttconvertmib",
    "--json": "drbdsetup",
    "--no-create-home": "useradd",
    "--node": "crm_resource",
    "--now": "systemctl",
    "--only": "the benchmark",
    "--out": "snmpttconvertmib",
    "--resource": "crm_resource",
    "--scrapes": "the benchmark",
    "--shared": "the lab",
    "--shell": "useradd",
    "--system": "useradd",
}
"""Flags that the documentation mentions and that are another program's."""


@every_text
def test_flags_exist(path: Path) -> None:
    mentioned = set(re.findall(r"(?<![\w-])--[a-z][\w.-]*\w", path.read_text("utf-8")))
    assert mentioned - FLAGS <= OTHERS.keys()


@every_text
def test_subcommands_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    lines = re.findall(r"^ {4}(?:/\S+/bin/)?ha-cluster-gateway\b(?!:)(.*)$", text, re.MULTILINE)
    mentioned = [*(line.partition("#")[0] for line in lines), *re.findall(r"`ha-cluster-gateway ([^`]+)`", text)]
    words = {word[0] for line in mentioned if (word := line.split()) and not word[0].startswith("-")}
    assert words <= COMMANDS


def test_every_flag_is_documented() -> None:
    text = (DOCS / "configuration.md").read_text("utf-8")
    assert {flag for flag in FLAGS if f"`{flag}`" not in text} == {"-h", "--help"}


# --- SNMP and alarms -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*mib().objects, *mib().notifications])
def test_what_is_in_the_mib_is_on_its_page(name: str) -> None:
    text = (DOCS / "mib.md").read_text("utf-8")
    if (row := mib().objects.get(name)) and row.index:
        assert f"\n### {name.removesuffix('Entry')}Table\n" in text
    else:
        assert f"\n| `{name}` | " in text


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: str(condition.name))
def test_a_condition_is_on_the_page_of_alarms(condition: Condition) -> None:
    _, _, section = (DOCS / "alarms.md").read_text("utf-8").partition(f"\n#### {condition.name}\n")
    section, _, _ = section.partition("\n#### ")
    for said in (
        condition.meaning,
        condition.action,
        condition.raised,
        condition.cleared,
        *(notification_name(condition.category, change) for change in (Change.RAISED, Change.CLEARED)),
    ):
        assert said in section


@every_text
def test_names_of_the_mib_are_in_the_mib(path: Path) -> None:
    known = {*mib().objects, *mib().notifications, *NODES_OF_THE_MIB}
    mentioned = set(re.findall(r"\bhaCluster\w+", path.read_text("utf-8")))
    tables = {name.removesuffix("Entry") + "Table" for name, found in mib().objects.items() if found.index}
    assert {name for name in mentioned - known - tables if not name.startswith("haClusterNotice")} == set()


NODES_OF_THE_MIB = {"haClusterObjects", "haClusterCompliance"}
"""What is mentioned of the MIB and is neither an object nor a notification."""


EXAMPLES = [
    (path, number, text)
    for path in TEXTS
    for number, text in enumerate(re.findall(r"^```toml\n(.*?)^```", path.read_text("utf-8"), re.M | re.S), 1)
]


@pytest.mark.parametrize(
    ("path", "number", "text"), EXAMPLES, ids=[f"{path.name}-{number}" for path, number, _ in EXAMPLES]
)
def test_an_example_of_a_configuration_has_no_mistakes(path: Path, number: int, text: str, tmp_path: Path) -> None:
    for name in ("auth", "priv"):
        (tmp_path / name).write_text("a password\n")
        (tmp_path / name).chmod(0o600)
        text = text.replace(f"/etc/ha-cluster-gateway/{name}", str(tmp_path / name))
    (tmp_path / "gateway.conf").write_text(text, "utf-8")
    load(tmp_path / "gateway.conf", {})


PACKAGED = {
    "systemd/ha-cluster-gateway.service": "operation.md",
    "snmp/ha-cluster-gateway.conf": "snmp.md",
    "snmp/ha-cluster-gateway.tmpfiles": "snmp.md",
}
"""Files of packaging, and the page that shows each."""


@pytest.mark.parametrize(("name", "page"), PACKAGED.items())
def test_what_is_packaged_is_what_is_shown(name: str, page: str) -> None:
    lines = (ROOT / "packaging" / name).read_text("utf-8").splitlines()
    plain = "\n".join(line for line in lines if line and not line.startswith("#"))
    shown = re.findall(r"^```(?:ini|text)\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    blocks = ("\n".join(line for line in block.splitlines() if line and not line.startswith("#")) for block in shown)
    assert plain in blocks


# --- PromQL ----------------------------------------------------------------------------------------------------------

METRICS = {metric.name: metric for metric in catalog.METRICS}
TARGET_LABELS = {"cluster", "instance", "job"}
"""What Prometheus adds by the configuration on the page."""

SELECTOR = re.compile(r"(?<!\w)(ha_cluster_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!=|=|!~)\s*"([^"]*)"')
GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")


def labels_of(metric: Metric) -> set[str]:
    return {*metric.labels, *filter(None, [metric.state_label])} | TARGET_LABELS


def assert_selector_is_known(name: str, matchers: str) -> None:
    """Asserts that a metric, its labels, and the states that are asked for are in the catalogue."""
    metric = METRICS[name]
    for label, operator, value in MATCHER.findall(matchers):
        assert label in labels_of(metric), f"{name} has no label {label}"
        if label == metric.state_label and operator in {"=", "!="}:
            assert value in metric.states, f"{name} has no state {value}"


@every_text
def test_metrics_and_labels_are_in_the_catalogue(path: Path) -> None:
    for name, matchers in SELECTOR.findall(path.read_text("utf-8")):
        # a name that ends in an underscore stands for all that begin with it; two are programs, not metrics
        if name in {"ha_cluster_exporter", "ha_cluster_gateway"}:
            continue
        if name.endswith("_"):
            assert any(known.startswith(name) for known in METRICS), name
        else:
            # in the table of differences, the label "value" stands for the value
            assert_selector_is_known(
                name, re.sub(r'\bvalue="[^"]*"', "", matchers) if "value" in matchers else matchers
            )


def example(name: str) -> str:
    """Returns an example of operation.md, which begins with its name in a comment."""
    text = (DOCS / "operation.md").read_text("utf-8")
    found = re.search(rf"^```\w+\n(# \S*{re.escape(name)}\n.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[1]


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load(example("alerts.yml"))
    return [rule for group in document["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_a_rule_uses_labels_that_its_metrics_have(rule: Mapping[str, Any]) -> None:
    expression = rule["expr"]
    selected = [METRICS[name] for name, _ in SELECTOR.findall(expression)]
    known = TARGET_LABELS.union(*map(labels_of, selected))
    groupings = [set(re.findall(r"\w+", labels)) for labels in GROUPING.findall(expression)]
    assert set().union(*groupings) <= known
    # what an aggregation leaves is what the annotations can show
    aggregated = re.search(r"\bby\s*\(([^)]*)\)", expression)
    left = set(re.findall(r"\w+", aggregated[1])) if aggregated else known
    shown = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    assert shown <= left


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run([installed("promtool"), *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_examples(tmp_path: Path) -> None:
    for name, command in (("alerts.yml", "rules"), ("prometheus.yml", "config")):
        (tmp_path / name).write_text(example(name), "utf-8")
        promtool("check", command, tmp_path / name)


GATEWAYS = {
    "snmpd-gone": (
        'ha_cluster_gateway_agentx_state{state="registered"} 0\nha_cluster_gateway_agentx_sessions_total 1\n',
        {"HaClusterAgentxLost"},
    ),
    "no-snmpd": (
        'ha_cluster_gateway_agentx_state{state="registered"} 0\n'
        "ha_cluster_gateway_agentx_sessions_total 0\n"
        'ha_cluster_gateway_notification_target_state{target="agentx",kind="agentx",state="failing"} 1\n',
        set[str](),
    ),
    "receiver-down": (
        'ha_cluster_gateway_notification_target_state{target="manager:162",kind="inform",state="failing"} 1\n',
        {"HaClusterNotificationsFailing"},
    ),
}
"""Pages of gateways, as far as it matters, and the alerts that fire: recordings have nothing of the gateway itself."""

DEMO = {"HaClusterFencingDisabled"}
"""What the demo cluster shows all the time: its fencing is off."""

FIRING = {
    "demo/healthy": DEMO,
    "demo/link-lost": DEMO | {"HaClusterLinkDown"},
    "demo/node-lost": DEMO | {"HaClusterLinkDown", "HaClusterNodeOffline", "HaClusterDrbdNotConnected"},
    "demo/quorum-lost": DEMO
    | {"HaClusterLinkDown", "HaClusterNodeOffline", "HaClusterDrbdNotConnected", "HaClusterQuorumLost"},
    "demo/recovery": DEMO | {"HaClusterDrbdSplitBrain"},
    "demo/resource-failed": DEMO | {"HaClusterFailCount"},
    "demo/moved": DEMO | {"HaClusterMoveLeftBehind"},
    "demo/device-replaced": DEMO | {"HaClusterSbdDeviceUnhealthy", "HaClusterCollectorFailing"},
    "demo/bundle": DEMO | {"HaClusterResourceFailed", "HaClusterResourceBlocked", "HaClusterFailCount"},
    "lab/two-nodes-one-lost": {"HaClusterFencingDisabled", "HaClusterLinkDown", "HaClusterNodeOffline"},
    "lab/fencing-pending": {
        "HaClusterFencingFailed",
        "HaClusterLinkDown",
        "HaClusterNodeFenced",
        "HaClusterNodeOffline",
        "HaClusterNodeUnclean",
    },
    "lab/pacemaker-stopped": {"HaClusterPacemakerDown", "HaClusterCollectorFailing"},
    "lab/corosync-stopped": {"HaClusterCorosyncDown", "HaClusterPacemakerDown", "HaClusterCollectorFailing"},
    "lab/not-permitted": {"HaClusterCollectorFailing"},
}
"""The alerts that fire in recorded situations, once they have lasted."""


def input_series(page: str) -> Iterator[dict[str, str]]:
    """Yields the series of a page as promtool wants them, each with one value for two hours."""
    target = {"instance": "node1:9664", "job": "ha-cluster", "cluster": "hana"}
    yield {"series": "up" + selector(target), "values": "1x120"}
    for (name, labels), value in series.parse(page).items():
        finite = min(max(value, -1e9), 1e10)
        yield {"series": name + selector({**dict(labels), **target}), "values": f"{finite!r}x120"}


def selector(labels: Mapping[str, str]) -> str:
    quoted = (f'{name}="{value}"' for name, value in labels.items())
    return "{" + ",".join(quoted) + "}"


def test_alerts_fire_when_they_should(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(example("alerts.yml"), "utf-8")
    recorded = {name: ((GOLDENS / f"{name}.prom").read_text("utf-8"), firing) for name, firing in FIRING.items()}
    tests = [
        {
            "name": situation,
            "interval": "1m",
            "input_series": list(input_series(page)),
            "promql_expr_test": [
                {
                    "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
                    "eval_time": "90m",
                    "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(firing)],
                }
            ],
        }
        for situation, (page, firing) in {**recorded, **GATEWAYS}.items()
    ]
    document = {"rule_files": ["alerts.yml"], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(document), "utf-8")
    promtool("test", "rules", tmp_path / "tests.yml")


def test_every_alert_of_the_cluster_fires_in_some_situation() -> None:
    # neither a gateway that is gone nor a lost disk was recorded
    seen = set().union(*FIRING.values()) | {"HaClusterGatewayDown", "HaClusterDrbdDiskLost"}
    seen = seen.union(*(firing for _, firing in GATEWAYS.values()))
    assert {rule["alert"] for rule in rules()} == seen


# --- The whole -------------------------------------------------------------------------------------------------------


if os.environ.get("CI") or (importlib.util.find_spec("sphinx") and importlib.util.find_spec("myst_parser")):
    # Sphinx comes with make lint and make docs, not with what make test needs: where it is not there, this is no test

    def test_sphinx_builds_it_without_a_warning(tmp_path: Path) -> None:
        argv = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "-b", "html", "-d", str(tmp_path / "doctrees")]
        done = subprocess.run([*argv, str(DOCS), str(tmp_path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
