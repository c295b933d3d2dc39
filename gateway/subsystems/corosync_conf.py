"""``corosync.conf``: the configuration file of Corosync 1 to 3.1, see corosync.conf(5), which subsystems share.

::

    # a comment
    totem {
        cluster_name: hana
        interface {
            linknumber: 0
        }
    }

The format is line-oriented: a comment is a line that begins with ``#``, ``{`` ends the line that opens a section, the
first ``:`` ends a key, and ``}`` is a line by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.errors import ParseError
from gateway.options.model import Option
from gateway.options.readers import host_path
from gateway.subsystems.parsing.text import decode

CONFIG = Option(
    key="corosync.config",
    default="/etc/corosync/corosync.conf",
    read=host_path,
    help="Path of Corosync's configuration, which contains the names of the cluster and its nodes.",
)

_NODE = ["nodelist", "node"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorosyncConfig:
    """The settings that the gateway uses.

    Attributes:
        cluster_name: ``totem.cluster_name``, or None if it is not set or empty.
        transport: ``totem.transport``: ``knet``, ``udpu`` or ``udp``; None if it is not set. Corosync 3 then uses knet,
            older versions udp.
        node_names: the ``name`` of each node in the ``nodelist``, by its ``nodeid`` as written; nodes without a name or
            an id are left out.
    """

    cluster_name: str | None
    transport: str | None
    node_names: Mapping[str, str] = field(default_factory=dict)


def parse(output: bytes) -> CorosyncConfig:
    """Parses the content of the file. If a key is set twice, the last value counts.

    Raises:
        ParseError: a section is not closed, or closed without having been opened. Corosync would not start either.
    """
    path: list[str] = []
    totem: dict[str, str] = {}
    nodes: list[dict[str, str]] = []
    lines = decode(output).split("\n")
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        name, brace, _ = line.partition("{")
        key, colon, value = line.partition(":")
        if brace:
            path.append(name.strip())
            if path == _NODE:
                nodes.append({})
        elif colon and path == ["totem"]:
            totem[key.strip()] = value.strip()
        elif colon and path == _NODE:
            nodes[-1][key.strip()] = value.strip()
        elif "}" in line and not colon:
            if not path:
                raise ParseError("a section is closed that was never opened", line=number)
            path.pop()
    if path:
        raise ParseError(f"section {path[-1][:40]!r} is not closed", line=len(lines))
    return CorosyncConfig(
        cluster_name=totem.get("cluster_name") or None,
        transport=totem.get("transport") or None,
        node_names={node["nodeid"]: node["name"] for node in nodes if node.get("nodeid") and node.get("name")},
    )
