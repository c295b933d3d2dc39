"""``ha-cluster-gateway-alert``, the alert agent: hands what Pacemaker tells it to the gateway on this node.

Pacemaker (1.1.15 and later) runs it for each event, with the event in its environment; "Pacemaker Explained", chapter
"Alerts", has the variables. It sends them as one datagram to a unix socket and ends, always with exit status 0: a
gateway that does not run is no concern of the cluster's.

A datagram is ``MAGIC`` and ``name=value`` for each variable that is set, without ``CRM_alert_`` before the name, each
followed by a NUL byte, in UTF-8.

It is run for each of many events at once, so it imports next to nothing.
"""

from __future__ import annotations

import _socket  # socket takes nearly as long to import as Python takes to start
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SOCKET = "/run/ha-cluster-gateway/alert.sock"
"""Where the gateway listens, unless it or the alert's recipient says something else."""

MAGIC = b"ha-cluster-gateway-alert 1\0"
"""The beginning of each datagram: what it is, and the version of its format."""

FIELDS = (
    *("kind", "node", "nodeid", "desc", "rsc", "task", "interval", "rc", "target_rc", "status", "exec_time"),
    *("attribute_name", "attribute_value", "node_sequence", "timestamp", "timestamp_epoch", "timestamp_usec"),
)
"""The variables that are sent, without ``CRM_alert_``."""

MAX_VALUE = 255
"""Bytes of a value that are sent."""

MAX_DATAGRAM = 8192
"""Bytes that a datagram may have; it has fewer than 5000."""

_TIMEOUT = 0.1
"""Seconds to wait for room in the socket's queue, which the kernel limits to 10 datagrams by default."""


def message(environment: Mapping[str, str]) -> bytes:
    """Returns the datagram that tells of the event in an environment."""
    parts = [MAGIC]
    for name in FIELDS:
        value = environment.get(f"CRM_alert_{name}")
        if value:
            cut = value.encode("utf-8", "replace")[:MAX_VALUE].decode("utf-8", "ignore")
            parts.append(f"{name}={cut}\0".encode())
    return b"".join(parts)


def send(datagram: bytes, path: str) -> None:
    """Sends a datagram to the socket of a path.

    Raises:
        OSError: nobody listens there, this user may not write to it, or its queue stays full.
    """
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    try:
        connection.settimeout(_TIMEOUT)
        connection.connect(path)  # connected, the timeout knows of the queue at the other end
        connection.send(datagram)
    finally:
        connection.close()


def main(environment: Mapping[str, str] = os.environ) -> None:
    """Sends the event of this process's environment; says in one line on standard error why it could not."""
    recipient = environment.get("CRM_alert_recipient", "")
    path = recipient if recipient.startswith("/") else SOCKET
    if "CRM_alert_kind" not in environment:
        _say("nothing to tell: this is run by Pacemaker, for its alerts")
        return
    try:
        send(message(environment), path)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is no concern of the cluster's
        _say(f"{path}: {getattr(error, 'strerror', None) or error}")


def _say(text: str) -> None:
    try:  # noqa: SIM105 - contextlib would have to be imported
        os.write(2, f"ha-cluster-gateway-alert: {text}\n".encode("utf-8", "replace"))
    except OSError:
        pass  # nobody to tell


if __name__ == "__main__":
    main()
