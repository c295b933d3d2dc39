"""The option that decides whether a collector asks the cluster's libraries or runs its tools."""

from __future__ import annotations

from enum import StrEnum

from gateway.host.library import LibraryQuery, Stack
from gateway.options.model import Option
from gateway.options.readers import member_of


class LibrarySource(StrEnum):
    """Where a collector reads the cluster."""

    AUTO = "auto"
    """A library whose version was compared with the tools; the tools otherwise, and whenever it does not answer."""
    TOOLS = "tools"
    """The tools only."""
    LIBRARY = "library"
    """As ``AUTO``, with any version of the library."""


def source_option(collector: str) -> Option[LibrarySource]:
    """Returns the option of a collector."""
    return Option(
        key=f"{collector}.source",
        default="tools",
        read=member_of(LibrarySource),
        help=f"How collector {collector} reads the cluster: tools, auto (libraries that were tested, unless the path "
        "or the prefix of a tool is set; the tools if they fail), library (the same with any version).",
        reloadable=True,
    )


def query(source: LibrarySource, stack: Stack, name: str) -> LibraryQuery | None:
    """Returns what a library is asked, or None if only the tools are to be run."""
    if source is LibrarySource.TOOLS:
        return None
    return LibraryQuery(stack=stack, name=name, untested=source is LibrarySource.LIBRARY)
