"""The page as HTML: header, overview, alarms, sections, changes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo

import gateway
from gateway.alarms.notification import Change
from gateway.alarms.overview import ActiveAlarm, AlarmChange, AlarmOverview
from gateway.conditions.model import Reason, Severity
from gateway.frontends.prometheus.status_page.html import Child, Markup, document, tag
from gateway.frontends.prometheus.status_page.model import BUG, PageModel, Section
from gateway.frontends.prometheus.status_page.tables import render_cell, render_table
from gateway.summary import UNKNOWN, Cell, Description, Fact, Health, worst

REFRESH = 15
"""Seconds until a browser gets the page again."""

_SMALL = 60
"""Rows of a section up to which all of its tables are unfolded from the start."""

_LIST_LENGTH = 10
"""Alarms of one condition that are listed before the rest is folded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the page is shown.

    Attributes:
        paused: whether the browser is not told to get it again.
        unfolded: whether everything that can be folded is open.
        stylesheet: the address of the stylesheet.
        links: the titles and addresses of the other pages.
        zone: the time zone of all times; None for that of this host.
    """

    paused: bool
    unfolded: bool
    stylesheet: str
    links: Sequence[tuple[str, str]] = ()
    zone: tzinfo | None = None


class Template:
    """Writes a page.

    Args:
        model: what it shows.
        layout: how.
        on_error: receives the title of a section that could not be written because of a bug.
    """

    def __init__(self, model: PageModel, layout: Layout, *, on_error: Callable[[str, Exception], None]) -> None:
        self._model = model
        self._layout = layout
        self._on_error = on_error
        self._now = model.time + model.age

    def render(self) -> str:
        """Returns the document."""
        sections = [self._guarded(section) for section in self._model.sections if section.is_set_up]
        title, subtitle = self._titles()
        return document(
            tag(
                "head",
                tag("meta", charset="utf-8"),
                tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
                tag("meta", name="color-scheme", content="light dark"),
                tag("title", f"{_verdict(self._model.alarms).text}: {title}, {self._model.alarms.node}"),
                tag("link", rel="stylesheet", href=self._layout.stylesheet),
            ),
            tag(
                "body",
                tag("a", "Skip to the content", class_="skip", href="#content"),
                self._header(title, subtitle, [tile for tile, _ in sections]),
                tag(
                    "main",
                    self._alarms(),
                    *(section for _, section in sections),
                    self._changes(),
                    id="content",
                    tabindex="-1",
                ),
                self._footer(),
            ),
        )

    # --- header and footer -------------------------------------------------------------------------------------------

    def _titles(self) -> tuple[str, str]:
        """Returns the cluster and the node that sees it; or this host, if it is no node of a cluster."""
        alarms = self._model.alarms
        if not self._model.is_cluster_node:
            return f"Host {alarms.node}", "not a cluster node"
        return f"Cluster {alarms.cluster}".strip(), f"as seen by {alarms.node}"

    def _header(self, title: str, subtitle: str, tiles: Sequence[Markup]) -> Markup:
        model, verdict = self._model, _verdict(self._model.alarms)
        return tag(
            "header",
            tag("h1", title, " ", tag("span", subtitle, class_="node")),
            tag("p", *render_cell(verdict, self._time), class_=f"verdict {verdict.health.value}"),
            tag("p", "State of ", self._time(model.time), f", {_seconds(model.age)} old. ", *self._refreshing()),
            tag("nav", tag("ul", *tiles), aria_label="Sections"),
            self._not_set_up(),
        )

    def _not_set_up(self) -> Child:
        titles = [section.title for section in self._model.sections if not section.is_set_up]
        return tag("p", f"Not set up on this host: {', '.join(titles)}.", class_="absent") if titles else None

    def _refreshing(self) -> Iterable[Child]:
        paused, unfolded = self._layout.paused, self._layout.unfolded
        yield "This page does not refresh. " if paused else f"This page refreshes every {REFRESH} seconds. "
        yield tag("a", "Refresh" if paused else "Pause", href=_query(paused=not paused, unfolded=unfolded))
        yield " "
        yield tag("a", "Fold" if unfolded else "Unfold all", href=_query(paused=paused, unfolded=not unfolded))

    def _tile(self, section: Section) -> Markup:
        headline = section.description.headline
        content = tag("strong", section.title), " ", tag("span", *render_cell(headline, self._time))
        return tag("li", tag("a", *content, href=f"#{section.key}", class_=headline.health.value))

    def _footer(self) -> Markup:
        links = (tag("li", tag("a", title, href=address)) for title, address in self._layout.links)
        return tag("footer", tag("ul", *links), tag("p", f"ha-cluster-gateway {gateway.__version__}"))

    # --- alarms ------------------------------------------------------------------------------------------------------

    def _alarms(self) -> Markup:
        overview = self._model.alarms
        by_condition: dict[str, list[ActiveAlarm]] = {}
        for alarm in overview.active:
            by_condition.setdefault(alarm.condition.name, []).append(alarm)
        content: list[Child] = [self._condition(alarms) for alarms in by_condition.values()]
        if not overview.evaluated:
            content.append(tag("p", "Unknown: no snapshot has been evaluated yet.", class_="unknown"))
        elif not overview.active:
            content.append(tag("p", "No alarm is active."))
        if hidden := overview.active_count - len(overview.active):
            content.append(tag("p", f"{hidden} more alarms are active; all are among the metrics."))
        return _section("alarms", "Active alarms", *content)

    def _condition(self, alarms: Sequence[ActiveAlarm]) -> Markup:
        """Returns the active alarms of one condition, with its advice once."""
        condition = alarms[0].condition
        severity = tag("span", condition.severity.value.capitalize(), class_="severity")
        if len(alarms) == 1:
            heading: Child = alarms[0].text
            body: Sequence[Child] = [tag("p", *self._since(alarms[0]))]
        else:
            heading = f"{len(alarms)} alarms: {condition.name}"
            texts = Counter(alarm.text for alarm in alarms)
            entries = [tag("li", _distinct(alarm, texts), ", ", *self._since(alarm)) for alarm in alarms]
            body = [tag("ul", *entries[:_LIST_LENGTH]), self._folded(entries[_LIST_LENGTH:])]
        return tag(
            "article",
            tag("h3", severity, " ", heading),
            *body,
            tag("p", *_prose(condition.meaning)),
            tag("p", tag("strong", "What to do: "), *_prose(condition.action)),
            class_=f"alarm {_health(condition.severity).value}",
        )

    def _folded(self, entries: Sequence[Markup]) -> Child:
        if not entries:
            return None
        return tag("details", tag("summary", f"{len(entries)} more"), tag("ul", *entries), open=self._layout.unfolded)

    def _since(self, alarm: ActiveAlarm) -> Iterator[Child]:
        yield "since "
        yield self._time(alarm.since)
        if not alarm.confirmed:
            yield "; not confirmed by the last collection"

    def _changes(self) -> Markup:
        overview = self._model.alarms
        started = tag("p", "Alarms raised and cleared since ", self._time(overview.started), ", the newest first.")
        if not overview.changes:
            return _section("changes", "Recent events", started, tag("p", "There are none."))
        entries = [self._change(change) for change in overview.changes]
        return _section(
            "changes",
            "Recent events",
            started,
            tag("ul", *entries[:_LIST_LENGTH], class_="changes"),
            self._folded(entries[_LIST_LENGTH:]),
        )

    def _change(self, change: AlarmChange) -> Markup:
        raised = change.change is Change.RAISED
        word = f"raised ({change.condition.severity.value})" if raised else "cleared"
        if change.reason not in (Reason.NONE, Reason.RECOVERED):
            word = f"cleared, {change.reason.value}"
        health = _health(change.condition.severity) if raised else Health.OK
        return tag("li", self._time(change.time), " ", tag("strong", word, class_=health.value), " ", change.text)

    # --- sections ----------------------------------------------------------------------------------------------------

    def _guarded(self, section: Section) -> tuple[Markup, Markup]:
        """Returns the tile and the section; both are unknown if there is a bug in what they show."""
        try:
            return self._tile(section), self._section(section)
        except Exception as error:  # noqa: BLE001 - a bug in one section must not cost the page
            self._on_error(section.title, error)
            unknown = replace(section, notices=(BUG,), description=Description(headline=UNKNOWN))
            return self._tile(unknown), self._section(unknown)

    def _section(self, section: Section) -> Markup:
        description = section.description
        is_open = self._layout.unfolded or sum(len(table.rows) for table in description.tables) <= _SMALL
        return _section(
            section.key,
            section.title,
            tag(
                "p",
                *render_cell(description.headline, self._time),
                class_=f"headline {description.headline.health.value}",
            ),
            *(tag("p", notice, class_="notice unknown") for notice in section.notices),
            tag("dl", *map(self._fact, description.facts)) if description.facts else None,
            *(
                render_table(table, f"{section.key}-{number}", self._time, complete=section.complete, is_open=is_open)
                for number, table in enumerate(description.tables)
            ),
        )

    def _fact(self, fact: Fact) -> Markup:
        value = tag("dd", *render_cell(fact.value, self._time), class_=_class(fact.value))
        return tag("div", tag("dt", fact.name), value)

    # --- times -------------------------------------------------------------------------------------------------------

    def _time(self, time: float) -> Markup:
        """Returns a moment, and how long ago it was."""
        try:
            moment = datetime.fromtimestamp(time, UTC)
            text = moment.astimezone(self._layout.zone).strftime("%Y-%m-%d %H:%M:%S %Z")
        except (OverflowError, ValueError, OSError):
            return tag("span", "at an impossible time")
        ago = f" ({_seconds(self._now - time)} ago)" if self._now >= time + 1 else ""
        return tag("time", f"{text}{ago}", datetime=moment.strftime("%Y-%m-%dT%H:%M:%SZ"))


def _distinct(alarm: ActiveAlarm, texts: Mapping[str, int]) -> str:
    """Returns the text of an alarm, with its object if others have the same text."""
    return f"{alarm.text} ({alarm.object})" if texts[alarm.text] > 1 else alarm.text


def _section(key: str, title: str, *content: Child) -> Markup:
    return tag("section", tag("h2", title, id=f"{key}-title"), *content, id=key, aria_labelledby=f"{key}-title")


def _class(cell: Cell) -> str | None:
    return None if cell.health is Health.NONE else cell.health.value


def _query(*, paused: bool, unfolded: bool) -> str:
    """Returns the address of the page in another form, relative to itself."""
    settings = [*(["refresh=0"] if paused else []), *(["show=all"] if unfolded else [])]
    return f"?{'&'.join(settings)}" if settings else "."


def _health(severity: Severity) -> Health:
    return Health.PROBLEM if severity in (Severity.CRITICAL, Severity.MAJOR) else Health.WARNING


def _verdict(overview: AlarmOverview) -> Cell:
    """Returns the number of active alarms by severity."""
    if not overview.evaluated:
        return Cell("Alarms unknown", Health.UNKNOWN)
    if not overview.active:
        return Cell("No active alarms", Health.OK)
    counts = ", ".join(f"{count} {severity.value}" for severity, count in overview.active_by_severity.items())
    alarms = "alarm" if overview.active_count == 1 else "alarms"
    health = worst(map(_health, overview.active_by_severity))
    return Cell(f"{overview.active_count} active {alarms}: {counts}", health)


def _prose(text: str) -> Iterator[Child]:
    """Yields a text of a condition; the parts between backticks are code."""
    for number, part in enumerate(text.split("`")):
        yield tag("code", part) if number % 2 else part


_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def _seconds(seconds: float) -> str:
    """Returns a duration, to the two units that matter."""
    if seconds < 10:
        return f"{seconds:.1f} s" if seconds < 1 else f"{seconds:.0f} s"
    rest, parts = int(seconds), list[tuple[int, str]]()
    for size, unit in (*_UNITS, (1, "s")):
        if rest >= size or parts:
            parts.append((rest // size, unit))
            rest %= size
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count)
