"""Situations as samples: outputs in every known format, the demo, the lab's captures, the corpus if it is present."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from gateway.host.host import CommandResult
from gateway.host.replay import DEMO, Recording, Step
from gateway.samples import SampleSet
from gateway.subsystems.corosync_conf import CONFIG
from gateway.subsystems.drbd.options import SPLIT_BRAIN_DIRECTORY
from gateway.subsystems.sbd.collector import CONFIGURATIONS
from tests import cases, series
from tests.corpus import CORPUS
from tests.fakes import FakeHost
from tests.subsystems import WITH_STATISTICS, WITHOUT_MODULE, make_collector, make_collectors

LAB = Path(__file__).with_name("data") / "lab"
ARBITRATION = sorted(
    f"{group}/{path.name}" for group in ("arbitration", "arbitrator", "booth") for path in (LAB / group).iterdir()
)
"""Situations of quorum devices, of arbitrators, and of sites and arbitrators of booth."""
FORMATS = Path(__file__).with_name("data") / "formats"

COMMANDS = {
    ("crm_mon", "-1", "--output-as=xml", "--inactive"): "crm_mon--output-as=xml",
    ("crm_mon", "-1", "-X", "--inactive"): "crm_mon-X",
    ("cibadmin", "--query", "--local", "--scope", "constraints"): "cibadmin-constraints",
    ("corosync-quorumtool", "-p"): "corosync-quorumtool-p",
    ("corosync-cfgtool", "-s"): "corosync-cfgtool-s",
    ("corosync-cmapctl", "-m", "stats"): "corosync-cmapctl-m-stats",
    ("corosync", "-v"): "corosync-v",
    ("corosync-qdevice-tool", "-s", "-v"): "corosync-qdevice-tool-s-v",
    ("corosync-qnetd-tool", "-s", "-v"): "corosync-qnetd-tool-s-v",
    ("corosync-qnetd-tool", "-l", "-v"): "corosync-qnetd-tool-l-v",
    ("booth", "list", "-c", "/etc/booth/booth.conf"): "booth-list",
    ("booth", "peers", "-c", "/etc/booth/booth.conf"): "booth-peers",
    ("booth", "status", "-c", "/etc/booth/booth.conf"): "booth-status",
}
"""The files of a situation of the lab, by the command that printed them."""

REMOTE_COMMANDS = {
    **COMMANDS,
    ("crm_node", "-n"): "crm_node-n",
    ("crmadmin", "--pacemakerd"): "crmadmin",
}
"""The same on a remote or guest node."""


def recorded(situation: str) -> Recording:
    """Returns a situation of the lab as a recording. A cluster node has a corosync.conf, which is empty here."""
    is_remote = (LAB / situation / "crm_node-n.rc").exists()
    step = Step(situation=situation, folders=(situation, "cluster-node"), seconds=1, description="")
    return Recording(
        directory=LAB,
        commands=REMOTE_COMMANDS if is_remote else COMMANDS,
        files={} if is_remote else {CONFIG.default: "corosync.conf"},
        directories={},
        steps=(step,),
    )


def recorded_arbitration(situation: str) -> Recording:
    """Returns a situation of a quorum device, an arbitrator or booth, with their configuration, as a recording."""
    configuration = {"arbitration": "arbitration", "booth": "booth"}.get(situation.partition("/")[0])
    folders = (situation, *([str(DEMO / configuration)] if configuration else []))
    return replace(
        recorded(situation),
        files={CONFIG.default: "corosync.conf", "/etc/booth/booth.conf": "booth.conf"},
        directories={"/etc/booth": "booth-configurations"},
        steps=(Step(situation=situation, folders=folders, seconds=1, description=""),),
    )


def _result(path: Path) -> CommandResult:
    """Returns what was recorded of a command: its output, exit status and standard error."""
    code, errors = (path.with_name(path.name + ending) for ending in (".rc", ".stderr"))
    return series.ended(
        path.read_bytes(),
        int(code.read_text()) if code.exists() else 0,
        errors.read_bytes() if errors.exists() else b"",
    )


_OPTIONS = {**WITH_STATISTICS, **WITHOUT_MODULE, SPLIT_BRAIN_DIRECTORY.key: "/splitbrain"}
_SPLIT_BRAINS = ("drbd-split-brain-detected-my.res-0", "drbd-split-brain-detected-b-x")
_DEVICE = "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK:lun.0+1=2" + "x" * 30
_SBD_CONFIGURATION = "sbd-configuration"
_BOOTH_CONFIGURATION = b"""\
site = "192.0.2.1"
site = "192.0.2.2"
arbitrator = "192.0.2.3"
ticket = "db"
    expire = 300
