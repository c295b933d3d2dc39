"""Collects the toys in a box."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.host.host import CommandResult, Host
from gateway.samples import SampleSet
from gateway.subsystems.probe import Plan, Probe, Reading, parse_output
from tests.toy_subsystem import metrics, toyctl

_NOT_RUNNING = re.compile(rb"not wound up")


def _parse_toys(result: CommandResult) -> tuple[toyctl.Toy, ...]:
    return parse_output(result, toyctl.parse, not_running=_NOT_RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyCollector:
    """Collects the toys in a box.

    Attributes:
        box: the path of the box.
    """

    name: str = "toy"
    presence_tools: tuple[str, ...] = ("toyctl",)
    configurations: tuple[str, ...] = ()
    box: str

    def plan(self, host: Host) -> Plan:
        """Returns the one probe."""
        del host
        return Plan(probes=(Probe(name="toyctl", tool="toyctl", variants=((self.box,),), read=_parse_toys),))

    def make_samples(self, readings: Mapping[str, Reading]) -> SampleSet:
        """Returns the samples of the metrics ``ha_cluster_toy_*``."""
        samples = SampleSet()
        toys = readings["toyctl"].ok_value
        if toys is not None:
            samples.add(metrics.COUNT, len(toys))
            for toy in toys:
                samples.add(metrics.SPRING, toy.spring, toy.name)
        return samples
