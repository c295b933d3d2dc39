"""The option that decides whether a collector asks the cluster's libraries or runs its tools."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from gateway.host.host import Host
from gateway.host.library import LibraryQuery, Stack
from gateway.options.model import Option, OptionValues
from gateway.options.readers import member_of
from gateway.subsystems.subsystem import ToolSpec


class LibrarySource(StrEnum):
    """Where a collector reads the cluster."""

    AUTO = "auto"
    """The libraries if their version is known to give the answers of the tools; the tools whenever they do not answer,
    and if the path or the prefix of one of them is set.
    """
    TOOLS = "tools"
    """The tools only."""
    LIBRARY = "library"
    """The libraries, whatever their version and the settings of the tools; the tools whenever they do not answer."""


def source_option(collector: str) -> Option[LibrarySource]:
    """Returns the option of a collector."""
    return Option(
        key=f"{collector}.source",
        default="auto",
        read=member_of(LibrarySource),
        help=f"How collector {collector} reads the cluster: auto (with the cluster's libraries if their version is "
        "known to give the answers of the tools, unless the path or the prefix of a tool is set; with the tools if "
        "they do not answer), tools, library (as auto, whatever the version and the settings of the tools).",
        reloadable=True,
    )


def choose_source(values: OptionValues, option: Option[LibrarySource], tools: Iterable[ToolSpec]) -> LibrarySource:
    """Returns where a collector reads the cluster.

    Another program, or the same one behind ``sudo`` or in a container, may report another cluster than the libraries of
    this host do. What is set for one of the tools therefore holds for all of them: half of a state from here and half
    from there would be worse than either.
    """
    source = values[option]
    if source is LibrarySource.AUTO and any(values[tool.path] or values[tool.prefix] for tool in tools):
        return LibrarySource.TOOLS
    return source


def query(source: LibrarySource, host: Host, stack: Stack, name: str) -> LibraryQuery | None:
    """Returns what a library is asked, or None if only the tools are to be run."""
    if source is LibrarySource.TOOLS or not host.has_libraries:
        return None
    return LibraryQuery(stack=stack, name=name, untested=source is LibrarySource.LIBRARY)
