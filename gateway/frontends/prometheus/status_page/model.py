"""What the page shows, without HTML: sections from the summaries of all subsystems, and the alarms. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from gateway.alarms.overview import AlarmOverview
from gateway.conditions.model import CLUSTER, QUORUM, Category
from gateway.conditions.view import ClusterView
from gateway.self_monitoring.self_summary import words
from gateway.snapshot import CollectorReport, CommandReport
from gateway.status import Status
from gateway.summary import NOT_SET_UP, UNKNOWN, Description, Summary

OnError = Callable[[str, Exception], None]
"""Receives the title of a section that could not be described because of a bug, and the exception."""

BUG = "This section is missing because of a bug in the gateway. Its log has the details."
"""The notice of a section that could not be described."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page.

    Attributes:
        key: identifies it in the document.
        title: its heading.
        notices: what is missing from it, and why.
        description: what it shows.
        complete: whether its whole source could be read; otherwise what it does not list is unknown.
    """

    key: str
    title: str
    notices: tuple[str, ...]
    description: Description
    complete: bool

    @property
    def is_set_up(self) -> bool:
        """Whether this host has what the section is about, or that is unknown."""
        return self.description.headline != NOT_SET_UP


@dataclass(frozen=True, slots=True, kw_only=True)
class PageModel:
    """The page.

    Attributes:
        time: when the snapshot was begun, in Unix seconds.
        age: its age in seconds.
        alarms: the alarms at the time of the page.
        sections: the parts about the cluster, and about the gateway.
    """

    time: float
    age: float
    alarms: AlarmOverview
    sections: Sequence[Section]

    @property
    def is_cluster_node(self) -> bool:
        """Whether this host is a member or a remote node of a cluster, or that is unknown."""
        keys = {_key(category) for category in (CLUSTER, QUORUM)}
        of_cluster = [section for section in self.sections if section.key in keys]
        return not of_cluster or any(section.is_set_up for section in of_cluster)


def _key(category: Category) -> str:
    return category.name.lower()


def build_sections(view: ClusterView, summaries: Iterable[Summary], on_error: OnError) -> tuple[Section, ...]:
    """Returns the sections of a view. A bug in one of them costs that section."""
    return tuple(_build_section(view, summary, on_error) for summary in summaries)


def _build_section(view: ClusterView, summary: Summary, on_error: OnError) -> Section:
    title = summary.category.title
    key = _key(summary.category)
    collector = summary.source.collector
    report = view.snapshot.collectors.get(collector)
    if collector and (report is None or not report.present or report.unused):
        description = Description(headline=UNKNOWN if report is None else NOT_SET_UP)
        notices = (f"The collector {collector} is switched off.",) if report is None else ()
        return Section(key=key, title=title, notices=notices, description=description, complete=False)
    commands = () if report is None else _commands(report, summary)
    try:
        description = summary.describe(view)
    except Exception as error:  # noqa: BLE001 - a bug in one section must not cost the page
        on_error(title, error)
        return Section(key=key, title=title, notices=(BUG,), description=Description(headline=UNKNOWN), complete=False)
    return Section(
        key=key,
        title=title,
        notices=tuple(_notices(commands)),
        description=description,
        complete=not any(command.status is not Status.OK or command.unreadable for command in commands),
    )


def _commands(report: CollectorReport, summary: Summary) -> Sequence[CommandReport]:
    """Returns the commands that a summary is read from."""
    names = summary.source.commands
    return [command for command in report.commands if command.name in names or (not names and command.tool)]


def _notices(commands: Iterable[CommandReport]) -> Iterator[str]:
    for command in commands:
        if command.status is not Status.OK:
            detail = f" ({command.detail})" if command.detail else ""
            unknown = "" if command.status is Status.NOT_RUNNING else " What it would show is unknown."
            yield f"{command.name}: {words(command.status)}{detail}.{unknown}"
        elif command.unreadable:
            count = len(command.unreadable)
            values = "1 value" if count == 1 else f"{count} values"
            yield f"{command.name}: {values} could not be read, and may be missing here."
