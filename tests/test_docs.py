"""The documentation agrees with the code: generated tables, flags, commands, configurations and PromQL."""

from __future__ import annotations

import argparse
import ast
import importlib.util
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gateway import catalog, cli
from gateway.alarms.notification import Change
from gateway.catalog import CONDITIONS
from gateway.config.loader import load
from gateway.errors import ConfigError
from gateway.frontends.snmp.notifications.rendering import notification_name
from gateway.host.replay import DEMO, Recording
from gateway.snmp.mib.module import mib
from gateway.subsystems.pacemaker import crm_mon
from tests.certificates import Authority
from tests.goldens import GOLDENS
from tests.programs import load_script
from tests.promql import METRICS, selector_problems, selectors
from tests.promtool import alerts, expectation, input_series, promtool, run_tests

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = {path: path.read_text("utf-8") for path in sorted(DOCS.rglob("*.md")) if "_build" not in path.parts}
TEXTS = {
    **{path: path.read_text("utf-8") for path in sorted(ROOT.glob("*.md"))},
    **PAGES,
}
"""Every page of prose, by its path."""


def blocks(text: str, *languages: str) -> Iterator[str]:
    """Yields the fenced code blocks of a page, without their indentation."""
    fence = rf"^( *)```(?:{'|'.join(languages)})\n(.*?)^\1```"
    for match in re.finditer(fence, text, re.MULTILINE | re.DOTALL):
        yield textwrap.dedent(match[2])


# --- Pages -----------------------------------------------------------------------------------------------------------


def test_generated_parts_are_up_to_date() -> None:
    generate = load_script(DOCS / "generate.py")
    outdated = [name for name in generate.PAGES if (DOCS / name).read_text("utf-8") != generate.page(name)]
    assert outdated == [], "run make regenerate"
    assert generate.EXAMPLE.read_text("utf-8") == generate.example(), "run make regenerate"


def test_the_drop_in_metrics_are_in_the_catalog() -> None:
    assert sum(metric.drop_in for metric in catalog.METRICS) == 33


def test_every_page_is_in_a_table_of_contents() -> None:
    listed = {DOCS / "index.md"}
    for page, text in PAGES.items():
        for block in blocks(text, r"\{toctree\}"):
            entries = (line for line in block.splitlines() if line and not line.startswith(":"))
            listed |= {page.parent / f"{entry}.md" for entry in entries}
    assert listed == set(PAGES)


def test_links_lead_to_files() -> None:
    broken = [
        (path.name, target)
        for path, text in TEXTS.items()
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
        if not (path.parent / target).exists()
    ]
    assert broken == []


