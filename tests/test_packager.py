"""The packages for Debian and for RPM-based distributions; ``make package-tests`` installs them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from gateway.cli import COMMANDS
from gateway.commands.exit_status import ExitStatus
from gateway.config.config import OPTIONS
from gateway.options.model import Records
from integrations.generator.files import files
from packager import command_line, completion, deb, libraries, manual, rpm
from packager.build import Build, Libraries, package_version
from packager.contents import DEB, RPM, Layout, contents, launchers
from packager.libraries import PYTHONS
from packager.packaged_file import BUNDLED, PackagedFile, PackagerError, check_unique
from requirements.pins import Pin
from tests.programs import ROOT, installed

PACKAGING = ROOT / "packaging"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
BUILD = Build(libraries=Libraries.DISTRIBUTION, epoch=1_700_000_000)


@pytest.fixture(scope="module")
def debian() -> dict[str, PackagedFile]:
    return {file.path: file for file in contents(DEB)}


@pytest.fixture(scope="module")
def red_hat() -> dict[str, PackagedFile]:
    return {file.path: file for file in contents(RPM)}


# --- Contents --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", [DEB, RPM])
def test_a_package_has_everything(layout: Layout) -> None:
    paths = {file.path for file in contents(layout)}
    share, doc = "usr/share", "usr/share/doc/ha-cluster-gateway"
    expected = {
        layout.arguments,
        "usr/lib/systemd/system/ha-cluster-gateway.service",
        "usr/lib/systemd/system/snmpd.service.d/ha-cluster-gateway.conf",
        "usr/lib/sysusers.d/ha-cluster-gateway.conf",
        "usr/lib/tmpfiles.d/ha-cluster-gateway.conf",
        "usr/lib/firewalld/services/ha-cluster-gateway.xml",
        f"{layout.snmpd}/ha-cluster-gateway.conf",
        f"{layout.zsh}/_ha-cluster-gateway",
        f"{share}/bash-completion/completions/ha-cluster-gateway",
        f"{share}/snmp/mibs/HA-CLUSTER-MIB.txt",
        f"{share}/man/man8/ha-cluster-gateway.8.gz",
        f"{share}/man/man8/ha-cluster-gateway-alert.8.gz",
        f"{share}/man/man5/gateway.conf.5.gz",
        f"{share}/ha-cluster-gateway/rules/ha-cluster.yml",
        f"{share}/ha-cluster-gateway/dashboards/ha-cluster.json",
        f"{share}/ha-cluster-gateway/integrations/README.md",
        *(f"{share}/ha-cluster-gateway/integrations/{name}" for name in files()),
        f"{doc}/examples/gateway.conf",
        f"{doc}/examples/99-ha-cluster-gateway-sbd.rules",
        f"{doc}/examples/corosync-qdevice.conf",
        f"{doc}/examples/corosync-qnetd.conf",
        f"{doc}/docs/install.md",
    }
    assert expected - paths == set()
    assert ("usr/lib/supportconfig/plugins/ha-cluster-gateway" in paths) == (layout is RPM)


def test_the_program_is_complete(debian: dict[str, PackagedFile]) -> None:
    prefix = "usr/lib/ha-cluster-gateway/"
    tree = {str(path.relative_to(ROOT)) for path in (ROOT / "gateway").rglob("*.py")}
    packaged = {path.removeprefix(prefix) for path in debian if path.startswith(prefix)}
    assert tree <= packaged
    assert "gateway/demo/healthy/corosync-cfgtool-s.stdout" in packaged, "the demo's links have become files"
    assert not any("__pycache__" in path for path in packaged)


@pytest.mark.parametrize("layout", [DEB, RPM])
def test_the_unit_starts_the_packaged_program(layout: Layout) -> None:
    files = {file.path: file for file in contents(layout)}
    unit = files["usr/lib/systemd/system/ha-cluster-gateway.service"].data.decode()
    assert re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE) == ["/usr/bin/ha-cluster-gateway $ARGS"]
    assert f"EnvironmentFile=-/{layout.arguments}\n" in unit
    assert "/opt/" not in unit


def test_an_upgrade_keeps_what_the_administrator_may_change(
    debian: dict[str, PackagedFile], red_hat: dict[str, PackagedFile]
) -> None:
    assert {path for path, file in debian.items() if file.config} == {
        path for path in debian if path.startswith("etc/")
    }
    assert {path for path, file in red_hat.items() if file.config} == {RPM.arguments}
    # nothing of the administrator's own is part of a package
    assert not any(path.startswith(("etc/ha-cluster-gateway", "var/")) for path in {*debian, *red_hat})


def test_two_files_at_one_path_are_an_error() -> None:
    with pytest.raises(PackagerError, match=r"/a: two files"):
        check_unique([PackagedFile(path="a", data=b"1"), PackagedFile(path="a", data=b"2")])


def test_a_program_knows_the_path_that_starts_it() -> None:
    """``migrate --install`` writes it into a unit; in an RPM, another script has started this one."""
    for script in launchers("/usr/bin/python3 -IS"):
        assert f'sys.argv[0] = "/{script.path}"\n' in script.data.decode()
        compile(script.data, script.path, "exec")


# --- Manual pages and completions ------------------------------------------------------------------------------------


def page(name: str) -> str:
    (text,) = (each.text for each in manual.pages() if each.name == name)
    return text


def test_the_manual_page_has_every_command_and_every_flag() -> None:
    text = page("ha-cluster-gateway")
    flags = [flag for argument in command_line.arguments() for flag in argument.flags]
    own = [flag for command in command_line.commands() for argument in command.arguments for flag in argument.flags]
    assert len(flags) > 20
    assert len(own) > 2
    assert [word for word in (*COMMANDS, *flags, *own) if manual.escape(word) not in text] == []
    assert [status for status in ExitStatus if f"\n.B {status.value:d}\n" not in text] == []
    for command in command_line.commands():
        (part,) = re.findall(rf"\n\.B {re.escape(manual.escape(command.name))}\n(.*?)\n\.RE\n", text, re.DOTALL)
        statuses = [f"\\fB{status}\\fR: {manual.escape(meaning)}" for status, meaning in command.exit_statuses.items()]
        assert part.partition(".B Exit status\n")[2].split("\n.br\n") == [*statuses[:-1], f"{statuses[-1]}\n.br"]


def test_hidden_flags_are_not_shown() -> None:
    for text in (page("ha-cluster-gateway"), completion.bash(), completion.zsh()):
        assert "SUPPRESS" not in text
        assert "--no-" not in text.replace(r"\-", "-")


def test_the_manual_page_has_every_option() -> None:
    text = page("gateway.conf")
    fields = [field.help for option in OPTIONS if isinstance(option.read, Records) for field in option.read.fields]
    texts = [*(option.help for option in OPTIONS), *fields]
    assert [each for each in texts if manual.escape(each) not in text] == []


def test_no_text_is_a_request_to_man() -> None:
    requests = {"TH", "SH", "SS", "PP", "TP", "B", "I", "RS", "RE", "nf", "fi", "br"}
    for each in manual.pages():
        for line in each.text.splitlines():
            assert not line.startswith("'"), line
            assert not line.startswith(".") or line[1:].split(" ")[0] in requests, line
    assert manual.escape(".a\\b-c'") == r"\&.a\eb\-c\(aq"


def complete(*words: str, cwd: Path) -> set[str]:
    """Returns what bash offers for the last word."""
    script = (
        f'{completion.bash()}\nCOMP_WORDS=(ha-cluster-gateway "$@"); COMP_CWORD=$#\n'
        'compopt() { :; }\n_ha_cluster_gateway\nprintf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, check=True, cwd=cwd)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_bash_completes_commands_flags_choices_and_files(tmp_path: Path) -> None:
    (tmp_path / "exporter.yaml").touch()
    assert complete("", cwd=tmp_path) >= {*COMMANDS, "--config"}
    assert complete("coll", cwd=tmp_path) == {"collect"}
    assert complete("--log.l", cwd=tmp_path) == {"--log.level"}
    assert complete("collect", "--form", cwd=tmp_path) == {"--format"}
    assert complete("collect", "--format", "=", cwd=tmp_path) == {"prometheus", "json", "snmp"}
    assert complete("collect", "--format", "=", "pro", cwd=tmp_path) == {"prometheus"}
    assert complete("check", "--form", cwd=tmp_path) == set()
    assert complete("--config", "exp", cwd=tmp_path) == {"exporter.yaml"}
    assert complete("migrate", "exp", cwd=tmp_path) == {"exporter.yaml"}
    assert complete("--log.level", "x", cwd=tmp_path) == set()


def test_zsh_completes_commands_and_flags() -> None:
    text = completion.zsh()
    assert text.startswith("#compdef ha-cluster-gateway\n")
    assert all(f"'{name}:" in text for name in COMMANDS)
    assert "'--config=[Configuration file." in text


# --- Libraries -------------------------------------------------------------------------------------------------------


def wheel(directory: Path, tag: str, files: dict[str, str]) -> Path:
    path = directory / f"thing-1.0-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_wheels_for_several_pythons_share_a_directory(tmp_path: Path) -> None:
    metadata = "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\nLicense-Expression: MIT\n\nThe body.\n"
    common = {"thing/__init__.py": "", "thing/fast.pyx": "", "thing-1.0.dist-info/METADATA": metadata}
    wheels = [
        wheel(tmp_path, tag, {**common, f"thing/fast.{tag}.so": tag, "thing-1.0.dist-info/RECORD": tag})
        for tag in ("cp311", "cp313")
    ]
    files = libraries.unpack(wheels)
    assert {file.path.removeprefix(f"{BUNDLED}/") for file in files} == {
        "thing/__init__.py",
        "thing/fast.cp311.so",
        "thing/fast.cp313.so",
        "thing-1.0.dist-info/METADATA",
    }
    assert libraries.licenses(files) == {"thing 1.0": "MIT"}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"thing/__init__.py": "other"}, "differs from that in another wheel"),
        ({"../thing.py": ""}, "not expected in a wheel"),
        ({"/thing.py": ""}, "not expected in a wheel"),
        ({"thing-1.0.data/scripts/thing": ""}, "not expected in a wheel"),
    ],
)
def test_wheels_that_do_not_fit_are_errors(files: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(PackagerError, match=message):
        libraries.unpack([wheel(tmp_path, "cp311", {"thing/__init__.py": ""}), wheel(tmp_path, "cp312", files)])


def test_only_pinned_wheels_are_bundled(tmp_path: Path) -> None:
    pin = Pin(name="thing", version="1.0", marker="", hashes=("0" * 64,), required_by=())
    changed = wheel(tmp_path, "cp311", {})
    with pytest.raises(PackagerError, match="SHA-256"):
        libraries.verify([changed], built=False, pins=[pin])
    libraries.verify([changed], built=True, pins=[pin])
    with pytest.raises(PackagerError, match=r"wheels are missing: thing"):
        libraries.verify([], built=True, pins=[pin])
    with pytest.raises(PackagerError, match="not one of the versions"):
        libraries.verify([tmp_path / "thing-1.1-cp311.whl"], built=True, pins=[pin])


def test_wheels_of_earlier_pins_are_left_out(tmp_path: Path) -> None:
    pin = libraries.pinned()[0]
    current = tmp_path / f"{pin.name.replace('-', '_')}-{pin.version}-py3-none-any.whl"
    for path in (current, tmp_path / f"{pin.name}-0.0-py3-none-any.whl", tmp_path / "gone-1.0-py3-none-any.whl"):
        path.touch()
    assert libraries.find_pinned(tmp_path) == [current]
    with pytest.raises(PackagerError, match="not one of the versions"):
        libraries.verify([tmp_path / "other-1.0-cp311.whl"], built=True, pins=[pin])


def test_the_package_runs_on_every_python_that_the_project_supports() -> None:
    major, minor = PYTHONS[-1].split(".")
    assert PROJECT["project"]["requires-python"] == f">={PYTHONS[0]},<{major}.{int(minor) + 1}"
    prefix = "Programming Language :: Python :: "
    assert tuple(each.removeprefix(prefix) for each in PROJECT["project"]["classifiers"] if prefix in each) == PYTHONS


def test_libraries_of_the_distribution_have_the_same_bounds() -> None:
    bounds = (re.split(r">=", each) for each in PROJECT["project"]["dependencies"])
    names = {"PyYAML": "yaml"}
    expected = {f"python3-{names.get(name, name)}": version for name, version in bounds}
    assert expected == deb.DISTRIBUTION_LIBRARIES


# --- The formats -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "expected"), [("1.2.3", "1.2.3"), ("1.2.0rc1", "1.2.0~rc1"), ("1.2.0.dev3", "1.2.0~dev3")]
)
def test_what_is_before_a_release_is_older(version: str, expected: str) -> None:
    assert package_version(version) == expected


@pytest.mark.daemon
def test_the_same_input_results_in_the_same_package(tmp_path: Path) -> None:
    installed("dpkg-deb")
    packages: list[bytes] = []
    for number, zone in enumerate(("UTC", "Asia/Tokyo")):
        output = tmp_path / str(number)
        command = [sys.executable, "-m", "packager", "deb", "--libraries", "distribution", "--output", str(output)]
        environment = {"PATH": "/usr/bin:/bin", "TZ": zone, "SOURCE_DATE_EPOCH": "1700000000", "PYTHONPATH": str(ROOT)}
        environment |= {"TMPDIR": str(tmp_path), "PYTHONHASHSEED": str(number)}
        subprocess.run(command, env=environment, cwd=ROOT, umask=0o27 if number else 0o22, check=True, stdout=-1)
        (path,) = output.glob("*.deb")
        packages.append(path.read_bytes())
    assert packages[0] == packages[1]
    fields = subprocess.run(["dpkg-deb", "--field", path], capture_output=True, text=True, check=True).stdout
    assert "Architecture: all\n" in fields
    assert "python3-aiohttp (>= 3.9)" in fields


def test_the_specification_lists_every_file(red_hat: dict[str, PackagedFile]) -> None:
    text = rpm.spec(BUILD, list(red_hat.values()))
    listed = re.findall(r'^%attr\(\d+, root, root\).* "/(.*)"$', text, re.MULTILINE)
    assert sorted(listed) == sorted(red_hat)
    assert f'%config(noreplace) "/{RPM.arguments}"' in text
    assert '%dir "/usr/lib/ha-cluster-gateway"' in text
    assert "python(abi) = 3.11 or " in text
    assert '%license "/usr/share/licenses/ha-cluster-gateway/LICENSE"' in text


def test_the_specification_owns_the_directories_that_may_be_missing(red_hat: dict[str, PackagedFile]) -> None:
    """RPM does not remove directories that no package owns."""
    owned = set(re.findall(r'^%dir "?/(.*?)"?$', rpm.spec(BUILD, list(red_hat.values())), re.MULTILINE))
    folders = {str(folder) for path in red_hat for folder in Path(path).parents}
    of_the_system = {".", "etc", "etc/sysconfig", "usr", "usr/lib", "usr/share", "usr/share/doc", "usr/share/licenses"}
    of_the_system |= {f"usr/lib/{name}" for name in ("systemd", "systemd/system", "sysusers.d", "tmpfiles.d")}
    of_the_system |= {f"usr/share/{name}" for name in ("man", "man/man5", "man/man8")}
    assert folders - owned == of_the_system


def test_the_specification_has_a_changelog(red_hat: dict[str, PackagedFile]) -> None:
    entry = f"* Tue Nov 14 2023 {BUILD.maintainer} - {BUILD.version}-1\n- The changes are in CHANGELOG.md.\n"
    assert rpm.spec(BUILD, list(red_hat.values())).endswith(f"\n%changelog\n{entry}")


def test_licenses_are_expressions_of_spdx() -> None:
    metadata = b"Metadata-Version: 2.1\nName: thing\nVersion: 1.0\nLicense: Apache 2.0\n\nThe body.\n"
    file = PackagedFile(path=f"{BUNDLED}/thing-1.0.dist-info/METADATA", data=metadata)
    assert libraries.licenses([file]) == {"thing 1.0": "Apache-2.0"}


@pytest.mark.parametrize("path", sorted([*(PACKAGING / "deb").iterdir(), *(PACKAGING / "rpm").iterdir()]))
def test_the_scripts_are_scripts(path: Path) -> None:
    subprocess.run(["sh", "-n", path], check=True)


def test_the_launcher_says_which_python_is_needed() -> None:
    script = (PACKAGING / "rpm" / "launcher").read_text().replace("@PYTHONS@", "3.98 3.97")
    done = subprocess.run(["sh", "-c", script, "/usr/bin/name"], capture_output=True, text=True, check=False)
    assert done.returncode == 69
    assert done.stderr == "name: no Python in /usr/bin; expected one of these versions: 3.98 3.97\n"


# --- What support gets -----------------------------------------------------------------------------------------------


def secret_fields() -> Iterable[tuple[str, str]]:
    for option in OPTIONS:
        if isinstance(option.read, Records):
            yield from ((option.key, field.name) for field in option.read.fields if field.secret)


@pytest.mark.parametrize(
    "spelling",
    [
        '{name} = "{value}"',
        '"{name}"="{value}"',
        "'{name}' = '{value}'",
        "{name} = '''\n{value}\n'''",
        '{name} = [\n  "{value}",\n]',
    ],
)
def test_the_plugin_of_supportconfig_leaves_secrets_out(spelling: str, tmp_path: Path) -> None:
    fields = list(secret_fields())
    assert len(fields) > 5
    lines = ["[web]", 'listen = [":9664"]', 'user = { password = "hunter2" }', '# password = "hunter2"']
    for key, name in fields:
        lines += (f"[[{key}]]", 'auth = "SHA-256"', spelling.format(name=name, value="hunter2"))
    config = tmp_path / "gateway.conf"
    config.write_text("\n".join(lines))
    plugin = str(PACKAGING / "supportconfig" / "ha-cluster-gateway")
    command = ["bash", "-c", '. "$1"; without_secrets "$2"', "bash", plugin, str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "hunter2" not in done.stdout
    assert 'listen = [":9664"]' in done.stdout
    assert done.stdout.count('auth = "SHA-256"') == len(fields)


# --- Old versions of Python ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", ["packaging/build_backend.py", "setup.py"])
def test_an_old_python_gets_a_message(script: str) -> None:
    text = (ROOT / script).read_text()
    ast.parse(text, feature_version=(3, 6))
    program = (
        "import sys; sys.version_info = (3, 9, 2); path = sys.argv[1]\n"
        "exec(compile(open(path).read(), path, 'exec'), {'__file__': path, '__name__': '__main__'})"
    )
    command = [sys.executable, "-c", program, str(ROOT / script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "needs Python 3.11 or newer, but this is Python 3.9" in done.stderr
    assert "dnf install python3.12" in done.stderr
