"""crm_mon's XML, shape by shape. The documents are written for these tests."""

from __future__ import annotations

import contextlib
import gc
import math
import re
from pathlib import Path

import pytest

from gateway.errors import ParseError
from gateway.subsystems.pacemaker import cluster_status, crm_mon
from tests.situations import LAB
from tests.time_zones import time_zone
from tests.unreadable import reasons


def parse(body: str, root: str = "crm_mon") -> cluster_status.ClusterStatus:
    return crm_mon.parse(f"<{root}>{body}</{root}>".encode()).value


def resource(name: str, *nodes: str, **attributes: str) -> str:
    is_active = "true" if nodes else "false"
    given = {"id": name, "resource_agent": "ocf:test:Agent", "role": "Started", "active": is_active, "managed": "true"}
    given |= {"orphaned": "false", "failed": "false", "failure_ignored": "false", "nodes_running_on": str(len(nodes))}
    text = " ".join(f'{key}="{value}"' for key, value in {**given, **attributes}.items())
    inner = "".join(f'<node name="{node}" id="1" cached="true"/>' for node in nodes)
    return f"<resource {text}>{inner}</resource>"


OPTIONS = 'stonith-enabled="true" symmetric-cluster="true" maintenance-mode="false" stop-all-resources="false"'


def node(**attributes: str) -> str:
    states = dict.fromkeys(("online", "is_dc", "expected_up"), "true")
    states |= dict.fromkeys(("standby", "standby_onfail", "pending", "unclean", "shutdown"), "false")
    text = " ".join(f'{key}="{value}"' for key, value in {"name": "n1", **states, **attributes}.items())
    return f"<node {text}/>"


def complete(body: str = "", *, nodes: str = "", resources: str = "", **summary: str) -> bytes:
    """Returns a document with everything that every version prints; ``summary`` has attributes by element."""
    elements = {
        "current_dc": 'present="true" name="n1" with_quorum="true"',
        "nodes_configured": f'number="{nodes.count("<node ")}"',
        "resources_configured": f'number="{resources.count("<resource ")}"',
        "cluster_options": OPTIONS,
        **summary,
    }
    text = "".join(f"<{tag} {attributes}/>" for tag, attributes in elements.items())
    return (
        f"<crm_mon><summary>{text}</summary><nodes>{nodes}</nodes><resources>{resources}</resources>{body}</crm_mon>"
    ).encode()


def places(status: cluster_status.ClusterStatus) -> list[tuple[str, str, str, tuple[str, ...]]]:
    return [(instance.id, instance.group, instance.clone, instance.nodes) for instance in status.resources]


@pytest.mark.parametrize("root", ["crm_mon", "pacemaker-result"])
def test_both_root_elements_are_accepted(root: str) -> None:
    status = parse(f"<resources>{resource('a', 'n1')}</resources>", root)
    assert places(status) == [("a", "", "", ("n1",))]
    assert status.connected


def test_resources_at_every_depth() -> None:
    status = parse(
        f"""<resources>
        <group id="g">{resource("g1", "n1")}</group>
        <clone id="c">{resource("c1", "n1")}{resource("c1", "n2")}</clone>
        <clone id="cg">
          <group id="gr:0">{resource("m", "n1")}</group><group id="gr:12">{resource("m", "n2")}</group>
        </clone>
        <bundle id="b"><replica id="0">{resource("b-ip", "n1")}{resource("in", "b-0")}</replica></bundle>
        {resource("stopped", active="false", role="Stopped")}
        {resource("twice", "n1", "n2")}
        </resources>"""
    )
    assert places(status) == [
        ("g1", "g", "", ("n1",)),
        ("c1", "", "c", ("n1",)),
        ("c1", "", "c", ("n2",)),
        ("m", "gr", "cg", ("n1",)),
        ("m", "gr", "cg", ("n2",)),
        ("b-ip", "", "b", ("n1",)),
        ("in", "", "b", ("b-0",)),
        ("stopped", "", "", ()),
        ("twice", "", "", ("n1", "n2")),
    ]
    assert status.bundles == (cluster_status.Bundle(id="b", replicas=1, running=1),)