def anchors(text: str) -> set[str]:
    """Returns the anchors of a page's headings, as forges make them; Sphinx accepts these as well."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"^( *)```.*?^\1```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_to_headings() -> None:
    broken = [
        (path.name, f"{target}#{anchor}")
        for path, text in TEXTS.items()
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", text)
        if anchor not in anchors((path.parent / target).read_text("utf-8") if target else text)
    ]
    assert broken == []


def test_links_have_a_text() -> None:
    # Sphinx would insert the heading, but forges show nothing
    assert [path.name for path, text in TEXTS.items() if "[](" in text] == []


def test_mentioned_files_exist() -> None:
    # ADRs describe the tree as it was when they were written
    pattern = re.compile(r"`((?:gateway|tests|docs|mibs|packaging)/[\w./-]+)`")
    missing = [
        (path.name, name)
        for path, text in TEXTS.items()
        if path.parent.name != "adr"
        for name in pattern.findall(text)
        if not (ROOT / name).exists() and "_build" not in name
    ]
    assert missing == []


def test_the_changelog_has_unreleased_changes() -> None:
    section = TEXTS[ROOT / "CHANGELOG.md"].partition("\n## [Unreleased]\n")[2].partition("\n## ")[0]
    kinds = r"^### (Added|Changed|Deprecated|Removed|Fixed|Security)\n\n(#### .+\n\n)?- "
    assert re.search(kinds, section, re.MULTILINE)


def test_both_readers_of_the_measurement_agree() -> None:
    output = (ROOT / "tests" / "data" / "lab" / "healthy" / "crm_mon--output-as=xml.stdout").read_bytes()
    assert load_script(DOCS / "adr" / "measure.py").with_tree(output) == crm_mon.parse(output)


def test_decisions_that_refer_to_each_other_do_so_in_both() -> None:
    decisions = {path.name: text for path, text in PAGES.items() if re.match(r"\d{4}-", path.name)}
    references = {
        (name, target)
        for name, text in decisions.items()
        for target in re.findall(r"\]\((\d{4}-[\w-]+\.md)", text.partition("\n## Context\n")[0])
    }
    assert len(references) > 10
    assert {(name, target) for name, target in references if (target, name) not in references} == set()


# --- Identifiers -----------------------------------------------------------------------------------------------------


def defined_names() -> set[str]:
    """Returns the name of every class, function and module-level variable in the package."""
    names = set()
    for path in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                    names.add(node.name)
                case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                    names.add(name)
    return names


def test_identifiers_of_the_glossary_are_defined() -> None:
    glossary = PAGES[DOCS / "development.md"].partition("\n## Glossary\n")[2].partition("\n## ")[0]
    cells = re.findall(r"\| ([^|]*) \|$", glossary, re.MULTILINE)
    identifiers = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert len(identifiers) > 40
    assert identifiers - defined_names() == set()


_LEVELS = {"exception": "error", **{name: name for name in ("debug", "info", "warning", "error", "critical")}}
"""The level of an event, by the method that logs it."""

_INDIRECT = {
    ("gateway/alarms/service.py", "f'alarm {event.change}'"): {"alarm raised": {"warning"}, "alarm cleared": {"info"}},
    ("gateway/frontends/snmp/agent/command_responder.py", "event"): {
        "message failed": {"error"},
        "request failed": {"error"},
    },
    ("gateway/frontends/snmp/subagent/subagent.py", "event"): {
        "agentx waiting": {"warning", "info"},
        "agentx lost": {"warning"},
        "agentx failed": {"warning"},
    },
}
"""The events whose names are not written where they are logged, by file and expression."""


def logging_methods(node: ast.AST) -> set[str]:
    """Returns the names of methods of loggers in an expression."""
    return {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute)
        and each.attr in _LEVELS
        and re.search(r"log\b|logger", ast.unparse(each.value))
    }


def logged_in(path: Path) -> Iterator[tuple[str, set[str]]]:
    """Yields each event that a module logs, and its levels."""
    for call in (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)):
        is_local = isinstance(call.func, ast.Name) and call.func.id == "log"
        is_partial = ast.unparse(call.func) in {"partial", "self._log_later"}
        methods = logging_methods(call.args[0] if is_partial else call.func)
        arguments = call.args[is_partial:]
        if not arguments or not (methods or is_local) or isinstance(arguments[0], ast.Starred):
            continue
        names = [arguments[0].body, arguments[0].orelse] if isinstance(arguments[0], ast.IfExp) else [arguments[0]]
        for name in names:
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield name.value, {_LEVELS[method] for method in methods}
            else:
                yield from _INDIRECT[str(path.relative_to(ROOT)), ast.unparse(name)].items()


def test_the_table_of_log_events_is_complete() -> None:
    logged: dict[str, set[str]] = {"log lines dropped": {"warning"}}  # not logged: it takes the place of the lines
    for path in sorted((ROOT / "gateway").rglob("*.py")):
        for event, levels in logged_in(path):
            logged[event] = logged.get(event, set()) | levels
    table = PAGES[DOCS / "operation.md"].partition("\n## Log\n")[2].partition("\n## ")[0]
    documented = {
        event: set(re.findall(r"debug|info|warning|error|critical", level))
        for events, level in re.findall(r"^\| (`.*?) \| (.*?) \|", table, re.MULTILINE)
        for event in re.findall(r"`([^`]+)`", events)
    }
    assert documented == logged


# --- Commands and flags ----------------------------------------------------------------------------------------------


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    mentioned = {
        (path.name, target)
        for path, text in TEXTS.items()
        for target in re.findall(r"(?:^ +|`)make ([a-z-]+)", text, re.MULTILINE)
    }
    assert {(page, target) for page, target in mentioned if target not in targets} == set()


def test_the_readme_begins_with_commands_that_work() -> None:
    first = re.findall(r"^    (.+)$", TEXTS[ROOT / "README.md"], re.MULTILINE)[:4]
    walk = "snmpbulkwalk -v2c -c public 127.0.0.1:1161 1.3.6.1.4.1.8072.9999.9999.9664"
    assert first == ["make demo", "curl http://127.0.0.1:9664/metrics", walk, "make test"]


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Returns the parser of each subcommand by its name, and the main parser as ``""``."""
    main = cli.build_parser()
    parsers = {"": main}
    for action in main._actions:
        if isinstance(action, argparse._SubParsersAction):
            parsers.update(action.choices)
            for name, subparser in action.choices.items():
                cli.load_command(name).add_arguments(subparser)
    return parsers


