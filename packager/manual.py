"""The manual pages, generated from the command line and the options."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import gateway
from gateway.commands.exit_status import MEANINGS
from gateway.config.config import OPTIONS
from gateway.options.model import Field, Option, Records
from packager import command_line
from packager.command_line import Argument
from packager.packaged_file import NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A manual page.

    Attributes:
        name: its name.
        section: its section.
        text: its source, for ``man``.
    """

    name: str
    section: int
    text: str


def pages() -> tuple[Page, ...]:
    """Returns all manual pages."""
    return (
        Page(name=NAME, section=8, text=_page(NAME, 8, _program())),
        Page(name="gateway.conf", section=5, text=_page("gateway.conf", 5, _configuration())),
        Page(name=f"{NAME}-alert", section=8, text=_page(f"{NAME}-alert", 8, _alert_agent())),
    )


def _page(name: str, section: int, lines: Iterable[str]) -> str:
    title = f'.TH "{name.upper()}" "{section}" "" "{NAME} {gateway.__version__}"'
    return "\n".join((title, *lines, ""))


# --- ha-cluster-gateway(8) -------------------------------------------------------------------------------------------


def _program() -> Iterator[str]:
    yield from _section("Name", f"{NAME} - Prometheus and SNMP gateway for Pacemaker, Corosync, SBD and DRBD clusters")
    yield from _section("Synopsis")
    yield from (f".B {NAME}", r"[\fIFLAG\fR ...] [\fICOMMAND\fR [\fIARGUMENT\fR ...]]")
    yield from _section("Description", *_DESCRIPTION)
    yield from _section("Commands")
    for command in command_line.commands():
        yield from (".TP", f".B {escape(command.name)}", escape(command.help))
        yield ".RS"
        yield from _arguments(command.arguments)
        yield from (".TP", ".B Exit status")
        for status, meaning in command.exit_statuses.items():
            yield from (rf"\fB{status}\fR: {escape(meaning)}", ".br")
        yield ".RE"
    yield from _section("Flags", "All commands accept these flags, before or after the command.")
    yield from _arguments(command_line.arguments())
    yield from _section("Exit status")
    for status, meaning in MEANINGS.items():
        yield from (".TP", f".B {status}", escape(meaning))
    yield from _section("Signals")
    yield from _definitions(_SIGNALS)
    yield from _section("Files")
    yield from _definitions(_FILES)
    yield from _section("See also")
    yield r"\fBgateway.conf\fR(5), \fBha\-cluster\-gateway\-alert\fR(8), \fBcrm_mon\fR(8), \fBsnmpd\fR(8)"


_DESCRIPTION = (
    "Runs on every node of a Pacemaker cluster, on its remote nodes and on its arbitrators. It asks the libraries and "
    "tools of Pacemaker, Corosync, SBD, DRBD, corosync-qnetd and booth, and serves what they report over HTTP, for "
    "Prometheus, and over SNMP, through the host's snmpd or from a built-in agent. "
    "Conditions that need attention become alarms, which are sent as notifications.",
    "Without a command, it serves. It needs no configuration.",
)
_SIGNALS = {
    "SIGTERM, SIGINT": "Stop within five seconds.",
    "SIGHUP": "Read the configuration again. If it is invalid, the current one stays in effect.",
}
_FILES = {
    "/etc/ha-cluster-gateway/gateway.conf": "The configuration. Optional.",
    "/etc/default/ha-cluster-gateway, /etc/sysconfig/ha-cluster-gateway": "The arguments of the service.",
    "/etc/ha_cluster_exporter.web.yaml": "The web configuration of ha_cluster_exporter: TLS and passwords. Optional.",
    "/var/lib/ha-cluster-gateway": "The identity and the boot count of the SNMPv3 engine.",
    "/run/ha-cluster-gateway/alert.sock": "The socket for Pacemaker's alerts.",
    "/usr/share/snmp/mibs/HA-CLUSTER-MIB.txt": "The MIB.",
    "/usr/share/ha-cluster-gateway": "Alerting rules for Prometheus, and dashboards for Grafana.",
    "/usr/share/doc/ha-cluster-gateway": "The documentation, and an example of every option.",
}


def _arguments(arguments: Iterable[Argument]) -> Iterator[str]:
    for argument in arguments:
        names = ", ".join(rf"\fB{escape(flag)}\fR" for flag in argument.flags)
        separator = "=" if any(flag.startswith("--") for flag in argument.flags) else ""
        value = rf"{separator}\fI{escape(argument.value)}\fR" if argument.value else ""
        yield from (".TP", names + value, escape(argument.help))


