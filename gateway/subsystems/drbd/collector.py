"""Collects the status of DRBD's resources, and the split brains that its handler has recorded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from gateway.errors import ParseError
from gateway.host.host import CommandResult, Host
from gateway.samples import Flags, Metric, SampleSet
from gateway.status import Status
from gateway.subsystems.drbd import drbdsetup, metrics
from gateway.subsystems.parsing.partial import Parsed
from gateway.subsystems.probe import CommandError, Plan, Probe, Reading, list_directory, parse_output, read_file

_MODULES = "/sys/module"
_MODULE = "/sys/module/drbd"
_MODULE_VERSION = f"{_MODULE}/version"

_NOT_RUNNING = re.compile(rb"modprobe|generic netlink family|need to load the module|no such device", re.IGNORECASE)
_NEVER = re.compile(rb"(?!)")
"""Matches nothing."""
_NO_JSON = re.compile(rb"unrecognized option|unknown option|invalid option|usage:", re.IGNORECASE)
_SPLIT_BRAIN_FILE = re.compile(r"drbd-split-brain-detected-(?P<resource>.+)-(?P<volume>[^-]+)")
_TRANSPORT_MODULE = re.compile(r"drbd_transport_(?P<name>\w+)")
_DISKLESS = "Diskless"
_KIB = 1024


def _parse_status(
    result: CommandResult, not_running: re.Pattern[bytes] = _NEVER
) -> Parsed[tuple[drbdsetup.DrbdResource, ...]]:
    try:
        return parse_output(result, drbdsetup.parse, not_running=not_running)
    except (CommandError, ParseError):
        if _NO_JSON.search(result.stderr + result.stdout):
            detail = "drbdsetup has no option --json: drbd-utils 9 or later is required"
            raise CommandError(Status.FAILED, detail) from None
        raise


_STATUS = Probe(name="drbdsetup", tool="drbdsetup", variants=(("status", "--json"),), read=_parse_status)
_STATUS_WITHOUT_MODULE = replace(_STATUS, read=partial(_parse_status, not_running=_NOT_RUNNING))
"""The same if the kernel module is not loaded. drbdsetup prints that it cannot connect to it for other reasons, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrbdCollector:
    """Collects the state of this node's replicated block devices.

    Attributes:
        split_brain_directory: where the split-brain handler leaves a file for each split brain.
        check_module: whether to run drbdsetup only while DRBD's kernel module is loaded; otherwise it tries to load it.
    """

    name: str = "drbd"
    presence_tools: tuple[str, ...] = ("drbdsetup",)
    configurations: tuple[str, ...] = ("/etc/drbd.conf", _MODULE_VERSION)
    split_brain_directory: str
    check_module: bool

    def plan(self, host: Host) -> Plan:
        """Returns the one probe, or a reading in its place if DRBD's kernel module is not loaded."""
        files = {
            "split brain": list_directory(host, self.split_brain_directory),
            "modules": list_directory(host, _MODULES),
            "version": read_file(host, _MODULE_VERSION, lambda content: content.decode("ascii", "replace").strip()),
        }
        module = list_directory(host, _MODULE)
        is_loaded = module.status is not Status.OK or bool(module.value)
        if is_loaded or not self.check_module:
            probe = _STATUS if is_loaded else _STATUS_WITHOUT_MODULE
            return Plan(probes=(probe,), files=files, required_files=("split brain",))
        not_loaded = Reading(status=Status.NOT_RUNNING, detail="DRBD's kernel module is not loaded")
        return Plan(files={**files, "drbdsetup": not_loaded}, required_files=("split brain", "drbdsetup"))

    def make_samples(self, readings: Mapping[str, Reading]) -> SampleSet:
        """Returns the samples of the metrics ``ha_cluster_drbd_*``."""
        samples = SampleSet()
        for resource in readings["drbdsetup"].ok_value or ():
            _add_resource(samples, resource)
        if version := readings["version"].ok_value:
            samples.add(metrics.VERSION_INFO, 1, version)
        for name in readings["modules"].ok_value or ():
            if match := _TRANSPORT_MODULE.fullmatch(name):
                samples.add(metrics.TRANSPORT_LOADED, 1, match["name"].replace("_", "-"))
        for name in readings["split brain"].ok_value or ():
            if match := _SPLIT_BRAIN_FILE.fullmatch(name):
                samples.add(metrics.SPLIT_BRAIN, 1, match["resource"], match["volume"])
        return samples


