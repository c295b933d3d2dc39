"""Real SBD devices, on loop devices: reading them in-process and with ``sbd`` gives the same samples.

Needs root, for the loop devices.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.engine.engine import Engine
from gateway.host import sector_helper
from gateway.host.host import CommandResult, Tool
from gateway.host.local import LocalHost
from gateway.host.sector_reader import SectorReader
from gateway.host.sectors import SectorRequest
from gateway.samples import SampleSet
from gateway.snapshot import CommandReport
from gateway.status import Status
from gateway.subsystems.sbd import metrics
from gateway.subsystems.sbd.options import Source
from tests import series
from tests.programs import installed
from tests.sbd_image import header, image, loop_device, mailbox, slot
from tests.subsystems import make_collector

pytestmark = [
    pytest.mark.daemon,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for loop devices"),
]

DEVICES_METRIC = "ha_cluster_sbd_devices"

MakeDevice = Callable[..., str]
"""Makes a loop device: ``make_device(content, sector_size=512)``."""
MakeDevices = Callable[[int], list[str]]
"""Makes devices with the given permissions."""


def output_of(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


@pytest.fixture
def make_device(tmp_path: Path) -> Iterator[MakeDevice]:
    with contextlib.ExitStack() as stack:
        numbers = itertools.count()

        def make(content: bytes, *, sector_size: int = 512) -> str:
            path = tmp_path / f"disk{next(numbers)}"
            return stack.enter_context(loop_device(path, content, sector_size=sector_size))

        yield make


async def collect(
    tmp_path: Path,
    source: str,
    *devices: str,
    options: Mapping[str, Any] | None = None,
    host: LocalHost | None = None,
) -> tuple[str, Mapping[str, CommandReport]]:
    """Returns the page of SBD's metrics, and the reports of its commands."""
    configuration = tmp_path / "sbd.conf"
    configuration.write_text(f'SBD_DEVICE="{";".join(devices)}"\n')
    values = {"sbd.config": str(configuration), "sbd.source": Source(source), **(options or {})}
    tool = Tool(prefix=tuple(values.get("tools.sbd.prefix", ())), timeout=60.0)
    engine = Engine(host or LocalHost({"sbd": tool}), [make_collector("sbd", options=values)])
    snapshot = await engine.collect()
    await engine.close()
    samples = SampleSet()
    for metric in metrics.METRICS:
        for labels, value in snapshot.samples_by_metric.get(metric, {}).items():
            samples.add(metric, value, *labels)
    return series.page(samples), {report.name: report for report in snapshot.collectors["sbd"].commands}


