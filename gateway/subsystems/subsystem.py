"""The declaration of a subsystem: everything that the rest of the gateway uses of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway.conditions.model import Condition
from gateway.conditions.view import Accumulator, ClusterView
from gateway.host.host import DEFAULT_MAX_OUTPUT, DEFAULT_TIMEOUT
from gateway.options.model import Option, OptionValues
from gateway.options.readers import arguments, host_path, seconds, whole_number
from gateway.samples import Metric, MibCounts, MibRow
from gateway.status import Status
from gateway.subsystems.probe import Collector
from gateway.summary import Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A command-line tool that a subsystem may run.

    Attributes:
        name: the name of its program, and of its table in the configuration (``[tools.NAME]``).
        purpose: what it is run for, in a few words, for the example configuration.
        path_flag: the flag that sets its path, if it is not ``--NAME-path`` with dashes for underscores.
        output_limit: bytes that it prints at most, even in the largest cluster; the default of ``max_output``.
    """

    name: str
    purpose: str
    path_flag: str = ""
    output_limit: int = DEFAULT_MAX_OUTPUT

    @property
    def path(self) -> Option[str]:
        """The option for the path of the program."""
        return Option(
            key=f"tools.{self.name}.path",
            default="",
            read=host_path,
            help=f"Path of {self.name}; empty to search the standard directories.",
            flags=(self.path_flag or f"--{self.name.replace('_', '-')}-path",),
            reloadable=True,
        )

    @property
    def timeout(self) -> Option[float]:
        """The option for the time that one run of the program may take."""
        return Option(
            key=f"tools.{self.name}.timeout",
            default=DEFAULT_TIMEOUT,
            read=seconds,
            help=f"Seconds after which {self.name} is killed.",
            reloadable=True,
        )

    @property
    def prefix(self) -> Option[tuple[str, ...]]:
        """The option for the words in front of the program."""
        return Option(
            key=f"tools.{self.name}.prefix",
            default=[],
            read=arguments,
            help=f'Words to put in front of {self.name}, such as ["sudo", "-n"].',
            reloadable=True,
        )

    @property
    def max_output(self) -> Option[int]:
        """The option for the size of what one run of the program may print."""
        return Option(
            key=f"tools.{self.name}.max_output",
            default=self.output_limit,
            read=whole_number(1),
            help=f"Bytes that one run of {self.name} may print before it is killed.",
            reloadable=True,
        )

    @property
    def options(self) -> tuple[Option[Any], ...]:
        """All options of the tool."""
        return (self.path, self.timeout, self.prefix, self.max_output)


@dataclass(frozen=True, slots=True, kw_only=True)
class MibSummary:
    """Objects of HA-CLUSTER-MIB that summarize several samples.

    Attributes:
        objects: the names of the objects.
        derive: yields the name of an object, the texts of its indexes, and its value.
    """

    objects: tuple[str, ...]
    derive: Callable[[ClusterView], Iterator[tuple[str, tuple[str, ...], str | float]]]


class Role(NamedTuple):
    """What a host is in the cluster.

    Attributes:
        text: the role in a few words.
        advice: what to do because the host does not fill it, which explains why the subsystem is down; else empty.
    """

    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertAgents:
    """How a subsystem reports its events to programs (alert agents), of which the gateway has one.

    Attributes:
        tool: the tool that lists the agents.
        arguments: its arguments.
        parse: returns the paths of the agents from the output; raises ``ParseError``.
        advice: the commands that add an agent, for which ``{path}`` stands.
    """

    tool: str
    arguments: tuple[str, ...]
    parse: Callable[[bytes], Sequence[str]]
    advice: str


def _describe_nothing(_view: ClusterView) -> Iterator[Role]:
    return iter(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Subsystem:
    """One part of the cluster stack that is collected on its own.

    Attributes:
        name: the value of the ``collector`` label, and the key of its options.
        title: its name in documentation and messages.
        tools: every tool that it may run. Those whose presence shows that the subsystem is installed are named by its
            collector (``Collector.presence_tools``).
        options: its options, besides those of its tools.
        metrics: every metric that its collector may produce.
        conditions: every condition that is evaluated on these metrics.
        summaries: what a person has to know about it, for the status page.
        describe_host: yields what this host is in the cluster, if the subsystem knows that, for ``check``.
        alert_agents: how it reports events to the alert agent of the gateway; None if it does not.
        accumulators: values that its conditions keep from one snapshot to the next.
        mib_rows: the rows of HA-CLUSTER-MIB that show these metrics.
        mib_counts: the scalars of HA-CLUSTER-MIB that count samples of these metrics.
        mib_summaries: the objects of HA-CLUSTER-MIB that summarize these metrics in other ways.
        group: the group whose members may use its daemons; empty if it has none.
        make_collector: creates its collector from the configured values of options.
        advice: what ``check`` advises for a status, if the general advice does not fit.
    """

    name: str
    title: str
    tools: tuple[ToolSpec, ...]
    options: tuple[Option[Any], ...] = ()
    metrics: tuple[Metric, ...]
    conditions: tuple[Condition, ...]
    summaries: tuple[Summary, ...] = ()
    describe_host: Callable[[ClusterView], Iterator[Role]] = _describe_nothing
    alert_agents: AlertAgents | None = None
    accumulators: tuple[Accumulator, ...] = ()
    mib_rows: tuple[MibRow, ...] = ()
    mib_counts: tuple[MibCounts, ...] = ()
    mib_summaries: tuple[MibSummary, ...] = ()
    group: str = ""
    make_collector: Callable[[OptionValues], Collector]
    advice: Mapping[Status, str] = field(default_factory=dict)
