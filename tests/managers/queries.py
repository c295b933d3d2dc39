"""Grafana's queries through snmp_exporter: Prometheus scrapes the exporter as its recipe says, and answers them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from integrations.generator.files import FOLDER
from tests.managers.difference import expect, expect_soon
from tests.managers.node import Way
from tests.managers.polling import running_exporter
from tests.managers.tree import Tree
from tests.ports import free_port
from tests.prometheus_server import query, wait_for

_README = FOLDER / "snmp_exporter" / "README.md"
_COMPARISON = re.compile(r"\s*(?:==|!=|>|<|>=|<=)\s*\d+$")


def check_queries(tree: Tree, way: Way) -> str:
    """Runs each query of the recipe; if it shows only problems, there must be data without its condition."""
    with running_exporter(tree) as exporter, tree.folder() as (folder, inside):
        (folder / "prometheus.yml").write_text(_configuration(exporter, way))
        port = free_port()
        options = (f"--config.file={inside}/prometheus.yml", f"--storage.tsdb.path={inside}/data")
        argv = ("prometheus", *options, f"--web.listen-address=127.0.0.1:{port}")
        with tree.running(*argv, log=folder / "log"):
            wait_for(f"http://127.0.0.1:{port}/-/ready")
            expect_soon("the scraped nodes", lambda: () if query(port, "up == 1") else (way.name,))
            queries = _queries()
            empty = [text for text in queries if not query(port, _COMPARISON.sub("", text))]
            expect("the queries without data", empty, [])
            problems = [text for text in queries if _COMPARISON.search(text) and query(port, text)]
    return f"{len(queries)} queries have data; problems: {len(problems)}"


def _configuration(exporter: int, way: Way) -> str:
    """Returns the configuration of Prometheus from the recipe, for another node, exporter and interval."""
    block = re.search(r"```yaml\n(.*?)```", _README.read_text(), re.DOTALL)
    assert block
    text = block[1].replace("node1.example, node2.example", f"'127.0.0.1:{way.port}'")
    text = text.replace("127.0.0.1:9116", f"127.0.0.1:{exporter}")
    return re.sub(r"(scrape_interval|scrape_timeout): \d+s", r"\1: 5s", text)


def _queries() -> Sequence[str]:
    """Returns the queries in the table of the recipe."""
    rows = re.findall(r"^\| [^|`]+ \| (`.*) \|$", _README.read_text(), re.MULTILINE)
    return [text for row in rows for text in re.findall(r"`([^`]+)`", row)]
