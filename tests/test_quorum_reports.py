"""The reports of Corosync's quorum service, over a library that a test controls."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from gateway.host.reader import quorum_reports
from gateway.host.reader.messages import LibraryFailedError, LibraryUnusableError
from gateway.subsystems.corosync import quorum_report


class FakeService:
    """A service in whose pipe each byte is a report, and a NUL byte the loss of the connection."""

    def __init__(self, report: Callable[[bool, int, Sequence[int]], None], reports: bytes) -> None:
        self._reader, self._writer = os.pipe()
        self._report = report
        os.write(self._writer, reports)

    def fileno(self) -> int:
        return self._reader

    def dispatch(self) -> None:
        for byte in os.read(self._reader, 100):
            if not byte:
                raise LibraryFailedError("quorum_dispatch: CS_ERR_LIBRARY")
            self._report(byte % 2 == 1, byte, range(1, byte + 1))

    def close(self) -> None:
        os.close(self._reader)
        os.close(self._writer)


def test_the_parser_reads_all_reports_including_those_right_before_the_end() -> None:
    lines: list[bytes] = []
    services: list[FakeService] = []

    def connect(report: Callable[[bool, int, Sequence[int]], None]) -> FakeService:
        services.append(FakeService(report, bytes([3, 2, 0])))
        return services[-1]

    with pytest.raises(LibraryFailedError, match="CS_ERR_LIBRARY"):
        quorum_reports.pass_on_reports(connect, lines.append)
    reports = [quorum_report.parse(line) for line in lines]
    assert [(report.quorate, report.ring, report.members) for report in reports] == [
        (True, 3, (1, 2, 3)),
        (False, 2, (1, 2)),
    ]
    assert [quorum_report.render(report) for report in reports] == lines
    with pytest.raises(OSError, match="Bad file descriptor"):
        services[0].close()  # it is closed already


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    library = str(tmp_path / "libquorum.so.5")
    with pytest.raises(LibraryUnusableError, match=f"^{library}: cannot open"):
        quorum_reports.LibQuorum(lambda *_: None, library)
