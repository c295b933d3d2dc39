"""The user that the service runs as, and how ``check`` becomes that user: what root may do proves nothing about it."""

from __future__ import annotations

import ctypes
import grp
import os
import pwd
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.commands.check.check_result import CheckResult, Outcome
from gateway.errors import ConfigError
from gateway.files import find_obstacle, group_name, user_name
from gateway.host.host import Host
from gateway.runtime import event_loop

UNIT = "ha-cluster-gateway.service"
_SERVICE_USER = "ha-cluster-gateway"
"""The user that the packages and ``sysusers.d`` create."""

_IMPLY_NO_NEW_PRIVILEGES = (
    *("DynamicUser", "LockPersonality", "MemoryDenyWriteExecute", "PrivateDevices", "ProtectClock", "ProtectHostname"),
    *("ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "RestrictAddressFamilies"),
    *("RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "SystemCallArchitectures", "SystemCallFilter"),
)
"""The settings with which a service that is not root gets ``NoNewPrivileges=`` as well (systemd.exec(5))."""
_NOT_SET = {"", "no", "~"}

_PROPERTIES = (
    *("User", "Group", "SupplementaryGroups", "AmbientCapabilities", "MainPID", "NoNewPrivileges"),
    *_IMPLY_NO_NEW_PRIVILEGES,
)
_CAPABILITIES = {"cap_net_bind_service": 10, "cap_net_admin": 12, "cap_sys_admin": 21, "cap_dac_read_search": 2}
"""The capabilities that a tool or a port may need, and their numbers."""

_PR_SET_KEEPCAPS, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 8, 38, 47, 2
_CAPABILITY_VERSION = 0x20080522


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUser:
    """A user, with the groups and capabilities that the service has.

    Attributes:
        name: the name of the user.
        user_id: its number.
        group_id: the primary group.
        group_ids: all groups.
        capabilities: the capabilities that the unit gives to the service (``AmbientCapabilities=``).
        no_new_privileges: whether programs such as sudo cannot get others.
    """

    name: str
    user_id: int
    group_id: int
    group_ids: Sequence[int]
    capabilities: Sequence[str] = ()
    no_new_privileges: bool = False

    def become(self) -> None:
        """Gives up the privileges of root for good.

        Raises:
            OSError: that is not possible.
        """
        libc = ctypes.CDLL(None, use_errno=True)
        numbers = [_CAPABILITIES[name] for name in self.capabilities if name in _CAPABILITIES]
        _call(libc, "prctl", _PR_SET_KEEPCAPS, int(bool(numbers)), 0, 0, 0)
        os.setgroups(self.group_ids)
        os.setresgid(self.group_id, self.group_id, self.group_id)
        os.setresuid(self.user_id, self.user_id, self.user_id)
        if numbers:
            mask = sum(1 << number for number in numbers)
            header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
            _call(libc, "capset", header, (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0))
            for number in numbers:
                _call(libc, "prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, number, 0, 0)
        if self.no_new_privileges:
            _call(libc, "prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _call(libc: ctypes.CDLL, name: str, *arguments: object) -> None:
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The user that is tested.

    Attributes:
        user: the user to become; None to stay the user that runs this program.
        reason: why it is this one.
        process: the main process of the unit; 0 if it does not run, or systemd does not say.
    """

    user: ServiceUser | None = None
    reason: str
    process: int = 0


def choose_user(name: str | None, host: Host) -> Choice:
    """Returns the user whose permissions are tested.

    Args:
        name: the user on the command line; None for that of the unit, if root runs this program.
        host: runs systemctl.

    Raises:
        ConfigError: there is no such user or group, or this user may not become another one.
    """
    unit = _read_unit(host)
    process = int(unit.get("MainPID", "") or 0)
    if os.geteuid() != 0:
        if name is not None and _find_account(name).pw_uid != os.geteuid():
            raise ConfigError([f"--user {name}: only root can become another user; run check as root"])
        return Choice(reason="who runs check", process=process)
    if name is None and not unit:
        return Choice(reason=f"because systemd does not know {UNIT}{_suggest_user()}")
    if name is None:
        name, reason = unit.get("User", ""), f"as in {UNIT}"
    else:
        reason = "because of --user"
    if name in {"", "root", "0"}:
        return Choice(reason=reason, process=process)
    account = _find_account(name)
    if unit.get("User") == name:
        return Choice(user=_from_unit(account, unit), reason=f"as in {UNIT}", process=process)
    groups = os.getgrouplist(name, account.pw_gid)
    user = ServiceUser(name=name, user_id=account.pw_uid, group_id=account.pw_gid, group_ids=groups)
    return Choice(user=user, reason=reason, process=process)


def _suggest_user() -> str:
    """Returns how to test what the service may do without a unit."""
    try:
        pwd.getpwnam(_SERVICE_USER)
    except KeyError:
        return "; --user NAME tests what another user may do"
    return f"; --user {_SERVICE_USER} tests what that user may do"


def _read_unit(host: Host) -> dict[str, str]:
    """Returns the properties of the unit, with its drop-ins; empty without systemd, or if there is no such unit."""
    arguments = ("show", UNIT, *(f"--property={name}" for name in ("LoadState", *_PROPERTIES)))
    printed = event_loop.run(host.run("systemctl", *arguments)).stdout.decode("utf-8", "replace")
    values = {name: value for name, _, value in (line.partition("=") for line in printed.splitlines())}
    return values if values.get("LoadState") == "loaded" else {}


def _from_unit(account: pwd.struct_passwd, unit: dict[str, str]) -> ServiceUser:
    group_id = _find_group(unit["Group"]) if unit.get("Group") else account.pw_gid
    others = [_find_group(name) for name in unit.get("SupplementaryGroups", "").split()]
    capabilities = tuple(unit.get("AmbientCapabilities", "").lower().split())
    is_implied = any(unit.get(name, "") not in _NOT_SET for name in _IMPLY_NO_NEW_PRIVILEGES)
    return ServiceUser(
        name=account.pw_name,
        user_id=account.pw_uid,
        group_id=group_id,
        group_ids=[*dict.fromkeys([*os.getgrouplist(account.pw_name, group_id), *others])],
        capabilities=capabilities,
        no_new_privileges=unit.get("NoNewPrivileges") == "yes" or (is_implied and "cap_sys_admin" not in capabilities),
    )


def _find_account(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        command = "systemd-sysusers ha-cluster-gateway.conf" if name == _SERVICE_USER else f"useradd --system {name}"
        raise ConfigError([f"user {name}: there is no such user; create it: {command}"]) from None


def _find_group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        advice = f"systemd would not start the service; create it: groupadd --system {name}"
        raise ConfigError([f"{UNIT}: group {name}: there is no such group; {advice}"]) from None


# --- The results -----------------------------------------------------------------------------------------------------


def check_user(choice: Choice) -> Iterator[CheckResult]:
    """Yields who all other results are about, and why."""
    if os.geteuid() == 0:
        yield CheckResult(subject="user", text=f"root, who may do everything, {choice.reason}")
        return
    names = [group_name(group) for group in dict.fromkeys([os.getegid(), *os.getgroups()])]
    groups = f"{names[0]} (primary)" + "".join(f", {name}" for name in names[1:])
    yield CheckResult(subject="user", text=f"{user_name(os.geteuid())}, {choice.reason}; groups {groups}")


_NOT_IN_A_HOME = """\
As this user it cannot start: systemd and sudo report "Permission denied". Install it where every user can read it,
      with a Python that is not in a home directory, as those of pyenv and uv are:
          /usr/bin/python3 -m venv --clear /opt/ha-cluster-gateway
          /opt/ha-cluster-gateway/bin/pip install ."""


def check_program() -> Iterator[CheckResult]:
    """Yields a problem if this user cannot read the program, and Python with its libraries; nothing otherwise."""
    files = (getattr(module, "__file__", None) for module in tuple(sys.modules.values()))
    directories = sorted({Path(file).parent for file in files if file})
    for path in (Path(sys.executable), *directories):
        obstacle = find_obstacle(path, os.R_OK | os.X_OK)
        if obstacle is not None:
            text = f"{user_name(os.geteuid())} cannot read {path}: {obstacle.reason}"
            yield CheckResult(outcome=Outcome.FAIL, subject="program", text=text, advice=_NOT_IN_A_HOME)
            return
