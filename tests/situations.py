"""Everything that was ever recorded, as samples: the corpus beside the repository, the lab's captures, the demo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from gateway.host.host import CommandResult, Host
from gateway.host.replay import DEMO, Recording, Step
from gateway.samples import SampleSet
from gateway.subsystems.drbd.options import SPLIT_BRAIN_DIRECTORY
from gateway.subsystems.probe import Collector
from gateway.subsystems.sbd.collector import CONFIGURATIONS
from tests import series
from tests.corpus import CORPUS
from tests.fakes import FakeHost
from tests.subsystems import WITH_STATISTICS, WITHOUT_MODULE, make_collector, make_collectors

LAB = Path(__file__).with_name("data") / "lab"

COMMANDS = {
    ("crm_mon", "-1", "--output-as=xml", "--inactive"): "crm_mon--output-as=xml",
    ("crm_mon", "-1", "-X", "--inactive"): "crm_mon-X",
    ("cibadmin", "--query", "--local", "--scope", "constraints"): "cibadmin-constraints",
    ("corosync-quorumtool", "-p"): "corosync-quorumtool-p",
    ("corosync-cfgtool", "-s"): "corosync-cfgtool-s",
    ("corosync-cmapctl", "-m", "stats"): "corosync-cmapctl-m-stats",
    ("corosync", "-v"): "corosync-v",
}
"""The files of a situation of the lab, by the command that printed them."""


def recorded(situation: str) -> Recording:
    """Returns a situation of the lab as a recording."""
    step = Step(situation=situation, folders=(situation,), seconds=1, description="")
    return Recording(directory=LAB, commands=COMMANDS, files={}, directories={}, steps=(step,))


def _samples(collector: Collector, results: Mapping[str, CommandResult], host: Host) -> SampleSet:
    plan = collector.plan(host)
    assert plan is not None
    return collector.make_samples({**plan.files, **series.readings(plan.probes, results)})


def _result(path: Path) -> CommandResult:
    """Returns what was recorded of a command: its output, and beside it the exit status and the standard error."""
    code, errors = (path.with_name(path.name + ending) for ending in (".rc", ".stderr"))
    return series.ended(
        path.read_bytes(),
        int(code.read_text()) if code.exists() else 0,
        errors.read_bytes() if errors.exists() else b"",
    )


def _pacemaker(corpus: Path) -> Iterator[tuple[str, SampleSet]]:
    for case in sorted(path for path in corpus.glob("pacemaker*/*") if path.is_dir()):
        for spelling in ("crm_mon.xml", "crm_mon.output-as-xml.xml"):
            if (case / spelling).exists():
                results = {
                    "crm_mon": _result(case / spelling),
                    "cibadmin": _result(case / "cibadmin.xml"),
                }
                samples = _samples(make_collector("pacemaker"), results, FakeHost())
                yield f"{case.parent.name}/{case.name}/{spelling}", samples


def _corosync(corpus: Path) -> Iterator[tuple[str, SampleSet]]:
    collector = make_collector("corosync", options=WITH_STATISTICS)
    folder = corpus / "corosync"
    for path in sorted({*folder.glob("quorumtool*.txt"), *folder.glob("cfgtool-s*.txt"), *folder.glob("cmapctl*")}):
        tool = {"quo": "corosync-quorumtool", "cfg": "corosync-cfgtool", "cma": "corosync-cmapctl"}[path.name[:3]]
        yield f"corosync/{path.name}", _samples(collector, {tool: _result(path)}, FakeHost())
    for path in sorted(folder.glob("live317.*.quorumtool-p.txt")):
        results = {
            "corosync-quorumtool": _result(path),
            "corosync-cfgtool": _result(path.with_name(path.name.replace("quorumtool-p", "cfgtool-s"))),
        }
        yield f"corosync/{path.name}", _samples(collector, results, FakeHost())


def _others(corpus: Path) -> Iterator[tuple[str, SampleSet]]:
    for path in sorted((corpus / "drbd").glob("*.json")):
        collector = make_collector("drbd", options={**WITHOUT_MODULE, SPLIT_BRAIN_DIRECTORY.key: "/splitbrain"})
        host = FakeHost(
            directories={"/splitbrain": ("drbd-split-brain-detected-my.res-0", "drbd-split-brain-detected-b-x")}
        )
        yield f"drbd/{path.name}", _samples(collector, {"drbdsetup": _result(path)}, host)
    for path in sorted((corpus / "sbd").glob("*.sysconfig")):
        host = FakeHost(files={CONFIGURATIONS[0]: path.read_bytes()})
        yield f"sbd/{path.name}", _samples(make_collector("sbd"), {}, host)
    for path in sorted({*(corpus / "sbd").glob("*dump*.txt"), *(corpus / "sbd").glob("live.list*.txt")}):
        device = "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK:lun.0+1=2" + "x" * 30
        probe = f"{'list' if '.list' in path.name else 'dump'} {device}"
        host = FakeHost(files={CONFIGURATIONS[0]: f'SBD_DEVICE="{device}"\n'.encode()})
        yield f"sbd/{path.name}", _samples(make_collector("sbd"), {probe: _result(path)}, host)


def _replayed(recording: Recording, situation: str, folders: tuple[str, ...]) -> Iterator[tuple[str, SampleSet]]:
    step = next(step for step in recording.steps if step.folders == folders)
    collectors = make_collectors(options={**WITH_STATISTICS, **WITHOUT_MODULE})
    host = FakeHost(
        files={path: recording.read(step, name) or b"" for path, name in recording.files.items()},
        directories={
            path: tuple((recording.read(step, name) or b"").decode().split())
            for path, name in recording.directories.items()
        },
    )
    together = SampleSet()
    for collector in collectors:
        plan = collector.plan(host)
        assert plan is not None
        results = {}
        for probe in plan.probes:
            name = recording.commands.get((probe.tool, *probe.variants[0]))
            if name and (output := recording.read(step, f"{name}.stdout")) is not None:
                code = int(recording.read(step, f"{name}.rc") or b"0")
                results[probe.name] = series.ended(output, code, recording.read(step, f"{name}.stderr") or b"")
        together.update(collector.make_samples({**plan.files, **series.readings(plan.probes, results)}))
    yield f"demo/{situation}", together


def demo() -> Iterator[tuple[str, SampleSet]]:
    """Yields a name and the samples of each step of the demo's time line."""
    recording = Recording.load(DEMO)
    for step in recording.steps:
        yield from _replayed(recording, step.situation, step.folders)


def situations() -> Iterator[tuple[str, SampleSet]]:
    """Yields a name and the samples of everything there is; of the corpus only where it is there."""
    yield from demo()
    if CORPUS is not None:
        yield from _pacemaker(CORPUS)
        yield from _corosync(CORPUS)
        yield from _others(CORPUS)