FULL = [slot(b"node%d" % number) if part == 0 else mailbox(number % 7) for number in range(255) for part in (0, 1)]
DEVICES: dict[str, tuple[bytes, int]] = {
    "healthy": (image(header(), slot(b"alpha"), mailbox(), slot(b"beta"), mailbox()), 512),
    "message": (image(header(), slot(b"alpha"), mailbox(), slot(b"beta"), mailbox(2, b"alpha")), 512),
    "no slots": (image(header()), 512),
    "minor version 0": (image(header(minor=0), slot(b"alpha"), mailbox()), 512),
    "255 slots": (image(header(), *FULL), 512),
    "header for 3 slots": (image(header(slots=3), *FULL), 512),
    "header for 0 slots": (image(header(slots=0), *FULL), 512),
    "4k": (
        image(header(sector_size=4096, size=4096), slot(b"alpha", size=4096), mailbox(3, b"beta", size=4096)),
        4096,
    ),
    "4k with a header for 512": (image(header(size=4096), slot(b"alpha", size=4096), mailbox(size=4096)), 4096),
    "512 with a header for 4k": (image(header(sector_size=4096), slot(b"alpha"), mailbox()), 512),
    "zeroed": (bytes(512 * 520), 512),
    "zeroed header": (image(bytes(512), slot(b"alpha"), mailbox()), 512),
    "zeroed slots": (image(header(), bytes(512), mailbox(2, b"alpha")), 512),
    "version 1": (image(header(version=1), slot(b"alpha"), mailbox()), 512),
    "version 3": (image(header(version=3), slot(b"alpha"), mailbox()), 512),
    "wrong magic": (image(header(magic=b"SBD_SBD-"), slot(b"alpha"), mailbox()), 512),
    "other content": (bytes(range(256)) * 1040, 512),
    "only a header": (header(), 512),
    "truncated after a slot": (header() + slot(b"alpha"), 512),
    "truncated after a message": (header() + slot(b"alpha") + mailbox(3, b"beta"), 512),
    "truncated before the last message": (image(header(), *FULL)[: 510 * 512], 512),
    "truncated before the last message, unused": (image(header(), *FULL[:4])[: 510 * 512], 512),
    "half-written slot": (image(header(), slot(b""), mailbox(), slot(b"beta"), mailbox(1, b"alpha")), 512),
    "half-written name": (image(header(), slot(b"alp\0\0rest"), mailbox(2, b"be"), slot(b"beta"), mailbox()), 512),
    "half-written message": (image(header(), slot(b"alpha"), mailbox(2), slot(b"beta"), mailbox(0, b"alpha")), 512),
    "unknown message": (image(header(), slot(b"alpha"), mailbox(6, b"beta"), slot(b"beta"), mailbox(0x80)), 512),
    "slot marked with a negative number": (
        image(header(), slot(b"a", in_use=0x80), mailbox(), slot(b"b"), mailbox()),
        512,
    ),
    "long names": (
        image(header(), slot(b"n" * 63), mailbox(3, b"s" * 63), slot(b"n" * 64), mailbox(3, b"s" * 64)),
        512,
    ),
    "not UTF-8": (
        image(header(), slot(b"a"), mailbox(), slot(b"\xff\xfe"), mailbox(2, b"b"), slot(b"b"), mailbox(2, b"\xe4")),
        512,
    ),
    "not ASCII": (image(header(), slot("knoten-\u00e4".encode()), mailbox(2, "\u65e5".encode())), 512),
    "blanks in names": (
        image(header(), slot(b"a b"), mailbox(), slot(b"b"), mailbox(2, b"c d"), slot(b"c"), mailbox()),
        512,
    ),
    "large timeouts": (image(header(watchdog=2**32 - 1, msgwait=2**31)), 512),
}


async def test_both_ways_give_the_same_samples(make_device: MakeDevice, tmp_path: Path) -> None:
    installed("sbd")
    devices = {make_device(content, sector_size=size): name for name, (content, size) in DEVICES.items()}
    by_tool, tool_reports = await collect(tmp_path, "tool", *devices)
    in_process, reports = await collect(tmp_path, "device", *devices)
    assert in_process == by_tool
    assert {name: report.status for name, report in reports.items()} == {
        name: report.status for name, report in tool_reports.items()
    }
    healthy = {name for device, name in devices.items() if reports[f"dump {device}"].status is Status.OK}
    broken = {"zeroed", "zeroed header", "version 1", "version 3", "wrong magic", "other content"}
    assert DEVICES.keys() - healthy == broken | {"4k with a header for 512", "512 with a header for 4k"}


async def test_a_device_that_sbd_has_written(make_device: MakeDevice, tmp_path: Path) -> None:
    sbd = installed("sbd")
    device = make_device(bytes(4 << 20))
    output_of(sbd, "-d", device, "-1", "7", "-2", "1", "-3", "1", "-4", "1", "create")
    for node in ("alpha", "beta"):
        output_of(sbd, "-d", device, "allocate", node)
    output_of(sbd, "-d", device, "-n", "beta", "message", "alpha", "off")
    page, _ = await collect(tmp_path, "device", device)
    assert page == (await collect(tmp_path, "tool", device))[0]
    found = series.parse(page)
    assert found[series.key("sbd_devices", device=device, status="healthy")] == 1
    assert found[series.key("sbd_timeouts", device=device, type="watchdog")] == 7
    assert found[series.key("sbd_slots", device=device, node="alpha", message="off")] == 1
    assert found[series.key("sbd_slots", device=device, node="beta", message="clear")] == 1


