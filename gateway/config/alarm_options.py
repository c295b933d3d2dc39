"""The options of alarms: which notifications are sent, in which forms, and to which targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from gateway.catalog import CONDITIONS
from gateway.conditions.model import Severity
from gateway.config.alertmanager_options import ALERTMANAGER_FIELDS, alertmanagers
from gateway.config.secret_files import FILE_HELP, secret_file
from gateway.config.section import from_option, from_options
from gateway.config.usm_options import USM_FIELDS, read_engine_id, usm_user
from gateway.frontends.prometheus.alertmanager.target import KIND, Alertmanagers
from gateway.frontends.snmp.notifications.compat import FORMS
from gateway.frontends.snmp.notifications.target import (
    DEFAULT_PORT,
    DEFAULT_RETRIES,
    DEFAULT_TIMEOUT,
    Target,
    TargetKind,
)
from gateway.network import Address
from gateway.options.model import Field, Option, OptionValues, Records, only_with
from gateway.options.readers import (
    InvalidValueError,
    InvalidValuesError,
    Problem,
    boolean,
    member_of,
    one_of,
    parse_printable_address,
    path_or_none,
    seconds,
    seconds_or_zero,
    subset_of,
    text,
    whole_number,
)
from gateway.snmp.credentials import MAX_COMMUNITY, MAX_NAME

# --- Readers ---------------------------------------------------------------------------------------------------------

_MAX_RETRIES = 100
_MAX_BURST = 1000
"""More would not fit into the queue of a target."""


class SendFrom(Enum):
    """Which nodes send the notifications about the cluster."""

    ALL = "all"
    DC = "dc"


def _least_severity(value: Any) -> Severity | None:
    """Reads the least severity of the alarms that are selected; true selects all, false none."""
    selected: dict[Any, Severity | None] = {
        "true": Severity.INFO,
        "false": None,
        **{each.value: each for each in Severity},
    }
    word = str(value).lower() if isinstance(value, bool) else value
    if not isinstance(word, str) or word not in selected:
        expected = ", ".join(f'"{severity.value}"' for severity in Severity)
        raise InvalidValueError(f"true, false, or one of {expected}", words=tuple(selected))
    return selected[word]


def _target_address(value: Any) -> Address:
    """Reads the address of a target, with or without a port."""
    for text_with_port in (value, f"{value}:{DEFAULT_PORT}"):
        try:
            address = parse_printable_address(text_with_port)
        except ValueError:
            continue
        if isinstance(value, str) and address.host and address.port:
            return address
    raise InvalidValueError(f'"HOST:PORT", "[IPv6]:PORT", or either without the port for {DEFAULT_PORT}')


# --- Targets ---------------------------------------------------------------------------------------------------------

_V2C, _V3 = "2c", "3"
_SNMP_KINDS = (TargetKind.INFORM.value, TargetKind.TRAP.value)
_USM_KEYS = tuple(field.name for field in USM_FIELDS if field.default is None)


def _make_target(values: Mapping[str, Any]) -> Target | Alertmanagers:
    return alertmanagers(values) if values["kind"] == KIND else _snmp_target(values)


def _snmp_target(values: Mapping[str, Any]) -> Target:
    """Returns the receiver of SNMP notifications that the fields of a table describe.

    Raises:
        InvalidValuesError: the fields do not fit together.
    """
    problems = [*_credential_problems(values), *_engine_id_problems(values)]
    user = None
    if values["version"] == _V3:
        try:
            user = usm_user(values["user"] or "", values)
        except InvalidValuesError as error:
            problems += error.problems
    if problems:
        raise InvalidValuesError(*problems)
    host, port = values["address"]
    return Target(
        host=host,
        port=port,
        kind=TargetKind(values["kind"]),
        community=values["community"] or "",
        user=user,
        engine_id=values["engine_id"] or b"",
        timeout=values["timeout"],
        retries=values["retries"],
    )


def _credential_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    version = values["version"]
    required, unused = ("user", ("community",)) if version == _V3 else ("community", ("user", *_USM_KEYS))
    if values[required] is None:
        alternative = "" if version == _V3 else ", or community_file"
        yield Problem(f".{required}", f'missing: version = "{version}" requires it{alternative}')
    for name in unused:
        if values[name] is not None:
            yield Problem(f".{name}", f'not used with version = "{version}"')


def _engine_id_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    is_v3_inform = values["version"] == _V3 and values["kind"] == TargetKind.INFORM
    has_localized_key = values["auth_key"] is not None or values["priv_key"] is not None
    if is_v3_inform and has_localized_key and values["engine_id"] is None:
        yield Problem(".engine_id", "missing: a localized key is valid for the engine ID of the receiver only")
    if values["engine_id"] is not None and not is_v3_inform:
        yield Problem(".engine_id", f'only used with version = "{_V3}" and kind = "{TargetKind.INFORM.value}"')


_SNMP_FIELDS = (
    Field(
        name="address",
        read=_target_address,
        help=f"Address of the receiver: HOST:PORT, [IPv6]:PORT, or either without the port for {DEFAULT_PORT}.",
        example="manager.example:162",
        required=True,
    ),
    Field(
        name="version",
        read=one_of(_V2C, _V3),
        help="Version of SNMP: 2c with a community, 3 with a user.",
        example=_V3,
        required=True,
    ),
    Field(
        name="timeout",
        read=seconds,
        help="Seconds after which an unacknowledged inform is sent again.",
        example=DEFAULT_TIMEOUT,
        default=DEFAULT_TIMEOUT,
    ),
    Field(
        name="retries",
        read=whole_number(0, _MAX_RETRIES),
        help="Retransmissions before a pause; after the pause the same inform is tried again.",
        example=DEFAULT_RETRIES,
        default=DEFAULT_RETRIES,
    ),
    Field(
        name="community",
        read=text(MAX_COMMUNITY),
        help="Community, for version 2c; it crosses the network unencrypted.",
        example="change me",
        secret=True,
    ),
    Field(
        name="community_file",
        read=secret_file(text(MAX_COMMUNITY)),
        help=FILE_HELP.format("the community", "community"),
        example="/etc/ha-cluster-gateway/community",
        instead_of="community",
    ),
    Field(name="user", read=text(MAX_NAME), help="Name of the user, for version 3.", example="gateway"),
    *USM_FIELDS,
    Field(
        name="engine_id",
        read=read_engine_id,
        help="Engine ID of the receiver, in hexadecimal, for informs over version 3; without it, it is discovered.",
        example="0x80001f88046d616e61676572",
    ),
)

_TARGETS = Records(
    key="alarms.target",
    selector="kind",
    fields=(
        Field(
            name="kind",
            read=one_of(*_SNMP_KINDS, KIND),
            help="trap: by SNMP, sent once, without acknowledgement; inform: by SNMP, sent until it is acknowledged; "
            "alertmanager: as an alert to Alertmanager.",
            example=TargetKind.INFORM.value,
            default=TargetKind.INFORM.value,
        ),
        *only_with(_SNMP_KINDS, _SNMP_FIELDS),
        *only_with((KIND,), ALERTMANAGER_FIELDS),
    ),
    make=_make_target,
)


# --- The section -----------------------------------------------------------------------------------------------------

_DISABLE: Mapping[str, Option[bool]] = {
    condition.name: Option(
        key=f"alarms.disable.{condition.name}",
        default=False,
        read=boolean,
        help=f"Disable {condition.name}: {condition.meaning.partition('. ')[0].removesuffix('.')}.",
        reloadable=True,
    )
    for condition in CONDITIONS
}


def _disabled(values: OptionValues) -> frozenset[str]:
    return frozenset(name for name, option in _DISABLE.items() if values[option])


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmsConfig:
    """Alarms and notifications.

    Attributes:
        interval: seconds between two evaluations.
        send_from: which nodes send the notifications about the cluster.
        heartbeat: seconds between two heartbeats; 0 disables them.
        repeat_interval: seconds between two repetitions of active alarms, for receivers that forget them.
        raise_at_start: the least severity of the alarms that are sent one by one if they are active at the start; None
            for no such alarm.
        burst: the alarms of one condition that one evaluation may raise without a summary; 0 for any number.
        native: whether to send the notifications of HA-CLUSTER-MIB.
        send_action: whether those that raise an alarm say what to do.
        compat: the other programs whose notifications are sent, too.
        agentx: whether to send through the host's snmpd.
        socket: the socket for Pacemaker's alerts, if any.
        targets: the receivers that the gateway sends to directly.
        disabled: the names of the conditions that are not evaluated.
    """

    interval: float = from_option(
        Option(
            key="alarms.interval",
            default=15.0,
            read=seconds,
            help="Seconds between two evaluations of the cluster; events trigger further ones in between.",
            reloadable=True,
        )
    )
    send_from: SendFrom = from_option(
        Option(
            key="alarms.send_from",
            default="all",
            read=member_of(SendFrom),
            help="Nodes that send notifications about the cluster: all, or the DC only (dc). Every node sends those "
            "about itself.",
            reloadable=True,
        )
    )
    heartbeat: float = from_option(
        Option(
            key="alarms.heartbeat",
            default=0.0,
            read=seconds_or_zero,
            help="Interval between heartbeats, in seconds; 0 disables them.",
            reloadable=True,
        )
    )
    repeat_interval: float = from_option(
        Option(
            key="alarms.repeat_interval",
            default=60.0,
            read=seconds,
            help="Seconds between two repetitions of active alarms to Alertmanager; after four without one, they end.",
            reloadable=True,
        )
    )
    raise_at_start: Severity | None = from_option(
        Option(
            key="alarms.raise_at_start",
            default=Severity.MAJOR.value,
            read=_least_severity,
            help="Which alarms that are active at the start, or when a reload adds a target, to send as if they had "
            "just been raised: those of this severity or a higher one (critical, major, minor, warning, info), all "
            "(true) or none (false). A summary is sent in any case.",
            reloadable=True,
        )
    )
    burst: int = from_option(
        Option(
            key="alarms.burst",
            default=0,
            read=whole_number(0, _MAX_BURST),
            help="Alarms of one condition that one evaluation may raise one by one; instead of more, one summary is "
            "sent, except to Alertmanager. Those of quorum and nodes are always sent one by one. 0 for no limit.",
            reloadable=True,
        )
    )
    native: bool = from_option(
        Option(
            key="alarms.native",
            default=True,
            read=boolean,
            help="Whether to send the notifications of HA-CLUSTER-MIB.",
            reloadable=True,
        )
    )
    send_action: bool = from_option(
        Option(
            key="alarms.send_action",
            default=True,
            read=boolean,
            help="Whether notifications of HA-CLUSTER-MIB that raise an alarm say what to do, in the additional "
            "variable haClusterNoticeAction; false for receivers that accept no more than 484 octets.",
            reloadable=True,
        )
    )
    compat: tuple[str, ...] = from_option(
        Option(
            key="alarms.compat",
            default=[],
            read=subset_of(*FORMS),
            help="Notifications of other programs to send, too: corosync (corosync-notifyd), pacemaker (alert_snmp).",
            reloadable=True,
        )
    )
    agentx: bool = from_option(
        Option(
            key="alarms.agentx",
            default=True,
            read=boolean,
            help="Whether to send through the host's snmpd, to the sinks in its configuration; requires snmp.agentx.",
            reloadable=True,
        )
    )
    socket: Path | None = from_option(
        Option(
            key="alarms.socket",
            default="/run/ha-cluster-gateway/alert.sock",
            read=path_or_none("for none"),
            help="Socket on which ha-cluster-gateway-alert delivers Pacemaker's alerts; empty for none.",
            reloadable=True,
        )
    )
    targets: tuple[Target | Alertmanagers, ...] = from_option(
        Option(
            key="alarms.target",
            default=[],
            read=_TARGETS,
            help="Receivers that the gateway sends to directly, one table each.",
            reloadable=True,
        )
    )
    disabled: frozenset[str] = from_options(_DISABLE.values(), _disabled)

    @property
    def snmp_targets(self) -> tuple[Target, ...]:
        """The receivers of SNMP notifications."""
        return tuple(target for target in self.targets if isinstance(target, Target))

    @property
    def alertmanagers(self) -> tuple[Alertmanagers, ...]:
        """The clusters of Alertmanagers."""
        return tuple(target for target in self.targets if isinstance(target, Alertmanagers))
