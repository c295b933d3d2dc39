"""Fuzzes everything that reads what other programs wrote, and prints what was found.

Each bug is written to a directory: the minimized input as ``TARGET/DIGEST``, the traceback as ``TARGET-DIGEST.txt``.
The exit status is 1 if there is any. SIGINT and SIGTERM end a campaign early, with its summary.
"""

from __future__ import annotations

import argparse
import platform
import signal
import sys
from pathlib import Path

from tests.fuzz.campaign import Finding, Summary, bug_of, run_campaign
from tests.fuzz.regressions import save
from tests.fuzz.targets import TARGETS


def main() -> int:
    """Runs a campaign, or the check of one input."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="(default: %(default)s)")
    parser.add_argument("--only", action="append", metavar="NAME", help="a target, or the beginning of its name")
    parser.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    parser.add_argument("--output", type=Path, default=Path("fuzz-findings"), help="(default: %(default)s)")
    parser.add_argument("--list", action="store_true", help="print the names of the targets")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="check one input of the only target")
    arguments = parser.parse_args()
    targets = {
        name: make for name, make in TARGETS.items() if not arguments.only or name.startswith(tuple(arguments.only))
    }
    if arguments.list or not targets:
        print(*TARGETS, sep="\n")
        return 0 if targets else 2
    if arguments.replay:
        (make,) = targets.values()
        target = make()
        print(bug_of(target, arguments.replay.read_bytes()) or "no bug")
        target.close()
        return 0

    def on_finding(finding: Finding) -> None:
        path = save(finding, arguments.output)
        print(f"FINDING {finding.target}: {finding.key}: {len(finding.data)} bytes in {path}", flush=True)

    for number in (signal.SIGINT, signal.SIGTERM):  # the first one is ignored in the background
        signal.signal(number, signal.default_int_handler)
    print(f"Python {platform.python_version()}, seed {arguments.seed}, {arguments.seconds:g} s", flush=True)
    summary = run_campaign(
        targets, seconds=arguments.seconds, seed=arguments.seed, on_finding=on_finding, report=_print_progress
    )
    print(summary, flush=True)
    return 1 if summary.findings else 0


def _print_progress(summary: Summary) -> None:
    executions = sum(each.executions for each in summary.progress.values())
    print(
        f"{summary.seconds:.0f} s: {executions} executions, {summary.steps} steps, {len(summary.findings)} findings, "
        f"{summary.memory[1]} KiB",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
