"""The options of alarms: what is told, in which forms, and to whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.alarms.conditions import CONDITIONS
from gateway.config.snmp_options import USM_FIELDS, usm_user
from gateway.frontends.snmp.notifications.compat import FORMS
from gateway.frontends.snmp.notifications.target import DEFAULT_PORT, Target, TargetKind
from gateway.options.model import Field, Option, Records, Rule
from gateway.options.readers import (
    MistakeError,
    MistakesError,
    absolute_path,
    numeric,
    octets,
    one_of,
    parse_address,
    seconds,
    switch,
)
from gateway.snmp.credentials import MAX_NAME

# --- Readers ---------------------------------------------------------------------------------------------------------

_MAX_RETRIES = 100


def _seconds_or_off(value: Any) -> float:
    if not isinstance(value, bool) and numeric(value) == 0:
        return 0.0
    try:
        return seconds(value)
    except MistakeError as mistake:
        raise MistakeError(f"0 for never, or {mistake}") from None


def _forms(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(form, str) and form in FORMS for form in value):
        raise MistakeError("a list of " + ", ".join(f'"{form}"' for form in FORMS))
    return tuple(dict.fromkeys(value))


def _retries(value: Any) -> int:
    number = numeric(value)
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= _MAX_RETRIES:
        raise MistakeError(f"a whole number from 0 to {_MAX_RETRIES}")
    return number


def _receiver(value: Any) -> tuple[str, int]:
    """Reads the address of a receiver, with or without a port."""
    text = value if isinstance(value, str) and value.isprintable() else ""
    for whole in (text, f"{text}:{DEFAULT_PORT}"):
        try:
            host, port = parse_address(whole)
        except ValueError:
            continue
        if host and port:
            return host, port
    raise MistakeError(f'"HOST:PORT", "[IPv6]:PORT", or either without the port for {DEFAULT_PORT}')


# --- Targets ---------------------------------------------------------------------------------------------------------

_V2C, _V3 = "2c", "3"
_USM_KEYS = tuple(field.name for field in USM_FIELDS if field.default is None)


def _target(values: Mapping[str, Any]) -> Target:
    """Returns the target that the fields of a table describe.

    Raises:
        MistakesError: they do not go together.
    """
    problems = list(_credential_problems(values))
    user = None
    if values["version"] == _V3:
        try:
            user = usm_user(values["user"] or "", values)
        except MistakesError as mistakes:
            problems += mistakes.problems
    if problems:
        raise MistakesError(*problems)
    host, port = values["address"]
    return Target(
        host=host,
        port=port,
        kind=TargetKind(values["kind"]),
        community=values["community"] or "",
        user=user,
        timeout=values["timeout"],
        retries=values["retries"],
    )


def _credential_problems(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    version = values["version"]
    needed, useless = ("user", ("community",)) if version == _V3 else ("community", ("user", *_USM_KEYS))
    if values[needed] is None:
        yield f".{needed}", f'missing: version = "{version}" takes it'
    for name in useless:
        if values[name] is not None:
            yield f".{name}", f'there is no use for it with version = "{version}"'


_TARGETS = Records(
    key="alarms.target",
    fields=(
        Field(
            name="address",
            read=_receiver,
            help=f"The receiver: HOST:PORT, [IPv6]:PORT, or either without the port for {DEFAULT_PORT}.",
            example="manager.example:162",
            required=True,
        ),
        Field(
            name="version",
            read=one_of(_V2C, _V3),
            help="The version of SNMP: 2c with a community, 3 with a user.",
            example=_V3,
            required=True,
        ),
        Field(
            name="kind",
            read=one_of(TargetKind.TRAP.value, TargetKind.INFORM.value),
            help="trap: sent once, nobody knows whether it arrives; inform: sent until it is acknowledged.",
            example=TargetKind.INFORM.value,
            default=TargetKind.INFORM.value,
        ),
        Field(
            name="timeout",
            read=seconds,
            help="Seconds until an inform without an answer is sent again.",
            example=1.0,
            default=1.0,
        ),
        Field(
            name="retries",
            read=_retries,
            help="How often that is done until there is a pause; after it the same inform is next.",
            example=5,
            default=5,
        ),
        Field(
            name="community",
            read=octets(255),
            help="The community, for version 2c; it crosses the network in clear.",
            example="change me",
            secret=True,
        ),
        Field(name="user", read=octets(MAX_NAME), help="The user's name, for version 3.", example="gateway"),
        *USM_FIELDS,
    ),
    make=_target,
)


# --- Rules -----------------------------------------------------------------------------------------------------------


def _targets_differ(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    first: dict[str, int] = {}
    for index, target in enumerate(values["alarms.target"], 1):
        name = target.name.lower()
        if first.setdefault(name, index) != index:
            yield "alarms.target", f"[{index}] is the same receiver as [{first[name]}], {target.name}"


def _something_is_sent(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not values["alarms.native"] and not values["alarms.compat"]:
        yield "alarms.native", "without them, and with alarms.compat empty, nothing would be sent at all"


# --- The table -------------------------------------------------------------------------------------------------------

OPTIONS: tuple[Option[Any], ...] = (
    Option(
        key="alarms.interval",
        default=15.0,
        read=seconds,
        help="Seconds from one look at the cluster to the next, whatever events tell in between.",
    ),
    Option(
        key="alarms.send_from",
        default="all",
        read=one_of("all", "dc"),
        help="Who tells of the cluster: all nodes, or the DC's only (dc); of itself each node tells in any case.",
    ),
    Option(
        key="alarms.heartbeat",
        default=0.0,
        read=_seconds_or_off,
        help="Seconds from one notification that the gateway lives to the next; 0 for none.",
    ),
    Option(
        key="alarms.raise_at_start",
        default=False,
        read=switch,
        help="Whether what is wrong at the start is told as if it had just begun; it is summed up in any case.",
    ),
    Option(
        key="alarms.native",
        default=True,
        read=switch,
        help="Whether to send the notifications of HA-CLUSTER-MIB.",
    ),
    Option(
        key="alarms.compat",
        default=[],
        read=_forms,
        help="Other programs' notifications to send: corosync (corosync-notifyd), pacemaker (alert_snmp).",
    ),
    Option(
        key="alarms.agentx",
        default=True,
        read=switch,
        help="Whether to send through the host's snmpd, to its own sinks; it takes snmp.agentx.",
    ),
    Option(
        key="alarms.socket",
        default="/run/ha-cluster-gateway/alert.sock",
        read=absolute_path,
        help="The socket for Pacemaker's alerts, which ha-cluster-gateway-alert hands over; empty for none.",
    ),
    Option(
        key="alarms.target",
        default=[],
        read=_TARGETS,
        help="Receivers that the gateway sends to directly, each in a table of its own.",
    ),
    *(
        Option(
            key=f"alarms.disable.{condition.name}",
            default=False,
            read=switch,
            help=f"Leave out {condition.name}: {condition.meaning.partition('. ')[0].removesuffix('.')}.",
        )
        for condition in CONDITIONS
    ),
)

RULES: tuple[Rule, ...] = (
    Rule(keys=("alarms.target",), check=_targets_differ),
    Rule(keys=("alarms.native", "alarms.compat"), check=_something_is_sent),
)


def disabled(values: Mapping[str, Any]) -> frozenset[str]:
    """Returns the names of the conditions that are to be left out, of a configuration's values."""
    return frozenset(condition.name for condition in CONDITIONS if values[f"alarms.disable.{condition.name}"])
