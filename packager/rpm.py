"""Writes a package for RPM-based distributions, with ``rpmbuild``."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from packager import libraries
from packager.build import Build, Libraries
from packager.contents import RPM, contents, launchers
from packager.packaged_file import NAME, PRIVATE, ROOT, PackagedFile, PackagerError, check_unique, publish, write_tree

_SCRIPTS = ROOT / "packaging" / "rpm"
_SHARED = (
    "usr/lib/firewalld",
    "usr/lib/firewalld/services",
    "usr/lib/supportconfig",
    "usr/lib/supportconfig/plugins",
    "usr/lib/systemd/system/snmpd.service.d",
    "usr/share/bash-completion",
    "usr/share/bash-completion/completions",
    "usr/share/snmp",
    "usr/share/snmp/mibs",
    "usr/share/zsh",
    "usr/share/zsh/site-functions",
)
"""Directories of packages that this one does not require, and therefore owns as well."""

_SECTIONS = ("pre", "post", "preun", "postun")


def build(build_: Build) -> Path:
    """Builds the package, and returns its path.

    Raises:
        PackagerError: it cannot be built.
    """
    if build_.libraries is not Libraries.BUNDLED:
        raise PackagerError("RPM packages always bundle their libraries: RHEL and SLES do not have all of them")
    files = check_unique([*build_.bundled_files(), *contents(RPM), *_programs(build_)])
    with tempfile.TemporaryDirectory(prefix=f"{NAME}-rpm-") as folder:
        write_tree(files, Path(folder, "tree"), build_.epoch)
        Path(folder, "package.spec").write_text(spec(build_, files))
        _run_rpmbuild(Path(folder), build_)
        (built,) = Path(folder).glob("*/*.rpm")
        return publish(built, build_.output)


def _run_rpmbuild(folder: Path, build_: Build) -> None:
    macros = {
        "_topdir": f"{folder}/top",
        "_rpmdir": str(folder),
        "_buildhost": "localhost",
        "use_source_date_epoch_as_buildtime": "1",
        "clamp_mtime_to_source_date_epoch": "1",
        "source_date_epoch_from_changelog": "0",
    }
    command = ["rpmbuild", "-bb", "--quiet", "--nodeps", "--target", f"{build_.architecture}-linux"]
    for name, value in macros.items():
        command += ["--define", f"{name} {value}"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(build_.epoch), "LC_ALL": "C.UTF-8"}
    command.append(str(folder / "package.spec"))
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise PackagerError("rpmbuild is not installed; on Debian it is in the package rpm") from None
    if done.returncode:
        raise PackagerError(f"rpmbuild: {done.stderr.strip()}")


# --- Programs --------------------------------------------------------------------------------------------------------


def _programs(build_: Build) -> Iterable[PackagedFile]:
    """Yields the programs, which search for a Python: the default one of these distributions is often too old."""
    for script in launchers("/usr/bin/env -S python3 -IS"):
        name = script.path.rpartition("/")[2]
        program = f"{PRIVATE}/{name}"
        yield PackagedFile(path=program, data=script.data.partition(b"\n")[2])
        text = (_SCRIPTS / "launcher").read_text()
        text = text.replace("@PYTHONS@", " ".join(reversed(build_.pythons))).replace("@PROGRAM@", f"/{program}")
        yield PackagedFile(path=script.path, data=text.encode(), mode=0o755)


# --- The specification -----------------------------------------------------------------------------------------------


def spec(build_: Build, files: Sequence[PackagedFile]) -> str:
    """Returns the specification of the package, whose files are in the directory ``tree`` beside it."""
    pythons = " or ".join(f"python(abi) = {python}" for python in build_.pythons)
    fields = {
        "Name": NAME,
        "Version": build_.version,
        "Release": build_.revision,
        "Summary": "Prometheus and SNMP gateway for Pacemaker, Corosync, SBD and DRBD clusters",
        "License": _license(files),
        "Group": "System/Monitoring",
        "Packager": build_.maintainer,
        # the wheels do not need what their file names suggest to the generators of rpm
        "AutoReqProv": "no",
        "Requires": f"({pythons})",
        "Requires(post)": "systemd",
        "Requires(preun)": "systemd",
        "Requires(postun)": "systemd",
        "Requires(pre)": "/bin/sh",
    }
    lines = [*_MACROS, *(f"{name}: {value}" for name, value in fields.items())]
    lines.append(f"Requires: libc.so.6(GLIBC_{libraries.MIN_GLIBC})(64bit)")
    lines.append("Requires(post): /usr/sbin/useradd")  # shadow-utils, or shadow on SLES
    lines += (f"Requires: {soname}()(64bit)" for soname in libraries.SONAMES)
    lines += (f"Provides: bundled(python3dist({name})) = {version}" for name, version in _bundled(files).items())
    lines += ("", "%description", *textwrap.wrap(build_.description, 78), "", "%install")
    lines.append('mkdir -p "%{buildroot}" && cp -a "$(dirname %{_topdir})/tree/." "%{buildroot}"')
    for section in _SECTIONS:
        lines += ("", f"%{section}", (_SCRIPTS / section).read_text().replace("%", "%%").rstrip())
    lines += ("", "%files", *_files(files), "", "%changelog", *_changelog(build_))
    return "\n".join((*lines, ""))


_MACROS = (
    "%global __os_install_post %{nil}",  # nothing is stripped or compiled: the files are those of the pinned wheels
    "%global debug_package %{nil}",
    "%global _build_id_links none",
    "%global _binary_payload w6.xzdio",  # which every rpm can read
    "%global _binary_filedigest_algorithm 8",  # SHA-256
)


def _changelog(build_: Build) -> Iterable[str]:
    date = datetime.fromtimestamp(build_.epoch, UTC).strftime("%a %b %d %Y")
    yield f"* {date} {build_.maintainer} - {build_.version}-{build_.revision}"
    yield "- The changes are in CHANGELOG.md."


def _bundled(files: Iterable[PackagedFile]) -> Mapping[str, str]:
    names = [name.split(" ") for name in sorted(libraries.licenses(files))]
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in names}


def _license(files: Iterable[PackagedFile]) -> str:
    """Returns the licenses of the program and of what is bundled, as an expression of SPDX."""
    found = dict.fromkeys(("Apache-2.0", *libraries.licenses(files).values()))
    return " AND ".join(f"({license_})" if " " in license_ else license_ for license_ in found)


def _files(files: Iterable[PackagedFile]) -> Iterable[str]:
    yield from (f"%dir /{folder}" for folder in _SHARED)
    yield f"%ghost %dir %verify(not mode user group) %attr(0750, root, root) /etc/{NAME}"
    yield f"%ghost %dir %verify(not mode user group) %attr(0700, root, root) /var/lib/{NAME}"
    folders: set[str] = set()
    for file in files:
        folders.update(f"/{folder}" for folder in map(str, _parents(file.path)))
        # square brackets and blanks are not part of any name
        yield f'%attr({file.mode:04o}, root, root) {_kind(file)}"/{file.path}"'
    yield from (f'%dir "{folder}"' for folder in sorted(folders))


def _kind(file: PackagedFile) -> str:
    if file.config:
        return "%config(noreplace) "
    if "/licenses/" in file.path:
        return "%license "
    return "%doc " if "/doc/" in file.path or "/man/" in file.path else ""


def _parents(path: str) -> Iterable[Path]:
    """Yields the directories that only this package has."""
    return (folder for folder in Path(path).parents if f"/{NAME}/" in f"/{folder}/")
