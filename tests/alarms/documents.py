"""Outputs of crm_mon and cibadmin, of our own making, that show every condition of Pacemaker, and a quiet cluster.

Each is complete: it has every section and attribute that Pacemaker 2.1 prints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

_FLAGS = {True: "true", False: "false"}
_AGENT = "ocf:pacemaker:Dummy"
_OPTIONS = {
    "stonith-enabled": True,
    "symmetric-cluster": True,
    "maintenance-mode": False,
    "stop-all-resources": False,
}


class Outputs(NamedTuple):
    """What the two tools print about one state of a cluster."""

    crm_mon: bytes
    cib: bytes


def _element(tag: str, attributes: Mapping[str, str | bool], *inner: str) -> str:
    named = {name.replace("_", "-") if name in _DASHED else name: value for name, value in attributes.items()}
    words = {name: value if isinstance(value, str) else _FLAGS[value] for name, value in named.items()}
    text = " ".join(f'{name}="{value}"' for name, value in words.items())
    return f"<{tag} {text}>{''.join(inner)}</{tag}>" if inner else f"<{tag} {text}/>"


_DASHED = frozenset({"fail_count", "migration_threshold", "exit_reason", "promoted_only"})


def node(name: str, *states: str, node_type: str = "member", **attributes: str) -> str:
    """Returns a node; it is online unless ``offline`` is among its states."""
    known = ("online", "standby", "standby_onfail", "maintenance", "pending", "unclean", "shutdown", "expected_up")
    flags = {state: state in states for state in known} | {"online": "offline" not in states, "expected_up": True}
    flags["is_dc"] = "dc" in states
    given = {"name": name, "id": name[1:], **flags, "health": "green", "type": node_type, **attributes}
    return _element("node", given)


def resource(name: str, *nodes: str, **attributes: str | bool) -> str:
    """Returns an instance of a resource, which is started if it has a node."""
    given: dict[str, str | bool] = {
        "id": name,
        "resource_agent": _AGENT,
        "role": "Started" if nodes else "Stopped",
        "active": bool(nodes),
        "orphaned": False,
        "blocked": False,
        "maintenance": False,
        "managed": True,
        "failed": False,
        "failure_ignored": False,
        "nodes_running_on": str(len(nodes)),
        **attributes,
    }
    return _element("resource", given, *(_element("node", {"name": each, "id": each[1:]}) for each in nodes))


def bundle(name: str, *replicas: Iterable[str]) -> str:
    """Returns a bundle whose replicas have these resources."""
    numbered = (_element("replica", {"id": str(number)}, *inner) for number, inner in enumerate(replicas))
    return _element("bundle", {"id": name}, *numbered)


def fence_event(target: str, action: str, status: str, time: str) -> str:
    """Returns an event of the fencing history."""
    completed = f"2026-11-27 {time}:00Z"
    given = {"action": action, "target": target, "client": "c.1", "origin": "n1", "status": status, "delegate": "n1"}
    return _element("fence_event", {**given, "completed": completed, "exit_reason": "no answer"})


def crm_mon(
    *,
    nodes: Iterable[str],
    resources: Iterable[str],
    sections: str = "",
    options: Mapping[str, bool] | None = None,
    dc: str = "n1",
) -> bytes:
    """Returns a whole document; ``sections`` are those that follow the resources."""
    nodes, listed = list(nodes), "".join(resources)
    disabled = listed.count('target_role="Stopped"')
    summary = (
        '<stack type="corosync"/>',
        f'<current_dc present="true" version="2.1.5" name="{dc}" id="1" with_quorum="true" mixed_version="false"/>'
        if dc
        else '<current_dc present="false"/>',
        '<last_update time="2026-11-27 18:43:20Z"/>',
        '<last_change time="2026-11-27 09:00:00Z"/>',
        f'<nodes_configured number="{len(nodes)}"/>',
        f'<resources_configured number="{listed.count("<resource ")}" disabled="{disabled}" blocked="0"/>',
        _element("cluster_options", {**_OPTIONS, **(options or {}), "no-quorum-policy": "stop"}),
    )
    return (
        '<pacemaker-result api-version="2.25" request="crm_mon -1 --output-as=xml --inactive">'
        f"<summary>{''.join(summary)}</summary><nodes>{''.join(nodes)}</nodes><resources>{listed}</resources>"
        f'{sections}<status code="0" message="OK"/></pacemaker-result>'
    ).encode()


def history(fail_count: str) -> str:
    """Returns the history of the resources ``db`` and ``app`` on the node n1."""
    return (
        '<node_history><node name="n1"><resource_history id="db" orphan="false" migration-threshold="3"'
        f'{fail_count}><operation_history call="1" task="start" exec-time="20ms"/></resource_history>'
        '<resource_history id="app" orphan="false" migration-threshold="3"/></node></node_history>'
    )


TICKETS = """<tickets><ticket id="berlin" status="revoked" standby="false"/><ticket id="paris" status="granted" \
standby="false" last-granted="2026-11-27 09:00:00Z"/></tickets>"""
BANS = '<bans><ban id="off-n3" resource="c" node="n3" weight="-1000000" promoted-only="false"/></bans>'


def cib(*more: str) -> bytes:
    """Returns the constraints that each state has, and more."""
    rule = (
        '<rsc_location id="{0}" rsc="app"><rule id="{0}-rule" score="-INFINITY" boolean-op="and"><expression '
        'id="{0}-expr" attribute="#uname" operation="eq" value="n8"/><date_expression id="{0}-end" operation="lt" '
        'end="{1}"/></rule></rsc_location>'
    )
    return (
        "<constraints>"
        '<rsc_location id="off-n3" rsc="c" node="n3" score="-INFINITY"/>'
        + rule.format("cli-ban-app-on-n8", "2026-11-27 08:00:00Z")
        + rule.format("cli-ban-app-on-n9", "2026-11-27 23:00:00Z")
        + '<rsc_ticket id="geo-ticket" rsc="geo" ticket="berlin" loss-policy="stop"/>'
        '<rsc_ticket id="geo-role" rsc="gp" rsc-role="Promoted" ticket="berlin" loss-policy="demote"/>'
        '<rsc_colocation id="with-geo" rsc="geo-ip" with-rsc="geo" score="INFINITY"/>'
        '<rsc_colocation id="apart" rsc="d" with-rsc="db" score="-INFINITY"/>' + "".join(more) + "</constraints>"
    ).encode()


ON_PURPOSE = (
    resource("off", target_role="Stopped"),
    resource("geo"),
    resource("geo-ip"),
    _element("clone", {"id": "gp"}, resource("gr", "n1", role="Unpromoted"), resource("gr", "n8", role="Unpromoted")),
    _element("clone", {"id": "d"}, resource("dr", "n8"), resource("dr")),
    resource("vm-g1", target_role="Stopped"),
    resource("fence", "n1", resource_agent="stonith:external/ssh"),
)
"""What looks wrong, and is not: it has a target role, lacks a ticket or keeps off another resource."""

GUEST = node("g1", "offline", "unclean", node_type="remote", id_as_resource="vm-g1")


def _members(*standing: str) -> list[str]:
    return [node("n1", "dc"), *standing, node("n8"), GUEST]


QUIET = Outputs(
    crm_mon(
        nodes=_members(),
        resources=(
            resource("db", "n1"),
            resource("app", "n1"),
            _element("group", {"id": "g"}, resource("vip", "n1")),
            _element("clone", {"id": "c"}, resource("cr", "n1"), resource("cr", "n8")),
            _element(
                "clone", {"id": "p"}, resource("pr", "n1", role="Promoted"), resource("pr", "n8", role="Unpromoted")
            ),
            bundle("web", [resource("web-0", "n1")], [resource("web-1", "n8")]),
            *ON_PURPOSE,
        ),
        sections=history("")
        + f"<fence_history>{fence_event('n8', 'reboot', 'success', '16:30')}</fence_history>{TICKETS}{BANS}",
    ),
    cib(),
)
"""A cluster without a condition."""

TROUBLE = Outputs(
    crm_mon(
        nodes=_members(
            node("n2", "offline", "unclean"),
            node("n3", "pending"),
            node("n4", "standby"),
            node("n5", "maintenance"),
            node("n6", health="red"),
            node("n7", health="yellow"),
            node("r1", "offline", node_type="remote"),
            node("r2", "offline", node_type="remote"),
        ),
        resources=(
            resource("r1", resource_agent="ocf:pacemaker:remote", target_role="Stopped"),
            resource("r2", resource_agent="ocf:pacemaker:remote"),
            resource("db", "n1", failed=True),
            resource("fs", "n1", failed=True, blocked=True, managed=False),
            resource("app", "n1", managed=False),
            _element("group", {"id": "g"}, resource("vip")),
            _element("clone", {"id": "s"}, resource("sr"), resource("sr")),
            _element("clone", {"id": "c"}, resource("cr", "n1"), resource("cr", "n7"), resource("cr")),
            _element(
                "clone", {"id": "p"}, resource("pr", "n1", role="Unpromoted"), resource("pr", "n8", role="Unpromoted")
            ),
            bundle("web", [resource("web-0", "n1")], [resource("web-1")]),
            *ON_PURPOSE,
        ),
        sections=history(' fail-count="3"')
        + '<failures><failure op_key="db_monitor_10000" node="n1" exitstatus="not running" exitcode="7" '
        'status="complete" task="monitor" interval="10000" last-rc-change="2026-11-27 11:00:00Z"/></failures>'
        "<fence_history>"
        + fence_event("n2", "reboot", "failed", "16:40")
        + fence_event("n7", "reboot", "success", "16:41")
        + fence_event("n8", "on", "failed", "16:42")
        + fence_event("n7", "reboot", "failed", "16:20")
        + f"</fence_history>{TICKETS}{BANS}",
    ),
    cib(
        '<rsc_location id="cli-ban-db-on-n8" rsc="db" node="n8" score="-INFINITY"/>',
        '<rsc_location id="cli-prefer-db" rsc="db" role="Started" node="n1" score="INFINITY"/>',
    ),
)
"""A cluster with nearly every condition about an object."""

OPTIONS = Outputs(
    crm_mon(
        nodes=_members(node("r1", "maintenance", node_type="remote")),
        resources=(resource("db"), resource("r1", "n1", resource_agent="ocf:pacemaker:remote"), *ON_PURPOSE),
        options={"stonith-enabled": False, "maintenance-mode": True, "stop-all-resources": True},
    ),
    cib(),
)
"""A cluster whose options are conditions."""

NO_DC = Outputs(crm_mon(nodes=[node("n1", "offline", "unclean")], resources=[resource("db")], dc=""), cib())
"""A cluster without a designated controller."""

EVENTS = Outputs(
    QUIET.crm_mon.replace(
        b"<fence_history>", b"<fence_history>" + fence_event("n8", "reboot", "success", "18:50").encode()
    ).replace(resource("db", "n1").encode(), resource("db", "n8").encode()),
    cib(),
)
"""The cluster of ``QUIET`` after a node was fenced, and a resource has moved."""
