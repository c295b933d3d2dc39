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

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.errors import ParseError
from gateway.options.model import Option
from gateway.options.readers import host_path
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.text import REPLACEMENT, decode

CONFIG = Option(
    key="corosync.config",
    default="/etc/corosync/corosync.conf",
    read=host_path,
    help="Path of Corosync's configuration, which contains the names of the cluster and its nodes.",
    reloadable=True,
)

_TOTEM = ["totem"]
_NODE = ["nodelist", "node"]
_QUORUM = ["quorum"]
_QDEVICE = [*_QUORUM, "device"]


_LINK_ADDRESS = re.compile(r"ring([0-7])_addr")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredNode:
    """A node of the ``nodelist``.

    Attributes:
        id: its ``nodeid`` as written; empty if it is not set.
        name: its ``name``; empty if it is not set.
        addresses: its addresses or host names (``ringN_addr``) by the number of their link, in ascending order.
    """

    id: str = ""
    name: str = ""
    addresses: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorosyncConfig:
    """The settings that the gateway uses.

    Attributes:
        cluster_name: ``totem.cluster_name``, or None if it is not set or empty.
        transport: ``totem.transport``: ``knet``, ``udpu`` or ``udp``; None if it is not set. Corosync 3 then uses knet,
            older versions udp.
        has_qdevice: whether ``quorum.device.model`` is set; None if there is no section ``quorum``, if the device has
            no model, or if a line cannot be read.
        nodes: the nodes of the ``nodelist``.
    """

    cluster_name: str | None
    transport: str | None
    has_qdevice: bool | None = None
    nodes: tuple[ConfiguredNode, ...] = ()

    @property
    def node_names(self) -> Mapping[str, str]:
        """The names of the nodes by their IDs; nodes without a name or an ID are left out."""
        return {node.id: node.name for node in self.nodes if node.id and node.name}

    @property
    def node_addresses(self) -> Mapping[tuple[str, int], str]:
        """The addresses or host names of the nodes by their IDs and the numbers of links; those without an ID lack."""
        return {(node.id, link): address for node in self.nodes if node.id for link, address in node.addresses.items()}


def parse(output: bytes) -> Parsed[CorosyncConfig]:
    """Parses the content of the file. If a key is set twice, the last value counts.

    A line that cannot be read is absent, unless it is a comment.

    Raises:
        ParseError: a section is not closed, or closed without having been opened. Corosync would not start either.
    """
    totem: dict[str, str] = {}
    has_quorum = False
    device: dict[str, str] = {}
    nodes: list[dict[str, str]] = []
    unreadable = UnreadableValues()
    for path, key, value in _settings(decode(output).split("\n"), unreadable):
        if path == _TOTEM:
            totem[key] = value
        elif path == _QDEVICE:
            device[key] = value
        elif path == _QUORUM:
            has_quorum = True
        elif path == _NODE and key:
            nodes[-1][key] = value
        elif path == _NODE:
            nodes.append({})
    has_qdevice = bool(device.get("model"))
    has_none = has_quorum and not device and not unreadable
    configuration = CorosyncConfig(
        has_qdevice=has_qdevice if has_qdevice or has_none else None,
        cluster_name=totem.get("cluster_name") or None,
        transport=totem.get("transport") or None,
        nodes=tuple(map(_node, nodes)),
    )
    return unreadable.parsed(configuration)


def _node(settings: Mapping[str, str]) -> ConfiguredNode:
    matches = ((_LINK_ADDRESS.fullmatch(key), value) for key, value in settings.items())
    addresses = sorted((int(match[1]), value) for match, value in matches if match and value)
    return ConfiguredNode(id=settings.get("nodeid", ""), name=settings.get("name", ""), addresses=dict(addresses))


def _settings(lines: Sequence[str], unreadable: UnreadableValues) -> Iterator[tuple[list[str], str, str]]:
    """Yields each section and setting: the names of the sections that it is in, its key and its value.

    A section has neither key nor value.
    """
    path: list[str] = []
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        name, brace, _ = line.partition("{")
        key, colon, value = line.partition(":")
        if REPLACEMENT in line:
            unreadable.add(f"not UTF-8 text: {line[:60]!r}", line=number)
        if brace:
            path.append(name.strip())
            yield path, "", ""
        elif colon and REPLACEMENT not in line:
            yield path, key.strip(), value.strip()
        elif "}" in line and not colon:
            if not path:
                raise ParseError("a section is closed that was never opened", line=number)
            path.pop()
    if path:
        raise ParseError(f"section {path[-1][:40]!r} is not closed", line=len(lines))
