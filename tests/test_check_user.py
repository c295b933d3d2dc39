"""``check --user``: what the user of the service may do, tried by real processes that give up root."""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.commands.check import service_user
from gateway.commands.check.service_user import Choice, ServiceUser, check_user, choose_user
from gateway.errors import ConfigError
from gateway.host.host import CommandResult
from gateway.status import Status
from tests.conftest import needs_root
from tests.fakes import FakeHost
from tests.ports import free_port
from tests.programs import CIBADMIN, CRM_MON, DRBDSETUP, FakeCluster, check_result, environment
from tests.readable import readable_prefix

NAME = "daemon"  # a user that every Linux has, without privileges


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    """A cluster that everybody can read, unlike the directories of pytest."""
    directory = Path(tempfile.mkdtemp(prefix="gateway-check-"))
    directory.chmod(0o755)
    made = FakeCluster(directory)
    for path in directory.rglob("*"):
        path.chmod(path.stat().st_mode | 0o555 if path.is_dir() or path.parent.name == "bin" else 0o644)
    yield made
    shutil.rmtree(directory)


def check(
    cluster: FakeCluster, *arguments: str, prefix: Sequence[str] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "gateway", "check", "--config", str(cluster.config)]
    return subprocess.run(
        [*readable_prefix(), *prefix, *program, "--web.listen-address=127.0.0.1:0", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cluster.directory,
        env={**environment(), **variables},
    )


# --- who it is -------------------------------------------------------------------------------------------------------


class Systemctl(FakeHost):
    """A host whose systemctl prints the properties of the unit."""

    def __init__(self, **properties: str) -> None:
        super().__init__()
        self._text = "".join(f"{name}={value}\n" for name, value in properties.items())

    async def run(self, tool: str, *arguments: str) -> CommandResult:
        assert tool == "systemctl"
        assert arguments[:2] == ("show", "ha-cluster-gateway.service")
        return CommandResult(status=Status.OK, exit_status=0, stdout=self._text.encode())


@needs_root
def test_the_user_and_the_groups_of_the_unit() -> None:
    account, groups = pwd.getpwnam(NAME), [grp.getgrnam(name).gr_gid for name in ("sys", "disk")]
    host = Systemctl(
        LoadState="loaded",
        User=NAME,
        Group="sys",
        SupplementaryGroups="disk",
        AmbientCapabilities="cap_net_bind_service",
        NoNewPrivileges="yes",
    )
    choice = choose_user(None, host)
    assert choice == choose_user(NAME, host)
    assert choice.reason == "as in ha-cluster-gateway.service"
    user = choice.user
    assert user is not None
    assert (user.name, user.user_id, user.group_id) == (NAME, account.pw_uid, groups[0])
    assert {*groups} <= {*user.group_ids}
    assert (user.capabilities, user.no_new_privileges) == (("cap_net_bind_service",), True)
    choice = choose_user("nobody", host)
    assert choice.reason == "because of --user"
    other = choice.user
    assert other is not None
    assert other.group_id == pwd.getpwnam("nobody").pw_gid
    assert not other.capabilities


@needs_root
@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"NoNewPrivileges": "no", "SystemCallFilter": "~", "LockPersonality": "no"}, False),
        ({"NoNewPrivileges": "no", "SystemCallFilter": "~ @privileged"}, True),
        ({"NoNewPrivileges": "no", "RestrictNamespaces": "yes"}, True),
        ({"NoNewPrivileges": "no", "RestrictNamespaces": "yes", "AmbientCapabilities": "cap_sys_admin"}, False),
    ],
)
def test_settings_that_imply_no_new_privileges(properties: dict[str, str], *, expected: bool) -> None:
    user = choose_user(None, Systemctl(LoadState="loaded", User=NAME, **properties)).user
    assert user is not None
    assert user.no_new_privileges == expected


