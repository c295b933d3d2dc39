"""The messages of notifications: their size, and the codecs of targets."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from gateway.alarms.alarm_table import Alarm, AlarmEvent
from gateway.alarms.bursts import Bursts
from gateway.alarms.notification import Change, NotificationKind
from gateway.alarms.notification_builder import NotificationBuilder
from gateway.alarms.summary_text import MAX_TEXT, READ_TABLE
from gateway.catalog import CONDITIONS
from gateway.conditions.model import PROTECTED_CATEGORIES
from gateway.frontends.snmp.notifications.rendering import ADDITIONAL_VARIABLE, Renderer, action_text
from gateway.frontends.snmp.notifications.target import Target, TargetKind
from gateway.frontends.snmp.notifications.udp_channel import make_codec
from gateway.snmp import oid as oids
from gateway.snmp.credentials import UsmUser
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.message import CommunityCodec
from gateway.snmp.mib.module import mib
from gateway.snmp.usm import UsmCodec
from tests.alarms.notifications import node_lost
from tests.fakes import FakeClock

ACTION = mib()[ADDITIONAL_VARIABLE].oid + oids.INSTANCE
OURS = EngineIdentity(engine_id=bytes.fromhex("80001f8805") + b"gateway", boots=3)
KEPT_BY_SNMPTT = re.compile(r"[a-zA-Z0-9 !\"#%'()+,\-_.:/=@{}~\\]*")
"""The characters that snmptt 1.5 keeps in the value of a variable. It deletes others, such as semicolons."""

USER = UsmUser(name="u", auth="SHA-256", auth_password="auth password", priv="AES", priv_password="priv password")


def test_notifications_fit_into_484_octets() -> None:
    """Covers every condition, with an object and a text as long as in a cluster with long names."""
    messages = CommunityCodec("public")
    fields = dict.fromkeys(("count", "expected", "total", "number", "msgwait", "watchdog"), "10")
    fields |= {"message": "crashdump", "amount": "1.25 GiB", "state": "Connecting", "name": "fs-data/0"}
    fields |= {"node_id": "4294967295", "what": "valid message"}
    sizes = {}
    for condition in CONDITIONS:
        for number, template in enumerate((condition.raised, condition.cleared)):
            named = {name: fields.get(name, "node-a.example") for name in template_fields(template)}
            notification = node_lost(
                4_000_000_000,
                condition=condition.name,
                severity=condition.severity,
                change=Change.RAISED if number == 0 else Change.CLEARED,
                object="fs-postgres-data on node-a.example",
                node="node-b.example",
                cluster="production",
                text=template.format_map(named),
                category=condition.category,
                uptime=4e7,
            )
            (varbinds,) = Renderer(mib(), send_action=False).render(notification)
            data = messages.encode_inform(2**31 - 1, varbinds)
            sizes[condition.name, number] = len(data)
    assert max(sizes.values()) <= 484, {name: size for name, size in sizes.items() if size > 484}


@pytest.mark.parametrize("name", ["fs-postgres-data", "db"])
def test_the_summary_of_a_burst_fits_into_484_octets(name: str) -> None:
    builder = NotificationBuilder(hostname="node-b.example", clock=FakeClock(4e7))
    sizes = {}
    for condition in CONDITIONS:
        if condition.category in PROTECTED_CATEGORIES:
            continue
        objects = (f"{name}-{number} on node-a.example" for number in range(100))
        alarms = [
            Alarm(condition=condition, object=object_, fields={}, first_seen=0, since=1_700_000_000, last_seen=0)
            for object_ in objects
        ]
        events = [AlarmEvent(alarm=alarm, change=Change.RAISED, text="") for alarm in alarms]
        summary, *_ = Bursts(20).condense(events)
        notification = replace(builder.alarm(summary, None), sequence=4_000_000_000, cluster="production")
        (varbinds,) = Renderer(mib(), send_action=False).render(notification)
        sizes[condition.name] = len(CommunityCodec("public").encode_inform(2**31 - 1, varbinds))
        (varbinds,) = Renderer(mib()).render(notification)
        assert varbinds[-1].value == action_text(condition).encode()
    assert max(sizes.values()) <= 484, sizes


def test_what_to_do_is_the_last_variable_of_a_raise_and_of_no_other_notification() -> None:
    renderer = Renderer(mib())
    objects = mib().notifications["haClusterNodeAlarm"].objects
    for condition in CONDITIONS:
        raised = node_lost(condition=condition.name, category=condition.category)
        (varbinds,) = renderer.render(raised)
        assert len(varbinds) == 2 + len(objects) + 1
        assert (varbinds[-1].oid, varbinds[-1].value) == (ACTION, action_text(condition).encode())
        for other in (
            replace(raised, change=Change.CLEARED),
            replace(raised, kind=NotificationKind.STARTED, condition="started", category=None, change=Change.INFO),
        ):
            (varbinds,) = renderer.render(other)
            assert len(varbinds) == 2 + len(objects)


@pytest.mark.parametrize("length", [1, 64, 120, 255])
def test_a_message_with_what_to_do_fits_into_1472_octets(length: int) -> None:
    """Covers the longest header, and names so long that the message is too long without what to do."""
    user = UsmUser(name="u" * 32, auth="SHA-512", auth_password="a password", priv="AES", priv_password="a password")
    ours = EngineIdentity(engine_id=bytes.fromhex("80001f8805") + b"e" * 27, boots=2**31 - 2)
    codec = make_codec(Target(host="h", kind=TargetKind.TRAP, user=user), ours)
    name = "n" * length
    notification = node_lost(4_000_000_000, object=name, node=name, cluster=name, text=name, uptime=4e7)
    (varbinds,) = Renderer(mib()).render(notification)
    assert varbinds[-1].oid == ACTION
    assert bool(varbinds[-1].value) is (length < 255)
    assert len(codec.encode_trap(2**31 - 1, varbinds)) <= 1472 or length == 255


def test_what_to_do_is_plain_text_that_fits_into_its_object() -> None:
    """Receivers may hand it to a shell, in double quotes."""
    actions = {condition.name: action_text(condition) for condition in CONDITIONS}
    assert {name: text for name, text in actions.items() if len(text) > MAX_TEXT} == {}
    assert {name: text for name, text in actions.items() if not KEPT_BY_SNMPTT.fullmatch(text)} == {}
    assert {name: text for name, text in actions.items() if set(text) & set('`$"\\!')} == {}


def test_snmptt_keeps_all_characters_of_the_texts() -> None:
    builder = NotificationBuilder(clock=FakeClock())
    templates = [template for condition in CONDITIONS for template in (condition.raised, condition.cleared)]
    summaries = [builder.started([]), builder.heartbeat([]), *builder.introduction([], [], None)]
    texts = [*templates, READ_TABLE, *(notification.text for notification in summaries)]
    assert [text for text in texts if not KEPT_BY_SNMPTT.fullmatch(text)] == []


def template_fields(template: str) -> list[str]:
    return [part.partition("}")[0] for part in template.split("{")[1:]]


def test_codecs_of_targets() -> None:
    assert isinstance(make_codec(Target(host="h", kind=TargetKind.TRAP, community="c"), None), CommunityCodec)
    assert isinstance(make_codec(Target(host="h", kind=TargetKind.TRAP, user=USER), OURS), UsmCodec)
