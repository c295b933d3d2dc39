"""Who is told inside a node: receivers of every kind, and a look at what arrives on the node's loopback interface."""

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
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.mib.module import mib
from gateway.snmp.pysnmp_adapter.decoding import DecodedPdu, decode_community_message
from gateway.snmp.pysnmp_adapter.usm import UserSecurity, decode_scoped_pdu, decode_usm_message
from tests.lab import namespaces
from tests.lab.cluster import Cluster
from tests.snmpd import ARC, Snmpd
from tests.snmptrapd import COMMUNITY, HOST, Received, Snmptrapd

USER = UsmUser(
    name="lab", auth="SHA-256", auth_password="an auth password", priv="AES", priv_password="a priv password"
)
STARTED, HEARTBEAT, LOST, REGAINED = (f"{ARC}.0.{number}" for number in (1, 2, 4, 5))
"""The notifications that have a meaning of their own."""

_CREATE = f'{USER.name} SHA-256 "{USER.auth_password}" AES "{USER.priv_password}"'
_COMMUNITY = f'version = "2c"\ncommunity = "{COMMUNITY}"\n'
_USER = (
    f'version = "3"\nuser = "{USER.name}"\nauth = "SHA-256"\nauth_password = "{USER.auth_password}"\n'
    f'priv = "AES"\npriv_password = "{USER.priv_password}"\n'
)
_SNMP_TRAP_OID = "1.3.6.1.6.3.1.1.4.1.0"
_NOTICE = f"{ARC}.1.8"

# --- Daemons ---------------------------------------------------------------------------------------------------------


def place(cluster: Cluster, node: str) -> dict[str, Any]:
    """Returns what makes a daemon of Net-SNMP run inside a node."""
    return {"popen": partial(cluster.popen, node), "net": Path(f"/proc/{cluster.init_pid(node)}/net")}


def trapd(cluster: Cluster, node: str, directory: Path, *, own: EngineIdentity | None = None, port: int) -> Snmptrapd:
    """Returns a receiver that takes the community, and the user, whose traps are from an engine of ours."""
    users = [_CREATE, *([f"-e 0x{own.engine_id.hex()} {_CREATE}"] if own else [])]
    return Snmptrapd(directory, users=users, port=port, **place(cluster, node))


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
        all: by the way to it.
        snmpd: the daemon through which the last of them is told.
        targets: the tables of the others in the gateway's configuration.
        state: the gateway's state directory.
        identity: who the gateway is to SNMPv3.
    """

    all: Mapping[str, Snmptrapd]
    snmpd: Snmpd
    targets: str
    state: Path
    identity: EngineIdentity


WAYS = {"v2c trap": 11621, "v2c inform": 11622, "v3 trap": 11623, "v3 inform": 11624, "snmpd": 11625}
"""The five ways to a receiver, and the port of each."""


@contextmanager
def receivers(
    cluster: Cluster, node: str, directory: Path, *, timeout: float = 3.0, retries: int = 1
) -> Iterator[Receivers]:
    """Runs a receiver of each kind inside a node."""
    state = directory / "state"
    identity = engine_identity.begin_boot(state)
    assert identity.engine_id.hex() in (state / engine_identity.FILE).read_text("utf-8")
    with ExitStack() as stack:
        found = {
            way: stack.enter_context(trapd(cluster, node, directory / way, own=identity, port=port))
            for way, port in WAYS.items()
        }
        sink = f"trap2sink {HOST}:{WAYS['snmpd']} {COMMUNITY}"
        (directory / "d").mkdir()
        snmpd = stack.enter_context(Snmpd(directory / "d", extra=(sink,), **place(cluster, node)))
        yield Receivers(
            all=found,
            snmpd=snmpd,
            targets="".join(
                target(port, way.split()[1], user=way.startswith("v3"), timeout=timeout, retries=retries)
                for way, port in WAYS.items()
                if way != "snmpd"
            ),
            state=state,
            identity=identity,
        )


# --- What they receive -----------------------------------------------------------------------------------------------


class Told(NamedTuple):
    """A notification of the gateway's, as a receiver has it."""

    sequence: int
    notification: str
    condition: str
    change: str
    object: str
    node: str
    text: str


