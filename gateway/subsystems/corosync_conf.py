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

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.errors import ParseError
from gateway.host.host import Host
from gateway.options.model import Option
from gateway.options.readers import host_path
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.text import REPLACEMENT, decode
from gateway.subsystems.probe import Reading, read_file

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
        local_name: the name that the cluster has for this host; "" if it is unknown, or was not looked for.
    """

    cluster_name: str | None
    transport: str | None
    has_qdevice: bool | None = None
    nodes: tuple[ConfiguredNode, ...] = ()
    local_name: str = ""

    @property
    def node_names(self) -> Mapping[str, str]:
        """The names of the nodes by their IDs; nodes without a name or an ID are left out."""
        return {node.id: node.name for node in self.nodes if node.id and node.name}

    @property
    def node_addresses(self) -> Mapping[tuple[str, int], str]:
        """The addresses or host names of the nodes by ID and link number; nodes without an ID are left out."""
        return {(node.id, link): address for node in self.nodes if node.id for link, address in node.addresses.items()}


def read(host: Host, path: str) -> Reading:
    """Returns the reading of the file, whose value is a ``CorosyncConfig``."""
    return read_file(host, path, parse)


def read_with_local_name(host: Host, path: str) -> Reading:
    """Returns the same with the name of this host, for which the addresses of the host may have to be read."""
    reading = read(host, path)
    configuration: CorosyncConfig | None = reading.ok_value
    if configuration is None:
        return reading
    return replace(reading, value=replace(configuration, local_name=_local_name(configuration.nodes, host)))


def _local_name(nodes: Sequence[ConfiguredNode], host: Host) -> str:
    """Returns the name that Pacemaker has for this host, or "" if this host is none of the nodes.

    That is the node's name or, if it has none, its first address unless that is an IP address; else the host name.
    """
    node = _node_by_hostname(nodes, host.hostname) or _node_by_address(nodes, host)
    if node is None:
        return ""
    first = node.addresses.get(0, "")
    return node.name or (first if _ip_address(first) is None else "") or host.hostname


def _node_by_hostname(nodes: Sequence[ConfiguredNode], hostname: str) -> ConfiguredNode | None:
    """Returns the node that has this host name, as Corosync 3 compares it with names and first addresses.

    Whole host name first, then without its last labels. At last, the domains of the nodes do not count, either.
    """
    labels = hostname.split(".")
    if not hostname:
        return None
    names = [(name, node) for node in nodes for name in (node.name, node.addresses.get(0, "")) if name]
    for count in range(len(labels), 0, -1):
        for name, node in names:
            if name == ".".join(labels[:count]):
                return node
    return next((node for name, node in names if name.partition(".")[0] == labels[0]), None)


def _node_by_address(nodes: Sequence[ConfiguredNode], host: Host) -> ConfiguredNode | None:
    """Returns the only node with an IP address of this host. Corosync would resolve names as well, which takes time."""
    own = host.own_addresses()
    local = [node for node in nodes if any(_ip_address(text) in own for text in (node.name, *node.addresses.values()))]
    return local[0] if len(local) == 1 else None


def _ip_address(text: str) -> str | None:
    """Returns an IP address in its usual form, without the scope of IPv6; None if the text is a name."""
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None


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
