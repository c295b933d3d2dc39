"""Every known format of every tool, as written by hand in ``data/formats``: the samples that it becomes."""

from __future__ import annotations

import pytest

from gateway.frontends.prometheus import exposition
from gateway.samples import SampleSet
from tests import goldens
from tests.goldens import GOLDENS
from tests.situations import FORMATS, formats, samples_of

pytestmark = pytest.mark.usefixtures("utc")


def series_of(samples: SampleSet) -> str:
    """Returns the lines of a page without its comments, and how many samples were dropped."""
    lines = exposition.encode_text(samples.samples_by_metric).decode().splitlines(keepends=True)
    return "".join([f"# dropped: {samples.dropped}\n", *(line for line in lines if not line.startswith("#"))])


@pytest.mark.golden
def test_every_format_becomes_its_samples() -> None:
    failures = []
    for name, samples in formats():
        try:
            goldens.check(f"formats/{name}.prom", series_of(samples))
        except (AssertionError, FileNotFoundError) as error:
            failures.append(f"{name}: {error}")
    assert failures == []


def test_every_golden_has_its_file() -> None:
    goldens_of_formats = {path.relative_to(GOLDENS / "formats").as_posix() for path in GOLDENS.glob("formats/*/*")}
    assert goldens_of_formats == {f"{path.parent.name}/{path.name}.prom" for path in FORMATS.glob("*/*")}


def test_both_spellings_of_crm_mon_become_the_same_samples() -> None:
    older, newer = (samples_of({"crm_mon": FORMATS / f"crm_mon/2.0-{option}.xml"}) for option in ("X", "output-as"))
    assert series_of(older) == series_of(newer)
