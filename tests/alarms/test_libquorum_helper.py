"""The helper that prints quorum reports, over a library that a test controls, and as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence

import pytest

from gateway.alarms.sources import libquorum_helper
from gateway.alarms.sources.libquorum_helper import HelperError
from gateway.alarms.sources.quorum_watcher import HELPER
from gateway.subsystems.corosync import quorum_report


class FakeLibrary:
    """A library in whose pipe each byte is a report, and a NUL byte the loss of the connection."""

    def __init__(self, report: Callable[[bool, int, Sequence[int]], None]) -> None:
        self.reader, self.writer = os.pipe()
        self._report = report

    def fileno(self) -> int:
        return self.reader

    def dispatch(self) -> None:
        for byte in os.read(self.reader, 100):
            if not byte:
                raise HelperError("Corosync does not answer", os.EX_UNAVAILABLE)
            self._report(byte % 2 == 1, byte, range(1, byte + 1))

    def close(self) -> None:
        os.close(self.reader)
        os.close(self.writer)


class Helper:
    """The helper over a library that a test controls; its output is a pipe."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self.library: FakeLibrary | None = None

    def run(self, reports: bytes) -> None:
        """Prints the reports of the library until it ends."""

        def connect(report: Callable[[bool, int, Sequence[int]], None]) -> FakeLibrary:
            self.library = FakeLibrary(report)
            os.write(self.library.writer, reports)
            return self.library

        libquorum_helper.print_reports(connect, self.writer)

    def close(self) -> None:
        os.close(self.writer)
        if self.library:
            self.library.close()


def test_the_parser_reads_all_printed_reports_including_those_right_before_the_end() -> None:
    helper = Helper()
    with pytest.raises(HelperError) as caught:
        helper.run(bytes([3, 2, 0]))
    assert caught.value.exit_status == 69
    lines = os.read(helper.reader, 10_000).splitlines()
    reports = [quorum_report.parse(line) for line in lines]
    assert [(report.quorate, report.ring, report.members) for report in reports] == [
        (True, 3, (1, 2, 3)),
        (False, 2, (1, 2)),
    ]
    assert [quorum_report.render(report) for report in reports] == lines
    helper.close()
    os.close(helper.reader)


def test_the_helper_ends_when_its_output_is_closed() -> None:
    helper = Helper()
    os.close(helper.reader)
    helper.run(b"")
    helper.close()


def test_without_the_library_the_helper_prints_one_line_and_exits_with_its_status() -> None:
    done = subprocess.run(
        [*HELPER, "/nonexistent.so"], capture_output=True, text=True, timeout=60, check=False, env={}, cwd="/"
    )
    assert done.returncode == 72
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("cannot load /nonexistent.so: ")


def test_the_helper_imports_nothing_of_the_gateway() -> None:
    code = "import sys, runpy; runpy.run_path(sys.argv[1]); print([m for m in sys.modules if m.startswith('gateway')])"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, HELPER[-1]], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
