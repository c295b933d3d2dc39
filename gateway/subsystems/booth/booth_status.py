r"""``booth status``, and the PID file of boothd with the same settings: the daemon on this host, booth 1.0 to 1.2.

::

    booth_lockpid=71 booth_lockfile='/var/run/booth/booth.pid' booth_pid=71 booth_state=started booth_type=site
    booth_cfg_name='booth' booth_id=1234 booth_addr_string='192.0.2.1' booth_port=9929

all in one line. The PID file lacks the first two settings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.errors import ParseError
from gateway.subsystems.booth.booth_conf import MEMBER_TYPES
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.text import split_lines

_SETTING = re.compile(r"(booth_[a-z_]+)=(?:'([^'\s]*)'|(\S*))")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoothStatus:
    """The daemon on this host.

    Attributes:
        type: one of ``MEMBER_TYPES``; None if that cannot be read.
        address: the address of this member.
    """

    type: str | None
    address: str


def parse(output: bytes) -> Parsed[BoothStatus]:
    """Parses the output of the tool, or the PID file.

    Raises:
        ParseError: the output does not have the address of this member.
    """
    unreadable = UnreadableValues()
    lines = split_lines(output)
    if not lines:
        raise ParseError("expected the settings of boothd, found nothing")
    lines[0].check()
    settings = {match[1]: match[2] or match[3] or "" for match in _SETTING.finditer(lines[0].text)}
    if not (address := settings.get("booth_addr_string", "")):
        raise ParseError(f"expected booth_addr_string, found {lines[0].text[:60]!r}", line=1)
    member_type = settings.get("booth_type", "")
    if member_type not in MEMBER_TYPES:
        unreadable.add(f"expected booth_type as one of {', '.join(MEMBER_TYPES)}, found {member_type[:40]!r}", line=1)
    return unreadable.parsed(BoothStatus(type=member_type if member_type in MEMBER_TYPES else None, address=address))