@needs_root
@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({}, "because systemd does not know ha-cluster-gateway.service; --user "),
        ({"LoadState": "not-found", "User": ""}, "because systemd does not know ha-cluster-gateway.service; --user "),
        ({"LoadState": "loaded", "User": ""}, "as in ha-cluster-gateway.service"),
    ],
)
def test_without_a_user_in_the_unit_root_stays_root(properties: dict[str, str], reason: str) -> None:
    choice = choose_user(None, Systemctl(**properties))
    assert choice.user is None
    assert choice.reason.startswith(reason)
    (result,) = check_user(choice)
    assert result.text.startswith(f"root, who may do everything, {reason}")


@needs_root
@pytest.mark.parametrize(
    ("name", "properties", "message"),
    [
        ("no-such-user", {}, "user no-such-user: there is no such user; create it: useradd --system no"),
        (None, {"User": "no-such-user"}, "user no-such-user: there is no such user; "),
        (None, {"User": NAME, "Group": "no-such-group"}, "group no-such-group: there is no such group; systemd would"),
    ],
)
def test_a_user_or_group_that_is_missing(name: str | None, properties: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        choose_user(name, Systemctl(LoadState="loaded", **properties))


@needs_root
def test_only_root_can_become_another_user() -> None:
    os.seteuid(54321)
    try:
        assert choose_user(None, Systemctl()) == Choice(reason="who runs check")
        with pytest.raises(ConfigError, match="--user daemon: only root can become another user; run check as root"):
            choose_user(NAME, Systemctl())
    finally:
        os.seteuid(0)


_BECOME = """
import json, os, socket, sys
from gateway.commands.check.service_user import ServiceUser
ServiceUser(**json.loads(sys.argv[1])).become()
status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
names = ("Uid", "Gid", "Groups", "CapPrm", "CapEff", "CapAmb", "NoNewPrivs")
print(json.dumps({name: status[name].split() for name in names}))
"""


@needs_root
@pytest.mark.parametrize("capabilities", [(), ("cap_net_bind_service",)])
def test_the_privileges_of_root_are_given_up(capabilities: tuple[str, ...]) -> None:
    user: dict[str, Any] = {
        "name": NAME, "user_id": 54321, "group_id": 54322, "group_ids": [54322, 54323],
        "capabilities": capabilities, "no_new_privileges": True,
    }  # fmt: skip
    command = [sys.executable, "-c", _BECOME, json.dumps(user)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment())
    status = json.loads(done.stdout)
    assert status["Uid"] == ["54321"] * 4
    assert status["Gid"] == ["54322"] * 4
    assert status["Groups"] == ["54322", "54323"]
    mask = sum(1 << service_user._CAPABILITIES[name] for name in capabilities)
    assert [int(status[name][0], 16) for name in ("CapPrm", "CapEff", "CapAmb")] == [mask] * 3
    assert status["NoNewPrivs"] == ["1"]
    assert ServiceUser(**user).name == NAME


_IN_A_CLOSED_DIRECTORY = """
import sys
sys.path.insert(0, sys.argv[1])
import closed
from gateway.commands.check.service_user import ServiceUser, check_program
ServiceUser(name="x", user_id=54321, group_id=54322, group_ids=[54322]).become()
for result in check_program():
    print(result.outcome.value, result.text, result.advice, sep="\\n")
"""


@needs_root
def test_a_program_that_the_user_cannot_read(tmp_path: Path) -> None:
    """As one in the home directory of root, whether it is the gateway, a library or Python itself."""
    directory = tmp_path / "home"
    directory.mkdir(mode=0o700)
    (directory / "closed.py").touch()
    tmp_path.chmod(0o755)
    command = [*readable_prefix(), sys.executable, "-c", _IN_A_CLOSED_DIRECTORY, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment())
    outcome, text, *advice = done.stdout.splitlines()
    assert outcome == "FAIL"
    assert text.startswith("user 54321 cannot read /")
    assert "mode 0700" in text
    assert "with a Python that is not in a home directory" in "\n".join(advice)


# --- what it may do --------------------------------------------------------------------------------------------------


@pytest.mark.daemon
@needs_root
def test_a_user_that_may_do_everything(cluster: FakeCluster) -> None:
    done = check(cluster, "--user", NAME)
    assert check_result(done.stdout, "user")[0].startswith(f"ok    user: {NAME}, because of --user; groups ")
    assert "FAIL" not in done.stdout
    assert check_result(done.stdout, "pacemaker: crm_mon")[0] == "ok    pacemaker: crm_mon: ok"


@pytest.mark.daemon
@needs_root
def test_a_configuration_that_only_root_can_read(cluster: FakeCluster) -> None:
    cluster.config.chmod(0o600)
    assert "Permission denied" not in check(cluster).stderr
    done = check(cluster, "--user", NAME)
    assert done.returncode == 2
    reason = f"Permission denied for {NAME}: {cluster.config} has mode 0600 and belongs to root:root; run chgrp "
    assert f"{cluster.config}: {reason}" in done.stderr
    assert f" {cluster.config} && chmod g+r {cluster.config}\n" in done.stderr


@pytest.mark.daemon
@needs_root
def test_a_password_file_that_only_root_can_read(cluster: FakeCluster) -> None:
    secret = cluster.directory / "community"
    secret.write_text("secret of tests\n")
    secret.chmod(0o640)
    text = f'[[alarms.target]]\naddress = "127.0.0.1"\ncommunity_file = "{secret}"\n'
    cluster.config.write_text(cluster.config.read_text() + text)
    done = check(cluster, "--user", NAME)
    assert done.returncode == 2
    group = grp.getgrgid(pwd.getpwnam(NAME).pw_gid).gr_name
    reason = f"{secret} has mode 0640 and belongs to root:root; run chgrp {group} {secret} && chmod g+r {secret}\n"
    assert f"Permission denied for {NAME}: {reason}" in done.stderr


@pytest.mark.daemon
@needs_root
def test_a_link_to_a_configuration_that_only_another_group_can_read(cluster: FakeCluster) -> None:
    target = cluster.config.rename(cluster.directory / "target.conf")
    cluster.config.symlink_to(target)
    target.chmod(0o640)
    os.chown(target, 0, grp.getgrnam("disk").gr_gid)
    done = check(cluster, "--user", NAME)
    assert done.returncode == 2
    reason = f"it leads to {target}; {target} has mode 0640 and belongs to root:disk; run usermod -aG disk {NAME}\n"
    assert f"{cluster.config}: Permission denied for {NAME}: {reason}" in done.stderr


@pytest.mark.daemon
@needs_root
def test_ports_and_tools(cluster: FakeCluster) -> None:
    cluster.path("cibadmin").chmod(0o700)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", free_port()))
        busy = f"127.0.0.1:{taken.getsockname()[1]}"
        community = '[[snmp.agent.community]]\nname = "public"\n'
        agent = f'[snmp.agent]\nlisten = ["{busy}", "127.0.0.1:161"]\n{community}'
        cluster.config.write_text(cluster.config.read_text() + agent)
        cluster.config.chmod(0o640)
        os.chown(cluster.config, 0, pwd.getpwnam(NAME).pw_gid)
        done = check(cluster, "--user", NAME)
    assert done.returncode == 1
    line, advice = check_result(done.stdout, f"listen UDP {busy}")
    holder = re.escape(Path("/proc/self/comm").read_text().strip())
    assert re.fullmatch(rf"FAIL  listen UDP {busy}: in use by {holder} \(process {os.getpid()}\)", line)
    assert "ss -lunp" in advice
    line, advice = check_result(done.stdout, "pacemaker: cibadmin")
    assert line.startswith("FAIL  pacemaker: cibadmin: not_permitted: ")
    privileged = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) > 161
    line, advice = check_result(done.stdout, "listen UDP 127.0.0.1:161")
    if privileged:
        assert line.endswith("Permission denied")
        assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in advice