"""

_PROBES = {
    "crm_mon": ("pacemaker", "crm_mon"),
    "cibadmin": ("pacemaker", "cibadmin"),
    "corosync-quorumtool": ("corosync", "corosync-quorumtool"),
    "corosync-cfgtool": ("corosync", "corosync-cfgtool"),
    "corosync-cmapctl": ("corosync", "corosync-cmapctl"),
    "corosync-qdevice-tool": ("qdevice", "corosync-qdevice-tool"),
    "corosync-qnetd-tool": ("qnetd", "list"),
    "sbd-dump": ("sbd", f"dump {_DEVICE}"),
    "sbd-list": ("sbd", f"list {_DEVICE}"),
    "drbdsetup": ("drbd", "drbdsetup"),
    "booth-list": ("booth", "list booth"),
    "booth-peers": ("booth", "peers booth"),
    "booth-status": ("booth", "status booth"),
}
"""The subsystem and the probe that read an output, by its folder in ``data/formats``."""


def samples_of(outputs: Mapping[str, Path]) -> SampleSet:
    """Returns the samples of outputs of one subsystem, as if its other tools were not installed.

    Args:
        outputs: the files of the outputs, by the folder in ``data/formats`` to which they would belong.
    """
    subsystem, results = "sbd", {}
    configuration = f'SBD_DEVICE="{_DEVICE}"\n'.encode()
    for folder, path in outputs.items():
        if folder == _SBD_CONFIGURATION:
            configuration = path.read_bytes()
        else:
            subsystem, probe = _PROBES[folder]
            results[probe] = _result(path)
    files = {CONFIGURATIONS[0]: configuration}
    if subsystem == "qdevice":
        files[CONFIG.default] = b"quorum {\n    device {\n        model: net\n    }\n}\n"
    if subsystem == "booth":
        files["/etc/booth/booth.conf"] = _BOOTH_CONFIGURATION
    directories: dict[str, tuple[str, ...]] = {"/splitbrain": _SPLIT_BRAINS, "/etc/booth": ("authkey", "booth.conf")}
    host = FakeHost(files=files, directories=directories)
    return series.samples(make_collector(subsystem, options=_OPTIONS), results, host)


def formats() -> Iterator[tuple[str, SampleSet]]:
    """Yields the path and the samples of each file in ``data/formats``."""
    for path in sorted(FORMATS.glob("*/*")):
        yield f"{path.parent.name}/{path.name}", samples_of({path.parent.name: path})


def _corpus_files(corpus: Path) -> Iterator[dict[str, Path]]:
    """Yields the outputs of the corpus, those of one situation together."""
    for case in sorted(path for path in corpus.glob("pacemaker*/*") if path.is_dir()):
        for spelling in ("crm_mon.xml", "crm_mon.output-as-xml.xml"):
            if (case / spelling).exists():
                yield {"crm_mon": case / spelling, "cibadmin": case / "cibadmin.xml"}
    for folder, pattern in (
        ("corosync-quorumtool", "corosync/quorumtool*.txt"),
        ("corosync-cfgtool", "corosync/cfgtool-s*.txt"),
        ("corosync-cmapctl", "corosync/cmapctl*"),
        ("drbdsetup", "drbd/*.json"),
        (_SBD_CONFIGURATION, "sbd/*.sysconfig"),
        ("sbd-dump", "sbd/*dump*.txt"),
        ("sbd-list", "sbd/live.list*.txt"),
    ):
        yield from ({folder: path} for path in sorted(corpus.glob(pattern)))
    for path in sorted(corpus.glob("corosync/live317.*.quorumtool-p.txt")):
        links = path.with_name(path.name.replace("quorumtool-p", "cfgtool-s"))
        yield {"corosync-quorumtool": path, "corosync-cfgtool": links}


def _samples_of_step(recording: Recording, step: Step) -> SampleSet:
    """Returns the samples of all subsystems in one step of a recording."""
    host = FakeHost(
        files={path: recording.read(step, name) or b"" for path, name in recording.files.items()},
        directories={
            path: tuple((recording.read(step, name) or b"").decode().split())
            for path, name in recording.directories.items()
        },
    )
    samples = SampleSet()
    for collector in make_collectors(options={**WITH_STATISTICS, **WITHOUT_MODULE}):
        plan = collector.plan(host)
        if plan is None:
            continue
        results = {}
        for probe in plan.probes:
            name = recording.commands.get((probe.tool, *probe.variants[0]))
            if name and (output := recording.read(step, f"{name}.stdout")) is not None:
                exit_status = int(recording.read(step, f"{name}.rc") or b"0")
                results[probe.name] = series.ended(output, exit_status, recording.read(step, f"{name}.stderr") or b"")
        samples.update(collector.make_samples({**plan.files, **series.readings(plan.probes, results)}))
    return samples


def demo() -> Iterator[tuple[str, SampleSet]]:
    """Yields a name and the samples of each step of the demo's time line."""
    recording = Recording.load(DEMO)
    for step in recording.steps:
        yield f"demo/{step.situation}", _samples_of_step(recording, step)


def situations() -> Iterator[tuple[str, SampleSet]]:
    """Yields a name and the samples of every situation; those of corpus and cases only if they are present."""
    yield from demo()
    yield from formats()
    if CORPUS is not None:
        for outputs in _corpus_files(CORPUS):
            yield str(next(iter(outputs.values())).relative_to(CORPUS)), samples_of(outputs)
    for case in cases.names():
        yield from ((f"{case}/{state.number}", state.samples) for state in cases.states(case))