FLAGS = {flag for parser in parsers().values() for action in parser._actions for flag in action.option_strings}

OTHERS = {
    "--add-service": "firewall-cmd",
    "--allow-unsigned-rpm": "zypper",
    "--architecture": "the packager",
    "--cleanup": "crm_resource",
    "--clear": "crm_resource",
    "--clusters": "the simulated fleet",
    "--collect": "systemd-run",
    "--collector.systemd.unit-include": "node_exporter",
    "--confirm": "stonith_admin",
    "--create": "systemd-tmpfiles",
    "--cuts": "the lab",
    "--discard-my-data": "drbdadm",
    "--enable-compat-2.0": "Pacemaker's configure",
    "--find-links": "pip",
    "--force": "crm_ticket",
    "--force-reinstall": "pip",
    "--gid": "useradd",
    "--history": "stonith_admin",
    "--in": "snmpttconvertmib",
    "--json": "drbdsetup",
    "--libraries": "the packager",
    "--librenms": "tests.managers",
    "--list": "the fuzzer",
    "--minutes": "the simulated fleet",
    "--name": "systemd-creds",
    "--no-build-isolation": "pip",
    "--no-create-home": "useradd",
    "--no-deps": "pip",
    "--no-index": "pip",
    "--node": "crm_resource",
    "--now": "systemctl",
    "--only": "the benchmark and the fuzzer",
    "--only-binary": "pip",
    "--opennms": "tests.managers",
    "--out": "snmpttconvertmib",
    "--permanent": "firewall-cmd",
    "--pty": "systemd-run",
    "--python": "the packager",
    "--refresh": "crm_resource",
    "--release": "the package tests",
    "--replay": "the fuzzer",
    "--require-hashes": "pip",
    "--resource": "crm_resource",
    "--revision": "the packager",
    "--scrapes": "the benchmark",
    "--seconds": "the fuzzer",
    "--seed": "the fuzzer",
    "--shared": "the lab",
    "--compare": "the lab",
    "--revoke": "crm_ticket",
    "--shell": "useradd",
    "--system": "useradd",
    "--ticket": "crm_ticket",
    "--troubled": "the simulated fleet",
    "--upgrade": "pip",
    "--verbose": "stonith_admin",
    "--web.enable-remote-write-receiver": "prometheus",
    "--wheel-dir": "pip",
    "--wheels": "the packager",
}
"""Flags of other programs that the documentation mentions."""


def test_flags_that_pages_mention_exist() -> None:
    mentioned = {
        (path.name, flag) for path, text in TEXTS.items() for flag in re.findall(r"(?<![\w-])--[a-z][\w.-]*\w", text)
    }
    assert {(page, flag) for page, flag in mentioned if flag not in FLAGS | OTHERS.keys()} == set()


