"""``/etc/sysconfig/sbd`` or ``/etc/default/sbd``: the settings of SBD 1.0 to 1.5, see sbd(8).

::

    SBD_DEVICE="/dev/disk/by-id/scsi-1;/dev/disk/by-id/scsi-2"
    SBD_WATCHDOG_TIMEOUT=5

The file looks like shell assignments, but systemd reads it (``EnvironmentFile=`` in systemd.exec(5)): an unquoted value
extends to the end of its line, including blanks and ``;``. Older init scripts source the file, so ``export`` and
comments after a value are accepted as well. Without a device SBD is diskless: it relies on the watchdog and on quorum.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.errors import ParseError
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.text import REPLACEMENT, UINT32_MAX, decode

_ASSIGNMENT = re.compile(
    r"""^[ \t]*+ (?:export[ \t]++)? (?P<name>SBD_\w++) = [ \t]*+
        (?: "(?P<double> (?:[^"\\] | \\.)*+ )"
          | '(?P<single> [^']*+ )'
          | (?P<plain> (?:[^\\\n] | \\.)*+ ) )""",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
_COMMENT = re.compile(r"(?:^|(?<=[ \t]))#.*", re.DOTALL)
_SEPARATORS = re.compile(r"[;\s]+")

# A backslash continues a line. Which other characters it escapes depends on the quotes around it.
_ESCAPES_DOUBLE = re.compile(r'\\(?:\n|(["\\`$]))')
_ESCAPES_PLAIN = re.compile(r"\\(?:\n|(.))")

# Decimal places are cut off. Of a unit, only the beginning matters.
_TIME = re.compile(r"(?P<digits>[0-9]++)[0-9.]*+[ \t]*+(?P<unit>ms|us|[smh]|$)", re.IGNORECASE)
_MICROSECONDS = {"us": 1, "ms": 10**3, "s": 10**6, "": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6}

_Settings = Mapping[str, tuple[str, int]]
"""Value and line of each setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SbdConfig:
    """The settings that the gateway uses; None if a setting is absent or empty, in which case SBD has a default.

    Attributes:
        devices: ``SBD_DEVICE``, in its order, without repetitions; empty for diskless SBD.
        watchdog_device: ``SBD_WATCHDOG_DEV``.
        watchdog_timeout: ``SBD_WATCHDOG_TIMEOUT``, in whole seconds, as sbd rounds it down; None if sbd cannot read it
            either. The headers on the devices take precedence.
        startmode: ``SBD_STARTMODE``, ``always`` or ``clean``.
        pacemaker: ``SBD_PACEMAKER``, a boolean in any of Pacemaker's spellings.
        delay_start: ``SBD_DELAY_START``, a boolean too, or at least 2 seconds.
    """

    devices: tuple[str, ...]
    watchdog_device: str | None
    watchdog_timeout: int | None
    startmode: str | None
    pacemaker: str | None
    delay_start: str | None


def parse(output: bytes) -> Parsed[SbdConfig]:
    """Parses the content of the file. The last assignment to a name counts; other lines are ignored.

    Raises:
        ParseError: a quote is not closed, or the devices cannot be read.
    """
    unreadable = UnreadableValues()
    settings = _parse_settings(decode(output).replace("\r\n", "\n"), unreadable)
    devices = _SEPARATORS.split(_text(settings, "SBD_DEVICE") or "")
    timeout, line = settings.get("SBD_WATCHDOG_TIMEOUT", ("", 0))
    configuration = SbdConfig(
        devices=tuple(dict.fromkeys(filter(None, devices))),
        watchdog_device=_text(settings, "SBD_WATCHDOG_DEV"),
        watchdog_timeout=unreadable.read(_seconds, timeout, line) if timeout else None,
        startmode=_text(settings, "SBD_STARTMODE"),
        pacemaker=_text(settings, "SBD_PACEMAKER"),
        delay_start=_text(settings, "SBD_DELAY_START"),
    )
    return unreadable.parsed(configuration)


def _seconds(text: str, line: int) -> int:
    """Reads a time as Pacemaker's crm_get_msec() does: a number of seconds, or of the unit that follows it."""
    match = _TIME.match(text)
    microseconds = _MICROSECONDS.get(match["unit"].lower()) if match else None
    seconds = int(match["digits"][:20]) * microseconds // 10**6 if match and microseconds else -1
    if not 0 <= seconds <= UINT32_MAX:
        raise ParseError(f"expected SBD_WATCHDOG_TIMEOUT as a time, found {text[:40]!r}", line=line)
    return seconds


def _parse_settings(text: str, unreadable: UnreadableValues) -> _Settings:
    settings: dict[str, tuple[str, int]] = {}
    line, counted = 1, 0
    for match in _ASSIGNMENT.finditer(text):
        line += text.count("\n", counted, match.start())
        counted = match.start()
        value = _parse_value(match, line)
        if REPLACEMENT not in value:
            settings[match["name"]] = (value, line)
        elif match["name"] == "SBD_DEVICE":  # without it, SBD would look as if it had no devices
            raise ParseError("SBD_DEVICE is not UTF-8 text", line=line)
        else:
            unreadable.add(f"{match['name']} is not UTF-8 text", line=line)
            settings.pop(match["name"], None)
    return settings


def _parse_value(match: re.Match[str], line: int) -> str:
    if match["single"] is not None:
        value = match["single"]
    elif match["double"] is not None:
        value = _ESCAPES_DOUBLE.sub(r"\1", match["double"])
    elif match["plain"].startswith(('"', "'")):
        raise ParseError(f"the quote after {match['name'][:40]}= is not closed", line=line)
    else:
        value = _ESCAPES_PLAIN.sub(r"\1", _COMMENT.sub("", match["plain"]))
    return value.strip()


def _text(settings: _Settings, name: str) -> str | None:
    return settings.get(name, ("", 0))[0] or None