def test_a_group_outside_a_clone_keeps_its_name() -> None:
    status = parse(f'<resources><group id="g:1">{resource("a")}</group></resources>')
    assert places(status) == [("a", "g:1", "", ())]


def test_renamed_attributes_are_read_under_both_names() -> None:
    old = parse('<summary><cluster_options stonith-enabled="true" stonith-timeout-ms="60000"/></summary>')
    new = parse('<summary><cluster_options fencing-enabled="true" fencing-timeout-ms="60000"/></summary>')
    both = parse('<summary><cluster_options fencing-enabled="true" stonith-enabled="true"/></summary>')
    assert old.summary.options == new.summary.options == {"stonith-enabled": "true"}
    assert old.summary.stonith_timeout == new.summary.stonith_timeout == 60
    assert both.summary.options == {"stonith-enabled": "true"}
    removed = resource("b").replace("orphaned", "removed").replace('removed="false"', 'removed="true"')
    orphans = parse(f"<resources>{resource('a', orphaned='true')}{removed}</resources>")
    assert [instance.orphaned for instance in orphans.resources] == [True, True]
    event = '<fence_event target="n1" action="off" {}/>'
    words = "".join(event.format(status) for status in ('state="failed"', 'status="success"'))
    events = parse(f"<fence_history>{words}</fence_history>")
    assert [event.status for event in events.fence_events] == ["failed", "success"]


def test_node_states_are_in_the_order_of_the_metric() -> None:
    status = parse(
        '<nodes><node name="n1" id="7" online="true" standby="false" pending="false" unclean="true" shutdown="no" '
        'expected_up="false" is_dc="true" type="remote"/></nodes>'
    )
    (node,) = status.nodes
    assert node.states == (True, False, None, None, False, True, None, False, True)
    assert (node.type, node.id, node.feature_set) == ("remote", "7", "")


def test_guest_nodes_name_the_resource_that_runs_them() -> None:
    nodes = parse(
        '<nodes><node name="g" type="remote" id_as_resource="vm"/><node name="r" type="remote"/></nodes>'
    ).nodes
    assert [node.container for node in nodes] == ["vm", ""]


def test_failures_and_fencing_have_reasons_in_one_line_of_limited_length() -> None:
    status = parse(
        f"""<failures>
        <failure op_key="a_stop_0" node="n" exitstatus="error" status="Timed Out" exitreason="a&#10; &amp; b"/>
        <failure op_key="b_stop_0" node="n"/></failures>
        <fence_history>
        <fence_event target="n" action="off" status="failed" exit-reason="{"x" * 500}"/>
        </fence_history>"""
    )
    assert [(failure.execution, failure.reason) for failure in status.failures] == [("Timed Out", "a & b"), ("", "")]
    assert status.fence_events[0].reason == "x" * 119 + "…"


def test_fail_counts_thresholds_and_operations_are_read() -> None:
    status = parse(
        """<node_history><node name="n1">
        <resource_history id="a" migration-threshold="3" fail-count="2">
          <operation_history task="monitor" interval="10000ms" exec-time="2044ms"/>
          <operation_history task="start"/>
        </resource_history>
        <resource_history id="orphan" orphan="true" fail-count="INFINITY"/>
        <resource_history id="odd" migration-threshold="x"/>
        </node></node_history>"""
    )
    first, orphan, odd = status.history
    assert (first.node, first.fail_count, first.migration_threshold) == ("n1", 2, 3)
    assert first.operations == (
        cluster_status.Operation(task="monitor", interval="10000", duration=2.044),
        cluster_status.Operation(task="start", interval="0", duration=None),
    )
    assert (orphan.fail_count, orphan.migration_threshold) == (math.inf, None)
    assert (odd.fail_count, odd.migration_threshold) == (0, None)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('op_key="db_monitor_10000" task="monitor" interval="10000"', ("db", "monitor", "10000")),
        ('op_key="db-x_migrate_to_0"', ("db-x", "migrate_to", "0")),
        ('id="a_b_start_0"', ("a_b", "start", "0")),
        ('op_key="strange"', ("strange", "", "0")),
    ],
)
def test_failures_name_their_resource(attributes: str, expected: tuple[str, str, str]) -> None:
    (failure,) = parse(f'<failures><failure {attributes} node="n1" exitstatus="error"/></failures>').failures
    assert (failure.resource, failure.operation, failure.interval) == expected
    assert (failure.node, failure.status) == ("n1", "error")


