"""Lines that do not belong to an output, such as messages of a tool or its wrapper, change nothing that is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.subsystems.corosync import corosync_cfgtool, corosync_cmapctl, corosync_quorumtool
from gateway.subsystems.drbd import drbdsetup
from gateway.subsystems.pacemaker import cib, crm_mon
from gateway.subsystems.parsing.partial import Parsed
from gateway.subsystems.sbd import sbd_dump, sbd_list
from tests.situations import FORMATS

MESSAGES = (
    b"warning: something odd happened",
    b"sudo: unable to resolve host alpha: Name or service not known",
    b"Error",
    b"== odd",
    b"",
)
BY_LINE: dict[str, Callable[[bytes], Parsed[Any]]] = {
    "corosync-quorumtool": corosync_quorumtool.parse,
    "corosync-cfgtool": corosync_cfgtool.parse,
    "corosync-cmapctl": corosync_cmapctl.parse,
    "sbd-dump": sbd_dump.parse,
    "sbd-list": sbd_list.parse,
}
"""The parsers of outputs that consist of lines, by the folder of their formats: a message may be anywhere."""

DOCUMENTS: dict[str, Callable[[bytes], Parsed[Any]]] = {
    "crm_mon": crm_mon.parse,
    "cibadmin": cib.parse,
    "drbdsetup": drbdsetup.parse,
}
"""The parsers of documents: a message may be before or after one."""


def outputs(parsers: dict[str, Callable[[bytes], Parsed[Any]]]) -> list[Path]:
    return [path for folder in parsers for path in sorted(FORMATS.glob(f"{folder}/*")) if path.stat().st_size]


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("path", outputs(BY_LINE), ids=name)
def test_a_message_between_any_two_lines(path: Path) -> None:
    parse = BY_LINE[path.parent.name]
    output = path.read_bytes()
    lines = output.splitlines(keepends=True)
    for message in MESSAGES:
        for position in range(len(lines) + 1):
            damaged = b"".join([*lines[:position], message + b"\n", *lines[position:]])
            assert parse(damaged).value == parse(output).value, (message, position)


@pytest.mark.parametrize("path", outputs(DOCUMENTS), ids=name)
def test_a_message_before_or_after_a_document(path: Path) -> None:
    parse = DOCUMENTS[path.parent.name]
    output = path.read_bytes()
    for message in MESSAGES:
        damaged = message + b"\n" + output.rstrip() + b"\n" + message + b"\n"
        assert parse(damaged).value == parse(output).value, message