def test_subcommands_that_pages_mention_exist() -> None:
    commands = parsers().keys()
    unknown = set()
    for path, text in TEXTS.items():
        lines = re.findall(r"^ {4,}(?:/\S+/bin/)?ha-cluster-gateway\b(?!:)(.*)$", text, re.MULTILINE)
        mentioned = [*(line.partition("#")[0] for line in lines), *re.findall(r"`ha-cluster-gateway ([^`]+)`", text)]
        words = {words[0] for line in mentioned if (words := line.split()) and not words[0].startswith("-")}
        unknown |= {(path.name, word) for word in words - commands}
    assert unknown == set()


def test_the_documented_length_of_the_demo_is_that_of_its_recording() -> None:
    seconds = sum(step.seconds for step in Recording.load(DEMO).steps)
    assert re.findall(r"starts over after (\d+) s", PAGES[DOCS / "start.md"]) == [f"{seconds:.0f}"]


def test_every_flag_is_documented() -> None:
    text = PAGES[DOCS / "reference" / "configuration.md"]
    assert {flag for flag in FLAGS if f"`{flag}`" not in text} == {"-h", "--help"}


# --- SNMP and alarms -------------------------------------------------------------------------------------------------


def test_every_object_of_the_mib_is_on_its_page() -> None:
    text = PAGES[DOCS / "reference" / "mib.md"]
    missing = []
    for name in (*mib().objects, *mib().notifications):
        row = mib().objects.get(name)
        expected = f"\n### {name.removesuffix('Entry')}Table\n" if row is not None and row.index else f"\n| `{name}` | "
        if expected not in text:
            missing.append(name)
    assert missing == []


def test_every_condition_is_on_its_page() -> None:
    text = PAGES[DOCS / "reference" / "conditions.md"]
    missing = []
    for condition in CONDITIONS:
        section = re.split(r"\n###? ", text.partition(f"\n### {condition.name}\n")[2])[0]
        names = (notification_name(condition.category, change) for change in (Change.RAISED, Change.CLEARED))
        expected = (condition.meaning, condition.action, condition.raised, condition.cleared, *names)
        missing += [(condition.name, sentence) for sentence in expected if sentence not in section]
    assert missing == []


NODES_OF_THE_MIB = {"haClusterMIB", "haClusterObjects", "haClusterCompliance"}
"""Mentioned names that are neither objects nor notifications."""


def test_names_of_the_mib_exist() -> None:
    objects = mib().objects
    tables = {name.removesuffix("Entry") + "Table" for name, entry in objects.items() if entry.index}
    existing = {*objects, *mib().notifications, *NODES_OF_THE_MIB, *tables}
    mentioned = {
        (path.name, name) for path, text in TEXTS.items() for name in re.findall(r"\bhaCluster\w+(?!\w*…)", text)
    }
    assert {(page, name) for page, name in mentioned if name not in existing} == set()


def test_example_configurations_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    for name in (files := ("auth", "priv", "alertmanager-password", "ca.crt")):
        (tmp_path / name).write_text("a password\n")
        (tmp_path / name).chmod(0o600)
    Authority(tmp_path, "ca")  # overwrites ca.crt with a certificate
    examples = [(path.name, example) for path, text in TEXTS.items() for example in blocks(text, "toml")]
    assert len(examples) >= 10
    for page, example in examples:
        text = re.sub(rf"/etc/ha-cluster-gateway/({'|'.join(files)})\b", rf"{tmp_path}/\1", example)
        (tmp_path / f"{page}.conf").write_text(text, "utf-8")
        load(tmp_path / f"{page}.conf", {})


