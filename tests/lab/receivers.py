"""Receivers of notifications inside a node, one of each kind, and a capture of the node's loopback interface."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from gateway.frontends.snmp import engine_identity
from gateway.snmp import oid as oids
from gateway.snmp.ber import PduTag
from gateway.snmp.credentials import UsmUser
from gateway.snmp.decoding import ReceivedPdu, decode_community_message, decode_scoped_pdu, decode_usm_message
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.mib.module import mib
from gateway.snmp.usm_security import UserSecurity
from tests.lab import namespaces
from tests.lab.cluster import Cluster
from tests.lab.gateways import NodeGateway, configuration
from tests.snmpd import ARC, Snmpd
from tests.snmptrapd import COMMUNITY, HOST, Received, Snmptrapd

USER = UsmUser(
    name="lab", auth="SHA-256", auth_password="an auth password", priv="AES", priv_password="a priv password"
)
STARTED, HEARTBEAT, LOST, REGAINED = (f"{ARC}.0.{number}" for number in (1, 2, 4, 5))
"""Notifications with a fixed meaning."""

_CREATE = f'{USER.name} SHA-256 "{USER.auth_password}" AES "{USER.priv_password}"'
_COMMUNITY = f'version = "2c"\ncommunity = "{COMMUNITY}"\n'
_USER = (
    f'version = "3"\nuser = "{USER.name}"\nauth = "SHA-256"\nauth_password = "{USER.auth_password}"\n'
    f'priv = "AES"\npriv_password = "{USER.priv_password}"\n'
)
_SNMP_TRAP_OID = "1.3.6.1.6.3.1.1.4.1.0"
_NOTICE = f"{ARC}.1.8"

# --- Daemons ---------------------------------------------------------------------------------------------------------


def inside(cluster: Cluster, node: str) -> dict[str, Any]:
    """Returns the arguments with which a daemon of Net-SNMP runs inside a node."""
    return {"popen": partial(cluster.popen, node), "net": Path(f"/proc/{cluster.init_pid(node)}/net")}


def trapd(cluster: Cluster, node: str, directory: Path, *, own: EngineIdentity | None = None, port: int) -> Snmptrapd:
    """Returns a receiver for the community and for the user; traps of the user come from the given engine."""
    users = [_CREATE, *([f"-e 0x{own.engine_id.hex()} {_CREATE}"] if own else [])]
    return Snmptrapd(directory, users=users, port=port, **inside(cluster, node))


def target(port: int, kind: str, *, user: bool = False, timeout: float = 3.0, retries: int = 1) -> str:
    """Returns the table of a receiver in the gateway's configuration."""
    return (
        f'[[alarms.target]]\naddress = "{HOST}:{port}"\nkind = "{kind}"\ntimeout = {timeout}\nretries = {retries}\n'
        f"{_USER if user else _COMMUNITY}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Receivers:
    """One receiver of each kind.

    Attributes:
        all: the receivers by channel.
        snmpd: the daemon that sends the last of them the notifications.
        targets: the tables of the other receivers in the gateway's configuration.
        state: the gateway's state directory.
        identity: the gateway's SNMP engine.
    """

    all: Mapping[str, Snmptrapd]
    snmpd: Snmpd
    targets: str
    state: Path
    identity: EngineIdentity


CHANNELS = {"v2c trap": 11621, "v2c inform": 11622, "v3 trap": 11623, "v3 inform": 11624, "snmpd": 11625}
"""The five channels to a receiver, and the receiver's port."""


@contextmanager
def receivers(
    cluster: Cluster, node: str, directory: Path, *, timeout: float = 3.0, retries: int = 1
) -> Iterator[Receivers]:
    """Runs a receiver of each kind inside a node."""
    state = directory / "state"
    identity = engine_identity.begin_boot(state)
    assert identity.engine_id.hex() in (state / engine_identity.FILE).read_text("utf-8")
    with ExitStack() as stack:
        by_channel = {
            channel: stack.enter_context(trapd(cluster, node, directory / channel, own=identity, port=port))
            for channel, port in CHANNELS.items()
        }
        sink = f"trap2sink {HOST}:{CHANNELS['snmpd']} {COMMUNITY}"
        (directory / "d").mkdir()
        snmpd = stack.enter_context(Snmpd(directory / "d", extra=(sink,), **inside(cluster, node)))
        yield Receivers(
            all=by_channel,
            snmpd=snmpd,
            targets="".join(
                target(port, channel.split()[1], user=channel.startswith("v3"), timeout=timeout, retries=retries)
                for channel, port in CHANNELS.items()
                if channel != "snmpd"
            ),
            state=state,
            identity=identity,
        )


PORT = CHANNELS["v2c inform"]


@contextmanager
def gateway_and_receiver(
    cluster: Cluster, directory: Path, *, node: str = "node1", alarms: str = "interval = 1"
) -> Iterator[tuple[NodeGateway, Snmptrapd]]:
    """Runs the gateway and a receiver of its informs in a node; the first notification has arrived."""
    directory.mkdir(exist_ok=True)
    with trapd(cluster, node, directory / "trapd", port=PORT) as receiver:
        config = configuration(directory, alarms=alarms, targets=target(PORT, "inform"))
        with NodeGateway(cluster, node, config) as gateway:
            cluster.wait_for(partial(notifications, receiver), what="the first notification")
            yield gateway, receiver


# --- What they receive -----------------------------------------------------------------------------------------------


class GatewayNotification(NamedTuple):
    """A notification of the gateway, as a receiver decoded it."""

    sequence: int
    notification: str
    condition: str
    change: str
    object: str
    node: str
    text: str
    reason: str


def notifications(receiver: Snmptrapd) -> list[GatewayNotification]:
    """Returns the gateways' notifications that a receiver has received, in the order of arrival."""
    return [_decode(received) for received in receiver.received if received.notification.startswith(f"{ARC}.0.")]


def _decode(received: Received) -> GatewayNotification:
    values = {name: value for name, (_, value) in received.varbinds.items()}

    def text(column: int) -> str:
        value = values[f"{_NOTICE}.{column}.0"]
        assert isinstance(value, bytes)
        return value.decode()

    def word(column: int, name: str) -> str:
        syntax = mib()[name].syntax
        assert syntax is not None
        return syntax.names[int(values[f"{_NOTICE}.{column}.0"])]

    return GatewayNotification(
        sequence=int(values[f"{_NOTICE}.5.0"]),
        notification=received.notification,
        condition=text(7),
        change=word(9, "haClusterNoticeChange"),
        object=text(10),
        node=text(11),
        text=text(12),
        reason=word(13, "haClusterNoticeReason"),
    )


def wait_for_notification(
    cluster: Cluster, receiver: Snmptrapd, condition: str, change: str, about: str = "", *, after: int = 0
) -> GatewayNotification:
    """Waits for a notification of a condition, and returns it; the first ``after`` notifications do not count."""
    matching: list[GatewayNotification] = []

    def arrived() -> bool:
        matching.extend(
            one
            for one in notifications(receiver)[after:]
            if (one.condition, one.change, one.object) == (condition, change, about)
        )
        return bool(matching)

    cluster.wait_for(arrived, 60, what=f"{condition} {about} {change}")
    return matching[0]


# --- What arrives ----------------------------------------------------------------------------------------------------

_SO_TIMESTAMPNS = 35  # socket(7); Python has no name for it
_SO_RCVBUFFORCE = 33
_BUFFER = 16 << 20
_ETH_P_IP = 0x0800
_UDP = 17
_V3 = 3


class Datagram(NamedTuple):
    """A datagram to a port of the loopback address, with the kernel's time stamp in Unix seconds."""

    time: float
    port: int
    data: bytes


class LoopbackCapture:
    """Captures the datagrams on a node's loopback interface; the kernel buffers them until they are read.

    All receivers are timed by the same clock in the same place, including those of other programs.
    """

    def __init__(self, cluster: Cluster, node: str) -> None:
        self._socket = namespaces.in_network(cluster.init_pid(node), loopback_socket)

    def arrived(self) -> Iterator[Datagram]:
        """Yields the datagrams since the last call."""
        while True:
            try:
                packet, ancillary, _, address = self._socket.recvmsg(65535, socket.CMSG_SPACE(16))
            except BlockingIOError:
                return
            if address[2] != socket.PACKET_HOST or packet[9] != _UDP:
                continue
            ((_, _, stamp),) = ancillary
            seconds, nanoseconds = struct.unpack("qq", stamp)
            header = (packet[0] & 15) * 4
            port, length = struct.unpack_from("!HH", packet, header + 2)
            yield Datagram(seconds + nanoseconds / 1e9, port, packet[header + 8 : header + length])

    def close(self) -> None:
        """Ends the capture."""
        self._socket.close()


def loopback_socket() -> socket.socket:
    """Returns a socket that receives the packets on the loopback interface, with time stamps."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, socket.htons(_ETH_P_IP))
    sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    sock.bind(("lo", _ETH_P_IP))
    return sock


class DecodedNotification(NamedTuple):
    """The notification in a datagram, with the sequence number if the gateway sent it."""

    notification: str
    sequence: int | None


class NotificationDecoder:
    """Decodes the gateway's notifications, with the keys of its user.

    Args:
        user: the user of SNMPv3 notifications.
    """

    def __init__(self, user: UsmUser) -> None:
        self._security = UserSecurity(user)

    def notification(self, data: bytes) -> DecodedNotification | None:
        """Returns the notification in a datagram of any version; None if there is none."""
        pdu = self._decrypt(data) if _version(data) == _V3 else decode_community_message(data).pdu
        if pdu is None or pdu.tag not in {PduTag.SNMPV2_TRAP, PduTag.INFORM_REQUEST}:
            return None
        values = {oids.dotted(varbind.oid): varbind.value for varbind in pdu.varbinds}
        sequence = values.get(f"{_NOTICE}.5.0")
        notification = values[_SNMP_TRAP_OID]
        assert isinstance(notification, bytes)
        return DecodedNotification(oids.dotted(notification), None if sequence is None else int(sequence))

    def _decrypt(self, data: bytes) -> ReceivedPdu | None:
        message = decode_usm_message(data)
        if message.pdu is not None:  # a discovery
            return None
        keys = self._security.localize_keys(message.engine_id)
        plain = self._security.decrypt(keys, message.boots, message.time, message.salt, message.encrypted_pdu)
        return decode_scoped_pdu(plain).pdu


def _version(message: bytes) -> int:
    """Returns the version in a message; the element before it has one octet for its type and some for its length."""
    length = 1 + (message[1] & 0x7F if message[1] & 0x80 else 0)
    return message[length + 3]
