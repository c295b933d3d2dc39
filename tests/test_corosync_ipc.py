"""Connections to Corosync, over a library that is made by gcc and answers as libcmap does."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.host.reader.corosync_ipc import Cmap
from gateway.host.reader.messages import REFUSED, UNAVAILABLE, LibraryFailedError

SOURCE = r"""
#include <stdint.h>
#include <string.h>
int open_handles;
static int position;
static const char *keys[] = {"nodelist.node.0.nodeid", "nodelist.node.0.name", "nodelist.node.1.nodeid"};
int cmap_initialize_map(uint64_t *handle, int map) { *handle = 7; open_handles++; return map == 9 ? 11 : 1; }
int cmap_finalize(uint64_t handle) { open_handles--; return 1; }
int cmap_iter_init(uint64_t handle, const char *prefix, uint64_t *iter) { position = 0; return 1; }
int cmap_iter_finalize(uint64_t handle, uint64_t iter) { return 1; }
int cmap_iter_next(uint64_t handle, uint64_t iter, char *key, size_t *length, int *type)
{
    if (position >= 3) return 27;
    strcpy(key, keys[position++]);
    return 1;
}
static int give(void *value, size_t *size, int *type, const void *data, size_t length, int kind)
{
    if (*size < length) return 7;
    memcpy(value, data, length);
    *size = length;
    *type = kind;
    return 1;
}
int cmap_get(uint64_t handle, const char *key, void *value, size_t *size, int *type)
{
    uint32_t number = key[14] == '0' ? 1 : 2;
    int16_t negative = -5;
    if (handle != 7) return 9;
    if (strstr(key, "nodeid")) return give(value, size, type, &number, sizeof number, 6);
    if (strstr(key, "negative")) return give(value, size, type, &negative, sizeof negative, 3);
    if (strstr(key, "name")) return give(value, size, type, "node1", 6, 11);
    if (strstr(key, "busy")) return 6;
    return 12;
}
"""

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    directory: Path = tmp_path_factory.mktemp("cmap")
    (directory / "cmap.c").write_text(SOURCE, "ascii")
    path = directory / "libcmap.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(path), str(directory / "cmap.c")], check=True)
    return ctypes.CDLL(str(path))


def test_values_have_their_types_and_none_is_left_from_another(library: ctypes.CDLL) -> None:
    cmap = Cmap(library)
    for _ in range(2):
        assert cmap.text("nodelist.node.0.name") == "node1"
        assert cmap.number("nodelist.node.1.nodeid") == ("u32", 2)
        assert cmap.number("some.negative") == ("i16", -5)
        assert cmap.get("some.key") == (0, b"")
        assert cmap.text("nodelist.node.1.nodeid") == ""
        assert cmap.number("nodelist.node.0.name")[0] == ""
    assert cmap.node_ids() == {0: 1, 1: 2}
    cmap.close()
    assert ctypes.c_int.in_dll(library, "open_handles").value == 0


def test_errors_have_names(library: ctypes.CDLL) -> None:
    with pytest.raises(LibraryFailedError, match=r"^cmap_initialize_map: CS_ERR_ACCESS$") as refused:
        Cmap(library, 9)
    assert refused.value.outcome == REFUSED
    cmap = Cmap(library)
    for _ in range(2):
        with pytest.raises(LibraryFailedError, match=r"^cmap_get: CS_ERR_TRY_AGAIN$") as busy:
            cmap.get("busy")
        assert busy.value.outcome == UNAVAILABLE
    cmap.close()