# --- gateway.conf(5) -------------------------------------------------------------------------------------------------


def _configuration() -> Iterator[str]:
    yield from _section("Name", f"gateway.conf - configuration of {NAME}")
    yield from _section("Synopsis")
    yield r".I /etc/ha\-cluster\-gateway/gateway.conf"
    yield from _section("Description", *_CONFIGURATION)
    yield from _section("Options")
    for table, listed in groupby(OPTIONS, key=lambda option: option.key.rpartition(".")[0]):
        yield from (".SS", f"[{escape(table)}]")
        for option in listed:
            yield from _records(option) if isinstance(option.read, Records) else _option(option)
    yield from _section("Example")
    yield from (".nf", *map(escape, _EXAMPLE.splitlines()), ".fi")
    yield from _section("See also")
    yield rf"\fB{escape(NAME)}\fR(8); /usr/share/doc/{escape(NAME)}/examples/gateway.conf has every option."


_CONFIGURATION = (
    "The file is optional, and needs only the options that differ from their defaults. The format is TOML. Flags "
    f"override it; {NAME} check validates it, and SIGHUP (systemctl reload {NAME}) makes the running service read it "
    "again.",
    "Only root and the user of the service may be able to write the file and the directories that lead to it. If it "
    "contains passwords or communities, not everyone may be able to read it.",
)
_EXAMPLE = """\
[web]
listen = ["10.0.0.1:9664"]

[[alarms.target]]
kind = "inform"
address = "manager.example:162"
version = "2c"
community_file = "/etc/ha-cluster-gateway/community"
"""


def _option(option: Option[Any]) -> Iterator[str]:
    name = option.key.rpartition(".")[2]
    yield from (".TP", rf"\fB{escape(name)}\fR = {escape(json.dumps(option.default))}")
    flags = f" Flag: {', '.join(option.flags)}." if option.flags else ""
    yield escape(option.description + flags)


def _records(option: Option[Any]) -> Iterator[str]:
    assert isinstance(option.read, Records)
    yield from (".TP", rf"\fB[[{escape(option.key)}]]\fR", escape(option.description), ".RS")
    for field in option.read.fields:
        yield from _field(field)
    yield ".RE"


def _field(field: Field) -> Iterator[str]:
    default = "" if field.default is None else f" = {json.dumps(field.default)}"
    kind = f" With kind = {', '.join(map(json.dumps, field.only_with))}." if field.only_with else ""
    yield from (".TP", rf"\fB{escape(field.name)}\fR{escape(default)}", escape(field.help + kind))


# --- ha-cluster-gateway-alert(8) -------------------------------------------------------------------------------------


def _alert_agent() -> Iterator[str]:
    yield from _section("Name", f"{NAME}-alert - alert agent that hands Pacemaker's alerts over to {NAME}")
    yield from _section("Synopsis")
    yield f".B {escape(NAME)}-alert".replace("-alert", r"\-alert")
    yield from _section("Description", *_ALERT_AGENT)
    yield from _section("Example", "With pcs, once for the whole cluster:")
    yield from (".nf", escape(f"pcs alert create path=/usr/bin/{NAME}-alert id={NAME}"), ".fi")
    yield from _section("See also")
    yield rf"\fB{escape(NAME)}\fR(8)"


_ALERT_AGENT = (
    "Pacemaker runs the agent for each event. The agent sends the event to the gateway on the same node, which then "
    "evaluates the cluster at once. The recipient of the alert, if there is one, is the path of the gateway's socket.",
    "It takes no arguments: the event is in the environment. Its exit status is always 0, because the cluster must not "
    "be affected if the gateway does not run.",
)


# --- The language of man ---------------------------------------------------------------------------------------------


def _section(title: str, *paragraphs: str) -> Iterator[str]:
    yield f".SH {title.upper()}"
    for number, paragraph in enumerate(paragraphs):
        yield from ([".PP"] if number else [])
        yield from map(escape, textwrap.wrap(paragraph, 120, break_on_hyphens=False))


def _definitions(definitions: dict[str, str]) -> Iterator[str]:
    for term, meaning in definitions.items():
        yield from (".TP", rf"\fI{escape(term)}\fR", escape(meaning))


def escape(text: str) -> str:
    """Returns a text in which nothing has a special meaning for ``man``."""
    text = (
        text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("^", r"\(ha").replace("~", r"\(ti")
    )
    return rf"\&{text}" if text.startswith(".") else text