def test_each_promise_of_the_threat_model_names_tests_that_exist() -> None:
    _, _, model = PAGES[DOCS / "security.md"].partition("## Threat model")
    rows = [line for line in model.splitlines() if line.startswith("| ") and "shown by" not in line]
    promises = [line for line in rows if line.count(" | ") == 1]
    assert len(promises) >= 30
    for promise in promises:
        check_tests_exist(promise.rpartition(" | ")[2])


def check_tests_exist(text: str) -> None:
    """Checks that a text names tests, as ``FILE::TEST``, and that they exist."""
    tests = re.findall(r"`([\w/]+\.py)::(test_\w+)`", text)
    assert tests, text
    for name, test in tests:
        code = (ROOT / "tests" / name).read_text("utf-8")
        assert re.search(rf"^(async )?def {test}\(", code, re.MULTILINE), f"{name}::{test} does not exist"


def test_each_fault_of_processes_and_machine_names_tests_that_exist() -> None:
    _, _, tables = PAGES[DOCS / "reference" / "faults.md"].partition("## When a process ends or stops")
    faults = [line for line in tables.splitlines() if line.startswith("| ") and "shown by" not in line]
    assert len(faults) >= 15
    for fault in faults:
        check_tests_exist(fault.rstrip("|").rpartition(" | ")[2])


def test_shown_mistakes_are_reported_as_shown(tmp_path: Path) -> None:
    path = tmp_path / "gateway.conf"
    path.write_text('[web]\nlisten_address = ":9664"\n[tools.crm_mon]\ntimeout = 0\n', "utf-8")
    with pytest.raises(ConfigError) as error:
        load(path, {})
    text = PAGES[DOCS / "reference" / "configuration.md"]
    shown = re.findall(r"^    ha-cluster-gateway: (gateway\.conf: .+)$", text, re.MULTILINE)
    assert [line.replace(f"{path}", "gateway.conf") for line in str(error.value).splitlines()] == shown


PACKAGED = {
    "snmpd/ha-cluster-gateway.conf": "snmp.md",
    "snmpd/snmpd.service.d/ha-cluster-gateway.conf": "snmp.md",
}
"""The page that shows each file in ``packaging``."""


def without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line and not line.startswith("#"))


def test_packaged_files_are_shown_unchanged() -> None:
    different = [
        name
        for name, page in PACKAGED.items()
        if without_comments((ROOT / "packaging" / name).read_text("utf-8"))
        not in map(without_comments, blocks(PAGES[DOCS / page], "ini", "text"))
    ]
    assert different == []


# --- PromQL ----------------------------------------------------------------------------------------------------------


def test_metrics_and_labels_are_in_the_catalog() -> None:
    programs = {"ha_cluster_exporter", "ha_cluster_gateway"}
    problems = []
    for path, text in TEXTS.items():
        for name, matchers in selectors(text):
            if name not in programs:
                # in the table of differences, the label "value" is the value of the sample
                labels = re.sub(r'\bvalue="[^"]*"', "", matchers) if path.name == "replacing.md" else matchers
                problems += [(path.name, problem) for problem in selector_problems(name, labels)]
    assert problems == []


def test_shown_help_texts_are_those_of_the_metrics() -> None:
    shown = [match for text in PAGES.values() for match in re.findall(r"^ *# HELP (\S+) (.+)$", text, re.MULTILINE)]
    assert shown
    assert [(name, text) for name, text in shown if METRICS[name].help != text] == []


def example(name: str) -> str:
    """Returns the example on the page about Prometheus that begins with its file name in a comment."""
    found = [block for block in blocks(PAGES[DOCS / "prometheus.md"], "yaml") if block.startswith(f"# {name}\n")]
    (block,) = found
    return block


def test_prometheus_accepts_the_examples(tmp_path: Path) -> None:
    (tmp_path / "ha-cluster.yml").write_bytes((ROOT / "rules" / "ha-cluster.yml").read_bytes())
    for name in ("prometheus.yml", "prometheus.yml with service discovery"):
        (tmp_path / name).write_text(example(name).replace("/etc/prometheus/rules", str(tmp_path)), "utf-8")
        promtool("check", "config", tmp_path / name)


