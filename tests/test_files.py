"""Files that only root and the gateway's own user can change, and files that are none."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import files
from gateway.files import UntrustedPathError, check_trusted, read_file, read_trusted_file, trusted_directory
from tests.conftest import NOBODY, closed, needs_root, open_descriptors


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "directory" / "file"
    path.parent.mkdir()
    path.write_text("content")
    return path


def reason(path: Path) -> str:
    """Returns why a path is not trusted; it may be about the file or a directory."""
    with pytest.raises(UntrustedPathError) as caught:
        read_trusted_file(path, max_size=100)
    with pytest.raises(UntrustedPathError) as again:
        check_trusted(path)
    assert str(caught.value) == str(again.value)
    return str(caught.value)


def test_a_file_of_our_own(file: Path) -> None:
    before = open_descriptors()
    read = read_trusted_file(file, max_size=7)
    assert (read.path, read.content, read.public) == (str(file), b"content", False)
    assert open_descriptors() == before


def test_a_relative_path(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    assert read_trusted_file("../directory/./file", max_size=7).path == str(file)


@pytest.mark.parametrize(
    ("mode", "who"), [(0o602, "everyone"), (0o666, "everyone"), (0o620, "the group {}"), (0o660, "the group {}")]
)
def test_what_others_can_write_is_not_trusted(mode: int, who: str, file: Path) -> None:
    who = who.format(file.group())
    for path, kept in ((file, 0o600), (file.parent, 0o700), (file.parent.parent, 0o700)):
        path.chmod(mode | 0o100)
        assert reason(file) == f"{who} can write {path}; run chmod go-w {path}"
        path.chmod(kept)
    assert read_trusted_file(file, max_size=7).content == b"content"


@needs_root
@pytest.mark.parametrize("place", ["", "..", "../.."])
def test_what_belongs_to_another_user_is_not_trusted(place: str, file: Path) -> None:
    path = Path(os.path.normpath(file / place))
    os.chown(path, NOBODY, -1)
    assert reason(file) == f"{path} belongs to {path.owner()}, who could change it; it has to belong to root"
    assert open_descriptors() < 100


@needs_root
def test_root_is_trusted_by_every_user(public_path: Path) -> None:
    """Another user than root: only its own files and those of root."""
    (public_path / "root").write_text("root")
    (public_path / "root").chmod(0o644)
    (public_path / "own").write_text("own")
    (public_path / "own").chmod(0o600)
    os.chown(public_path / "own", NOBODY, -1)
    (public_path / "other").write_text("other")
    (public_path / "other").chmod(0o644)
    os.chown(public_path / "other", 1, -1)
    os.seteuid(NOBODY)
    try:
        assert read_trusted_file(public_path / "root", max_size=10).public
        assert read_trusted_file(public_path / "own", max_size=10).content == b"own"
        assert reason(public_path / "other").endswith("; it has to belong to nobody or root")
    finally:
        os.seteuid(0)


def test_a_sticky_directory_protects_what_is_in_it(file: Path) -> None:
    file.parent.chmod(0o1777)
    assert read_trusted_file(file, max_size=7).content == b"content"
    with pytest.raises(UntrustedPathError, match="everyone can create files in"), trusted_directory(file.parent):
        pass


@needs_root
def test_in_a_sticky_directory_links_of_others_are_not_followed(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    os.chown(link, NOBODY, -1, follow_symlinks=False)
    assert read_trusted_file(link, max_size=7).content == b"content"  # only root can change this directory
    tmp_path.chmod(0o1777)
    assert reason(link).startswith(f"{link} belongs to ")
    tmp_path.chmod(0o700)


def test_links_are_followed_and_their_targets_checked(file: Path, tmp_path: Path) -> None:
    absolute, relative, directory = tmp_path / "absolute", tmp_path / "relative", tmp_path / "linked"
    absolute.symlink_to(file)
    relative.symlink_to("directory/../directory/file")
    directory.symlink_to(file.parent)
    for path in (absolute, relative, directory / "file"):
        assert read_trusted_file(path, max_size=7).path == str(file)
        file.parent.chmod(0o770)
        assert reason(path) == f"the group {file.group()} can write {file.parent}; run chmod go-w {file.parent}"
        file.parent.chmod(0o700)


NAMES = st.sampled_from(["a", "b", "link", "missing", ".", "..", "a/link", "link/.."])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@given(links=st.lists(st.tuples(st.booleans(), PATHS), min_size=4, max_size=4), path=PATHS)
def test_links_are_followed_as_the_kernel_follows_them(links: list[tuple[bool, str]], path: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        (root / "a" / "b").mkdir(parents=True)
        (root / "b").mkdir()
        for directory, (is_absolute, target) in zip((".", "a", "a/b", "b"), links, strict=True):
            (root / directory / "link").symlink_to(f"{root}/{target}" if is_absolute else target)
        expected = real_path(root / path)
        try:
            with files._resolved(root / path) as entry:
                assert entry.path == expected
        except OSError as error:
            assert expected == error.errno  # noqa: PT017 - whether there is an error depends on the links


def real_path(path: Path) -> str | int | None:
    """Returns what the kernel makes of a path: the real path, or the number of an error."""
    try:
        descriptor = os.open(path, os.O_PATH)
    except OSError as error:
        return error.errno
    try:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink())
    finally:
        os.close(descriptor)


def test_links_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("missing")
    with pytest.raises(OSError, match="Too many levels"):
        read_trusted_file(tmp_path / "loop", max_size=1)
    with pytest.raises(FileNotFoundError):
        read_trusted_file(tmp_path / "dangling", max_size=1)


@pytest.mark.parametrize("read", [read_trusted_file, read_file])
def test_only_regular_files_are_read(read: Callable[..., object], file: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    os.mknod(tmp_path / "socket", stat.S_IFSOCK | 0o600)
    for path in (tmp_path / "fifo", tmp_path / "socket"):
        with pytest.raises(OSError, match="not a regular file"):
            read(path, max_size=1)
    with pytest.raises(IsADirectoryError):
        read(tmp_path, max_size=1)
    with pytest.raises(NotADirectoryError):
        read(file / "x", max_size=1)
    with pytest.raises(OSError, match="larger than 6 bytes"):
        read(file, max_size=6)
    with closed(file), pytest.raises(PermissionError):
        read(file, max_size=7)


def test_a_fifo_that_has_replaced_a_file_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="not a regular file"):
        files._read(tmp_path / "fifo", 1)


def test_a_private_file(file: Path) -> None:
    for mode, public in ((0o640, False), (0o644, True)):
        file.chmod(mode)
        read = read_trusted_file(file, max_size=7)
        assert read.public is public
    with pytest.raises(UntrustedPathError, match=rf"^everyone can read {file}; run chmod o-r {file}$"):
        read.require_private()


def test_a_directory_is_opened_by_what_was_checked(file: Path) -> None:
    with trusted_directory(file.parent) as descriptor:
        assert os.stat("file", dir_fd=descriptor).st_size == 7
        file.parent.rename(file.parent.with_name("moved"))
        assert os.stat("file", dir_fd=descriptor).st_size == 7
