"""Clusters for tests. Where none can run, the tests are skipped; if the variable CI is set, they fail."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.lab.cluster import Cluster, Options, missing_prerequisites
from tests.lab.resources import DEMO_RESOURCES
from tests.lab.systems import systems

if TYPE_CHECKING:
    from collections.abc import Iterator


_FOLDER = Path(__file__).parent
_TIMEOUT = 300


class MakeCluster(Protocol):
    """Starts a cluster that is removed after the test; with `ready`, returns after `Cluster.wait_ready`."""

    def __call__(self, options: Options | None = None, *, daemons: bool = True, ready: bool = True) -> Cluster: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives the tests of the lab more time: each of their waits may take long on a busy machine."""
    for item in items:
        if item.path.parent == _FOLDER and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_TIMEOUT))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips the tests that do not apply to the release that the nodes run, as they declare."""
    for mark in item.iter_markers("not_on"):
        release = systems(Options())[0].release
        if release in mark.args:
            pytest.skip(f"not on {release}: {mark.kwargs['reason']}")


@pytest.fixture(autouse=True)
def umask() -> None:
    """Replaces the fixture of other tests: the daemons of a cluster are several users."""


@pytest.fixture(scope="session")
def lab() -> None:
    """Skips the test if no lab can run here, or fails it if the variable CI is set."""
    reason = missing_prerequisites()
    if reason is not None and os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def cluster(lab: None) -> Iterator[Cluster]:
    """Yields a cluster with three nodes, two rings and DEMO_RESOURCES. Tests share it and restore its state."""
    with Cluster(Options(nodes=3, rings=2)) as cluster:
        cluster.wait_ready()
        cluster.load(DEMO_RESOURCES)
        cluster.wait_idle()
        yield cluster


@pytest.fixture
def make_cluster(lab: None) -> Iterator[MakeCluster]:
    """Yields a function that starts clusters for one test, which may damage them."""
    with ExitStack() as stack:

        def make(options: Options | None = None, *, daemons: bool = True, ready: bool = True) -> Cluster:
            cluster = Cluster(options)
            stack.callback(cluster.stop)
            cluster.start(daemons=daemons)
            if daemons and ready:
                cluster.wait_ready()
            return cluster

        yield make
