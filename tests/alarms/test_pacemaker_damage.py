"""What is missing or unreadable in the outputs of Pacemaker's tools neither raises nor clears an alarm.

Each attribute, element and section of a document is removed, renamed, or set to an unknown word, one at a time. The
damaged document is evaluated in three places: as the first one, after the undamaged one, and before it. Nothing may be
raised that the undamaged document does not raise, and nothing may be cleared. The documents are our own, the lab's
captures, and the cases from the field if they are there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from lxml import etree

from gateway.subsystems.pacemaker.conditions import CONDITIONS
from gateway.subsystems.parsing.xml import Element
from tests import cases
from tests.alarms import documents
from tests.alarms.documents import Outputs
from tests.alarms.states import cleared, raised, read, walk
from tests.cases import needs_cases
from tests.situations import LAB

pytestmark = pytest.mark.no_cover  # thousands of similar inputs: four times as fast without

# --- Damage ----------------------------------------------------------------------------------------------------------

IDENTITIES = frozenset(
    {
        *("id", "name", "resource", "node", "op_key", "task", "interval", "target", "id_as_resource"),
        *("resource_agent", "attribute", "value", "rsc", "with-rsc", "ticket", "rsc-pattern", "id-ref", "version"),
    }
)
"""Attributes whose words are names, times or free text. Any other word is another object, and as good as the first."""

IGNORED = frozenset({"pacemaker-result", "crm_mon", "cib", "configuration", "constraints"})
"""Elements whose attributes are not read, apart from the version of the tool, and roots, which cannot be removed."""


class Damage(NamedTuple):
    """One thing that is done to a document: how, to which element, and to which of its attributes if not to itself."""

    how: str
    parent: str
    element: str
    attribute: str
    document: bytes

    @property
    def kind(self) -> tuple[str, str, str]:
        """What the exceptions are about."""
        return self.how, self.element, self.attribute


def damages(document: bytes, *, repeated: int) -> Iterator[Damage]:
    """Yields the damaged forms of a document.

    Args:
        document: the undamaged document.
        repeated: how many elements with the same name, parent and attributes are damaged.
    """
    root = etree.fromstring(document)
    seen: Counter[tuple[str, ...]] = Counter()
    for element in list(root.iter("*")):
        parent = element.getparent()
        place = ("" if parent is None else str(parent.tag), str(element.tag), *sorted(map(str, element.attrib)))
        seen[place] += 1
        if seen[place] > repeated:
            continue
        if parent is not None:
            yield from _damaged_element(root, element, parent)
        if element.tag not in IGNORED:
            yield from _damaged_attributes(root, element, place[0])


def _damaged_element(root: Element, element: Element, parent: Element) -> Iterator[Damage]:
    tag, parent_tag, position = str(element.tag), str(parent.tag), parent.index(element)
    element.tag = "unknown"
    yield Damage("rename", parent_tag, tag, "", etree.tostring(root))
    element.tag = tag
    parent.remove(element)
    yield Damage("remove", parent_tag, tag, "", etree.tostring(root))
    parent.insert(position, element)


def _damaged_attributes(root: Element, element: Element, parent: str) -> Iterator[Damage]:
    tag = str(element.tag)
    for name, value in [(str(name), str(value)) for name, value in element.attrib.items()]:
        del element.attrib[name]
        yield Damage("remove", parent, tag, name, etree.tostring(root))
        element.set(f"un{name}", value)
        yield Damage("rename", parent, tag, name, etree.tostring(root))
        del element.attrib[f"un{name}"]
        if name not in IDENTITIES:
            element.set(name, "perhaps")
            yield Damage("unknown word", parent, tag, name, etree.tostring(root))
        element.set(name, value)


REMOVABLE = {
    "failures": "crm_mon omits the section if there are none",
    "failure": "the failure was cleaned up",
    "fence_history": "crm_mon omits the section if there are none",
    "fence_event": "the event was cleaned up: only the later success of another event can be lost",
    "resource_history": "the resource has no history on the node",
    "bans": "crm_mon omits the section if there are none",
    "ban": "the constraint was removed",
    "rsc_location": "the constraint was removed",
    "rsc_ticket": "the constraint was removed",
    "rsc_colocation": "the constraint was removed",
    "date_expression": "the constraint has no end",
}
"""Elements without which a document is as complete as before, with what their absence means."""

EXCEPTIONS: dict[tuple[str, str, str], str] = {
    **{("remove", element, ""): meaning for element, meaning in REMOVABLE.items()},
    **{(how, "resource_history", "fail-count"): "crm_mon omits a fail count of zero" for how in ("remove", "rename")},
}
"""Damage that cannot be told from another state of the cluster."""


def violations(outputs: Outputs, *, before: Outputs | None = None, repeated: int = 1) -> Iterator[str]:
    """Yields what is raised or cleared because of the damage to a document, in each of the three places."""
    first = [read(before)] if before else []
    undamaged = read(outputs)
    right = raised(walk(*first, undamaged))
    for damage, variant in _variants(outputs, repeated):
        if damage.kind in EXCEPTIONS:
            continue
        damaged = read(variant)
        where = f"{damage.how} {damage.attribute or 'element'} of <{damage.element}> in <{damage.parent}>"
        for place, events, allowed in (
            ("alone", walk(*first, damaged), right),
            ("after", walk(*first, undamaged, damaged), frozenset()),
            ("before", walk(*first, damaged, undamaged), right),
        ):
            for wrong in raised(events) - allowed:
                yield f"{where}, {place}: raises {wrong}"
            for wrong in cleared(events):
                yield f"{where}, {place}: clears {wrong}"


def _variants(outputs: Outputs, repeated: int) -> Iterator[tuple[Damage, Outputs]]:
    for damage in damages(outputs.crm_mon, repeated=repeated):
        yield damage, outputs._replace(crm_mon=damage.document)
    for damage in damages(outputs.cib, repeated=repeated):
        yield damage, outputs._replace(cib=damage.document)


# --- Documents -------------------------------------------------------------------------------------------------------


def test_the_documents_show_every_condition() -> None:
    quiet, events = read(documents.QUIET), read(documents.EVENTS)
    assert raised(walk(quiet)) == frozenset()
    states = [walk(read(each)) for each in (documents.TROUBLE, documents.OPTIONS, documents.NO_DC)]
    shown = {name for each in (*states, walk(quiet, events)) for name, _ in raised(each)}
    assert shown == {condition.name for condition in CONDITIONS} - {"pacemaker-down", "remote-host-disconnected"}


@pytest.mark.parametrize("name", ["QUIET", "TROUBLE", "OPTIONS", "NO_DC"])
def test_damage_to_our_own_documents(name: str) -> None:
    assert list(violations(getattr(documents, name), repeated=2)) == []


def test_damage_around_events() -> None:
    assert list(violations(documents.EVENTS, before=documents.QUIET)) == []


CAPTURES = ("bundle", "fencing-failed", "moved", "no-dc", "standby", "stop-failed")
"""The lab's captures that show most conditions."""


@pytest.mark.parametrize("situation", CAPTURES)
def test_damage_to_a_capture(situation: str) -> None:
    outputs = ("crm_mon--output-as=xml.stdout", "cibadmin-constraints.stdout")
    assert list(violations(Outputs(*((LAB / situation / name).read_bytes() for name in outputs)))) == []


@needs_cases
@pytest.mark.parametrize("case", [name for name in cases.names() if name[:1] == "p"])
def test_damage_to_a_case(case: str) -> None:
    assert cases.CASES is not None
    for folders in cases.state_folders(cases.CASES / case):
        status, constraints = cases.read_file(folders, "crm_mon.xml"), cases.read_file(folders, "cib.xml")
        assert status is not None
        assert list(violations(Outputs(status, constraints or b"<constraints/>"))) == []
