"""Grafana's queries through snmp_exporter: Prometheus scrapes the exporter as its recipe says, and answers them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from integrations.generator.files import FOLDER
from tests.managers.difference import expect_soon
from tests.managers.node import Way
from tests.managers.polling import running_exporter
from tests.managers.tree import Tree
from tests.ports import free_port
from tests.prometheus_server import query, wait_for

_README = FOLDER / "snmp_exporter" / "README.md"
_COMPARISON = re.compile(r"\s*(?:==|!=|>|<|>=|<=)\s*\d+$")


def check_queries(tree: Tree, ways: Sequence[Way]) -> str:
    """Runs each query of the recipe; if it shows only problems, there must be data without its condition."""
    with running_exporter(tree) as exporter, tree.folder() as (folder, inside):
        (folder / "prometheus.yml").write_text(_configuration(exporter, ways))
        port = free_port()
        options = (f"--config.file={inside}/prometheus.yml", f"--storage.tsdb.path={inside}/data")
        argv = ("prometheus", *options, f"--web.listen-address=127.0.0.1:{port}")
        with tree.running(*argv, log=folder / "log"):
            wait_for(f"http://127.0.0.1:{port}/-/ready")
            expect_soon("the scraped nodes", lambda: _missing(port, ways))
            queries = _queries()
            expect_soon("the queries with data", lambda: [text for text in queries if not _has_data(port, text)])
            problems = [text for text in queries if _COMPARISON.search(text) and query(port, text)]
    return f"{len(queries)} queries have data; problems in {len(problems)}: {', '.join(map(_metric, problems))}"


def _missing(port: int, ways: Sequence[Way]) -> list[str]:
    up = {result["metric"]["instance"] for result in query(port, "up == 1")}
    return [way.name for way in ways if f"127.0.0.1:{way.port}" not in up]


def _has_data(port: int, text: str) -> bool:
    return bool(query(port, _COMPARISON.sub("", text)))


def _metric(text: str) -> str:
    """Returns the metric of a query; its other names are labels."""
    return re.sub(r"\bby \(.*?\)", "", text).partition("haCluster")[2].partition("{")[0].partition(")")[0].split()[0]


def _configuration(exporter: int, ways: Sequence[Way]) -> str:
    """Returns the configuration of Prometheus from the recipe, for other nodes, exporter and interval."""
    block = re.search(r"```yaml\n(.*?)```", _README.read_text(), re.DOTALL)
    assert block
    targets = ", ".join(f"'127.0.0.1:{way.port}'" for way in ways)
    text = block[1].replace("node1.example, node2.example", targets)
    text = text.replace("127.0.0.1:9116", f"127.0.0.1:{exporter}")
    return re.sub(r"(scrape_interval|scrape_timeout): \d+s", r"\1: 5s", text)


def _queries() -> Sequence[str]:
    """Returns the queries in the table of the recipe."""
    rows = re.findall(r"^\| [^|`]+ \| (`.*) \|$", _README.read_text(), re.MULTILINE)
    return [text for row in rows for text in re.findall(r"`([^`]+)`", row)]