def test_bans_and_tickets() -> None:
    status = parse(
        """<tickets><ticket id="t" status="granted" standby="true"/></tickets>
        <bans><ban id="b" resource="r" node="n" weight="-1000000" master_only="true"/>
        <ban id="c" resource="r" node="n" weight="-5"/></bans>"""
    )
    assert status.tickets == (cluster_status.Ticket(id="t", granted=True, standby=True, last_granted=None),)
    assert [(ban.weight, ban.promoted_only) for ban in status.bans] == [(-math.inf, True), (-5, None)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tue May  5 12:04:36 2020", 1588694676.0),  # 16:04:36 UTC, summer time
        ("Sat Jan  2 00:00:00 2021", 1609563600.0),  # 05:00:00 UTC, winter time
        ("2020-05-05 12:04:36", 1588694676.0),
        ("2020-05-05 16:04:36Z", 1588694676.0),
        ("2020-05-05T18:04:36.500+02:00", 1588694676.5),
        ("2020-05-05 10:04:36 -06:00", 1588694676.0),
        ("Tue Dec  1 06:07:28 2043", 2332580848.0),  # beyond 32 bits
        ("", None),
        ("  ", None),
    ],
)
def test_times_without_a_time_zone_are_local(text: str, expected: float | None) -> None:
    with time_zone("America/New_York"):
        status = parse(f'<summary><last_change time="{text}"/></summary>')
    assert status.summary.last_change == expected


@pytest.mark.parametrize("text", ["yesterday", "Tue Foo  5 12:04:36 2020", "2020-02-31 00:00:00", "2020-05-05"])
def test_an_invalid_time_is_absent(text: str) -> None:
    parsed = crm_mon.parse(complete(last_change=f'time="{text}"'))
    assert parsed.value.summary.last_change is None
    assert reasons(parsed) == [f"expected the last change as a time, found {text!r}"]


ODD_VALUES = {
    complete(nodes=node(online="perhaps")): "online of n1 as true or false, found 'perhaps'",
    complete(current_dc='present="true" name="n1" with_quorum="maybe"'): (
        "with_quorum of the designated controller as true or false, found 'maybe'"
    ),
    complete(cluster_options=OPTIONS.replace("stonith-enabled", "fencing-enabled").replace("true", "perhaps", 1)): (
        "stonith-enabled of the cluster as true or false, found 'perhaps'"
    ),
    complete(resources_configured='number="0" blocked=""'): "the number of resources (blocked) as a number, found ''",
    complete(cluster_options=f'{OPTIONS} stonith-timeout-ms="1 min"'): "stonith-timeout as a number, found '1 min'",
    complete(cluster_options=f'{OPTIONS} no-quorum-policy="panic"'): (
        "no-quorum-policy as one of stop, freeze, ignore, demote, suicide, fence, found 'panic'"
    ),
    b'<crm_mon><pacemakerd state="dreaming"/></crm_mon>': (
        "the state of pacemakerd as one of init, starting_daemons, wait_for_ping, running, shutting_down, "
        "shutdown_complete, remote, invalid, found 'dreaming'"
    ),
    complete(nodes=node(health="purple", resources_running="2")): (
        "the health of n1 as one of green, yellow, red, found 'purple'"
    ),
    complete(nodes=node(resources_running="-")): "the number of resources on n1 as a number, found '-'",
    complete(
        '<node_history><node name="n1"><resource_history id="a" fail-count="1.5"/></node></node_history>'
    ): "a fail count as a number, found '1.5'",
    complete('<failures><failure op_key="a_start_0" node="n1" last-rc-change="noon"/></failures>'): (
        "the time of the failure a_start_0 as a time, found 'noon'"
    ),
    complete(
        '<fence_history><fence_event target="n2" action="off" status="success" completed="noon"/></fence_history>'
    ): "the time of a fencing event as a time, found 'noon'",
    complete('<tickets><ticket id="t" status="granted" standby="false" last-granted="noon"/></tickets>'): (
        "the time of the grant of a ticket as a time, found 'noon'"
    ),
    complete('<bans><ban id="b" weight="heavy"/></bans>'): "the weight of b as a number, found 'heavy'",
}


