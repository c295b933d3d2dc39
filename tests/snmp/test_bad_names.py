"""Names that are long, not ASCII or hostile are the same in a walk, in a notification, in metrics and on the page."""

from __future__ import annotations

import pytest
from lxml import html
from prometheus_client.parser import text_string_to_metric_families

from gateway.alarms.alarm_table import AlarmTable
from gateway.alarms.notification_builder import NotificationBuilder
from gateway.catalog import ACCUMULATORS
from gateway.conditions.view import ClusterView
from gateway.frontends.prometheus.exposition import encode_text
from gateway.frontends.snmp import tables
from gateway.frontends.snmp.notifications.rendering import Renderer
from gateway.printable import printable
from gateway.snmp import oid as oids
from gateway.snmp.mib import syntax
from gateway.snmp.mib.module import mib
from tests.alarms.snapshots import DC, make_snapshot, node
from tests.snmp.walked import walked
from tests.status_pages import overview_of, render

MIB = mib()
OBJECT = MIB["haClusterNoticeObject"].oid + oids.encode((0,))
NAMES = {
    "300 octets": "n" * 300,
    "255 octets": "n" * 255,
    "300 octets of UTF-8": "ü" * 150,
    "UTF-8 of every length": "aä€😀",
    "escape sequence": "\x1b]0;title\x07\x1b[31mred",
    "line end, quote, backslash": 'a\nb"c\\n\\d',
    "NUL and DEL": "a\x00b\x7f",
    "direction marks": "a\u202eb\u2066c",
    "not UTF-8": b"a\xffb".decode("utf-8", "surrogateescape"),
    "empty": "",
}


def names_on_page(page: str) -> set[str]:
    """Returns the names in the list of nodes and in the text of the alarm, which have no limit of SNMP."""
    document = html.document_fromstring(page)
    (listed,) = document.xpath("//section[@id='node']//tbody//th")
    (heading,) = document.xpath("//section[@id='alarms']//h3")
    return {listed.text_content(), heading.text_content().removeprefix("Major ").removesuffix(" is not online")}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_name_is_the_same_everywhere(name: str) -> None:
    healthy = make_snapshot(DC, node(name, "online"), started=1)
    lost = make_snapshot(DC, node(name), started=2)
    table, builder = AlarmTable(), NotificationBuilder()
    for time, snapshot in ((1.0, healthy), (2.0, lost), (60.0, lost)):
        view = ClusterView(snapshot, table.view, accumulators=ACCUMULATORS)
        events = [
            event for event in table.evaluate(view, now=time, time=time) if event.alarm.condition.name == "node-lost"
        ]
    (event,) = events
    (varbinds,) = Renderer(MIB).render(builder.alarm(event, view))
    (notified,) = (value for oid, _, value in varbinds if oid == OBJECT)

    built = tables.build(lost, lost.samples_by_metric, MIB, age=lambda: 0.0)
    assert list(walked(built, MIB)["haClusterNodeName"].values()) == [notified]

    page = encode_text(lost.samples_by_metric).decode()
    shown = {
        sample.labels["node"]
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if "node" in sample.labels
    }
    assert {syntax.text(text) for text in shown} == {notified}
    assert names_on_page(render(lost, overview_of(healthy, lost, lost))) == {printable(name)}
    assert isinstance(notified, bytes)
    assert len(notified) <= 255
    if len(syntax.octets(name)) <= 255:
        assert notified == syntax.octets(name)
