"""Notifications as SNMP notifications: octet for octet as they have always been, in every form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.alarms.notification import Change, Notification, NotificationKind
from gateway.conditions import model
from gateway.conditions.model import Category, Severity
from gateway.frontends.snmp.notifications.compat import FORMS
from gateway.frontends.snmp.notifications.rendering import Renderer, mib_notification
from gateway.snmp import oid as oids
from gateway.snmp.agentx.encoding import encode_varbind
from gateway.snmp.message import CommunityCodec
from gateway.snmp.mib.module import mib
from tests import goldens
from tests.alarms.notifications import node_lost, routine_change

CATEGORIES = sorted((value for value in vars(model).values() if isinstance(value, Category)), key=lambda it: it.rank)
COMMON: Mapping[str, Any] = {"time": 1_700_000_000.25, "uptime": 123.456, "object": "", "node": "node1"}
CONDITION = {**COMMON, "condition": "a-condition"}
INFO = {**COMMON, "category": None, "severity": Severity.INFO, "change": Change.INFO}
DETAILS = {
    "node.left": {
        "kind": "node",
        "node": "node2",
        "node_id": "2",
        "address": "10.0.0.2",
        "status": "left",
        "description": "lost",
    },
    "quorum": {"kind": "quorum", "node": "node1", "node_id": "1", "status": "not quorate"},
    "link": {
        "kind": "link",
        "node": "node1",
        "node_id": "1",
        "peer_id": "2",
        "number": "0",
        "status": "disconnected",
    },
    "fencing": {
        "kind": "fencing",
        "node": "node2",
        "task": "st_notify_fence",
        "description": "node2 was fenced",
        "rc": "0",
    },
    "resource": {
        "kind": "resource",
        "node": "node1",
        "resource": "vip",
        "task": "monitor",
        "description": "not running",
        "rc": "7",
        "target_rc": "0",
    },
}
ROUTINE_CHANGES = {
    "operation": {
        "kind": "resource",
        "node": "node1",
        "resource": "vip",
        "task": "start",
        "description": "ok",
        "status": "0",
        "rc": "0",
        "target_rc": "0",
    },
    "attribute": {"kind": "attribute", "node": "node1", "attribute": "pingd", "value": "100"},
}


def notifications() -> Iterator[tuple[str, Notification]]:
    """Yields a notification of every kind, with a label."""
    sequence = 0
    for index, category in enumerate(CATEGORIES):
        for change in (Change.RAISED, Change.CLEARED):
            sequence += 1
            yield (
                f"{category.name}.{change}",
                node_lost(
                    **{**CONDITION, "object": "object 1" if index % 2 else ""},
                    sequence=sequence,
                    category=category,
                    severity=list(Severity)[index % 4],
                    change=change,
                    text=f"Text of {category.name}",
                ),
            )
    for kind in (NotificationKind.STARTED, NotificationKind.HEARTBEAT, NotificationKind.TEST):
        sequence += 1
        number = 0 if kind is NotificationKind.TEST else sequence
        yield kind.value, node_lost(**INFO, kind=kind, sequence=number, condition=kind.value, text="ä text")
    yield (
        "test.of.a.condition",
        node_lost(
            **COMMON,
            kind=NotificationKind.TEST,
            sequence=0,
            condition="quorum-lost",
            category=model.QUORUM_LOSS,
            severity=Severity.CRITICAL,
            text="TEST",
        ),
    )
    sequence += 1
    for name, details in DETAILS.items():
        yield (
            f"condition.with.{name}",
            node_lost(**{**CONDITION, "object": "o"}, sequence=sequence, text="t", details=(details,)),
        )
        sequence += 1
    for name, details in ROUTINE_CHANGES.items():
        kind, text = NotificationKind.ROUTINE_CHANGE, " ".join(details.values())
        changes = {**INFO, "object": "node1", "condition": details["kind"], "text": text, "details": (details,)}
        yield f"routine.{name}", node_lost(**changes, kind=kind, sequence=sequence - 1)


def rendered(label: str, notification: Notification) -> Iterator[str]:
    """Yields the octets of each form, over AgentX and by SNMPv2c."""
    codec = CommunityCodec("public")
    has_native_form = notification.kind is not NotificationKind.ROUTINE_CHANGE
    forms = {"native": Renderer(mib())} if has_native_form else {}
    forms |= {name: Renderer(mib(), native=False, compat=[name]) for name in FORMS}
    for name, renderer in forms.items():
        if name != "native" and notification.kind is NotificationKind.TEST:
            continue  # a test has only the native form
        for varbinds in renderer.render(notification):
            yield (
                f"{label} {name}\n  agentx {b''.join(map(encode_varbind, varbinds)).hex()}\n"
                f"  trap {codec.encode_trap(7, varbinds).hex()}\n  inform {codec.encode_inform(7, varbinds).hex()}\n"
            )


@pytest.mark.golden
def test_every_kind_of_notification_has_the_same_octets_as_ever() -> None:
    blocks = [block for label, notification in notifications() for block in rendered(label, notification)]
    goldens.check("notifications.txt", "\n".join(blocks))


def test_a_condition_in_all_forms_is_rendered_in_the_configured_order_for_each_of_its_details() -> None:
    one, other = DETAILS["node.left"], {**DETAILS["node.left"], "node": "node3"}
    renderer = Renderer(mib(), compat=["pacemaker", "corosync"])
    identifiers = [varbinds[1].value for varbinds in renderer.render(node_lost(details=(one, other)))]
    pacemaker, corosync = oids.parse("1.3.6.1.4.1.32723.2.1"), oids.parse("1.3.6.1.4.1.35488.0.1")
    native = mib().notifications["haClusterNodeAlarm"].oid
    assert identifiers == [native, pacemaker, corosync, pacemaker, corosync]


def test_a_notification_is_rendered_once_for_all_channels() -> None:
    renderer, notification = Renderer(mib()), node_lost()
    assert renderer.render(notification) is renderer.render(notification)
    assert renderer.render(node_lost(2)) != renderer.render(notification)


@pytest.mark.parametrize(
    ("notification", "accepted"),
    [
        (node_lost(), False),
        (node_lost(details=(DETAILS["link"],)), True),
        (routine_change(1, ROUTINE_CHANGES["operation"]), False),
        (node_lost(kind=NotificationKind.TEST), True),
    ],
)
def test_without_the_native_form_only_other_forms_and_tests_are_accepted(
    notification: Notification, *, accepted: bool
) -> None:
    renderer = Renderer(mib(), native=False, compat=["corosync"])
    assert renderer.accepts(notification) is accepted
    assert bool(renderer.render(notification)) is accepted


def test_a_form_that_cannot_be_rendered_costs_only_itself() -> None:
    unknown = Category(name="Unknown", title="", rank=0)
    renderer = Renderer(mib(), compat=["corosync"])
    with capture_logs() as logs:
        (corosync,) = renderer.render(node_lost(category=unknown, details=(DETAILS["link"],)))
    assert corosync[1].value == oids.parse("1.3.6.1.4.1.35488.0.4")
    assert [(log["event"], log["form"]) for log in logs] == [("notification not rendered", "ha-cluster")]


def test_every_category_and_kind_has_a_notification_in_the_mib() -> None:
    names = {mib_notification(notification) for _, notification in notifications() if notification.category}
    names |= {mib_notification(node_lost(kind=kind, category=None)) for kind in list(NotificationKind)[1:5]}
    assert names == mib().notifications.keys()