@pytest.mark.parametrize(("document", "reason"), ODD_VALUES.items(), ids=range(len(ODD_VALUES)))
def test_a_bad_value_costs_itself_only(document: bytes, reason: str) -> None:
    parsed = crm_mon.parse(document)
    assert reasons(parsed) == [f"expected {reason}"]
    status = parsed.value
    assert status.daemon_state == ""
    times = [*(item.time for item in status.failures), *(item.time for item in status.fence_events)]
    assert times == [None] * len(times)
    assert all(node.health == "" for node in status.nodes)
    assert reason.split(maxsplit=1)[0].rstrip(",") not in status.summary.options
    assert status.summary.stonith_timeout is None
    assert status.summary.dc is None or (status.summary.dc.with_quorum is None) == ("with_quorum" in reason)


def test_an_odd_exit_status_is_an_error() -> None:
    for code in ("", "x", "-1", "1000", "٣"):
        status = parse(f'<status code="{code}" message="m"/>', "pacemaker-result").status
        assert status == cluster_status.ToolStatus(code=1, message="m")


def test_a_document_with_content_counts_in_spite_of_an_error() -> None:
    assert parse('<summary/><nodes/><status code="1" message="Error"/>', "pacemaker-result").connected
    assert not parse('<status code="1" message="Error"/>', "pacemaker-result").connected
    assert not parse("<crm-mon-disconnected/><summary/>", "pacemaker-result").connected


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("a &amp; b", "a & b"),
        ("a &#38; b", "a & b"),
        ("a &#x26; b", "a & b"),
        ("&amp;amp;", "&amp;"),
        ("&amp;#38;", "&#38;"),
        ("&lt;&quot;&apos;&gt;", "<\"'>"),
    ],
)
def test_attributes_are_decoded(written: str, value: str) -> None:
    status = parse(f'<node_attributes><node name="n"><attribute name="a" value="{written}"/></node></node_attributes>')
    assert [attribute.value for attribute in status.attributes] == [value]


def test_a_disconnected_tool() -> None:
    status = parse(
        '<crm-mon-disconnected description="Pacemaker daemons shut down" pacemakerd-state="shutting_down"/>'
        '<status code="102" message="Not connected"><errors><error>crm_mon: gone</error></errors></status>',
        "pacemaker-result",
    )
    assert not status.connected
    assert status.daemon_state == "shutting_down"
    assert status.status == cluster_status.ToolStatus(code=102, message="Not connected: crm_mon: gone")


def test_an_empty_document_means_not_connected() -> None:
    status = parse("")
    assert not status.connected
    assert status.summary == cluster_status.Summary()


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "not well-formed XML"),
        (b"crm_mon: no cluster", "not well-formed XML"),
        (b"<crm_mon><nodes>", "not well-formed XML"),
        (b"<html/>", "expected <pacemaker-result> or <crm_mon> as root, found <html>"),
        (b"<crm_mon>\xff</crm_mon>", "not well-formed XML"),
        (b'<!DOCTYPE crm_mon [<!ENTITY a "b">]><crm_mon>&a;</crm_mon>', "has a document type declaration"),
        (b'<!DOCTYPE crm_mon SYSTEM "file:///etc/passwd"><crm_mon/>', "has a document type declaration"),
        (b"<crm_mon>" * 300 + b"</crm_mon>" * 300, "not well-formed XML"),
    ],
)
def test_other_documents_are_rejected(document: bytes, reason: str) -> None:
    with pytest.raises(ParseError, match=reason) as caught:
        crm_mon.parse(document)
    assert "\n" not in caught.value.reason


@pytest.mark.parametrize("end", ["</crm_mon>", ""])
def test_memory_is_released_immediately(end: str) -> None:
    """A large cluster's must not wait for the collector of cycles."""
    document = f"<crm_mon><resources>{resource('a', 'n1')}</resources>{end}".encode()
    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(ParseError):
            crm_mon.parse(document)
        left = [item for item in gc.get_objects() if isinstance(item, cluster_status.Resource)]
    finally:
        gc.enable()
    assert left == []