async def test_what_is_no_block_device_is_unhealthy(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").write_bytes(image(header()))
    paths = [*(str(tmp_path / name) for name in ("fifo", "file", "missing")), "/dev/null"]
    page, reports = await collect(tmp_path, "device", *paths)
    for path in paths:
        assert series.parse(page)[series.key("sbd_devices", device=path, status="unhealthy")] == 1
        assert reports[f"dump {path}"].status is Status.FAILED
    assert reports[f"dump {paths[2]}"].detail == "its header cannot be read: No such file or directory"


NOBODY = 65534
AS_NOBODY = f"""
import os, sys
sys.path.insert(0, {str(Path(sector_helper.__file__).parent)!r})
import sector_helper
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
sector_helper.main()
"""


class UnprivilegedHost(LocalHost):
    """A host whose devices are read by a user without privileges."""

    def __init__(self) -> None:
        super().__init__()
        self._reader = SectorReader({}, command=(sys.executable, "-I", "-S", "-c", AS_NOBODY))

    async def read_sectors(self, tool: str, request: SectorRequest) -> CommandResult:
        return await self._reader.read(request, timeout=60.0)

    async def close(self) -> None:
        await self._reader.close()


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Lets this process, and the tools that it starts, be a user without privileges."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@pytest.fixture
def make_devices_for_group(make_device: MakeDevice) -> Iterator[MakeDevices]:
    """Makes a device with slots and one that is zeroed, which belong to root and to the group ``NOBODY``."""
    before: dict[str, os.stat_result] = {}

    def make(mode: int) -> list[str]:
        for name in ("message", "zeroed"):
            device = make_device(DEVICES[name][0])
            before[device] = Path(device).stat()
            os.chown(device, 0, NOBODY)
            Path(device).chmod(mode)
        return list(before)

    yield make
    for device, status in before.items():
        os.chown(device, status.st_uid, status.st_gid)
        Path(device).chmod(status.st_mode & 0o7777)


def shown_statuses(page: str, devices: list[str]) -> list[str | None]:
    """Returns the status of each device on a page."""
    shown = {
        dict(labels)["device"]: dict(labels)["status"] for labels in series.named(series.parse(page), DEVICES_METRIC)
    }
    return [shown.get(device) for device in devices]


@pytest.mark.parametrize(
    ("mode", "statuses", "shown"),
    [
        (0o640, [Status.OK, Status.FAILED], ["healthy", "unhealthy"]),
        (0o600, [Status.NOT_PERMITTED, Status.NOT_PERMITTED], [None, None]),
    ],
)
async def test_permission_to_read_is_enough(
    make_devices_for_group: MakeDevices, tmp_path: Path, mode: int, statuses: list[Status], shown: list[str | None]
) -> None:
    devices = make_devices_for_group(mode)
    page, reports = await collect(tmp_path, "device", *devices, host=UnprivilegedHost())
    assert [reports[f"dump {device}"].status for device in devices] == statuses
    assert shown_statuses(page, devices) == shown


@pytest.mark.parametrize(
    ("mode", "statuses", "shown"),
    [
        (0o660, [Status.OK, Status.FAILED], ["healthy", "unhealthy"]),
        (0o640, [Status.NOT_PERMITTED, Status.NOT_PERMITTED], [None, None]),
    ],
)
async def test_sbd_needs_permission_to_write(
    make_devices_for_group: MakeDevices, public_path: Path, mode: int, statuses: list[Status], shown: list[str | None]
) -> None:
    devices = make_devices_for_group(mode)
    shutil.chown(public_path, NOBODY)
    with unprivileged():
        page, reports = await collect(public_path, "tool", *devices)
    assert [reports[f"dump {device}"].status for device in devices] == statuses
    assert shown_statuses(page, devices) == shown


async def test_behind_a_prefix_a_destroyed_header_is_unhealthy(make_device: MakeDevice, tmp_path: Path) -> None:
    device = make_device(DEVICES["zeroed"][0])
    prefix = {"tools.sbd.prefix": ["env", "A=b"]}
    page, reports = await collect(tmp_path, "auto", device, options=prefix)
    assert series.parse(page)[series.key("sbd_devices", device=device, status="unhealthy")] == 1
    assert "NOT dumped" in reports[f"dump {device}"].detail
