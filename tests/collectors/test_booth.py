"""Booth on sites, on arbitrators, on other nodes of a site, and with several configurations."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gateway.host.host import CommandResult
from gateway.status import Status
from tests import series
from tests.fakes import FakeHost
from tests.parsers.parser_samples import PARSERS
from tests.series import Series, ended
from tests.situations import LAB
from tests.subsystems import make_collector

CONFIGURATION = b"site = 192.0.2.1\nsite = 192.0.2.2\narbitrator = 192.0.2.3\nticket = db\nexpire = 60\n"
LIST, PEERS, STATUS = (ended(str(PARSERS[f"booth {name}"][1]).encode()) for name in ("list", "peers", "status"))
PID_FILE = b"booth_pid=71 booth_state=started booth_type=site booth_addr_string='192.0.2.1' booth_port=9929\n"
NOT_HERE = ended(b"", 7)
REFUSED = ended(b"", 1, b"booth: [7]: ERROR: connect to 192.0.2.1 got an error: Connection refused\n")


class ReadOnlyHost(FakeHost):
    """A host on which this user may write nothing."""

    def may_write(self, path: str) -> bool:
        """Returns False."""
        del path
        return False


pytestmark = pytest.mark.usefixtures("utc")


def booth_host(**others: bytes) -> FakeHost:
    """Returns a host with a configuration of booth, and others."""
    files = {"booth": CONFIGURATION, **others}
    return FakeHost(
        files={f"/etc/booth/{name}.conf": content for name, content in files.items()},
        directories={"/etc/booth": ("authkey", "booth.conf.example", *(f"{name}.conf" for name in files))},
    )


def collected(results: Mapping[str, CommandResult], host: FakeHost | None = None) -> Series:
    return series.collected(make_collector("booth"), results, host or booth_host())


def status_of(name: str, result: CommandResult, host: FakeHost | None = None) -> Status:
    """Returns the status of a command that ended with a result."""
    plan = make_collector("booth").plan(host or booth_host())
    assert plan is not None
    return series.readings(plan.probes, {name: result})[name].status


def info(page: Series) -> set[frozenset[tuple[str, str]]]:
    return set(series.named(page, "ha_cluster_booth_info"))


THIS_SITE = {frozenset({("configuration", "booth"), ("type", "site"), ("address", "192.0.2.1")})}


def test_a_host_without_a_configuration_has_no_booth() -> None:
    host = FakeHost(directories={"/etc/booth": ("booth.conf.example", "authkey")})
    assert make_collector("booth").plan(host) is None
    assert make_collector("booth").plan(FakeHost()) is None


def test_a_directory_that_may_not_be_read_is_reported() -> None:
    plan = make_collector("booth").plan(FakeHost(readable=False))
    assert plan is not None
    assert plan.files["configurations"].status is Status.NOT_PERMITTED
    assert "configurations" in plan.required_files


def test_the_daemon_of_this_site() -> None:
    page = collected({"list booth": LIST, "peers booth": PEERS, "status booth": STATUS})
    assert page[series.key("booth_up", configuration="booth")] == 1
    assert page[series.key("booth_running", configuration="booth")] == 1
    assert info(page) == THIS_SITE
    here = series.named(page, "ha_cluster_booth_ticket_granted_here")
    assert {dict(labels)["ticket"] for labels, value in here.items() if value} == {"db", "web"}
    assert page[series.key("booth_ticket_renewed_timestamp_seconds", configuration="booth", ticket="db")] == 1772532612


def test_another_node_of_the_site_knows_its_site_from_the_members() -> None:
    page = collected({"list booth": LIST, "peers booth": PEERS, "status booth": NOT_HERE})
    assert page[series.key("booth_running", configuration="booth")] == 0
    assert info(page) == THIS_SITE


def granted_here(page: Series) -> dict[str, float]:
    """Returns whether each ticket is shown as granted to this site."""
    return {
        dict(key)["ticket"]: value for key, value in series.named(page, "ha_cluster_booth_ticket_granted_here").items()
    }


def test_a_site_that_is_configured_by_its_name_is_known_by_the_others() -> None:
    """Booth resolves names: it prints addresses, which are not in the configuration."""
    host = booth_host(booth=CONFIGURATION.replace(b"192.0.2.1", b"site1.example.org"))
    page = collected({"list booth": LIST, "peers booth": PEERS, "status booth": NOT_HERE}, host)
    assert info(page) == set()
    assert granted_here(page) == {"db": 1, "web": 1, "files": 0, "www": 0, "mail": 0, "fax": 0}


def test_a_site_is_known_by_its_address_if_other_members_are_configured_by_their_names() -> None:
    host = booth_host(booth=CONFIGURATION.replace(b"192.0.2.3", b"arbiter.example.org"))
    page = collected({"list booth": LIST, "peers booth": PEERS, "status booth": NOT_HERE}, host)
    assert info(page) == THIS_SITE


def test_without_all_other_members_it_is_unknown_which_site_holds_a_ticket() -> None:
    cut = ended(PEERS.stdout[: PEERS.stdout.index(b"arbitrator")])
    page = collected({"list booth": LIST, "peers booth": cut, "status booth": NOT_HERE})
    assert info(page) == set()
    assert granted_here(page) == {"files": 0, "www": 0, "fax": 0}  # nobody holds them


def test_a_daemon_without_tickets_is_up() -> None:
    host = booth_host(booth=CONFIGURATION.partition(b"ticket")[0])
    page = collected({"list booth": ended(b""), "peers booth": PEERS, "status booth": STATUS}, host)
    assert page[series.key("booth_up", configuration="booth")] == 1
    assert not series.named(page, "ha_cluster_booth_ticket_state")
    assert status_of("list booth", ended(b""), host) is Status.OK
    assert status_of("list booth", ended(b"", 1), host) is Status.FAILED


def test_a_daemon_that_does_not_answer_is_down_and_knows_no_tickets() -> None:
    page = collected({"list booth": REFUSED, "peers booth": REFUSED, "status booth": NOT_HERE})
    assert page[series.key("booth_up", configuration="booth")] == 0
    assert page[series.key("booth_running", configuration="booth")] == 0
    assert not series.named(page, "ha_cluster_booth_ticket_state")
    assert status_of("list booth", REFUSED) is Status.NOT_RUNNING


@pytest.mark.parametrize(
    ("stderr", "status"),
    [
        (b"ERROR: connect to 192.0.2.1 got a timeout\n", Status.NOT_RUNNING),
        (b"ERROR: connect to 192.0.2.1 got an error: No route to host\n", Status.NOT_RUNNING),
        (
            b"ERROR: cannot open /etc/booth/authkey: Permission denied\nERROR: cannot read config\n",
            Status.NOT_PERMITTED,
        ),
        (
            b'sudo: The "no new privileges" flag is set, which prevents sudo from running as root.\n',
            Status.NOT_PERMITTED,
        ),
        (b"ERROR: authentication error\n", Status.FAILED),
        (b'ERROR: Unknown keyword "sites" in config file line 1\n', Status.FAILED),
    ],
)
def test_a_daemon_is_down_only_if_it_cannot_be_reached(stderr: bytes, status: Status) -> None:
    result = ended(b"", 1, stderr)
    assert status_of("list booth", result) is status
    page = collected({"list booth": result, "peers booth": result, "status booth": STATUS})
    up = 0 if status is Status.NOT_RUNNING else None
    assert page.get(series.key("booth_up", configuration="booth")) == up


def test_a_user_who_may_not_write_the_pid_file_reads_it() -> None:
    host = ReadOnlyHost(**{name: getattr(booth_host(), name) for name in ("files", "directories")})
    host.files["/var/run/booth/booth.pid"] = PID_FILE
    page = collected({"list booth": LIST, "peers booth": PEERS, "status booth": NOT_HERE}, host)
    assert info(page) == THIS_SITE
    assert series.key("booth_running", configuration="booth") not in page


def test_each_configuration_is_collected() -> None:
    host = booth_host(geo=CONFIGURATION)
    page = collected({"list booth": LIST, "list geo": REFUSED}, host)
    assert page[series.key("booth_up", configuration="booth")] == 1
    assert page[series.key("booth_up", configuration="geo")] == 0


def test_a_damaged_configuration_costs_what_is_read_from_it() -> None:
    page = collected(
        {"list booth": LIST, "peers booth": PEERS, "status booth": STATUS}, booth_host(booth=b"\xff = 1\n")
    )
    assert series.key("booth_ticket_validity_seconds", configuration="booth", ticket="db") not in page
    assert page[series.key("booth_ticket_expiry_timestamp_seconds", configuration="booth", ticket="db")] == 1772532672


def test_a_hostile_name_of_a_configuration_is_not_used() -> None:
    host = FakeHost(directories={"/etc/booth": ("-x y.conf", "a\nb.conf", ".conf", "x" * 80 + ".conf")})
    assert make_collector("booth").plan(host) is None


# --- The lab ---------------------------------------------------------------------------------------------------------

STATES = {
    "not-granted": "no_leader",
    "granted": "granted",
    "granted-other-site": "granted",
    "granted-arbitrator": "granted",
    "renewed": "granted",
    "revoked": "revoked",
    "revoked-arbitrator": "revoked",
    "moved": "granted",
    "site-unreachable": "commit_pending",
    "cut-off": "granted",
    "lost": "no_leader",
    "taken-over": "granted",
    "two-leaders": "granted",
    "two-leaders-there": "granted",
    "two-leaders-arbitrator": "granted",
    "revoked-in-pacemaker": "granted",
    "granted-in-pacemaker": "granted",
    "killed-arbitrator": Status.NOT_RUNNING,
    "stopped-arbitrator": Status.NOT_RUNNING,
    "unprivileged": Status.NOT_PERMITTED,
    "user-of-pacemaker": Status.NOT_PERMITTED,
    "key-of-pacemaker": "granted",
    "configuration-damaged": Status.FAILED,
    "other-addresses": Status.FAILED,
}
"""The state of the ticket ``db``, or how ``booth list`` ended, in each situation."""


def recorded(situation: str, name: str) -> CommandResult:
    path = LAB / "booth" / situation / f"booth-{name}.stdout"
    exit_status = int(path.with_suffix(".rc").read_text())
    return ended(path.read_bytes(), exit_status, path.with_suffix(".stderr").read_bytes())


@pytest.mark.parametrize("situation", STATES)
def test_what_was_recorded(situation: str) -> None:
    expected = STATES[situation]
    results = {f"{name} booth": recorded(situation, name) for name in ("list", "peers", "status")}
    status = status_of("list booth", results["list booth"])
    assert status is (expected if isinstance(expected, Status) else Status.OK)
    page = collected(results)
    states = {
        dict(labels)["state"]
        for labels, value in series.named(page, "ha_cluster_booth_ticket_state").items()
        if value and dict(labels)["ticket"] == "db"
    }
    assert states == (set() if isinstance(expected, Status) else {expected})