def test_entities_are_not_expanded() -> None:
    laughs = b'<!DOCTYPE crm_mon [<!ENTITY a "ha"><!ENTITY b "' + b"&a;" * 1000 + b'">]><crm_mon>' + b"&b;" * 1000
    with pytest.raises(ParseError):
        crm_mon.parse(laughs + b"</crm_mon>")


@pytest.mark.parametrize(
    "document",
    [
        b"crm_mon: warning: <old>\n<crm_mon><nodes><node name='n1'/></nodes></crm_mon>\n",
        b"<crm_mon><nodes>\nwarning: slow\n<node name='n1'/></nodes></crm_mon>\n",
        b"<?xml version='1.0'?>\n<crm_mon><nodes><node name='n1'/></nodes></crm_mon>\nwarning: slow\n",
    ],
)
def test_messages_around_the_document_are_ignored(document: bytes) -> None:
    assert [node.name for node in crm_mon.parse(document).value.nodes] == ["n1"]


def test_an_error_has_its_line() -> None:
    with pytest.raises(ParseError) as caught:
        crm_mon.parse(b"<crm_mon>\n<nodes>\n</crm_mon>\n")
    assert caught.value.line == 3


def test_an_odd_state_costs_itself_only() -> None:
    first, second = parse(
        '<nodes><node name="n1" online="?" unclean="true" id="1"/><node name="n2" online="true"/></nodes>'
    ).nodes
    assert (first.states[0], first.states[5], first.name, first.id) == (None, True, "n1", "1")
    assert second.states[0]


# --- What is complete, and what is not -------------------------------------------------------------------------------

SECOND = node(name="n2", is_dc="false")
NODES = node() + SECOND
RESOURCES = resource("a", "n1") + resource("b", target_role="Stopped")
INCOMPLETE = {
    ("<nodes>", "<other>"): "nodes",
    (SECOND, SECOND.replace("<node", "<other")): "nodes",
    ('name="n2"', 'uname="n2"'): "nodes",
    ('<nodes_configured number="2"/>', '<nodes_configured number="3"/>'): "nodes",
    ('<nodes_configured number="2"/>', ""): "nodes",
    ("<resources>", "<other>"): "resources",
    ('<resource id="a"', '<resource name="a"'): "resources",
    ('<node name="n1" id="1" cached="true"/>', ""): "resources",
    ('<node name="n1" id="1" cached="true"/>', '<node id="1" cached="true"/>'): "resources",
    (RESOURCES, f"<clone>{RESOURCES}</clone>"): "resources",
    (RESOURCES, f'<other id="c">{RESOURCES}</other>'): "resources",
    ('target_role="Stopped"', ""): "target_role",
    ("<tickets>", "<other>"): "tickets",
    ('<ticket id="t"', "<ticket"): "tickets",
    ("<bans>", "<other>"): "bans",
    ('weight="-5"', ""): "bans",
    ("<failures>", "<other>"): "failures",
    ('op_key="a_start_0"', 'id="id"'): "failures",
    ("<fence_history>", '<fence_history status="1">'): "fence_history",
    ("<fence_history>", "<other>"): "fence_history",
    ('status="success"', 'status="done"'): "fence_history",
    ('action="off"', 'action="out"'): "fence_history",
    ('completed="2026-11-23 06:57:20Z"', ""): "fence_history",
    ('<resource_history id="a"', "<resource_history"): "node_history",
    ("resource_history", "other"): "node_history",
    (' stop-all-resources="false"', ""): "stop-all-resources",
}
"""Damage to a document, and the list that is incomplete because of it."""

SECTIONS = """<tickets><ticket id="t" status="granted" standby="false"/></tickets>\
<bans><ban id="b" resource="a" node="n1" weight="-5" promoted-only="false"/></bans>\
<failures><failure op_key="a_start_0" node="n1" task="start"/></failures>\
<fence_history><fence_event target="n1" action="off" status="success" completed="2026-11-23 06:57:20Z"/>\
</fence_history>\
<node_history><node name="n1"><resource_history id="a" migration-threshold="3"/></node></node_history>"""