@pytest.mark.daemon
@needs_root
def test_a_directory_that_only_root_can_read(cluster: FakeCluster) -> None:
    """That DRBD's kernel module is not loaded has another reason than the permissions of its directory."""
    cluster.does(DRBDSETUP, "echo 'modprobe: FATAL: Module drbd not found' >&2; exit 20")
    directory = cluster.directory / "splitbrain"
    directory.chmod(0o700)
    done = check(cluster, "--user", NAME)
    line, advice = check_result(done.stdout, "drbd: drbdsetup")
    assert line.startswith("down  drbd: drbdsetup: not_running: exit status 20: "), done.stdout
    assert "sudo" not in advice
    group = grp.getgrgid(pwd.getpwnam(NAME).pw_gid).gr_name
    remedy = f"run chgrp {group} {directory} && chmod g+rx {directory}"
    reason = f"{directory} has mode 0700 and belongs to root:root; {remedy}"
    text = f"not_permitted: {directory}: Permission denied for {NAME}: {reason}"
    assert check_result(done.stdout, "drbd: split brain") == (f"FAIL  drbd: split brain: {text}", "")


@pytest.mark.daemon
@needs_root
def test_a_socket_of_snmpd_that_only_root_can_reach(cluster: FakeCluster) -> None:
    """Root reads the configuration of snmpd, which the user cannot, and the user tries the socket."""
    directory = cluster.directory / "agentx"
    directory.mkdir(mode=0o700)
    files = cluster.directory / "snmp"
    files.mkdir(mode=0o700)
    (files / "snmpd.conf").write_text(
        f"master agentx\nagentXSocket {directory}/master\nagentXPerms 0660 0710 root haclient\nrocommunity public\n"
    )
    with socket.socket(socket.AF_UNIX) as master:
        master.bind(f"{directory}/master")
        master.listen()
        agentx = f"--snmp.agentx=unix:{directory}/master"
        done = check(cluster, agentx, "--user", NAME, SNMPCONFPATH=str(files))
    assert done.returncode == 1, done.stderr
    line, _ = check_result(done.stdout, f"agentx unix:{directory}/master")
    assert line.startswith(f"FAIL  agentx unix:{directory}/master: ")
    assert (
        f"Permission denied; {directory} has mode 0700 and belongs to root:root; the drop-in for snmpd.service" in line
    )
    assert check_result(done.stdout, "snmpd.conf")[0] == "ok    snmpd.conf: complete"


