"""Writes a package for Debian and Ubuntu, with ``dpkg-deb``."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import tempfile
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from packager import libraries
from packager.build import Build, Libraries
from packager.contents import DEB, contents, launchers
from packager.packaged_file import BUNDLED, NAME, ROOT, PackagedFile, PackagerError, check_unique, publish, write_tree

ARCHITECTURES: Mapping[str, str] = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64el", "s390x": "s390x"}
"""Debian's names of architectures."""

_SCRIPTS = ROOT / "packaging" / "deb"

DISTRIBUTION_LIBRARIES: Mapping[str, str] = {
    "python3-aiohttp": "3.9",
    "python3-bcrypt": "3.2",
    "python3-cryptography": "42",
    "python3-lxml": "5.0",
    "python3-structlog": "24.4",
    "python3-yaml": "6.0",
}
"""The packages that replace the bundled libraries, and their oldest versions: the bounds in pyproject.toml."""


def build(build_: Build) -> Path:
    """Builds the package, and returns its path.

    Raises:
        PackagerError: it cannot be built.
    """
    bundled = build_.libraries is Libraries.BUNDLED
    architecture = ARCHITECTURES[build_.architecture] if bundled else "all"
    interpreter = "/usr/bin/python3 -IS" if bundled else "/usr/bin/python3 -I"
    common = build_.bundled_files() if bundled else []
    files = check_unique([*common, *contents(DEB), *launchers(interpreter), *_debian_files(build_, common)])
    path = build_.output / f"{NAME}_{_version(build_)}_{architecture}.deb"
    with tempfile.TemporaryDirectory(prefix=f"{NAME}-deb-") as folder:
        tree, built = Path(folder, "tree"), Path(folder, path.name)
        write_tree([*files, *_control_files(build_, files, architecture)], tree, build_.epoch)
        _run_dpkg_deb(tree, built, build_.epoch)
        return publish(built, build_.output)


def _version(build_: Build) -> str:
    return f"{build_.version}-{build_.revision}"


def _run_dpkg_deb(tree: Path, path: Path, epoch: int) -> None:
    # compressed by one thread: the output of xz depends on how the input was divided
    command = ["dpkg-deb", "--root-owner-group", "-Zxz", "--threads-max=1", "--build", str(tree), str(path)]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)},
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise PackagerError("dpkg-deb is not installed; on Debian it is in the package dpkg") from None
    if done.returncode:
        raise PackagerError(f"dpkg-deb: {done.stderr.strip()}")


# --- Files of Debian's policy ----------------------------------------------------------------------------------------


def _debian_files(build_: Build, bundled: Sequence[PackagedFile]) -> Iterable[PackagedFile]:
    doc = f"usr/share/doc/{NAME}"
    yield PackagedFile(path=f"{doc}/copyright", data=_copyright(build_, bundled).encode())
    yield PackagedFile(path=f"{doc}/changelog.Debian.gz", data=gzip.compress(_changelog(build_).encode(), mtime=0))
    hook = (_SCRIPTS / "rtupdate").read_bytes()
    yield PackagedFile(path=f"usr/share/python3/runtime.d/{NAME}.rtupdate", data=hook, mode=0o755)
    names = ("lintian-overrides", *(("lintian-overrides-bundled",) if bundled else ()))
    overrides = b"".join((ROOT / "packaging" / "lint" / name).read_bytes() for name in names)
    yield PackagedFile(path=f"usr/share/lintian/overrides/{NAME}", data=overrides)


def _copyright(build_: Build, bundled: Iterable[PackagedFile]) -> str:
    year = datetime.fromtimestamp(build_.epoch, UTC).year
    lines = [
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/",
        f"Upstream-Name: {NAME}",
        "",
        "Files: *",
        f"Copyright: {year} the authors of {NAME}",
        "License: Apache-2.0",
        " On Debian, the text of the license is in /usr/share/common-licenses/Apache-2.0.",
    ]
    for name, license_ in sorted(libraries.licenses(bundled).items()):
        folder = name.replace(" ", "-")
        lines += ("", f"Files: {BUNDLED}/*", f"Copyright: the authors of {name}", f"License: {license_}")
        lines.append(f" The text of the license is below /{BUNDLED}/{folder}.dist-info.")
    return "\n".join((*lines, ""))


def _changelog(build_: Build) -> str:
    date = datetime.fromtimestamp(build_.epoch, UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
    return (
        f"{NAME} ({_version(build_)}) unstable; urgency=medium\n\n"
        f"  * The changes are in changelog.gz.\n\n -- {build_.maintainer}  {date}\n"
    )


# --- Control files ---------------------------------------------------------------------------------------------------


def _control_files(build_: Build, files: Sequence[PackagedFile], architecture: str) -> Iterable[PackagedFile]:
    control = _control(build_, files, architecture)
    configs = "".join(f"/{file.path}\n" for file in files if file.config)
    sums = "".join(f"{_md5(file.data)}  {file.path}\n" for file in files if not file.config)
    yield PackagedFile(path="DEBIAN/control", data=control.encode())
    yield PackagedFile(path="DEBIAN/conffiles", data=configs.encode())
    yield PackagedFile(path="DEBIAN/md5sums", data=sums.encode())
    for name in ("postinst", "prerm", "postrm"):
        yield PackagedFile(path=f"DEBIAN/{name}", data=(_SCRIPTS / name).read_bytes(), mode=0o755)


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()  # the format has no other


def _control(build_: Build, files: Iterable[PackagedFile], architecture: str) -> str:
    size = sum(-(-len(file.data) // 1024) for file in files)
    fields = {
        "Package": NAME,
        "Version": _version(build_),
        "Architecture": architecture,
        "Maintainer": build_.maintainer,
        "Installed-Size": str(size),
        "Pre-Depends": "init-system-helpers (>= 1.54~)",
        "Depends": ", ".join((*_python(build_), "systemd | systemd-sysusers", "systemd | systemd-tmpfiles")),
        "Suggests": "booth, corosync, corosync-qdevice, corosync-qnetd, drbd-utils, pacemaker, pacemaker-remote, "
        "prometheus, sbd, snmpd",
        "Section": "net",
        "Priority": "optional",
        "Description": "Prometheus and SNMP gateway for Pacemaker, Corosync, SBD and DRBD clusters",
    }
    lines = [f"{name}: {value}" for name, value in fields.items()]
    lines += (f" {line}" for line in textwrap.wrap(build_.description, 78))
    return "\n".join((*lines, ""))


def _python(build_: Build) -> Iterable[str]:
    """Yields the dependencies on Python, and on what the libraries need."""
    if build_.libraries is Libraries.DISTRIBUTION:
        yield "python3 (>= 3.11)"
        yield from (f"{name} (>= {version})" for name, version in DISTRIBUTION_LIBRARIES.items())
        return
    oldest, newest = build_.pythons[0], build_.pythons[-1]
    major, minor = newest.split(".")
    yield f"python3 (>= {oldest})"
    yield f"python3 (<< {major}.{int(minor) + 1}~)"
    yield f"libc6 (>= {libraries.MIN_GLIBC})"
    yield from ("libgcc-s1", "libstdc++6")  # libraries.SONAMES
