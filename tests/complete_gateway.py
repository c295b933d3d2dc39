"""The complete program and its surroundings: fake tools, managers, a real snmpd and a real receiver of informs."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from gateway.alert_agent import encode_alert
from tests import series
from tests.lab.receivers import GatewayNotification, notifications
from tests.ports import free_port
from tests.programs import FakeCluster, Gateway
from tests.series import Series
from tests.snmp_manager import Manager, connected
from tests.snmpd import Snmpd
from tests.snmptrapd import COMMUNITY, Snmptrapd
from tests.waiting import wait_until

INTERVAL = 0.5
"""Seconds between the collections for alarms."""
TIMEOUT = 1.0
"""The deadline of the tools, in seconds."""


class CompleteGateway:
    """A gateway that serves everything it can; a context manager that starts and ends it.

    Attributes:
        cluster: the fake cluster.
        receiver: gets its notifications as informs.
        snmpd: the master agent, if there is one.
        gateway: the process.
        manager: a manager of the built-in agent.
        agent_port: the port of the built-in agent.
        config: its configuration; change it before the start.
        run: the directory of the alert socket.
        state: the state directory.

    Args:
        directory: an empty directory.
        snmpd: whether there is a master agent.
        prefix: a command that becomes the gateway.
        targets: tables of more receivers.
        device: a block device, which is read in-process instead of SBD's fake tool.
        run: the directory of the alert socket.
        state: the state directory.
    """

    gateway: Gateway

    def __init__(
        self,
        directory: Path,
        *,
        snmpd: bool = False,
        prefix: Sequence[str] = (),
        targets: str = "",
        device: str = "",
        run: Path | None = None,
        state: Path | None = None,
    ) -> None:
        self.directory = directory
        (directory / "cluster").mkdir(parents=True)
        self.cluster = FakeCluster(directory / "cluster")
        self.receiver = Snmptrapd(directory / "receiver")
        self.run, self.state = run or directory / "run", state or directory / "state"
        self.config = self.cluster.config
        self.snmpd: Snmpd | None = None
        if snmpd:
            (directory / "snmpd").mkdir()
            sink = f"trap2sink 127.0.0.1:{free_port()} {COMMUNITY}"
            self.snmpd = Snmpd(directory / "snmpd", extra=(sink,))
        self.agent_port = free_port()
        self._prefix = prefix
        self._stack = ExitStack()
        self._configure(targets)
        if device:
            (directory / "cluster" / "sbd.conf").write_text(f'SBD_DEVICE="{device}"\n')
            self.config.write_text(self.config.read_text().replace("[sbd]\n", '[sbd]\nsource = "device"\n'))

    def start(self) -> None:
        """Starts the gateway; it may be started again after it has ended."""
        flags = ("--config", self.config, "--web.listen-address=127.0.0.1:0")
        self.gateway = self._stack.enter_context(Gateway(*flags, cwd=self.directory, prefix=self._prefix))

    @property
    def pid(self) -> int:
        """The process id of the gateway."""
        return self.gateway.process.pid

    @property
    def log(self) -> str:
        """The log of the process until now."""
        return "".join(self.gateway.lines)

    # --- what it shows -----------------------------------------------------------------------------------------------

    def page(self) -> Series:
        """Returns a scrape."""
        return series.parse(self.gateway.get())

    def cluster_page(self) -> Series:
        """Returns what a scrape shows of the cluster, without the gateway's own metrics and durations."""
        own = ("ha_cluster_gateway_", "ha_cluster_scrape_duration", "process_", "python_")
        return {key: value for key, value in self.page().items() if not key[0].startswith(own)}

    def state_of(self, collector: str) -> str:
        """Returns the state of a collector on the page."""
        states = series.named(self.page(), "ha_cluster_gateway_collector_state")
        return next(
            dict(labels)["state"] for labels, on in states.items() if on and dict(labels)["collector"] == collector
        )

    def alarms(self) -> set[tuple[str, str]]:
        """Returns the active alarms on the page: condition and object."""
        alarms = series.named(self.page(), "ha_cluster_gateway_alarms")
        return {(dict(labels)["condition"], dict(labels)["object"]) for labels in alarms}

    @property
    def notified(self) -> Sequence[GatewayNotification]:
        """The notifications that the receiver got."""
        return notifications(self.receiver)

    def wait_for_notification(self, condition: str, change: str, *, after: int = 0) -> None:
        """Waits for a notification; the first ``after`` do not count."""

        def has_arrived() -> bool:
            return any((one.condition, one.change) == (condition, change) for one in self.notified[after:])

        wait_until(has_arrived, what=f"{condition} {change}")

    def send_alert(self, node: str = "node2") -> None:
        """Sends an alert, as the alert agent does."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.connect(str(self.run / "alert.sock"))
            sock.send(encode_alert({"CRM_alert_kind": "node", "CRM_alert_node": node, "CRM_alert_desc": "member"}))

    # --- its life ----------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._stack.enter_context(self.receiver)
        if self.snmpd is not None:
            self._stack.enter_context(self.snmpd)
        self.start()
        self.manager = Manager(connected(self.agent_port))
        self._stack.callback(self.manager.close)
        wait_until(lambda: self.notified, what="the first notification")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _configure(self, targets: str) -> None:
        text = self.config.read_text()
        alert_socket = json.dumps(str(self.run / "alert.sock"))
        agentx = f"unix:{self.snmpd.agentx}" if self.snmpd is not None else "off"
        text = text.replace('socket = ""', f"interval = {INTERVAL}\nsocket = {alert_socket}")
        text = text.replace(
            'agentx = "off"',
            f'agentx = "{agentx}"\nmax_age = 1.0\nstate_directory = {json.dumps(str(self.state))}\n'
            f'[snmp.agent]\nlisten = ["127.0.0.1:{self.agent_port}"]\n[[snmp.agent.community]]\nname = "{COMMUNITY}"\n'
            '[[snmp.agent.user]]\nname = "tested"\nauth = "SHA-256"\nauth_password = "a password of tests"\n'
            'priv = "AES"\npriv_password = "a password of tests"',
        )
        for tool in ("crm_mon", "cibadmin", "corosync-quorumtool", "corosync-cfgtool", "sbd", "drbdsetup"):
            text = text.replace(f"[tools.{tool}]\n", f"[tools.{tool}]\ntimeout = {TIMEOUT}\n")
        text += f'[[alarms.target]]\naddress = "{self.receiver.name}"\nversion = "2c"\ncommunity = "{COMMUNITY}"\n'
        self.config.write_text(f'{text}kind = "inform"\ntimeout = 1.0\n{targets}')
        self.config.chmod(0o600)