def _add_resource(samples: SampleSet, resource: drbdsetup.DrbdResource) -> None:
    samples.add(metrics.SUSPENDED, resource.suspended, resource.name)
    samples.add(metrics.SUSPENDED_REASON, _flags(metrics.SUSPENDED_REASON, resource.suspended_reasons), resource.name)
    samples.add(metrics.FORCE_IO_FAILURES, resource.force_io_failures, resource.name)
    for volume in resource.volumes:
        _add_volume(samples, resource, volume)
    for connection in resource.connections:
        _add_connection(samples, resource.name, connection)


_VOLUME_NUMBERS: tuple[tuple[Metric, str, int], ...] = (
    (metrics.WRITTEN, "written_kib", 1),
    (metrics.READ, "read_kib", 1),
    (metrics.AL_WRITES, "al_writes", 1),
    (metrics.BM_WRITES, "bm_writes", 1),
    (metrics.UPPER_PENDING, "upper_pending", 1),
    (metrics.LOWER_PENDING, "lower_pending", 1),
    (metrics.QUORUM, "quorum", 1),
    (metrics.DEVICE_SIZE, "size_kib", _KIB),
    (metrics.READ_BYTES, "read_kib", _KIB),
    (metrics.WRITTEN_BYTES, "written_kib", _KIB),
)
"""Metric, field of a volume, and the factor that converts the field's unit to the metric's."""


def _add_volume(samples: SampleSet, resource: drbdsetup.DrbdResource, volume: drbdsetup.DrbdVolume) -> None:
    labels = (resource.name, str(volume.number))
    if resource.role is not None and volume.disk_state is not None:
        samples.add(metrics.RESOURCES, 1, resource.name, resource.role, str(volume.number), volume.disk_state.lower())
    _add_numbers(samples, _VOLUME_NUMBERS, volume, labels)
    if volume.client is not None and volume.disk_state is not None:
        lost = volume.disk_state == _DISKLESS and not volume.client
        samples.add(metrics.DISKLESS_UNINTENTIONAL, int(lost), *labels)


_PEER_NUMBERS: tuple[tuple[Metric, str, int], ...] = (
    (metrics.CONNECTIONS_SYNC, "percent_in_sync", 1),
    (metrics.CONNECTIONS_RECEIVED, "received_kib", 1),
    (metrics.CONNECTIONS_SENT, "sent_kib", 1),
    (metrics.CONNECTIONS_PENDING, "pending", 1),
    (metrics.CONNECTIONS_UNACKED, "unacked", 1),
    (metrics.OUT_OF_SYNC, "out_of_sync_kib", _KIB),
)
"""The same for volumes on peers."""


def _add_connection(samples: SampleSet, resource: str, connection: drbdsetup.DrbdConnection) -> None:
    peer = str(connection.peer_node_id)
    labels = (resource, peer, connection.name)
    if connection.connection_state is not None:
        state = metrics.CONNECTION_STATE.flags_for(connection.connection_state)
        samples.add(metrics.CONNECTION_STATE, state, *labels)
    samples.add(metrics.CONGESTED, connection.congested, *labels)
    samples.add(metrics.AP_IN_FLIGHT, connection.ap_in_flight, *labels)
    samples.add(metrics.RS_IN_FLIGHT, connection.rs_in_flight, *labels)
    for path in connection.paths:
        samples.add(metrics.PATH_ESTABLISHED, path.established, *labels, path.local_address, path.peer_address)
    for volume in connection.peers:
        number = str(volume.volume)
        if volume.peer_disk_state is not None:
            disk_state = volume.peer_disk_state.lower()
            samples.add(metrics.CONNECTIONS, 1, resource, peer, connection.peer_role, number, disk_state)
        _add_numbers(samples, _PEER_NUMBERS, volume, (resource, peer, number))
        if volume.replication_state is not None:
            replication = metrics.REPLICATION_STATE.flags_for(volume.replication_state)
            samples.add(metrics.REPLICATION_STATE, replication, resource, peer, number)
        suspended = _flags(metrics.RESYNC_SUSPENDED, volume.resync_suspended)
        samples.add(metrics.RESYNC_SUSPENDED, suspended, resource, peer, number)


def _flags(metric: Metric, reasons: tuple[str, ...] | None) -> Flags | None:
    """Returns the flags of the reasons; a reason that the metric does not know is left out."""
    return None if reasons is None else tuple(state in reasons for state in metric.states)


def _add_numbers(
    samples: SampleSet, table: tuple[tuple[Metric, str, int], ...], source: object, labels: tuple[str, ...]
) -> None:
    for metric, field, factor in table:
        value = getattr(source, field)
        samples.add(metric, None if value is None else value * factor, *labels)
