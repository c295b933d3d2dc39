"""The cases from the field: what each of their states notifies, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.alarms.field import notifications, summaries
from tests.cases import CASES, needs_cases

pytestmark = needs_cases

EXPECTED: dict[str, list[list[str]]] = {
    "p01-bundle-offline-guest": [["raised bundle-degraded httpd-bundle"]],
    "p03-fence-history": [
        [],
        [],
        ["raised fencing-performed rh85-02", "cleared fencing-performed rh85-02 (expired)"],
        ["raised unfencing-failed rh85-02"],
    ],
    "p04-fence-newest": [
        [],
        ["raised fencing-performed rh85-02", "cleared fencing-performed rh85-02 (expired)"],
    ],
    "p05-geo-revoked-ticket": [[]],
    "p06-hana-secondary-stopped": [["raised clone-degraded msl_SAPHana"]],
    "p07-hana-nobody-promoted": [["raised promoted-missing msl_SAPHana"]],
    "p08-hana-ip-stopped": [["raised resource-stopped rsc_ip_HDD"]],
    "p10-hana-unmanaged": [["raised resource-unmanaged msl_SAPHana"]],
    "p11-group-maint-offline": [["raised maintenance-mode"], ["raised node-lost n2"]],
    "p12-node-joining-pending": [
        ["raised node-lost node-2"],
        ["raised node-pending node-2"],
        ["cleared node-lost node-2 (recovered)", "cleared node-pending node-2 (recovered)"],
    ],
    "p13-lost-node-deleted": [["raised node-lost node-3"], ["cleared node-lost node-3 (gone)"]],
    "p14-failures-text": [
        [
            "raised resource-blocked rsc_fs on n1",
            "raised resource-failed rsc_fs on n1",
            "raised resource-failed rsc_ip on n1",
            "raised resource-stopped rsc_app",
            "raised failed-action start of rsc_ip on n1",
            "raised failed-action stop of rsc_fs on n1",
            "raised fencing-disabled",
        ]
    ],
    "p15-many-attributes": [[]],
    "p16-stop-all-resources": [["raised stop-all-resources"]],
    "p17-expired-ban-and-prefer": [["raised move-left-behind cli-prefer-app"]],
    "p18-health-red": [["raised node-health-red n2"]],
    "p19-fence-history-cleaned": [
        ["raised node-unclean rh85-02", "raised fencing-failed rh85-02", "raised node-lost rh85-02"],
        [],
    ],
    "p20-failure-ignored": [["raised failed-action monitor of mon-ipsec on n1"]],
    "p21-standby-on-fail": [
        ["raised resource-failed db on n2", "raised failed-action monitor of db on n2", "raised node-standby n2"]
    ],
    "p22-unclean-online": [
        ["raised node-unclean n2", "raised resource-failed db on n2", "raised failed-action stop of db on n2"]
    ],
    "p24-tnf-no-dc": [["raised dc-missing"]],
    "x01-send-from-dc": [[]],
}
"""The notifications of the states of each case, beginning with what is active at the start."""

TEXTS: dict[str, list[str]] = {
    "p01-bundle-offline-guest": ["2 of 3 replicas of httpd-bundle are running"],
    "p03-fence-history": [
        "rh85-02 was fenced (reboot) by rh85-03",
        "rh85-02 could not be unfenced: Fence agent did not complete within 46s",
    ],
    "p04-fence-newest": ["rh85-02 was fenced (reboot) by rh85-03"],
    "p06-hana-secondary-stopped": ["msl_SAPHana is not running on vmhdbdev01"],
    "p13-lost-node-deleted": ["node-3 is no longer configured"],
    "p14-failures-text": [
        "stop of rsc_fs has failed on n1: error (Timed Out): Resource agent did not complete within 60s",
        "start of rsc_ip has failed on n1: not configured: IP address (the ip parameter) is mandatory",
    ],
    "p17-expired-ban-and-prefer": ["Constraint cli-prefer-app, left by a move, ties app to n2"],
    "p19-fence-history-cleaned": ["rh85-02 could not be fenced: Fence agent reported invalid credentials"],
}
"""Texts that some of them have."""


def folder(case: str) -> Path:
    assert CASES is not None
    return CASES / case


@pytest.mark.parametrize("case", EXPECTED)
async def test_a_case_notifies_what_is_right(case: str) -> None:
    states, texts = [], []
    async for published in notifications(folder(case)):
        states.append(summaries(published))
        texts += [notification.text for notification in published]
        assert all(notification.node for notification in published)
    assert states == EXPECTED[case]
    assert set(TEXTS.get(case, ())) <= set(texts)


def test_every_case_of_pacemaker_is_covered() -> None:
    assert CASES is not None
    assert {path.name for path in CASES.iterdir() if path.name[:1] in {"p", "x"}} <= EXPECTED.keys()


async def test_a_node_without_a_name_in_corosync_has_the_one_of_pacemaker() -> None:
    (published,) = [each async for each in notifications(folder("x01-send-from-dc"))]
    assert [notification.node for notification in published] == ["node-1"]
