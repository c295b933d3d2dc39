"""The messages of notifications: their size, and the codecs of targets."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from gateway.alarms.alarm_table import Alarm, AlarmEvent
from gateway.alarms.bursts import Bursts
from gateway.alarms.notification import Change
from gateway.alarms.notification_builder import NotificationBuilder
from gateway.alarms.summary_text import READ_TABLE
from gateway.catalog import CONDITIONS
from gateway.conditions.model import PROTECTED_CATEGORIES
from gateway.frontends.snmp.notifications.rendering import Renderer
from gateway.frontends.snmp.notifications.target import Target, TargetKind
from gateway.frontends.snmp.notifications.udp_channel import make_codec
from gateway.snmp.credentials import UsmUser
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.message import CommunityCodec
from gateway.snmp.mib.module import mib
from gateway.snmp.usm import UsmCodec
from tests.alarms.notifications import node_lost
from tests.fakes import FakeClock

OURS = EngineIdentity(engine_id=bytes.fromhex("80001f8805") + b"gateway", boots=3)
KEPT_BY_SNMPTT = re.compile(r"[a-zA-Z0-9 !\"#%'()+,\-_.:/=@{}~\\]*")
"""The characters that snmptt 1.5 keeps in the value of a variable. It deletes others, such as semicolons."""

USER = UsmUser(name="u", auth="SHA-256", auth_password="auth password", priv="AES", priv_password="priv password")


def test_notifications_fit_into_484_octets() -> None:
    """Covers every condition, with an object and a text as long as in a cluster with long names."""
    messages = CommunityCodec("public")
    fields = dict.fromkeys(("count", "expected", "total", "number", "msgwait", "watchdog"), "10")
    fields |= {"message": "crashdump", "amount": "1.25 GiB", "state": "Connecting", "name": "fs-data/0"}
    fields["node_id"] = "4294967295"
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
            (varbinds,) = Renderer(mib()).render(notification)
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
        (varbinds,) = Renderer(mib()).render(notification)
        sizes[condition.name] = len(CommunityCodec("public").encode_inform(2**31 - 1, varbinds))
    assert max(sizes.values()) <= 484, sizes


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