def told(receiver: Snmptrapd) -> list[Told]:
    """Returns what a receiver has been told by gateways, in the order of its arrival."""
    return [_told(one) for one in receiver.received if one.notification.startswith(f"{ARC}.0.")]


def _told(received: Received) -> Told:
    values = {name: value for name, (_, value) in received.varbinds.items()}
    names = mib()["haClusterNoticeChange"].syntax
    assert names is not None

    def text(column: int) -> str:
        found = values[f"{_NOTICE}.{column}.0"]
        assert isinstance(found, bytes)
        return found.decode()

    return Told(
        sequence=int(values[f"{_NOTICE}.5.0"]),
        notification=received.notification,
        condition=text(7),
        change=names.names[int(values[f"{_NOTICE}.9.0"])],
        object=text(10),
        node=text(11),
        text=text(12),
    )


def await_told(
    cluster: Cluster, receiver: Snmptrapd, condition: str, change: str, about: str = "", *, after: int = 0
) -> Told:
    """Waits until a receiver has been told of a condition, not counting the first ``after``, and returns that."""
    found: list[Told] = []

    def arrived() -> bool:
        found.extend(
            one
            for one in told(receiver)[after:]
            if (one.condition, one.change, one.object) == (condition, change, about)
        )
        return bool(found)

    cluster.wait_for(arrived, 60, what=f"{condition} {about} {change}")
    return found[0]


# --- What arrives ----------------------------------------------------------------------------------------------------

_SO_TIMESTAMPNS = 35  # socket(7); Python has no name for it
_SO_RCVBUFFORCE = 33
_BUFFER = 16 << 20
_ETH_P_IP = 0x0800
_UDP = 17
_V3 = 3


class Arrived(NamedTuple):
    """A datagram that has come to a port of the loopback address, and when, in Unix seconds, as the kernel says."""

    time: float
    port: int
    data: bytes


class Wire:
    """What arrives on a node's loopback interface, from now on; the kernel keeps it until it is asked for.

    All receivers, and those of other programs, are timed by the same clock at the same place, whatever they are.
    """

    def __init__(self, cluster: Cluster, node: str) -> None:
        self._socket = namespaces.in_network(cluster.init_pid(node), _loopback)

    def arrived(self) -> Iterator[Arrived]:
        """Yields the datagrams that have arrived since it was asked last."""
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
            yield Arrived(seconds + nanoseconds / 1e9, port, packet[header + 8 : header + length])

    def close(self) -> None:
        """Looks no more."""
        self._socket.close()


def _loopback() -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, socket.htons(_ETH_P_IP))
    sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    sock.bind(("lo", _ETH_P_IP))
    return sock


class Sent(NamedTuple):
    """What a datagram tells: the notification, and its sequence number if it is one of ours."""

    notification: str
    sequence: int | None


class Listener:
    """Decodes the gateway's notifications, with the keys of its user.

    Args:
        user: the user of SNMPv3 notifications.
    """

    def __init__(self, user: UsmUser) -> None:
        self._security = UserSecurity(user)

    def notification(self, data: bytes) -> Sent | None:
        """Returns the notification in a datagram of any version; None if there is none."""
        pdu = self._decrypt(data) if _version(data) == _V3 else decode_community_message(data).pdu
        if pdu is None or pdu.tag not in {PduTag.SNMPV2_TRAP, PduTag.INFORM_REQUEST}:
            return None
        values = {oids.dotted(varbind.oid): varbind.value for varbind in pdu.varbinds}
        sequence = values.get(f"{_NOTICE}.5.0")
        notification = values[_SNMP_TRAP_OID]
        assert isinstance(notification, bytes)
        return Sent(oids.dotted(notification), None if sequence is None else int(sequence))

    def _decrypt(self, data: bytes) -> DecodedPdu | None:
        message = decode_usm_message(data)
        if message.pdu is not None:  # a discovery
            return None
        keys = self._security.localize_keys(message.engine_id)
        plain = self._security.decrypt(keys, message.boots, message.time, message.salt, message.encrypted_pdu)
        return decode_scoped_pdu(plain)


def _version(message: bytes) -> int:
    """Returns the version in a message; what is before it has one octet for its type, and some for its length."""
    length = 1 + (message[1] & 0x7F if message[1] & 0x80 else 0)
    return message[length + 3]
