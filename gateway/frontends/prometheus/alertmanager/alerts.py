"""Translates notifications into the alerts of Alertmanager's API v2. Pure.

Alertmanager identifies an alert by its labels. So the labels of an alarm must not change while it is active, and the
labels of an alarm that several nodes report must be the same on all of them:

- What is about the cluster has the node that it is about, if any, in ``node``: the node that failed, for example.
- What only one node can report has that node in ``node`` and ``instance``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gateway.alarms.notification import Change, Notification, NotificationKind
from gateway.catalog import CONDITION_BY_NAME
from gateway.conditions.alert_name import alert_name
from gateway.conditions.model import Condition

SENDER = "ha-cluster-gateway"
"""The label ``sender`` of every alert: alerts of Prometheus do not have it."""

MAX_LABEL = 255
MAX_ANNOTATION = 1024
"""Characters of a label and of an annotation, at most."""

TEST_LIFETIME = 300.0
"""Seconds after which a test resolves itself: longer than Alertmanager waits before it notifies, as a rule."""

_FIELDS: Mapping[str, tuple[str, str]] = {
    "resource": ("resource", "resource"),
    "group": ("resource", "resource"),
    "clone": ("resource", "resource"),
    "bundle": ("resource", "resource"),
    "operation": ("operation", "operation"),
    "constraint": ("constraint", "constraint"),
    "link": ("link", "number"),
    "peer": ("peer", "peer"),
    "device": ("device", "device"),
    "volume": ("volume", "volume"),
    "addresses": ("peer_address", "peer_address"),
}
"""The label for each word of ``Condition.about``, and the field of the finding that it shows.

Other fields, such as counts and reasons, can change while the alarm is active.
"""

RESERVED = frozenset(
    {"alertname", "cluster", "collector", "condition", "instance", "node", "object", "sender", "severity", "test"}
    | {label for label, _ in _FIELDS.values()}
)
"""The labels that the gateway sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert.

    Attributes:
        labels: identify it.
        annotations: describe it.
        starts: when the alarm was raised, in Unix seconds.
        ends: when it was cleared, in Unix seconds; None while it is active.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts: float
    ends: float | None = None


class AlertBuilder:
    """Builds the alerts of notifications. Keeps the labels of active alarms, so that they are the same at the end.

    Args:
        extra: labels of every alert.
    """

    def __init__(self, extra: Mapping[str, str]) -> None:
        self._extra = extra
        self._active: dict[tuple[str, str], Alert] = {}

    def build(self, notification: Notification) -> Sequence[Alert]:
        """Returns the alerts of a notification: one, or one for each alarm that it repeats."""
        if notification.kind is NotificationKind.TEST:
            return (self._test(notification),)
        if notification.kind is NotificationKind.REPETITION:
            alerts = {_key(alarm): self._raise(alarm) for alarm in notification.active}
            self._active = alerts
            return tuple(alerts.values())
        if notification.change is Change.RAISED:
            alert = self._active[_key(notification)] = self._raise(notification)
            return (alert,)
        return (self._clear(notification),)

    def _raise(self, notification: Notification) -> Alert:
        before = self._active.get(_key(notification))
        labels = before.labels if before is not None else self._labels(notification)
        return Alert(labels=labels, annotations=_annotations(notification), starts=notification.time)

    def _clear(self, notification: Notification) -> Alert:
        before = self._active.pop(_key(notification), None)
        return Alert(
            labels=before.labels if before is not None else self._labels(notification),
            annotations={**_annotations(notification), "reason": notification.reason.value},
            starts=min(before.starts if before is not None else notification.time, notification.time),
            ends=notification.time,
        )

    def _test(self, notification: Notification) -> Alert:
        labels = {**self._labels(replace(notification, object="")), "test": "true"}
        ends = notification.time + TEST_LIFETIME
        return Alert(labels=labels, annotations=_annotations(notification), starts=notification.time, ends=ends)

    def _labels(self, notification: Notification) -> Mapping[str, str]:
        condition = CONDITION_BY_NAME.get(notification.condition)
        is_local = condition is None or condition.local
        labels = {
            **self._extra,
            **(dict(_identity(condition, notification)) if condition is not None else {}),
            "alertname": alert_name(notification.condition),
            "cluster": notification.cluster,
            "condition": notification.condition,
            "object": notification.object,
            "sender": SENDER,
            "severity": notification.severity.value,
            **({"node": notification.node, "instance": notification.node} if is_local else {}),
        }
        return {name: shorten(value, MAX_LABEL) for name, value in labels.items() if value}


def encode(alerts: Iterable[Alert], *, expires: float) -> bytes:
    """Returns the body of a request.

    Args:
        alerts: the alerts.
        expires: when alerts that are active end unless they are sent again, in Unix seconds.
    """
    document = [
        {
            "labels": alert.labels,
            "annotations": alert.annotations,
            "startsAt": _timestamp(alert.starts),
            # the clock may have been set back since
            "endsAt": _timestamp(max(alert.starts, expires if alert.ends is None else alert.ends)),
        }
        for alert in alerts
    ]
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


def shorten(text: str, length: int) -> str:
    """Returns a text of at most some characters; a longer one ends in a hash, so that it stays distinct."""
    if len(text) <= length:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
    return f"{text[: length - len(digest) - 1]}~{digest}"


def _key(notification: Notification) -> tuple[str, str]:
    return notification.condition, notification.object


def _identity(condition: Condition, notification: Notification) -> Iterator[tuple[str, str]]:
    """Yields the labels that identify the object of a condition among the others."""
    words = re.findall(r"\w+", condition.about)
    for word in words:
        if word in _FIELDS:
            label, name = _FIELDS[word]
            yield label, notification.fields.get(name, "")
    if condition.about == "the collector":
        yield "collector", notification.object
    if "node" in words:  # in what only one node can report, the other node is a peer
        label = "peer" if condition.local else "node"
        is_object = condition.about == "the node"
        yield label, notification.object if is_object else notification.fields.get(label, "")


def _annotations(notification: Notification) -> Mapping[str, str]:
    condition = CONDITION_BY_NAME.get(notification.condition)
    annotations = {
        "summary": f"{notification.cluster or notification.node}: {notification.text}",
        "description": notification.text,
    }
    if condition is not None:
        if notification.kind is NotificationKind.CONDITION:  # the text of a test has the meaning already
            annotations["description"] = f"{notification.text}. {condition.meaning}"
        annotations["action"] = condition.action
    return {name: shorten(text, MAX_ANNOTATION) for name, text in annotations.items()}


def _timestamp(seconds: float) -> str:
    """Returns a time in the form of RFC 3339."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
