"""Runs targets in turns, keeps the inputs that reach something new, and minimizes those that show a bug."""

from __future__ import annotations

import random
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from tests.fuzz.line_coverage import LineCoverage
from tests.fuzz.mutations import Mutator
from tests.fuzz.target import Target
from tests.processes import resident_kib

_TRACED = 0.08
"""The part of the executions whose coverage is measured; it takes several times longer."""
_MAX_INPUTS = 400
"""Inputs of a target that are kept."""
_SLICE = 1.0
"""Seconds for which a target runs in one turn."""
_HANG = 20
"""Seconds of processor time after which an input is given up."""
_MINIMIZING = 5.0
"""Seconds of processor time to spend on minimizing an input."""


class HangError(BaseException):
    """An input takes so long that it was given up; not an ``Exception``, which the code could catch."""


class TooSlowError(Exception):
    """An input takes more processor time than its size justifies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An input that shows a bug.

    Attributes:
        target: the name of the target.
        key: what is the same for all inputs that show this bug.
        data: the input.
        report: the traceback.
    """

    target: str
    key: str
    data: bytes
    report: str


@dataclass(slots=True)
class Progress:
    """What has become of one target.

    Attributes:
        executions: the inputs that were processed.
        outcomes: what has come of them.
        inputs: those that mutations begin with.
        findings: the bugs by their keys.
        repetitions: inputs that showed a known bug.
        growth: KiB by which the memory of the process grew during the turns of this target.
    """

    executions: int = 0
    outcomes: set[str] = field(default_factory=set)
    inputs: list[bytes] = field(default_factory=list)
    findings: dict[str, Finding] = field(default_factory=dict)
    repetitions: int = 0
    growth: int = 0


class Fuzzer:
    """Fuzzes one target.

    Args:
        name: the name of the target.
        target: the target.
        source: the source of randomness.
        coverage: the lines that all targets have reached.
        on_finding: called with each new bug, minimized.
    """

    def __init__(
        self,
        name: str,
        target: Target,
        *,
        source: random.Random,
        coverage: LineCoverage,
        on_finding: Callable[[Finding], None],
    ) -> None:
        self.name = name
        self.target = target
        self.progress = Progress(inputs=[seed[: target.max_size] for seed in target.seeds])
        self._source = source
        self._coverage = coverage
        self._on_finding = on_finding
        self._mutator = Mutator(source, tokens=target.tokens, mutations=target.mutations)
        self._seeds = iter(list(self.progress.inputs))

    def run(self, seconds: float) -> None:
        """Processes inputs for some time: first the seeds, then mutations."""
        end, before = time.monotonic() + seconds, resident_kib()
        while time.monotonic() < end:
            self._execute(next(self._seeds, None) or self._new_input())
        self.progress.growth += resident_kib() - before

    def _new_input(self) -> bytes:
        inputs, source = self.progress.inputs, self._source
        data = self._mutator.mutate(source.choice(inputs), lambda: source.choice(inputs))
        if source.random() < 0.5:
            data = self.target.repair(data)
        return data[: self.target.max_size]

    def _execute(self, data: bytes) -> None:
        progress = self.progress
        progress.executions += 1
        is_new = False
        try:
            if self._source.random() < _TRACED:
                outcome, is_new = self._coverage.trace(lambda: self.target.check(data))
            else:
                outcome = timed_check(self.target, data)
        except (Exception, HangError) as error:  # noqa: BLE001 - the point of it
            self._record(data, error)
            return
        if outcome not in progress.outcomes and len(progress.outcomes) < _MAX_INPUTS:
            progress.outcomes.add(outcome)
            is_new = True
        if is_new:
            if len(progress.inputs) >= _MAX_INPUTS:
                progress.inputs.pop(self._source.randrange(len(progress.inputs)))
            progress.inputs.append(data)

    def _record(self, data: bytes, error: BaseException) -> None:
        key = bug_key(error)
        if key in self.progress.findings:
            self.progress.repetitions += 1
            return
        report = "".join(traceback.format_exception(error))
        small = minimize(data, lambda candidate: bug_of(self.target, candidate) == key)
        finding = Finding(target=self.name, key=key, data=small, report=report)
        self.progress.findings[key] = finding
        self._on_finding(finding)


def timed_check(target: Target, data: bytes) -> str:
    """Returns the outcome of an input.

    Raises:
        TooSlowError: three times in a row it took more processor time than it may.
        Exception: the input shows another bug.
    """
    allowed, taken = target.allowed_seconds(data), 0.0
    for _ in range(3):
        started = time.process_time()
        with _hang_limit():
            outcome = target.check(data)
        taken = time.process_time() - started
        if taken <= allowed:
            return outcome
    raise TooSlowError(f"{len(data)} bytes took {taken:.3f} s, more than {allowed:.3f} s")


