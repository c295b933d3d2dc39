"""``corosync.conf``: the configuration file of Corosync 1 to 3.1, see corosync.conf(5).

::

    # a comment
    totem {
        cluster_name: hana
        interface {
            linknumber: 0
        }
    }

Corosync itself reads it by lines: a comment is a line that begins with ``#``, ``{`` ends the line that opens a section,
the first ``:`` ends a key, ``}`` stands on a line of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.errors import ParseError
from gateway.parsers.text import decode


@dataclass(frozen=True, slots=True, kw_only=True)
class CorosyncConfig:
    """What the gateway uses of the file.

    Attributes:
        cluster_name: ``totem.cluster_name``, or None if it is not set or empty.
        transport: ``totem.transport``: ``knet``, ``udpu`` or ``udp``; None if it is not set: knet for Corosync 3, udp
            before.
    """

    cluster_name: str | None
    transport: str | None


def parse(output: bytes) -> CorosyncConfig:
    """Reads the content of the file; of a key that is set twice the last value counts.

    Raises:
        ParseError: sections are not closed, or closed without having been opened: Corosync would not start either.
    """
    path: list[str] = []
    totem: dict[str, str] = {}
    lines = decode(output).split("\n")
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        name, brace, _ = line.partition("{")
        key, colon, value = line.partition(":")
        if brace:
            path.append(name.strip())
        elif colon and path == ["totem"]:
            totem[key.strip()] = value.strip()
        elif "}" in line and not colon:
            if not path:
                raise ParseError("a section is closed that was never opened", line=number)
            path.pop()
    if path:
        raise ParseError(f"section {path[-1][:40]!r} is not closed", line=len(lines))
    return CorosyncConfig(cluster_name=totem.get("cluster_name") or None, transport=totem.get("transport") or None)
