"""Collects SBD's configuration, and the header and the slots of each of its devices."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NoReturn

from gateway.errors import ParseError
from gateway.host.host import CommandResult, Host
from gateway.samples import SampleSet
from gateway.status import Status
from gateway.subsystems.parsing.partial import Parsed
from gateway.subsystems.probe import CommandError, Plan, Probe, Reading, parse_output, read_file
from gateway.subsystems.sbd import metrics, sbd_config, sbd_device, sbd_dump, sbd_list
from gateway.subsystems.sbd.sbd_dump import DumpFailure

CONFIGURATIONS = ("/etc/sysconfig/sbd", "/etc/default/sbd")
"""Where distributions keep SBD's configuration: SUSE and Red Hat, Debian."""

_NEVER = re.compile(rb"(?!)")
"""Matches nothing: ``sbd`` reads a disk and needs no daemon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceState:
    """What is known of a device.

    Attributes:
        is_healthy: whether its header can be read; None if nothing shows it.
        timeouts: the timeouts that were read, by their type.
    """

    is_healthy: bool | None
    timeouts: Mapping[str, int] = field(default_factory=dict)


_NOT_PERMITTED = "the permissions of the device do not allow reading and writing, which sbd requires"

_UNHEALTHY = DeviceState(is_healthy=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SbdCollector:
    """Collects the state of the devices through which nodes can be fenced.

    Attributes:
        configuration: the path of SBD's configuration; empty to search ``CONFIGURATIONS``.
        reads_devices: whether the devices are read in-process, and not with ``sbd``.
        has_prefix: whether ``sbd`` runs behind a prefix, and so as another user.
    """

    name: str = "sbd"
    presence_tools: tuple[str, ...] = ("sbd",)
    configuration: str
    reads_devices: bool
    has_prefix: bool

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
            probes=tuple(probe for device in devices for probe in self._probes(device, host)),
            files={"configuration": reading},
            required_files=("configuration",),
        )

    def make_samples(self, readings: Mapping[str, Reading]) -> SampleSet:
        """Returns the samples of the metrics ``ha_cluster_sbd_*``."""
        samples = SampleSet()
        configuration: sbd_config.SbdConfig | None = readings["configuration"].ok_value
        if configuration is None:
            return samples
        samples.add(metrics.DEVICES_CONFIGURED, len(configuration.devices))
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

    def _probes(self, device: str, host: Host) -> tuple[Probe, Probe]:
        """Returns the probes that read the header and the slots of a device; both ways have the same names."""
        if self.reads_devices and host.has_devices:
            return (
                Probe(
                    name=f"dump {device}",
                    tool="sbd",
                    sectors=sbd_device.header_request(device),
                    read=_read_header,
                ),
                Probe(
                    name=f"list {device}",
                    tool="sbd",
                    sectors=sbd_device.slots_request(device),
                    read=_read_slots,
                    required=False,
                ),
            )
        # behind a prefix, sbd has other permissions than the gateway
        may_open = (lambda: True) if self.has_prefix else partial(host.may_write, device)
        read_dump = partial(_read_dump, may_open=may_open)
        return (
            Probe(name=f"dump {device}", tool="sbd", variants=(("-d", device, "dump"),), read=read_dump),
            Probe(
                name=f"list {device}",
                tool="sbd",
                variants=(("-d", device, "list"),),
                read=partial(_read_list, may_open=may_open),
                required=False,
            ),
        )


# --- In-process ------------------------------------------------------------------------------------------------------


def _read_header(result: CommandResult) -> DeviceState:
    if result.exit_status is None:
        _raise_unanswered(result)
    try:
        header = sbd_device.parse_header(result.stdout)
    except sbd_device.InvalidHeaderError as error:
        raise CommandError(Status.FAILED, error.reason, value=_UNHEALTHY) from None
    return DeviceState(is_healthy=True, timeouts=header.timeouts)


def _read_slots(result: CommandResult) -> Parsed[tuple[sbd_list.SbdSlot, ...]]:
    if result.exit_status is None:
        raise CommandError(result.status, result.detail)
    try:
        return sbd_device.parse_slots(result.stdout)
    except sbd_device.IncompleteSlotsError as error:
        raise CommandError(Status.FAILED, error.reason, value=error.slots) from None
    except sbd_device.InvalidHeaderError as error:
        raise CommandError(Status.FAILED, error.reason) from None


# --- With sbd --------------------------------------------------------------------------------------------------------


def _read_dump(result: CommandResult, *, may_open: Callable[[], bool]) -> Parsed[DeviceState]:
    try:
        header = parse_output(result, sbd_dump.parse, not_running=_NEVER)
    except CommandError as error:
        if result.exit_status is None:
            _raise_unanswered(result, error.detail)
        raise CommandError(error.status, error.detail, value=_damaged_state(result, may_open)) from None
    except ParseError as error:
        raise CommandError(Status.UNPARSABLE, str(error), value=_damaged_state(result, may_open)) from None
    return Parsed(value=DeviceState(is_healthy=True, timeouts=header.value.timeouts), unreadable=header.unreadable)


def _damaged_state(result: CommandResult, may_open: Callable[[], bool]) -> DeviceState | None:
    """Returns what an output shows that is not that of a readable device.

    Only a report of sbd shows that a device is unhealthy. Any other output, or none, shows that something is wrong with
    the command.
    """
    failure = sbd_dump.find_failure(result.stdout, result.stderr, result.exit_status or 0)
    if failure is DumpFailure.NOT_OPENED and not may_open():
        # sbd reports the same for a device that does not exist
        raise CommandError(Status.NOT_PERMITTED, _NOT_PERMITTED) from None
    if failure is not None:
        return _UNHEALTHY
    timeouts = sbd_dump.parse_damaged(result.stdout).timeouts
    return DeviceState(is_healthy=None, timeouts=timeouts) if timeouts else None


def _read_list(result: CommandResult, *, may_open: Callable[[], bool]) -> Parsed[tuple[sbd_list.SbdSlot, ...]]:
    if result.exit_status and not may_open():
        raise CommandError(Status.NOT_PERMITTED, _NOT_PERMITTED)
    if result.stdout.startswith(b"==Dumping header"):
        raise CommandError(Status.FAILED, "printed the header instead of the slots")
    slots = parse_output(result, sbd_list.parse, not_running=_NEVER)
    if result.exit_status:  # sbd prints each slot at once: some are known, but others may be missing
        detail = f"exit status {result.exit_status}: stopped after some of the slots"
        raise CommandError(Status.FAILED, detail, value=slots.value)
    return slots


# --- Both ------------------------------------------------------------------------------------------------------------


def _raise_unanswered(result: CommandResult, detail: str = "") -> NoReturn:
    """Raises the error for a device of which nothing was read.

    A device that does not answer before the deadline is unhealthy. A tool that could not be started, or was killed,
    shows nothing about it.
    """
    state = _UNHEALTHY if result.status is Status.TIMED_OUT else None
    raise CommandError(result.status, detail or result.detail, value=state) from None


def _add_device(samples: SampleSet, device: str, dump: Reading, slots: Reading) -> None:
    state: DeviceState | None = dump.value
    if state is not None:
        if state.is_healthy is not None:
            samples.add(metrics.DEVICES, 1, device, "healthy" if state.is_healthy else "unhealthy")
        for kind, seconds in state.timeouts.items():
            samples.add(metrics.TIMEOUTS, seconds, device, kind)
    for slot in slots.value or ():
        samples.add(metrics.SLOTS, 1, device, slot.node, slot.message)
        if slot.sender:
            samples.add(metrics.SLOT_SENDER, 1, device, slot.node, slot.sender)
