"""Finds tools, files and directories on this machine."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path

import pytest

from gateway.host import local
from gateway.host.host import Tool
from gateway.host.local import LocalHost
from gateway.host.programs import STANDARD_DIRECTORIES, clean_environment, why_untrusted
from gateway.status import Status
from tests.conftest import NOBODY, Script, closed, needs_root, open_descriptors

# --- Name and addresses ----------------------------------------------------------------------------------------------


def test_the_name_and_the_addresses() -> None:
    host = LocalHost()
    assert host.hostname == os.uname().nodename
    addresses = host.own_addresses()
    assert "127.0.0.1" in addresses
    for address in map(ipaddress.ip_address, addresses):
        if address.is_link_local:  # they would need a scope
            continue
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((str(address), 0))


# --- Finding tools ---------------------------------------------------------------------------------------------------


def test_an_executable_tool_is_preferred(tmp_path: Path, script: Script) -> None:
    for name in ("first", "second", "third"):
        (tmp_path / name).mkdir()
    (tmp_path / "first" / "sbd").mkdir()
    plain = script("", name="second/sbd", mode=0o644)
    host = LocalHost(directories=[str(tmp_path / name) for name in ("first", "second", "third")])
    assert host.find("sbd") == str(plain)
    better = script("", name="third/sbd")
    assert host.find("sbd") == str(better)
    assert host.find("crm_mon") is None


async def test_a_tool_installed_later_is_found(tmp_path: Path, script: Script) -> None:
    host = LocalHost({"set": Tool(path=str(tmp_path / "set"))}, directories=[str(tmp_path)])
    assert (host.find("set"), host.find("searched")) == (None, None)
    script("echo here", name="set")
    script("echo there", name="searched")
    assert (await host.run("set")).stdout == b"here\n"
    assert (await host.run("searched")).stdout == b"there\n"


async def test_a_tool_that_others_can_change_is_not_run(tmp_path: Path, script: Script) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    shared, own = script("echo shared", name="first/sbd"), script("echo own", name="second/sbd")
    host = LocalHost(directories=[str(shared.parent), str(own.parent)])
    for path, mode in ((shared, 0o775), (shared.parent, 0o777)):
        before = path.stat().st_mode
        path.chmod(mode)
        assert host.find("sbd") == str(own)
        assert (await host.run("sbd")).stdout == b"own\n"
        path.chmod(before)
    assert (await host.run("sbd")).stdout == b"shared\n"


@pytest.mark.parametrize("configured", ["", "{}/sbd"])
async def test_that_others_can_change_a_tool_is_said(configured: str, tmp_path: Path, script: Script) -> None:
    """It is not missing: a collector that is silently switched off would not be noticed."""
    path = script("echo run", name="sbd")
    host = LocalHost(
        {"sbd": Tool(path=configured.format(tmp_path) or None), "prefixed": Tool(path="/bin/true", prefix=("sbd",))},
        directories=[str(tmp_path)],
    )
    path.chmod(0o757)
    assert host.find("sbd") == str(path)
    for name in ("sbd", "prefixed"):
        result = await host.run(name)
        assert (result.status, result.stdout) == (Status.NOT_PERMITTED, b"")
        assert result.detail == f"not run: everyone can write {path}; run chmod go-w {path}"


@needs_root
async def test_a_tool_of_another_user_is_not_run(tmp_path: Path, script: Script) -> None:
    path = script("echo run", name="sbd")
    os.chown(path, NOBODY, -1)
    result = await LocalHost(directories=[str(tmp_path)]).run("sbd")
    assert result.status is Status.NOT_PERMITTED
    assert "belongs to nobody" in result.detail


def test_the_search_path_of_tools_has_only_directories_that_others_cannot_change() -> None:
    path = clean_environment({})["PATH"].split(":")
    assert path == [directory for directory in STANDARD_DIRECTORIES if not why_untrusted(directory)]
    assert "/usr/sbin" in path


def test_identity_changes_with_the_file(tmp_path: Path, script: Script) -> None:
    host = LocalHost(directories=[str(tmp_path)])
    assert host.identity("tool") is None
    path = script("echo 1")
    first = host.identity("tool")
    assert first is not None
    assert host.identity("tool") == first
    script("echo 2", name="new")
    (tmp_path / "new").rename(path)
    assert host.identity("tool") not in {None, first}


# --- Files -----------------------------------------------------------------------------------------------------------


def test_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\xff" * local.MAX_FILE_SIZE)
    (tmp_path / "link").symlink_to(path)
    host = LocalHost()
    assert host.read_file(str(path)) == path.read_bytes()
    assert host.read_file(str(tmp_path / "link")) == path.read_bytes()


def test_files_that_do_not_exist(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "file").write_bytes(b"")
    for name in ("missing", "link", "file/below"):
        assert LocalHost().read_file(str(tmp_path / name)) is None


def test_special_and_large_files_are_refused_at_once_and_closed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "large").write_bytes(b" " * (local.MAX_FILE_SIZE + 1))
    before = open_descriptors()
    for path, reason in (
        (tmp_path / "fifo", "not a regular file"),
        (tmp_path, "Is a directory"),
        ("/dev/zero", "not a regular file"),
        (tmp_path / "large", "larger than 131072 bytes"),
    ):
        with pytest.raises(OSError, match=reason):
            LocalHost().read_file(str(path))
    assert open_descriptors() == before


def test_unreadable_files_and_directories_are_not_missing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"secret")
    with closed(tmp_path):
        with pytest.raises(PermissionError):
            LocalHost().read_file(str(tmp_path / "file"))
        with pytest.raises(PermissionError):
            LocalHost().list_directory(str(tmp_path))


def test_directories_are_listed(tmp_path: Path) -> None:
    host = LocalHost()
    assert host.list_directory(str(tmp_path / "missing")) == ()
    for name in (b"b", b"a", b"\xff"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
    assert host.list_directory(str(tmp_path)) == ("a", "b", "\udcff")
    with pytest.raises(NotADirectoryError):
        host.list_directory(str(tmp_path / "a"))


def test_a_directory_with_too_many_names_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "MAX_DIRECTORY_ENTRIES", 100)  # creating ten thousand would take long
    for number in range(101):
        assert len(LocalHost().list_directory(str(tmp_path))) == number
        (tmp_path / str(number)).touch()
    with pytest.raises(OSError, match="more than 100 entries"):
        LocalHost().list_directory(str(tmp_path))


@pytest.fixture
def socket_tool(tmp_path: Path) -> Path:
    """A tool with the path of a socket compiled in."""
    tool = tmp_path / "tool"
    tool.write_bytes(b"\x7fELF\0usage\0" + str(tmp_path / "daemon.sock").encode() + b"\0")
    tool.chmod(0o755)
    return tool


def test_a_tool_whose_socket_does_not_exist_cannot_reach_its_daemon(socket_tool: Path, tmp_path: Path) -> None:
    path = tmp_path / "daemon.sock"
    host = LocalHost({"tool": Tool(path=str(socket_tool))})
    assert host.lacks_socket("tool", str(path))
    path.touch()  # it may be what a daemon that was killed has left: the tool says so
    assert not host.lacks_socket("tool", str(path))
    path.unlink()
    assert host.lacks_socket("tool", str(path))
    assert not host.lacks_socket("tool", f"{path}.other")  # not that of the tool


@pytest.mark.parametrize("change", ["a prefix", "another version", "no permission", "others can change it", "missing"])
def test_a_missing_socket_shows_nothing_about_a_tool_that_would_fail_otherwise(
    change: str, socket_tool: Path, tmp_path: Path
) -> None:
    prefix = ("sudo",) if change == "a prefix" else ()
    host = LocalHost({"tool": Tool(path=str(socket_tool), prefix=prefix)})
    path = str(tmp_path / "daemon.sock")
    assert host.lacks_socket("tool", path) == (not prefix)
    if change == "another version":
        socket_tool.write_bytes(b"\0/run/elsewhere.sock\0")
    elif change == "no permission":
        socket_tool.chmod(0o644)
    elif change == "others can change it":
        socket_tool.chmod(0o777)
    elif change == "missing":
        socket_tool.unlink()
    assert not host.lacks_socket("tool", path)
