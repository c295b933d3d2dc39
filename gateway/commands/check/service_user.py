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

import gateway
from gateway import runtime
from gateway.commands.check.check_result import CheckResult
from gateway.errors import ConfigError
from gateway.files import find_obstacle, group_name, user_name
from gateway.host.host import Host

UNIT = "ha-cluster-gateway.service"

_PROPERTIES = ("User", "Group", "SupplementaryGroups", "AmbientCapabilities", "NoNewPrivileges")
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
        unit: the name of the unit that says so; empty if it comes from the user database.
    """

    name: str
    user_id: int
    group_id: int
    group_ids: Sequence[int]
    capabilities: Sequence[str] = ()
    no_new_privileges: bool = False
    unit: str = ""

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


def find_service_user(name: str | None, host: Host) -> ServiceUser | None:
    """Returns the user to become, or None to stay the user that runs this program.

    Args:
        name: the user on the command line; None for that of the unit, if root runs this program.
        host: runs systemctl.

    Raises:
        ConfigError: there is no such user or group, or this user may not become another one.
    """
    root = os.geteuid() == 0
    if name is None and not root:
        return None
    unit = _read_unit(host)
    if name is None:
        name = unit.get("User", "")
    if name in {"", "root", "0"}:
        return None
    account = _find_account(name)
    if not root:
        if account.pw_uid == os.geteuid():
            return None
        raise ConfigError([f"--user {name}: only root can become another user; run check as root"])
    if unit.get("User") == name:
        return _from_unit(account, unit)
    groups = os.getgrouplist(name, account.pw_gid)
    return ServiceUser(name=name, user_id=account.pw_uid, group_id=account.pw_gid, group_ids=groups)


def _read_unit(host: Host) -> dict[str, str]:
    """Returns the properties of the unit, with its drop-ins; empty without systemd, or if there is no such unit."""
    arguments = ("show", UNIT, *(f"--property={name}" for name in ("LoadState", *_PROPERTIES)))
    printed = runtime.run(host.run("systemctl", *arguments)).stdout.decode("utf-8", "replace")
    values = {name: value for name, _, value in (line.partition("=") for line in printed.splitlines())}
    return values if values.pop("LoadState", "") == "loaded" else {}


def _from_unit(account: pwd.struct_passwd, unit: dict[str, str]) -> ServiceUser:
    group_id = _find_group(unit["Group"]) if unit.get("Group") else account.pw_gid
    others = [_find_group(name) for name in unit.get("SupplementaryGroups", "").split()]
    return ServiceUser(
        name=account.pw_name,
        user_id=account.pw_uid,
        group_id=group_id,
        group_ids=[*dict.fromkeys([*os.getgrouplist(account.pw_name, group_id), *others])],
        capabilities=tuple(unit.get("AmbientCapabilities", "").lower().split()),
        no_new_privileges=unit.get("NoNewPrivileges") == "yes",
        unit=UNIT,
    )


def _find_account(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        advice = "create it: systemd-sysusers ha-cluster-gateway.conf"
        raise ConfigError([f"user {name}: there is no such user; {advice}"]) from None


def _find_group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        advice = f"systemd would not start the service; create it: groupadd --system {name}"
        raise ConfigError([f"{UNIT}: group {name}: there is no such group; {advice}"]) from None


# --- The results -----------------------------------------------------------------------------------------------------


def check_user(user: ServiceUser | None) -> Iterator[CheckResult]:
    """Yields who all other results are about."""
    names = [group_name(group) for group in dict.fromkeys([os.getegid(), *os.getgroups()])]
    groups = f"{names[0]} (primary)" + "".join(f", {name}" for name in names[1:])
    source = f", as in {user.unit}" if user is not None and user.unit else ""
    if os.geteuid() == 0:
        text = "root, who may do everything; --user NAME checks what another user may do"
        yield CheckResult(good=True, subject="user", text=text)
        return
    yield CheckResult(good=True, subject="user", text=f"{user_name(os.geteuid())}; groups {groups}{source}")


def check_program() -> Iterator[CheckResult]:
    """Yields a problem if this user cannot read the program, and Python with its libraries; nothing otherwise."""
    for path in (Path(sys.executable), Path(os.__file__).parent, Path(gateway.__file__).parent):
        obstacle = find_obstacle(path, os.R_OK | os.X_OK)
        if obstacle is not None:
            text = f"{user_name(os.geteuid())} cannot read {path}: {obstacle.reason}"
            advice = "Install the gateway, and Python, where every user can read them, such as /opt/ha-cluster-gateway."
            yield CheckResult(good=False, subject="program", text=text, advice=advice)
            return
