"""What a gateway serves while its cluster passes through situations, with its alarms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.alarms.service import AlarmService, AlarmSettings
from gateway.engine.engine import Engine
from gateway.frontends.prometheus import exposition
from gateway.host.replay import DEMO, Recording, ReplayHost
from gateway.publication import Publication
from gateway.samples import Labels, Metric, SamplesByMetric, Value
from gateway.snapshot import Snapshot
from gateway.subsystems.booth import metrics as booth
from tests.fakes import FakeClock
from tests.situations import COMMANDS, LAB, recorded
from tests.subsystems import make_collectors

SETTLED = 8 * 60
"""Seconds after which nothing changes in a situation that stays the same: no hold-down time is as long."""

_SETTINGS = AlarmSettings(
    interval=15.0, dc_only=False, heartbeat=0.0, raise_at_start=None, disabled=(), routine_changes=False
)
_DRBD_STATUS: Mapping[tuple[str, ...], str] = {("drbdsetup", "status", "--json"): "drbdsetup"}


async def lab_snapshot(situation: str, *, with_drbd_utils: bool = False) -> Snapshot:
    """Returns the snapshot of a situation of the lab, whose hosts have neither SBD nor DRBD.

    Args:
        situation: its folder.
        with_drbd_utils: whether drbdsetup is installed; DRBD's kernel module is not loaded in any case.
    """
    recording = recorded(situation)
    names = ["pacemaker", "corosync", "qnetd"]
    if with_drbd_utils:
        recording = Recording(
            directory=LAB, commands={**COMMANDS, **_DRBD_STATUS}, files={}, directories={}, steps=recording.steps
        )
        names.append("drbd")
    engine = Engine(ReplayHost(recording), make_collectors(*names))
    try:
        return await engine.collect()
    finally:
        await engine.close()


async def demo_snapshot(situation: str) -> Snapshot:
    """Returns the snapshot of a step of the demo."""
    recording, clock = Recording.load(DEMO), FakeClock()
    host = ReplayHost(recording, clock=clock)
    for step in recording.steps[: [step.situation for step in recording.steps].index(situation)]:
        clock.now += step.seconds
    engine = Engine(host, make_collectors())
    try:
        return await engine.collect()
    finally:
        await engine.close()


class GatewayPages:
    """The pages of one gateway.

    Args:
        step: seconds between two pages.
    """

    def __init__(self, *, step: float) -> None:
        self._step = step
        self._clock = FakeClock()
        self._publication = Publication(clock=self._clock)
        self._alarms = AlarmService(_NoSource(), lambda _: None, _SETTINGS, clock=self._clock)
        self._publication.add_source(self._alarms.add_samples)
        self.pages: list[str | None] = []

    def pass_time(self, snapshot: Snapshot | None, seconds: float) -> None:
        """Adds the pages of a situation that lasts; without a snapshot, the gateway is down."""
        page: str | None = None
        begin = self._clock.time()
        for number in range(round(seconds / self._step)):
            if snapshot is not None and number * self._step <= SETTLED:
                page = self._page(snapshot, begin)
            self.pages.append(page)
            self._clock.now += self._step

    def _page(self, snapshot: Snapshot, begin: float) -> str:
        now = Snapshot(
            samples_by_metric=_moved(snapshot, self._clock.time(), begin),
            collectors=snapshot.collectors,
            time=self._clock.time(),
            started=self._clock.monotonic(),
            complete=snapshot.complete,
        )
        self._alarms.on_snapshot(now)
        self._alarms._on_timer(self._clock.monotonic())
        text = exposition.encode_text(self._publication.merge(now)).decode()
        return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(_OF_THE_PROCESS))


_RENEWED = frozenset({booth.TICKET_EXPIRY, booth.PEER_LAST_CONTACT, booth.PEER_COUNTERS["received"]})
"""Values that grow by one each second as long as a state lasts, except those that are 0: what never happened."""


def _moved(snapshot: Snapshot, now: float, begin: float) -> SamplesByMetric:
    """Returns the samples of a snapshot; those in ``_RENEWED`` have grown since.

    A ticket that is not even half valid is not renewed: its expiry stays as it was when the state began.
    """
    validities = snapshot.samples_by_metric.get(booth.TICKET_VALIDITY, {})
    moved: dict[Metric, Mapping[Labels, Value]] = dict(snapshot.samples_by_metric)
    for metric in _RENEWED & moved.keys():
        moved[metric] = values = dict(snapshot.samples_by_metric[metric])
        for labels, value in values.items():
            assert isinstance(value, (int, float))
            validity = validities.get(labels, 0) if metric is booth.TICKET_EXPIRY else 0
            assert isinstance(validity, (int, float))
            is_renewed = not validity or value - snapshot.time >= validity / 2
            if value:
                values[labels] = value - snapshot.time + (now if is_renewed else begin)
    return moved


_OF_THE_PROCESS = ("process_", "# HELP process_", "# TYPE process_")
"""Lines about this process, which say nothing about the cluster, and differ on every page."""


class _NoSource:
    """Makes no snapshots: they are given to the service one by one."""

    @property
    def latest(self) -> Snapshot | None:
        return None

    async def collect(self) -> Snapshot:
        raise AssertionError("nothing requests a collection")


async def make_pages(stages: Iterable[tuple[Snapshot | None, float]], *, step: float) -> list[str | None]:
    """Returns the pages of a gateway while its cluster passes through stages: a snapshot and its seconds each."""
    gateway = GatewayPages(step=step)
    for snapshot, seconds in stages:
        gateway.pass_time(snapshot, seconds)
    return gateway.pages
