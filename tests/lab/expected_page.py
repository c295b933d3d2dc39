"""What the page for people shows about quorum devices, arbitrators and booth, as the metrics say it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from lxml import html

from tests import series
from tests.series import Series

Row = Mapping[str, str]
"""The texts of a row by column, or of facts by title. A time is in ISO 8601."""

UNKNOWN = "unknown"

# --- The page --------------------------------------------------------------------------------------------------------


class Section(NamedTuple):
    """A section of the page.

    Attributes:
        headline: the text that summarizes it.
        facts: its facts.
        tables: the rows of its tables, by caption.
    """

    headline: str
    facts: Row
    tables: Mapping[str, Sequence[Row]]


class Page(NamedTuple):
    """What a person sees.

    Attributes:
        verdict: the number of active alarms, in words.
        alarms: the texts of the active alarms.
        sections: the sections, by their keys.
    """

    verdict: str
    alarms: frozenset[str]
    sections: Mapping[str, Section]


def read_page(text: str) -> Page:
    """Returns what a page with everything unfolded shows."""
    document = html.document_fromstring(text)
    for element in (*document.find_class("hidden"), *document.find_class("severity")):
        if element.tag != "caption":
            element.drop_tree()
    (verdict,) = document.find_class("verdict")
    return Page(
        verdict=_text(verdict),
        alarms=frozenset(_alarms(document.get_element_by_id("alarms"))),
        sections={section.get("id", ""): _section(section) for section in document.iter("section")},
    )


def _alarms(section: html.HtmlElement) -> Iterator[str]:
    for article in section.iter("article"):
        entries = [_text(entry).partition(", since ")[0] for entry in article.iter("li")]
        yield from entries or map(_text, article.iter("h3"))


def _section(section: html.HtmlElement) -> Section:
    headlines = section.find_class("headline")
    facts = zip(section.iter("dt"), section.iter("dd"), strict=True)
    return Section(
        headline=_text(headlines[0]) if headlines else "",
        facts={_text(title): _text(value) for title, value in facts},
        tables={table.findtext("caption", ""): _in_order(_rows(table)) for table in section.iter("table")},
    )


def _rows(table: html.HtmlElement) -> Iterator[Row]:
    columns = [_text(cell) for cell in table.iterfind("thead/tr/th")]
    for row in table.iterfind("tbody/tr"):
        yield dict(zip(columns, map(_text, row), strict=True))


def _in_order(rows: Iterable[Row]) -> Sequence[Row]:
    """Returns rows without the order of the page, in which problems come first."""
    return sorted(rows, key=lambda row: tuple(row.values()))


def _text(element: html.HtmlElement) -> str:
    time = element.find("time")
    if time is not None and not element.text:
        return datetime.fromisoformat(time.attrib["datetime"]).isoformat()
    return element.text_content().strip()


# --- The metrics -----------------------------------------------------------------------------------------------------


class Metrics:
    """The metrics of a scrape, as the words of the page.

    Args:
        page: the scrape.
    """

    def __init__(self, page: Series) -> None:
        self._page = page

    def rows(self, metric: str) -> Sequence[Row]:
        """Returns the labels of all series of a metric."""
        return [dict(pairs) for pairs in series.named(self._page, f"ha_cluster_{metric}")]

    def value(self, metric: str, **labels: str) -> float | None:
        """Returns the value of a series."""
        return self._page.get(series.key(metric, **labels))

    def number(self, metric: str, **labels: str) -> str:
        """Returns a count."""
        value = self.value(metric, **labels)
        return UNKNOWN if value is None else f"{value:.0f}"

    def yes(self, metric: str, **labels: str) -> str:
        """Returns a truth value."""
        value = self.value(metric, **labels)
        return UNKNOWN if value is None else "yes" if value else "no"

    def time(self, metric: str, *, otherwise: str = UNKNOWN, **labels: str) -> str:
        """Returns a time."""
        value = self.value(metric, **labels)
        return otherwise if value is None else datetime.fromtimestamp(int(value), UTC).isoformat()

    def label(self, metric: str, name: str, **labels: str) -> str:
        """Returns a label of the only series that has the others and is not 0."""
        texts = [
            row[name]
            for pairs, value in series.named(self._page, f"ha_cluster_{metric}").items()
            if value and labels.items() <= (row := dict(pairs)).items()
        ]
        assert len(texts) < 2, texts
        return texts[0].replace("_", " ") if texts and texts[0] else UNKNOWN


# --- What it has to show ---------------------------------------------------------------------------------------------


def expected_qdevice(metrics: Metrics) -> Section:
    """Returns the section about the quorum device."""
    settings = {"Arbitrator": "host", "Algorithm": "algorithm", "TLS": "tls", "Heuristics": "heuristics"}
    facts = {
        "Connection": metrics.label("qdevice_state", "state"),
        "Casts its vote": metrics.yes("qdevice_vote"),
        **{title: metrics.label("qdevice_info", label) for title, label in settings.items()},
        "Tie breaker": metrics.label("qdevice_info", "tie_breaker"),
        "Connected since": metrics.time("qdevice_connected_since_timestamp_seconds"),
        "Last answer of the arbitrator": metrics.time("qdevice_last_reply_timestamp_seconds"),
        "Last poll": metrics.time("qdevice_last_poll_timestamp_seconds"),
    }
    headline = facts["Connection"]
    if metrics.value("qdevice_up") == 0:
        headline = "corosync-qdevice is not running on this node"
    elif headline == "connected":
        headline = "connected, votes" if metrics.value("qdevice_vote") else "connected, casts no vote"
    return Section(headline, facts, {})


def expected_qnetd(metrics: Metrics) -> Section:
    """Returns the section about the arbitrator."""
    clusters, nodes = metrics.rows("qnetd_cluster_info"), metrics.rows("qnetd_node_connected")
    connected = [node for node in nodes if metrics.value("qnetd_node_connected", **node)]
    facts = {
        "Address": metrics.label("qnetd_info", "address"),
        "TLS": metrics.label("qnetd_info", "tls"),
        "Connected clusters": metrics.number("qnetd_clusters"),
        "Connections": metrics.number("qnetd_clients"),
    }
    if metrics.value("qnetd_up") is None:
        headline = UNKNOWN
    elif not metrics.value("qnetd_up"):
        headline = "corosync-qnetd is not running on this host"
    else:
        headline = f"{len(connected)} of {len(nodes)} nodes connected" if nodes else "no cluster is connected"
    tables = {"Clusters": [_cluster(metrics, each, connected) for each in clusters]}
    tables["Nodes"] = [_node(metrics, node) for node in nodes]
    return Section(headline, facts, {caption: _in_order(rows) for caption, rows in tables.items() if rows})


def _cluster(metrics: Metrics, cluster: Row, connected: Sequence[Row]) -> Row:
    name = cluster["cluster_name"]
    own = [node for node in connected if node["cluster_name"] == name]
    return {
        "Cluster": name,
        "Connected nodes": f"{len(own)} of {metrics.number('qnetd_cluster_nodes', cluster_name=name)} connected",
        "Algorithm": cluster["algorithm"] or UNKNOWN,
        "Tie breaker": cluster["tie_breaker"] or UNKNOWN,
    }


def _node(metrics: Metrics, node: Row) -> Row:
    row = {"Node": node["node_id"], "Cluster": node["cluster_name"]}
    if not metrics.value("qnetd_node_connected", **node):
        return {**row, "Connection": "not connected", "Vote": "", "TLS": "", "Heuristics": "", "Address": ""}
    return {
        **row,
        "Connection": "connected",
        "Vote": metrics.label("qnetd_node_vote", "vote", **node),
        "TLS": metrics.yes("qnetd_node_tls_active", **node),
        "Heuristics": metrics.label("qnetd_node_heuristics_result", "result", **node),
        "Address": metrics.label("qnetd_node_info", "address", **node),
    }


def expected_booth(metrics: Metrics) -> Section:
    """Returns the section about booth; its headline is about one configuration with tickets."""
    tickets = metrics.rows("booth_ticket_info")
    tables = {
        "Daemons": [_daemon(metrics, row["configuration"]) for row in metrics.rows("booth_up")],
        "Tickets": [_ticket(metrics, ticket) for ticket in tickets],
        "Members": [_peer(metrics, peer) for peer in metrics.rows("booth_peer_info")],
    }
    states = [row["State"] for row in tables["Tickets"]]
    held = states.count("granted") + states.count("commit pending")
    headline = f"{held} of {len(states) - states.count('revoked')} tickets held"
    if any(row["Answers"] == "no" for row in tables["Daemons"]):
        headline = "the booth daemon does not answer"
    elif metrics.rows("booth_ticket_conflict"):
        headline = "several sites hold a ticket"
    elif not states:
        headline = UNKNOWN
    return Section(headline, {}, {caption: _in_order(rows) for caption, rows in tables.items() if rows})


def _daemon(metrics: Metrics, name: str) -> Row:
    return {
        "Configuration": name,
        "Answers": metrics.yes("booth_up", configuration=name),
        "Runs on this host": metrics.yes("booth_running", configuration=name),
        "Member": metrics.label("booth_info", "type", configuration=name),
        "Address": metrics.label("booth_info", "address", configuration=name),
    }


def _ticket(metrics: Metrics, info: Row) -> Row:
    labels = {"configuration": info["configuration"], "ticket": info["ticket"]}
    conflict = metrics.label("booth_ticket_conflict", "sites", **labels)
    return {
        "Ticket": info["ticket"] + (" (manual)" if info["mode"] == "manual" else ""),
        "State": metrics.label("booth_ticket_state", "state", **labels),
        "Held by": info["leader"] if conflict == UNKNOWN else conflict,
        "Here": metrics.yes("booth_ticket_granted_here", **labels),
        "Expires": metrics.time("booth_ticket_expiry_timestamp_seconds", otherwise="", **labels),
        "Renewed": metrics.time("booth_ticket_renewed_timestamp_seconds", otherwise="", **labels),
        "Configuration": info["configuration"],
    }


def _peer(metrics: Metrics, info: Row) -> Row:
    labels = {"configuration": info["configuration"], "peer": info["peer"]}
    rejected = [
        metrics.value(f"booth_peer_{name}_total", **labels) or 0
        for name in ("receive_errors", "authentication_failures", "invalid")
    ]
    never = metrics.value("booth_peer_received_total", **labels) == 0
    return {
        "Member": info["peer"],
        "Type": info["type"],
        "Last message": "never" if never else metrics.time("booth_peer_last_contact_timestamp_seconds", **labels),
        "Sent": metrics.number("booth_peer_sent_total", **labels),
        "Repeated": metrics.number("booth_peer_resends_total", **labels),
        "Received": metrics.number("booth_peer_received_total", **labels),
        "Rejected": f"{sum(rejected):.0f}",
        "Configuration": info["configuration"],
    }


EXPECTED: Mapping[str, Callable[[Metrics], Section]] = {
    "qdevice": expected_qdevice,
    "qnetd": expected_qnetd,
    "booth": expected_booth,
}
"""Returns what a section has to show, by its key."""
