"""Runs a real snmptrapd for a test, on a free port, with its own configuration and directory."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.ports import free_port
from tests.programs import installed
from tests.waiting import wait_until

COMMUNITY = "public"
HOST = "127.0.0.1"

_FIELD, _VARIABLE, _END = "\x1d", "\x1e", "\x1f\n"
_FORMAT = _FIELD.join(("%b", "%P", "%V" + _VARIABLE + "%v")) + _END
"""Sender, security name and variables. The separators do not occur in the output: texts are printed as octets."""
_SNMP_TRAP_OID = "1.3.6.1.6.3.1.1.4.1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A received notification.

    Attributes:
        kind: ``TRAP`` (SNMPv1), ``TRAP2`` or ``INFORM``.
        security: version and user or community, as printed by snmptrapd.
        varbinds: type and value of each variable by its identifier; octets are bytes, numbers are int.
    """

    kind: str
    security: str
    varbinds: Mapping[str, tuple[str, bytes | int | str]]

    @property
    def notification(self) -> str:
        """The identifier of the notification."""
        return str(self.varbinds[_SNMP_TRAP_OID][1])


class Snmptrapd:
    """The daemon; a context manager that starts and stops it.

    Args:
        directory: the directory of its files.
        users: the ``createUser`` lines of its configuration without that word: ``-e ENGINEID NAME SHA-256 ...``.
        levels: the lowest security level for each user name; ``priv`` by default.
        port: its port; by default a free one.
        persistent: whether it keeps its engine ID, and counts its boots, over restarts.
        popen: starts the process, for example in other namespaces.
        net: the ``/proc/net`` of these namespaces.

    Attributes:
        port: its port on the loopback address.
        persistent: the directory of its persistent files.
    """

    def __init__(
        self,
        directory: Path,
        *,
        users: Sequence[str] = (),
        levels: Mapping[str, str] | None = None,
        port: int = 0,
        persistent: bool = False,
        popen: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen,
        net: Path = Path("/proc/net"),
    ) -> None:
        self._program = installed("snmptrapd")
        self._popen = popen
        self._net = net
        directory.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self._config = directory / "snmptrapd.conf"
        self._log = directory / "printed.log"
        self.persistent = directory / "persistent"
        self._is_persistent = persistent
        names = [next(word for word in _words(user)) for user in users]
        lines = [
            f"authCommunity log {COMMUNITY}",
            *(f"createUser {user}" for user in users),
            *(f"authUser log {name} {(levels or {}).get(name, 'priv')}" for name in names),
        ]
        self._config.write_text("".join(f"{line}\n" for line in lines))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """``HOST:PORT``."""
        return f"{HOST}:{self.port}"

    def start(self) -> None:
        """Starts it; notifications received before a restart are kept."""
        argv = [
            self._program,
            "-f",
            *(() if self._is_persistent else ("-C",)),
            "-c",
            str(self._config),
            "-A",
            "-Lf",
            str(self._log),
            "-m",
            "",
            "-M",
            "/nowhere",
        ]
        argv += ["-On", "-Ox", "-Ot", "-F", _FORMAT, f"udp:{HOST}:{self.port}"]
        environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(self.persistent)}
        environment["SNMPCONFPATH"] = str(self.persistent) if self._is_persistent else "/nowhere"
        self._process = self._popen(argv, env=environment, stdin=subprocess.DEVNULL)
        wait_until(self._has_started, what="snmptrapd")

    def _has_started(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text(errors="replace")
        return f":{self.port:04X} " in (self._net / "udp").read_text()

    def stop(self) -> None:
        """Stops it; its port is closed afterwards."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def received(self) -> list[Received]:
        """The notifications received until now, in order."""
        text = self._log.read_bytes().decode("latin-1") if self._log.exists() else ""
        *entries, _ = text.split(_END)  # the last one may be incomplete
        return [_parse(entry) for entry in entries]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _words(user: str) -> list[str]:
    words = user.split()
    return words[2:] if words[0] == "-e" else words


def _parse(text: str) -> Received:
    _, security, varbinds = text.rpartition("\n" + "UDP")[2].split(_FIELD)
    kind, _, rest = security.partition(",")
    parts = [part.partition(" = ") for part in varbinds.split(_VARIABLE)]
    return Received(
        kind=kind.strip(), security=rest.strip(), varbinds={name.lstrip("."): _value(value) for name, _, value in parts}
    )


def _value(text: str) -> tuple[str, bytes | int | str]:
    """Returns type and value of ``TYPE: VALUE``; an empty text is printed as two quotes, a time as a number."""
    kind, colon, value = text.strip().partition(": ")
    if not colon:
        kind, value = ("Hex-STRING", "") if text.strip() == '""' else ("Timeticks", text)
    if kind == "Hex-STRING":
        return kind, bytes.fromhex(value)
    return kind, value.lstrip(".") if kind == "OID" else int(value)
