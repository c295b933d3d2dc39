"""The names of alerts: unique, and valid label values of the usual form."""

from __future__ import annotations

import re

from gateway.catalog import CONDITIONS
from gateway.conditions.alert_name import alert_name


def test_an_alert_is_named_after_its_condition() -> None:
    assert alert_name("quorum-lost") == "HaClusterQuorumLost"
    assert alert_name("drbd-io-failures") == "HaClusterDrbdIoFailures"


def test_each_condition_has_its_own_alert_name_in_camel_case() -> None:
    names = [alert_name(condition.name) for condition in CONDITIONS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"HaCluster([A-Z][a-z0-9]*)+", name) for name in names)
