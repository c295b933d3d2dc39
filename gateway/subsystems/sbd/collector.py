"""Collects SBD's configuration, and the header and the slots of each of its devices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from gateway.errors import ParseError
from gateway.host.host import CommandResult, Host
from gateway.samples import SampleSet
from gateway.status import Status
from gateway.subsystems.parsing.partial import Parsed
from gateway.subsystems.probe import CommandError, Plan, Probe, Reading, parse_output, read_file
from gateway.subsystems.sbd import metrics, sbd_config, sbd_dump, sbd_list

CONFIGURATIONS = ("/etc/sysconfig/sbd", "/etc/default/sbd")
"""Where distributions keep SBD's configuration: SUSE and Red Hat, Debian."""

_NEVER = re.compile(rb"(?!)")
"""Matches nothing: ``sbd`` reads a disk and needs no daemon."""


def _parse_dump(result: CommandResult, *, permitted: bool) -> Parsed[sbd_dump.SbdHeader]:
    try:
        return parse_output(result, sbd_dump.parse, not_running=_NEVER)
    except (CommandError, ParseError):
        # to a user who may not read the device, sbd prints the same as for a broken device
        if result.exit_status and not permitted:
            raise CommandError(Status.NOT_PERMITTED, "the permissions of the device do not allow reading it") from None
        raise


def _parse_list(result: CommandResult) -> Parsed[tuple[sbd_list.SbdSlot, ...]]:
    if result.stdout.startswith(b"==Dumping header"):
        raise CommandError(Status.FAILED, "printed the header instead of the slots")
    slots = parse_output(result, sbd_list.parse, not_running=_NEVER)
    if result.exit_status:  # sbd prints each slot at once: some are known, but others may be missing
        detail = f"exit status {result.exit_status}: stopped after some of the slots"
        raise CommandError(Status.FAILED, detail, value=slots.value)
    return slots


@dataclass(frozen=True, slots=True, kw_only=True)
class SbdCollector:
    """Collects the state of the devices through which nodes can be fenced.

    Attributes:
        configuration: the path of SBD's configuration; empty to search ``CONFIGURATIONS``.
    """

    name: str = "sbd"
    presence_tools: tuple[str, ...] = ("sbd",)
    configuration: str

    @property
    def configurations(self) -> tuple[str, ...]:
        """SBD's configuration."""
        return (self.configuration,) if self.configuration else CONFIGURATIONS

    def plan(self, host: Host) -> Plan | None:
        """Returns two probes for each device, no probes for diskless SBD, or None if SBD is not configured."""
        reading = self._read_configuration(host)
        if reading.status is Status.NOT_INSTALLED:
            return None
        devices = reading.ok_value.devices if reading.ok_value else ()
        return Plan(
            probes=tuple(probe for device in devices for probe in _probes(device, permitted=host.may_read(device))),
            files={"configuration": reading},
            required_files=("configuration",),
        )

    def make_samples(self, readings: Mapping[str, Reading]) -> SampleSet:
        """Returns the samples of the metrics ``ha_cluster_sbd_*``."""
        samples = SampleSet()
        configuration: sbd_config.SbdConfig | None = readings["configuration"].ok_value
        if configuration is None:
            return samples
        samples.add(metrics.DEVICE_COUNT, len(configuration.devices))
        samples.add(metrics.WATCHDOG_TIMEOUT, configuration.watchdog_timeout)
        samples.add(
            metrics.INFO,
            1,
            configuration.watchdog_device or "",
            configuration.pacemaker or "",
            configuration.startmode or "",
            configuration.delay_start or "",
        )
        for device in configuration.devices:
            _add_device(samples, device, readings[f"dump {device}"], readings[f"list {device}"])
        return samples

    def _read_configuration(self, host: Host) -> Reading:
        """Returns the reading of the first configuration file that exists."""
        readings = [read_file(host, path, sbd_config.parse) for path in self.configurations]
        return next((reading for reading in readings if reading.status is not Status.NOT_INSTALLED), readings[0])


def _probes(device: str, *, permitted: bool) -> tuple[Probe, Probe]:
    parse_dump = partial(_parse_dump, permitted=permitted)
    return (
        Probe(name=f"dump {device}", tool="sbd", variants=(("-d", device, "dump"),), read=parse_dump),
        Probe(name=f"list {device}", tool="sbd", variants=(("-d", device, "list"),), read=_parse_list, required=False),
    )


_DEVICE_STATUSES = (Status.OK, Status.FAILED, Status.UNPARSABLE, Status.TIMED_OUT, Status.KILLED)
"""The statuses of ``sbd dump`` that tell something about the device; the others are about this host."""


def _add_device(samples: SampleSet, device: str, dump: Reading, slots: Reading) -> None:
    if dump.status in _DEVICE_STATUSES:
        samples.add(metrics.DEVICES, 1, device, "healthy" if dump.status is Status.OK else "unhealthy")
    if (header := dump.ok_value) is not None:
        for kind, seconds in header.timeouts.items():
            samples.add(metrics.TIMEOUTS, seconds, device, kind)
    for slot in slots.value or ():
        samples.add(metrics.SLOTS, 1, device, slot.node, slot.message)
        if slot.sender:
            samples.add(metrics.SLOT_SENDER, 1, device, slot.node, slot.sender)