def golden(name: str) -> str:
    return (GOLDENS / f"{name}.prom").read_text("utf-8")


TARGET = {"instance": "node1:9664", "job": "ha-cluster", "cluster": "hana"}
REPLACED = ("quorum", "constraint", "ban", "primary", "secondary", "service", "link")
"""Names for the expressions on the page about replacing other programs, in their order."""

HANA = (
    'ha_cluster_pacemaker_resources{{resource="rsc_SAPHana_HA1",role="{0}",status="active"}} 1\n'
    'ha_cluster_pacemaker_resources{{resource="rsc_SAPHana_HA1",role="{1}",status="active"}} 1\n'
)
CONSTRAINT = 'ha_cluster_pacemaker_location_constraints{{constraint="{}",node="{}",resource="vip",role=""}} -Inf\n'
UNIT = 'node_systemd_unit_state{{name="{}.service",state="active",type="simple"}} {}\n'
HEALTHY = HANA.format("promoted", "unpromoted")

DEMO_CONSTRAINT = {"constraint"}
"""What always fires in the demo cluster: it has a negative constraint."""

REPLACED_FIRING = {
    "corosync-stopped": (golden("lab/corosync-stopped") + HEALTHY, set[str]()),
    "quorum-lost": (golden("demo/quorum-lost") + HEALTHY, DEMO_CONSTRAINT | {"quorum"}),
    "link-lost": (golden("demo/link-lost") + HEALTHY, DEMO_CONSTRAINT | {"link"}),
    "node-lost": (golden("demo/node-lost") + HEALTHY, DEMO_CONSTRAINT),
    "no-hana": ("", {"primary", "secondary"}),
    "old-roles": (HANA.format("master", "slave"), set[str]()),
    "rule-without-node": (HEALTHY + CONSTRAINT.format("vip-on-connected", ""), set[str]()),
    "excluded": (HEALTHY + CONSTRAINT.format("location-hana-1", "node1"), set[str]()),
    "ban": (HEALTHY + CONSTRAINT.format("cli-ban-vip-on-node1", "node1"), {"constraint", "ban"}),
    "exporter": (HEALTHY + UNIT.format("prometheus-ha_cluster_exporter", 1), set[str]()),
    "gateway": (HEALTHY + UNIT.format("ha_cluster_exporter", 0) + UNIT.format("ha-cluster-gateway", 1), set[str]()),
    "neither": (HEALTHY + UNIT.format("ha_cluster_exporter", 0) + UNIT.format("ha-cluster-gateway", 0), {"service"}),
}
"""Pages, and the expressions on the page about replacing other programs that have a result on them."""


@pytest.mark.daemon
def test_the_changed_rules_for_a_replacement_fire_in_the_right_situations(tmp_path: Path) -> None:
    expressions = blocks(PAGES[DOCS / "replacing.md"], "promql")
    changed = [{"alert": name, "expr": expr} for name, expr in zip(REPLACED, expressions, strict=True)]
    path = tmp_path / "changed.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "changed", "rules": changed}]}), "utf-8")
    tests = [
        {
            "name": situation,
            "input_series": list(input_series([page] * 10, TARGET)),
            "promql_expr_test": [expectation(alerts("firing"), "9m", firing)],
        }
        for situation, (page, firing) in REPLACED_FIRING.items()
    ]
    run_tests(tmp_path, path, tests)


# --- Sphinx ----------------------------------------------------------------------------------------------------------


if os.environ.get("CI") or (importlib.util.find_spec("sphinx") and importlib.util.find_spec("myst_parser")):
    # make lint and make docs install Sphinx, make test does not

    @pytest.mark.daemon
    def test_sphinx_builds_without_warnings(tmp_path: Path) -> None:
        argv = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "-b", "html", "-d", str(tmp_path / "doctrees")]
        done = subprocess.run([*argv, str(DOCS), str(tmp_path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
