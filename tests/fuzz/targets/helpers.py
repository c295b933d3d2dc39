"""What arrives over pipes and sockets of this host: the helper that reads SBD devices, and the alert agent."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

from gateway.alarms.sources.alert_socket import parse_alert
from gateway.alert_agent import FIELDS, MAGIC, MAX_DATAGRAM, encode_alert
from gateway.commands.check import snmpd_conf
from gateway.errors import DecodeError
from gateway.host.frames import FrameDecoder, FrameError
from gateway.host.sectors import MAX_BODY, Sectors
from gateway.snmp import oid as oids
from tests.fuzz.target import Target, outcome, refusal
from tests.parsers.parser_samples import SBD_DEVICE

# --- the helper that reads devices -----------------------------------------------------------------------------------


def _frame(number: int, body: bytes) -> bytes:
    return struct.pack("!II", number, len(body)) + body


def _frames(data: bytes, size: int) -> list[tuple[int, bytes]] | str:
    """Returns the frames in data that arrives in parts of a size, or why they cannot be decoded."""
    decoder = FrameDecoder(MAX_BODY)
    frames: list[tuple[int, bytes]] = []
    try:
        for start in range(0, len(data), size):
            frames += decoder.feed(data[start : start + size])
    except FrameError as error:
        return refusal(error)
    return frames


def _check_frames(data: bytes) -> str:
    frames = _frames(data, len(data) or 1)
    if isinstance(frames, list):
        assert _frames(data, 1 + len(data) // 50) == frames
        for _, body in frames:
            _check_sectors(body)
    return f"{len(frames)} frames" if isinstance(frames, list) else frames


def _check_sectors(body: bytes) -> str:
    try:
        sectors = Sectors.decode(body)
    except DecodeError as error:
        return refusal(error)
    assert sectors.reason
    assert sectors.encode() == body
    return outcome(sectors)


def _fix_length(data: bytes) -> bytes:
    """Returns a frame with the length of what follows."""
    return data[:4] + struct.pack("!I", len(data) - 8) + data[8:] if len(data) >= 8 else data


def _sectors() -> Target:
    body = SBD_DEVICE.encode()
    frames = _frame(1, b"") + _frame(1, body)
    return Target(check=_check_frames, seeds=[frames, frames * 2, _frame(7, body)], repair=_fix_length)


def _sector_body() -> Target:
    return Target(
        check=_check_sectors, seeds=[SBD_DEVICE.encode(), Sectors(sector_size=0, sectors=(), error=5).encode()]
    )


# --- alerts ----------------------------------------------------------------------------------------------------------

_ALERTS = (
    {"kind": "node", "node": "alpha", "nodeid": "1", "desc": "lost"},
    {"kind": "fencing", "node": "beta", "task": "reboot", "rc": "0", "desc": "Operation reboot of beta"},
    {"kind": "resource", "node": "alpha", "rsc": "vip", "task": "monitor", "interval": "10000", "rc": "7"},
    {"kind": "attribute", "node": "alpha", "attribute_name": "pingd", "attribute_value": "1000"},
)


def _datagram(fields: Mapping[str, str]) -> bytes:
    return encode_alert({f"CRM_alert_{name}": value for name, value in fields.items()})


def _check_datagram(data: bytes) -> str:
    try:
        alert = parse_alert(data)
    except DecodeError as error:
        str(error).encode("utf-8", "backslashreplace")
        return refusal(error)
    assert alert.object
    assert alert.fields.keys() <= set(FIELDS)
    assert not any(character < " " or character == "\x7f" for value in alert.fields.values() for character in value)
    return alert.kind


def _check_environment(data: bytes) -> str:
    """Checks that what the agent sends is accepted, whatever Pacemaker writes into the environment."""
    variables = (line.partition("=") for line in data.decode("utf-8", "surrogateescape").split("\n"))
    fields = {name: value for name, _, value in variables if "\0" not in value}
    datagram = _datagram(fields)
    assert len(datagram) <= MAX_DATAGRAM
    outcome = _check_datagram(datagram)
    assert fields.get("kind") not in {"node", "fencing"} or not fields.get("node") or outcome == fields["kind"]
    return outcome


def _alert_socket() -> Target:
    tokens = (MAGIC, *(f"\0{name}=".encode() for name in FIELDS))
    return Target(check=_check_datagram, seeds=[_datagram(alert) for alert in _ALERTS], tokens=tokens, max_size=10_000)


def _alert_agent() -> Target:
    seeds = ["\n".join(f"{name}={value}" for name, value in alert.items()).encode() for alert in _ALERTS]
    return Target(check=_check_environment, seeds=seeds, tokens=[f"\n{name}=".encode() for name in FIELDS])


# --- snmpd.conf ------------------------------------------------------------------------------------------------------

_SNMPD_CONF = b"""\
# comment
master agentx
agentXSocket tcp:localhost:705,unix:/var/agentx/master
agentXPerms 0660 0755 root haclient
agentAddress udp:161,udp6:[::1]:161
includeDir /etc/snmp/snmpd.conf.d
view systemonly included .1.3.6.1.2.1.1
view all excluded iso 80
rocommunity public default -V systemonly
rocommunity6 "a b" ::1 .1.3.6.1.4.1
rwuser -s usm 'user' priv -V all
access group "" any noauth exact all none none
"""


def _check_snmpd_conf(data: bytes) -> str:
    config = snmpd_conf.parse([data, data])
    snmpd_conf.included_directories(data)
    for reader in config.readers:
        config.is_visible(oids.parse("1.3.6.1.4.1.8072"), reader)
    repr(config)
    return f"{config.master} {len(config.readers)} {len(config.views)}"


def _snmpd_conf() -> Target:
    return Target(check=_check_snmpd_conf, seeds=[_SNMPD_CONF], tokens=_SNMPD_CONF.split(), max_size=16 * 1024)


TARGETS: Mapping[str, Callable[[], Target]] = {
    "helper frames": _sectors,
    "helper sectors": _sector_body,
    "alert socket": _alert_socket,
    "alert agent": _alert_agent,
    "snmpd.conf": _snmpd_conf,
}
