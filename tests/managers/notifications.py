"""snmptt: its converter makes the recipe, and it prints what snmptrapd receives from the demo."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.snmp import oid as oids
from gateway.snmp.mib.module import mib
from integrations.generator.files import FOLDER
from tests.managers.difference import expect, expect_soon
from tests.managers.node import Way
from tests.managers.polling import copy_mibs
from tests.managers.tree import Tree
from tests.waiting import wait_until

_INI = """\
[General]
mode = standalone
dns_enable = 0
net_snmp_perl_enable = 0
[Logging]
stdout_enable = 0
log_enable = 1
log_file = {inside}/snmptt.log
log_system_enable = 0
unknown_trap_log_enable = 0
syslog_enable = 0
syslog_system_enable = 0
[TrapFiles]
snmptt_conf_files = <<END
{inside}/ha-cluster.conf
END
"""


def check_converter(tree: Tree) -> str:
    """Compares the recipe with what snmpttconvertmib makes of the MIB; line breaks and its own header may differ."""
    with tree.folder() as (folder, inside):
        copy_mibs(folder)
        command = f"snmpttconvertmib --in={inside}/mibs/HA-CLUSTER-MIB.txt --out={inside}/out"
        tree.run("sh", "-c", f"MIBDIRS={inside}/mibs MIBS=HA-CLUSTER-MIB {command}")
        made = (folder / "out").read_text()
    ours = (FOLDER / "snmptt" / "ha-cluster.conf").read_text()
    expect("the events of snmpttconvertmib", _words(made), _words(ours))
    expect("the number of events", len(re.findall(r"^EVENT ", made, re.MULTILINE)), len(mib().notifications))
    return f"the converter makes the same {len(mib().notifications)} events"


def _words(text: str) -> list[str]:
    return re.sub(r"^(?:#|MIB:).*\n", "", text, flags=re.MULTILINE).split()


@contextlib.contextmanager
def running_receiver(tree: Tree, port: int) -> Iterator[Path]:
    """Runs snmptrapd, which starts snmptt for each notification; yields the log of snmptt."""
    with tree.folder() as (folder, inside):
        (folder / "ha-cluster.conf").write_text((FOLDER / "snmptt" / "ha-cluster.conf").read_text())
        (folder / "snmptt.ini").write_text(_INI.format(inside=inside))
        handler = f"traphandle default /usr/sbin/snmptt --ini={inside}/snmptt.ini\n"
        (folder / "snmptrapd.conf").write_text(f"authCommunity log,execute public\n{handler}")
        options = ("-f", "-On", "-C", "-c", f"{inside}/snmptrapd.conf", "-Lf", f"{inside}/snmptrapd.log")
        with tree.running("snmptrapd", *options, f"udp:127.0.0.1:{port}", log=folder / "log"):
            wait_until(lambda: f":{port:04X} " in Path("/proc/net/udp").read_text(), what="snmptrapd")
            yield folder / "snmptt.log"


def check_snmptt(log: Path, ways: Sequence[Way]) -> str:
    """Waits for the notifications about the start, and for those about all alarms that are active, with what to do."""
    columns = ("haClusterAlarmText", "haClusterAlarmAction")
    texts = {str(text) for way in ways for column in columns for text in way.column(column)}
    started = f"{oids.dotted(mib().notifications['haClusterStarted'].oid)} "
    senders = {way.situation.name for way in ways}

    def missing() -> list[str]:
        lines = log.read_text().splitlines() if log.exists() else []
        absent = [text for text in texts if not any(text in line for line in lines)]
        return [*absent, "the start"] if sum(started in line for line in lines) < len(senders) else absent

    expect_soon("the log of snmptt", missing, seconds=300)  # a process of Perl for each of them
    return f"{len(log.read_text().splitlines())} lines, with all {len(texts)} texts of active alarms"
