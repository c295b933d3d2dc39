r"""``/etc/booth/NAME.conf``: the configuration of booth 1.0 to 1.2, see boothd(8).

::

    name = "geo"                      # otherwise the name of the file
    authfile = "/etc/booth/authkey"
    site = "192.0.2.1"
    site = "192.0.2.2"
    arbitrator = "192.0.2.3"
    ticket = "__defaults__"           # for the tickets that follow; not renewal-freq and acquire-after
        expire = 300
    ticket = "db"
        expire = 600                  # seconds, or with "ms"
        renewal-freq = 60

A value is in quotes, or ends with its line. A line that cannot be read costs that line; boothd would not start.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass

from gateway.errors import ParseError
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.text import Line, decode, split_lines

MEMBER_TYPES = ("site", "arbitrator")
"""What a member of booth is."""

_SETTING = re.compile(r"""([A-Za-z0-9_-]+)\s*=\s*(?:"([^"]+)"\s*(?:#.*)?|'([^']+)'\s*(?:#.*)?|([^"'\s].*))""", re.ASCII)
_TIME = re.compile(r"([0-9]{1,10})(ms)?", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,3}", re.ASCII)
_DEFAULTS = "__defaults__"
_INHERITED = ("expire", "timeout", "retries")
"""The settings that a ticket has from the defaults; no version of booth copies the others."""
_TICKET_SETTINGS = (*_INHERITED, "renewal-freq", "acquire-after")


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketConfig:
    """The settings of a ticket; all times are in seconds, and None if they cannot be read.

    Attributes:
        name: the name of the ticket.
        expire: how long the ticket is valid after a renewal.
        renewal: the time between two renewals.
        retry: how long boothd tries to reach members that do not acknowledge a message.
        acquire_after: how long the other sites wait after the ticket has expired.
    """

    name: str
    expire: float | None
    renewal: float | None
    retry: float | None
    acquire_after: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoothConfig:
    """The settings that the gateway uses.

    Attributes:
        name: the name of the configuration, which is that of the PID file; empty if it is that of the file.
        members: the types of sites and arbitrators, by their addresses or host names as written.
        tickets: the tickets, without repetition.
    """

    name: str
    members: Mapping[str, str]
    tickets: tuple[TicketConfig, ...]


def parse(output: bytes) -> Parsed[BoothConfig]:
    """Parses the content of the file. A line that cannot be read is absent."""
    unreadable = UnreadableValues()
    name, members = "", {}
    defaults: dict[str, str] = {}
    tickets: dict[str, dict[str, str]] = {}
    current: MutableMapping[str, str] | None = None
    for key, value in _settings(output, unreadable):
        if key == "name":
            name = value
        elif key in MEMBER_TYPES:
            members[value] = key
        elif key == "ticket":
            inherited = {name: defaults[name] for name in _INHERITED if name in defaults}
            current = defaults if value == _DEFAULTS else tickets.setdefault(value, inherited)
        elif key in _TICKET_SETTINGS and current is not None:
            current[key] = value
    configured = tuple(_ticket(ticket, settings, unreadable) for ticket, settings in tickets.items())
    return unreadable.parsed(BoothConfig(name=name, members=members, tickets=configured))


def _settings(output: bytes, unreadable: UnreadableValues) -> Iterator[tuple[str, str]]:
    text = decode(output)
    complete = output if text.endswith("\n") else output + b"\n"  # the last line of a file may lack its end
    for line in split_lines(complete):
        if (setting := unreadable.read(_setting, line)) and setting[0]:
            yield setting


def _setting(line: Line) -> tuple[str, str]:
    """Returns the key and the value in a line; both are empty if it has none."""
    text = line.text.strip()
    if not text or text.startswith("#"):
        return "", ""
    line.check()
    match = _SETTING.fullmatch(text)
    if match is None:
        raise ParseError(f"expected a key and a value, found {text[:60]!r}", line=line.number)
    return match[1], match[2] or match[3] or match[4]


def _ticket(name: str, settings: Mapping[str, str], unreadable: UnreadableValues) -> TicketConfig:
    def seconds(key: str, default: float) -> float | None:
        text = settings.get(key)
        return default if text is None else unreadable.read(_seconds, text, what=f"{key} of {name[:60]}")

    expire, timeout = seconds("expire", 600), seconds("timeout", 5)
    retries = unreadable.read(_retries, settings.get("retries", "10"), what=f"retries of {name[:60]}")
    has_own_renewal = "renewal-freq" in settings
    half = None if expire is None else expire / 2
    return TicketConfig(
        name=name,
        expire=expire,
        renewal=seconds("renewal-freq", 0) if has_own_renewal else half,
        retry=None if timeout is None or retries is None else timeout * (retries + 1),
        acquire_after=seconds("acquire-after", 0),
    )


def _seconds(text: str, *, what: str) -> float:
    if not (match := _TIME.fullmatch(text)):
        raise ParseError(f"expected {what} as a time, found {text[:40]!r}")
    return int(match[1]) / 1000 if match[2] else float(match[1])


def _retries(text: str, *, what: str) -> int:
    if not _COUNT.fullmatch(text):
        raise ParseError(f"expected {what} as a number, found {text[:40]!r}")
    return int(text)
