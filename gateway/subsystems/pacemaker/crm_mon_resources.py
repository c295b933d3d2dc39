"""The section ``<resources>`` of ``crm_mon``: resource instances, and the groups, clones and bundles around them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from gateway.errors import ParseError
from gateway.subsystems.pacemaker.cluster_status import RESOURCES, ROLES, TARGET_ROLES, Bundle, Resource
from gateway.subsystems.pacemaker.crm_mon_elements import FLAGS, expected
from gateway.subsystems.parsing.partial import UnreadableValues
from gateway.subsystems.parsing.xml import Attributes

_GROUP_INSTANCE = re.compile(r":\d+$")

_Replica = set[bool | None]
"""Whether the resources of a replica are active; None for one of which it is unknown."""


class ResourceReader:
    """Collects the resources from the elements of the section, while the document is read.

    An instance that cannot be identified is left out: one without an ID, one of whose nodes is unknown, or one in a
    group, clone or bundle without an ID or in an unknown element.

    Attributes:
        resources: the instances that were read.
        bundles: the bundles whose replicas were read.
        starts: the handlers of start tags, by tag.
        ends: the handlers of end tags, by tag.
    """

    def __init__(self, unreadable: UnreadableValues) -> None:
        self.resources: list[Resource] = []
        self.bundles: list[Bundle] = []
        self._unreadable = unreadable
        # the position in the section
        self._groups: list[str] = []
        self._clones: list[str] = []
        self._replicas: list[_Replica] | None = None  # None outside a bundle, and in one that is not understood
        self._unnamed: list[str] = []  # the tags of the elements around the position that cannot be identified
        self._resource: Attributes | None = None
        self._nodes: list[str] = []
        self.starts: Mapping[str, Callable[[Attributes], None]] = {
            "group": partial(self._start_collective, "group", self._groups),
            "clone": partial(self._start_collective, "clone", self._clones),
            "bundle": self._start_bundle,
            "replica": self._start_replica,
            "resource": self._start_resource,
        }
        self.ends: Mapping[str, Callable[[], None]] = {
            "group": partial(self._end_collective, "group", self._groups),
            "clone": partial(self._end_collective, "clone", self._clones),
            "bundle": self._end_bundle,
            "resource": self._end_resource,
        }

    def start_node(self, attributes: Attributes) -> None:
        """Handles a node on which the current resource is active."""
        self._nodes.append(attributes.get("name", ""))

    def start_unknown(self, tag: str) -> bool:
        """Handles an unknown element; returns whether there may be resources in it."""
        if self._resource is not None:
            return False
        self._unnamed.append(tag)
        self._replicas = None
        return True

    def end_unknown(self, tag: str) -> None:
        """Handles the end of an unknown element, if it has not been handled as a part of a resource."""
        if self._unnamed and self._unnamed[-1] == tag:
            self._unnamed.pop()

    def _start_collective(self, tag: str, names: list[str], attributes: Attributes) -> None:
        """Handles a group, a clone or a bundle."""
        name = attributes.get("id", "")
        if not name:
            self._unreadable.add(expected(f"the ID of a {tag}", None), incomplete=(RESOURCES,))
            self._unnamed.append(tag)
        names.append(_GROUP_INSTANCE.sub("", name) if tag == "group" and self._clones else name)

    def _end_collective(self, tag: str, names: list[str]) -> None:
        if not names.pop():
            self.end_unknown(tag)

    def _start_bundle(self, attributes: Attributes) -> None:
        self._start_collective("bundle", self._clones, attributes)
        self._replicas = []

    def _start_replica(self, _: Attributes) -> None:
        if self._replicas is not None:
            self._replicas.append(set())

    def _end_bundle(self) -> None:
        name, replicas = self._clones[-1], self._replicas
        if name and replicas:
            is_known = all(True in replica or None not in replica for replica in replicas)
            running = sum(True in replica for replica in replicas) if is_known else None
            self.bundles.append(Bundle(id=name, replicas=len(replicas), running=running))
        self._replicas = None
        self._end_collective("bundle", self._clones)

    def _start_resource(self, attributes: Attributes) -> None:
        if self._resource is not None:
            raise ParseError(f"expected no resource in the resource {self._resource.get('id', '')[:40]!r}")
        self._resource = attributes
        self._nodes = []

    def _end_resource(self) -> None:
        assert self._resource is not None
        get, flag_of = self._resource.get, FLAGS.get
        active, orphaned = flag_of(get("active")), flag_of(get("orphaned") or get("removed"))
        blocked, managed = flag_of(get("blocked")), flag_of(get("managed"))
        failed, ignored = flag_of(get("failed")), flag_of(get("failure_ignored"))
        role, target_role = get("role", ""), get("target_role", "")
        if None in (active, orphaned, blocked, managed, failed, ignored) or role.lower() not in ROLES:
            role = self._note_unknown(self._resource)
        if target_role and target_role.lower() not in TARGET_ROLES:
            self._unreadable.add(expected(f"the target role of {get('id')}", target_role))
        if self._replicas:
            self._replicas[-1].add(active)
        if self._is_identified(self._resource, active=active):
            self.resources.append(
                Resource(  # positional: keyword arguments would take half as long again, and there are thousands
                    get("id", ""),
                    get("resource_agent", ""),
                    role,
                    target_role,
                    active,
                    orphaned,
                    blocked,
                    managed,
                    failed,
                    ignored,
                    flag_of(get("maintenance")),
                    get("pending", ""),
                    get("locked_to", ""),
                    self._groups[-1] if self._groups else "",
                    self._clones[-1] if self._clones else "",
                    tuple(self._nodes),
                )
            )
        self._resource = None

    def _is_identified(self, attributes: Attributes, *, active: bool | None) -> bool:
        """Returns whether the current instance has an ID, its nodes, and IDs of the elements around it."""
        if self._unnamed:
            return False  # counted where the element began
        count = attributes.get("nodes_running_on")
        if count is None:
            self._unreadable.add(expected(f"the number of nodes of {attributes.get('id')}", None))
        complete = "" not in self._nodes and (
            len(self._nodes) == _NUMBERS.get(count) if count is not None else bool(self._nodes or active is False)
        )
        if not complete or not attributes.get("id"):
            found = f"{attributes.get('id', '')[:40]!r} on {len(self._nodes)} nodes of {count}"
            self._unreadable.add(f"expected the ID and the nodes of a resource, found {found}", incomplete=(RESOURCES,))
            return False
        return True

    def _note_unknown(self, attributes: Attributes) -> str:
        """Notes the unknown flags of an instance and an unknown role; returns the role, or "" if it is unknown."""
        name, role = attributes.get("id"), attributes.get("role")
        for flag in ("active", "managed", "failed", "failure_ignored", *_LATER_FLAGS):
            word = attributes.get("removed" if flag == "orphaned" and flag not in attributes else flag)
            if word not in FLAGS and (word is not None or flag not in _LATER_FLAGS):
                self._unreadable.add(expected(f"{flag} of {name} as true or false", word))
        if role is not None and role.lower() in ROLES:
            return role
        self._unreadable.add(expected(f"the role of {name}", role))
        return ""


_LATER_FLAGS = ("orphaned", "blocked")
"""Flags that not every version prints under this name: before 1.1.13 there is no ``blocked``."""

_NUMBERS = {str(number): number for number in range(1000)}
"""How the tool prints a number of nodes."""