@pytest.mark.daemon
@needs_root
def test_a_user_without_a_name(cluster: FakeCluster) -> None:
    cluster.path("cibadmin").chmod(0o644)
    done = check(cluster, prefix=["setpriv", "--reuid=54321", "--regid=54322", "--clear-groups"])
    assert check_result(done.stdout, "user")[0] == "ok    user: user 54321, who runs check; groups 54322 (primary)"
    assert "user 54321 has 54322 as its primary group" in check_result(done.stdout, "pacemaker: cibadmin")[1]


# --- advice ----------------------------------------------------------------------------------------------------------

ACLS = re.compile(r"Pacemaker's ACLs hide the cluster from \w+")


@pytest.mark.daemon
@needs_root
@pytest.mark.parametrize("group", ["daemon", "haclient"])
def test_acls_that_hide_a_running_cluster(group: str, cluster: FakeCluster) -> None:
    """What Pacemaker 2.1.5 prints to a user without a role."""
    try:
        group_id = grp.getgrnam(group).gr_gid
    except KeyError:
        pytest.skip("there is no group haclient on this machine")
    elements = b'<pacemakerd state="running"/><status code="0" message="OK"/>'
    cluster.prints(CRM_MON, b'<pacemaker-result api-version="2.25">' + elements + b"</pacemaker-result>")
    cluster.does(CIBADMIN, "echo 'Call cib_query failed: Permission denied' >&2; exit 4")
    for path in cluster.directory.iterdir():
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    as_daemon = ["setpriv", f"--reuid={NAME}", f"--regid={group_id}", "--clear-groups"]
    done = check(cluster, prefix=as_daemon)
    for tool in ("crm_mon", "cibadmin"):
        line, advice = check_result(done.stdout, f"pacemaker: {tool}")
        assert line.startswith(f"FAIL  pacemaker: {tool}: not_permitted: "), done.stderr
        assert "Start the cluster" not in advice
        if group == "haclient":
            assert ACLS.search(advice)
        else:
            assert advice.startswith("daemon has daemon as its primary group. Run the gateway with haclient as")