@pytest.mark.parametrize(("damage", "incomplete"), INCOMPLETE.items(), ids=range(len(INCOMPLETE)))
def test_incomplete_lists_are_named(damage: tuple[str, str], incomplete: str) -> None:
    old, new = damage
    document = complete(
        SECTIONS, nodes=NODES, resources=RESOURCES, resources_configured='number="2" disabled="1" blocked="0"'
    ).decode()
    assert crm_mon.parse(document.encode()).unreadable == ()
    assert old in document
    damaged = document.replace(old, new)
    if new == "<other>":
        damaged = damaged.replace(old.replace("<", "</"), "</other>")
    parsed = crm_mon.parse(damaged.encode())
    names = {name for value in parsed.unreadable for name in value.incomplete}
    assert names == (
        {"resources", "target_role"}
        if incomplete == "resources" and ("Stopped" in old or "<resources>" in old)
        else {incomplete}
    )


def test_sections_that_are_empty_are_omitted_since_2_0_3() -> None:
    def incomplete(root: str) -> set[str]:
        document = complete().replace(b"<crm_mon>", f"<{root}>".encode())
        document = document.replace(b"</crm_mon>", f"</{root.partition(' ')[0]}>".encode())
        return {name for value in crm_mon.parse(document).unreadable for name in value.incomplete}

    assert (
        incomplete('crm_mon version="1.1.24"')
        == incomplete('crm_mon version="2.0.2"')
        == {
            "tickets",
            "bans",
            "fence_history",
        }
    )
    assert incomplete('crm_mon version="2.0.3"') == incomplete('pacemaker-result api-version="2.0"') == set()


def test_an_instance_that_cannot_be_identified_is_left_out() -> None:
    body = f"<clone id='c'>{resource('a', 'n1')}</clone><clone>{resource('b', 'n1')}</clone>{resource('d', 'n2')}"
    status = parse(f"<resources>{body}<other>{resource('e')}</other>{resource('f')}</resources>")
    assert places(status) == [("a", "", "c", ("n1",)), ("d", "", "", ("n2",)), ("f", "", "", ())]


def test_a_bundle_whose_replicas_are_not_understood_is_left_out() -> None:
    replica = f'<replica id="0">{resource("a", "n1")}</replica>'
    for inner in ("", replica.replace("replica", "other"), replica + replica.replace("replica", "other")):
        assert parse(f'<resources><bundle id="b">{inner}</bundle></resources>').bundles == ()
    odd = replica.replace('active="true"', 'active="maybe"')
    (bundle,) = parse(f'<resources><bundle id="b">{odd}{replica}</bundle></resources>').bundles
    assert (bundle.replicas, bundle.running) == (2, None)


def test_elements_outside_their_section_are_not_read() -> None:
    status = parse(f"<nodes/><other><node name='n9' id='9'/>{resource('a')}</other><failure op_key='a_b_0' node='n'/>")
    assert (status.nodes, status.resources, status.failures) == ((), (), ())


LIST_NAMES = {
    "summary": "cluster summary",
    "resources": "full list of resources",
    "node_attributes": "node attributes",
    "node_history": "migration summary",
    "failures": "failed resource actions",
    "fence_history": "fencing history",
    "bans": "negative location constraints",
    "nodes": "nodes",
    "tickets": "tickets",
}


@pytest.mark.parametrize(
    "path", sorted(LAB.glob("*/crm_mon--output-as=xml.stdout")), ids=lambda path: str(path.parent.name)
)
def test_sections_can_be_lists_with_names(path: Path) -> None:
    """As libpacemaker 2.1.3 to 2.1.7 returns them."""
    document = path.read_bytes()
    lists = document
    for section, name in LIST_NAMES.items():
        lists = re.sub(rf"<{section}\b".encode(), f'<list name="{name}" count="1"'.encode(), lists)
        lists = lists.replace(f"</{section}>".encode(), b"</list>")
    assert lists.count(b"<list ") >= 2 or b"<summary>" not in document
    assert parsed_or_error(lists) == parsed_or_error(document)


def parsed_or_error(document: bytes) -> object:
    try:
        return crm_mon.parse(document)
    except ParseError as error:
        return error.reason


def test_a_list_with_an_unknown_name_is_ignored() -> None:
    document = complete()
    with_list = document.replace(b"<nodes>", b'<list name="timings"><x/></list><nodes>')
    assert crm_mon.parse(with_list) == crm_mon.parse(document)
