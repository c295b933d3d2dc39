"""What a package contains, apart from bundled libraries and the scripts of its format."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packager import completion, manual
from packager.packaged_file import BUNDLED, NAME, PRIVATE, ROOT, PackagedFile

_DOC = f"usr/share/doc/{NAME}"
_SHARE = f"usr/share/{NAME}"
_PACKAGING = ROOT / "packaging"
_PROGRAMS = {NAME: "gateway.cli", f"{NAME}-alert": "gateway.alert_agent"}
"""The module with the function ``main`` of each program, as in pyproject.toml."""

_ENVIRONMENT = f"/opt/{NAME}/bin/"
"""Where the unit expects the program: in a virtual environment, as in docs/install.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the two families of distributions keep files.

    Attributes:
        arguments: the file with the arguments of the service.
        zsh: the directory of completions for zsh.
        snmpd: the directory of configuration for snmpd.
        snmpd_reads: whether snmpd reads every file in that directory.
        supportconfig: the directory of supportconfig's plugins; empty if there is none.
        changelog: the path of CHANGELOG.md, which is compressed if the name says so.
        license: the path of LICENSE; empty if every system has its text.
    """

    arguments: str
    zsh: str
    snmpd: str
    snmpd_reads: bool
    supportconfig: str
    changelog: str
    license: str


DEB = Layout(
    arguments=f"etc/default/{NAME}",
    zsh="usr/share/zsh/vendor-completions",
    snmpd="etc/snmp/snmpd.conf.d",
    snmpd_reads=True,
    supportconfig="",
    changelog=f"{_DOC}/changelog.gz",
    license="",
)
RPM = Layout(
    arguments=f"etc/sysconfig/{NAME}",
    zsh="usr/share/zsh/site-functions",
    snmpd=f"{_SHARE}/snmpd",
    snmpd_reads=False,
    supportconfig="usr/lib/supportconfig/plugins",
    changelog=f"{_DOC}/CHANGELOG.md",
    license=f"usr/share/licenses/{NAME}/LICENSE",
)


def contents(layout: Layout) -> Iterator[PackagedFile]:
    """Yields the files that do not depend on the libraries."""
    yield from _program()
    yield from _service(layout)
    yield from _snmp(layout)
    yield from _monitoring()
    yield from _documentation(layout)
    yield from _completions(layout)


def _read(path: Path, installed: str, *, mode: int = 0o644, config: bool = False) -> PackagedFile:
    return PackagedFile(path=installed, data=path.read_bytes(), mode=mode, config=config)


def _read_folder(folder: Path, installed: str, pattern: str) -> Iterator[PackagedFile]:
    for path in sorted(folder.glob(pattern)):
        yield _read(path, f"{installed}/{path.relative_to(folder)}")


def _program() -> Iterator[PackagedFile]:
    """Yields the package ``gateway``. The demo links to data of the tests, which become files."""
    for folder, folders, names in os.walk(ROOT / "gateway", followlinks=True):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            path = Path(folder, name)
            yield _read(path, f"{PRIVATE}/{path.relative_to(ROOT)}")


def launchers(interpreter: str) -> Iterator[PackagedFile]:
    """Yields the programs as scripts for one interpreter.

    Args:
        interpreter: its path and its options. ``-I`` ignores the environment and the packages of the user, ``-S`` those
            of the host as well.
    """
    for name, module in _PROGRAMS.items():
        program = f"usr/bin/{name}"
        script = _LAUNCHER.format(
            interpreter=interpreter, private=f"/{PRIVATE}", bundled=f"/{BUNDLED}", program=program, module=module
        )
        yield PackagedFile(path=program, data=script.encode(), mode=0o755)


_LAUNCHER = """\
#!{interpreter}
import sys

sys.path[:0] = ["{private}", "{bundled}"]
sys.argv[0] = "/{program}"

from {module} import main

sys.exit(main())
"""


def _service(layout: Layout) -> Iterator[PackagedFile]:
    unit = (_PACKAGING / "systemd" / f"{NAME}.service").read_text().replace(_ENVIRONMENT, "/usr/bin/")
    yield PackagedFile(path=f"usr/lib/systemd/system/{NAME}.service", data=unit.encode())
    yield _read(_PACKAGING / "default" / NAME, layout.arguments, config=True)
    yield _read(_PACKAGING / "sysusers.d" / f"{NAME}.conf", f"usr/lib/sysusers.d/{NAME}.conf")
    yield _read(_PACKAGING / "tmpfiles.d" / f"{NAME}.conf", f"usr/lib/tmpfiles.d/{NAME}.conf")
    yield _read(_PACKAGING / "firewalld" / f"{NAME}.xml", f"usr/lib/firewalld/services/{NAME}.xml")
    if layout.supportconfig:
        yield _read(_PACKAGING / "supportconfig" / NAME, f"{layout.supportconfig}/{NAME}", mode=0o755)


def _snmp(layout: Layout) -> Iterator[PackagedFile]:
    yield from _read_folder(ROOT / "mibs", "usr/share/snmp/mibs", "*-MIB.txt")
    snmpd = _PACKAGING / "snmpd"
    yield _read(snmpd / f"{NAME}.conf", f"{layout.snmpd}/{NAME}.conf", config=layout.snmpd_reads)
    drop_ins = "snmpd.service.d"
    yield from _read_folder(snmpd / drop_ins, f"usr/lib/systemd/system/{drop_ins}", "*.conf")


def _monitoring() -> Iterator[PackagedFile]:
    yield from _read_folder(ROOT / "rules", f"{_SHARE}/rules", "*.yml")
    yield from _read_folder(ROOT / "dashboards", f"{_SHARE}/dashboards", "*.json")
    for pattern in ("*.md", "*.yaml", "*.yml", "*.xml", "*.cfg", "*.conf"):
        yield from _read_folder(ROOT / "integrations", f"{_SHARE}/integrations", f"**/{pattern}")


def _documentation(layout: Layout) -> Iterator[PackagedFile]:
    for name in ("README.md", "SECURITY.md"):
        yield _read(ROOT / name, f"{_DOC}/{name}")
    changelog = (ROOT / "CHANGELOG.md").read_text()
    compressed = layout.changelog.endswith(".gz")
    yield PackagedFile(path=layout.changelog, data=_gzip(changelog) if compressed else changelog.encode())
    if layout.license:
        yield _read(ROOT / "LICENSE", layout.license)
    yield from _read_folder(ROOT / "docs", f"{_DOC}/docs", "*.md")
    yield from _read_folder(ROOT / "docs", f"{_DOC}/docs", "reference/*.md")
    yield _read(ROOT / "gateway.conf.example", f"{_DOC}/examples/gateway.conf")
    yield from _read_folder(_PACKAGING / "udev", f"{_DOC}/examples", "*.rules")
    for drop_in in ("corosync-qdevice", "corosync-qnetd"):
        yield from _read_folder(_PACKAGING / drop_in, f"{_DOC}/examples", "*.conf")
    for page in manual.pages():
        yield PackagedFile(path=f"usr/share/man/man{page.section}/{page.name}.{page.section}.gz", data=_gzip(page.text))


def _gzip(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)


def _completions(layout: Layout) -> Iterator[PackagedFile]:
    yield PackagedFile(path=f"usr/share/bash-completion/completions/{NAME}", data=completion.bash().encode())
    yield PackagedFile(path=f"{layout.zsh}/_{NAME}", data=completion.zsh().encode())
