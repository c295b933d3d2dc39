"""``ha-cluster-gateway-alert``, the alert agent: hands Pacemaker's alerts over to the gateway on this node.

Pacemaker (1.1.15 and later) runs it for each event, with the event in its environment; "Pacemaker Explained", chapter
"Alerts", lists the variables. It sends them as one datagram to a unix socket and exits, always with exit status 0: the
cluster must not be affected if the gateway does not run.

A datagram is ``MAGIC`` and ``name=value`` for each variable that is set, without ``CRM_alert_`` before the name, each
followed by a NUL byte, in UTF-8.

Pacemaker may run it for many events at once, so it imports as little as possible.
"""

from __future__ import annotations

import _socket  # socket takes nearly as long to import as Python takes to start
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SOCKET = "/run/ha-cluster-gateway/alert.sock"
"""Where the gateway listens by default. The recipient of the alert may be another path."""

MAGIC = b"ha-cluster-gateway-alert 1\0"
"""The first bytes of each datagram: its format, and its version."""

FIELDS = (
    *("kind", "node", "nodeid", "desc", "rsc", "task", "interval", "rc", "target_rc", "status", "exec_time"),
    *("attribute_name", "attribute_value", "node_sequence", "timestamp", "timestamp_epoch", "timestamp_usec"),
)
"""The variables that are sent, without ``CRM_alert_``."""

MAX_VALUE = 255
"""Bytes of a value that are sent, at most."""

MAX_DATAGRAM = 8192
"""Bytes of a datagram that the gateway accepts, at most; a datagram has fewer than 5000."""

_TIMEOUT = 0.1
"""Seconds to wait for room in the queue of the socket; the kernel's default is 10 datagrams."""


def encode_alert(environment: Mapping[str, str]) -> bytes:
    """Returns the datagram for the event in an environment."""
    parts = [MAGIC]
    for name in FIELDS:
        value = environment.get(f"CRM_alert_{name}")
        if value:
            truncated = value.encode("utf-8", "replace")[:MAX_VALUE].decode("utf-8", "ignore")
            parts.append(f"{name}={truncated}\0".encode())
    return b"".join(parts)


def send(datagram: bytes, path: str) -> None:
    """Sends a datagram to the socket at a path.

    Raises:
        OSError: nothing listens there, this user may not write to it, or its queue stays full.
    """
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    try:
        connection.settimeout(_TIMEOUT)
        connection.connect(path)  # for an unconnected socket, the time-out ignores the receiver's queue
        connection.send(datagram)
    finally:
        connection.close()


def main(environment: Mapping[str, str] = os.environ) -> None:
    """Sends the event in the environment; prints one line to standard error if that fails."""
    recipient = environment.get("CRM_alert_recipient", "")
    path = recipient if recipient.startswith("/") else SOCKET
    if "CRM_alert_kind" not in environment:
        _print_error("no alert in the environment: this is an alert agent, to be run by Pacemaker")
        return
    try:
        send(encode_alert(environment), path)
    except Exception as error:  # noqa: BLE001 - no error may affect the cluster
        _print_error(f"{path}: {getattr(error, 'strerror', None) or error}")


def _print_error(text: str) -> None:
    try:  # noqa: SIM105 - contextlib would have to be imported
        os.write(2, f"ha-cluster-gateway-alert: {text}\n".encode("utf-8", "replace"))
    except OSError:
        pass  # standard error is closed


if __name__ == "__main__":
    main()