class _hang_limit:  # noqa: N801 - used as a statement; a generator would take longer than most inputs
    """Raises ``HangError`` in the block that takes too much processor time."""

    def __enter__(self) -> None:
        signal.signal(signal.SIGPROF, _on_hang)
        signal.setitimer(signal.ITIMER_PROF, _HANG)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _on_hang(_number: int, _frame: FrameType | None) -> None:
    raise HangError(f"more than {_HANG} s of processor time")


def bug_key(error: BaseException) -> str:
    """Returns what is the same for all inputs that show a bug: the error and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/gateway/" in frame.filename] or frames
    place = own[-1]
    if isinstance(error, AssertionError):
        place = frames[-1]
    return f"{type(error).__name__} at {Path(place.filename).name}:{place.name}"


def bug_of(target: Target, data: bytes) -> str:
    """Returns the key of the bug that an input shows, or an empty string."""
    try:
        timed_check(target, data)
    except (Exception, HangError) as error:  # noqa: BLE001 - the point of it
        return bug_key(error)
    return ""


def minimize(data: bytes, shows_bug: Callable[[bytes], bool]) -> bytes:
    """Returns a smaller input that shows the same bug: removes lines, then ever smaller parts."""
    end = time.process_time() + _MINIMIZING
    size = max(1, len(data) // 2)
    while size:
        smaller = next(
            (part for part in _without_parts(data, size) if time.process_time() < end and shows_bug(part)), None
        )
        if time.process_time() >= end:
            break
        if smaller is None:
            size //= 2
        else:
            data = smaller
            size = min(size, max(1, len(data) // 2))
    return data


def _without_parts(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[:start] + data[start + size :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a campaign has done.

    Attributes:
        seconds: how long it took.
        progress: what has become of each target.
        memory: KiB of memory after the warm-up and at the end.
        steps: pairs of lines of the gateway that were executed one after the other.
    """

    seconds: float
    progress: dict[str, Progress]
    memory: tuple[int, int]
    steps: int

    @property
    def findings(self) -> list[Finding]:
        """The bugs of all targets."""
        return [finding for progress in self.progress.values() for finding in progress.findings.values()]

    def __str__(self) -> str:
        width = max(map(len, self.progress))
        lines = [f"{'target':{width}}  executions  outcomes  inputs  findings  memory/KiB"]
        lines += [
            f"{name:{width}}  {each.executions:10}  {len(each.outcomes):8}  {len(each.inputs):6}  "
            f"{len(each.findings):8}  {each.growth:+10}"
            for name, each in self.progress.items()
        ]
        executions = sum(each.executions for each in self.progress.values())
        warm, last = self.memory
        kept = sum(len(data) for each in self.progress.values() for data in each.inputs) // 1024
        return "\n".join(
            (
                *lines,
                f"{executions} executions of {len(self.progress)} targets in {self.seconds:.0f} s, "
                f"{self.steps} steps between lines reached, {len(self.findings)} findings",
                f"memory: {warm} KiB after the warm-up, {last} KiB at the end, of which {kept} KiB are inputs",
                *(f"FINDING {finding.target}: {finding.key}" for finding in self.findings),
            )
        )


def run_campaign(
    targets: dict[str, Callable[[], Target]],
    *,
    seconds: float,
    seed: int,
    on_finding: Callable[[Finding], None],
    report: Callable[[Summary], None] = lambda _: None,
) -> Summary:
    """Fuzzes targets in turns, until the time is up or an interrupt arrives.

    Args:
        targets: functions that make the targets, by name.
        seconds: how long.
        seed: makes the inputs repeatable, except that turns take some time, not some number of inputs.
        on_finding: called with each bug.
        report: called every few minutes with what was done so far.
    """
    coverage, started = LineCoverage(), time.monotonic()
    fuzzers = [
        Fuzzer(name, make(), source=random.Random(f"{seed} {name}"), coverage=coverage, on_finding=on_finding)
        for name, make in targets.items()
    ]
    warm, next_report = 0, started + 300.0

    def summary() -> Summary:
        return Summary(
            seconds=time.monotonic() - started,
            progress={fuzzer.name: fuzzer.progress for fuzzer in fuzzers},
            memory=(warm or resident_kib(), resident_kib()),
            steps=len(coverage),
        )

    try:
        while (left := started + seconds - time.monotonic()) > 0:
            for fuzzer in fuzzers:
                fuzzer.run(min(_SLICE, max(0.05, left / len(fuzzers))))
            if not warm and time.monotonic() > started + 0.25 * seconds:
                warm = resident_kib()
            if time.monotonic() > next_report:
                next_report += 300.0
                report(summary())
    except KeyboardInterrupt:
        pass
    finally:
        for fuzzer in fuzzers:
            fuzzer.target.close()
    return summary()
