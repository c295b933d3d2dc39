"""Words that the tools of a quorum device and of its arbitrator have in common: corosync-qdevice and corosync-qnetd."""

from __future__ import annotations

import re

RESULTS = ("undefined", "pass", "fail")
"""The results of heuristics."""

_ALGORITHMS = {"Test": "test", "Fifty-Fifty split": "ffsplit", "2 Node LMS": "2nodelms", "LMS": "lms"}
_TIE_BREAKER = re.compile(r"Node with (?:(lowest|highest) node ID|node ID (\S+))")


def algorithm_name(text: str) -> str:
    """Returns the name that corosync.conf has for an algorithm, or the printed one."""
    return _ALGORITHMS.get(text, text)


def tie_breaker_name(text: str) -> str:
    """Returns what corosync.conf has for a tie breaker, or what is printed."""
    match = _TIE_BREAKER.fullmatch(text)
    return (match[1] or match[2]) if match else text
