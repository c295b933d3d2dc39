"""Reads Pacemaker through its libraries: the documents that ``crm_mon --output-as=xml`` and ``cibadmin`` print.

``pcmk_status`` is public (``pacemaker.h``) and exists since Pacemaker 2.1.3. It returns a tree of the libxml2 that
libpacemaker is linked with, hence everything is called through the handle of libpacemaker, whose search includes that.
libcib has no function for a query, only a table of functions (``crm/cib/cib_types.h``). The table is public, and the
same for all versions with the same major version of the library; with another one, libcib is not used.

The caller has to free the document, or 150 kB leak with each call.

Since 3.0, the schemas are loaded by the initialization of the log (``crm_log_preinit``, public in
``crm/common/logging.h``), and without them ``pcmk_status`` aborts. It opens no log: messages go nowhere.
"""

from __future__ import annotations

import ctypes

from gateway.host.reader.library import load, loaded_file
from gateway.host.reader.messages import CONSTRAINTS, STATUS, LibraryFailedError, LibraryUnusableError

TYPE_CHECKING = False  # typing is large
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LIBRARIES = ("libpacemaker.so.30", "libpacemaker.so.1")
"""Pacemaker 3, and 2."""

_FUNCTIONS = (
    "pcmk_status",
    "pcmk_rc_str",
    "crm_log_preinit",
    "xmlBufferCreate",
    "xmlBufferContent",
    "xmlBufferLength",
    "xmlBufferFree",
    "xmlNodeDump",
    "xmlFreeDoc",
)
_NAME = b"ha-cluster-gateway"
"""The name of this client in the logs of Pacemaker's daemons."""


_QUERY_CONNECTION = 1
"""``cib_query``, a kind of connection."""

_LOCAL_AND_SYNCHRONOUS = 0x100 | 0x1000
"""``cib_scope_local | cib_sync_call``, as ``cibadmin --local``: a node without quorum cannot query another node."""

_TABLES = {"libcib.so.27.": (56, 0, 2, 11), "libcib.so.54.": (48, 0, 1, 8)}
"""Where the table of functions is in ``cib_t``, and ``signon``, ``signoff`` and ``query`` in the table, by library."""

_SignOn = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)
_SignOff = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
_Query = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int)


class _Node(ctypes.Structure):
    """The beginning of ``xmlNode`` (``libxml/tree.h``), the same in all versions of libxml2."""

    _fields_ = (
        ("private", ctypes.c_void_p),
        ("type", ctypes.c_int),
        ("name", ctypes.c_void_p),
        ("children", ctypes.c_void_p),
        ("last", ctypes.c_void_p),
        ("parent", ctypes.c_void_p),
        ("next", ctypes.c_void_p),
        ("prev", ctypes.c_void_p),
        ("doc", ctypes.c_void_p),
    )


class PacemakerLibrary:
    """Answers the queries about Pacemaker.

    Args:
        names: the libraries to try.

    Raises:
        LibraryUnusableError: it cannot be used.

    Attributes:
        version: the name of the library's file.
        queries: the methods that answer, by query.
    """

    def __init__(self, names: tuple[str, ...] = LIBRARIES) -> None:
        self._library = library = load(names, _FUNCTIONS)
        self.version = loaded_file("libpacemaker.so") or "libpacemaker.so"
        self.queries: Mapping[str, Callable[[int], bytes]] = {STATUS: self.status, CONSTRAINTS: self.constraints}
        library.pcmk_rc_str.restype = ctypes.c_char_p
        library.xmlBufferCreate.restype = ctypes.c_void_p
        library.xmlBufferContent.restype = ctypes.c_void_p
        library.crm_log_preinit.restype = None
        library.crm_log_preinit(_NAME, 0, None)
        self._cib_version = version = loaded_file("libcib.so.")  # libpacemaker is linked with it
        self._cib_table = next((table for name, table in _TABLES.items() if version.startswith(name)), None)
        if self._cib_table is not None:
            library.cib_new.restype = ctypes.c_void_p

    def status(self, max_size: int) -> bytes:
        """Returns the document.

        Raises:
            LibraryFailedError: there is none, or it is too large.
        """
        pointer = ctypes.c_void_p()
        code = self._library.pcmk_status(ctypes.byref(pointer))
        if not pointer.value:
            raise LibraryFailedError(self._reason(code))
        try:
            if code:
                raise LibraryFailedError(self._reason(code))
            return self._serialize(pointer, max_size)
        finally:
            self._free(pointer)

    def constraints(self, max_size: int) -> bytes:
        """Returns the constraints, as ``cibadmin --query --local --scope constraints`` prints them.

        Raises:
            LibraryFailedError: there is no answer, or it is too large.
            LibraryUnusableError: the table of libcib's functions is not known.
        """
        if self._cib_table is None:
            raise LibraryUnusableError(f"the functions of {self._cib_version or 'libcib'} are not known")
        cib = self._library.cib_new()
        if not cib:
            raise LibraryFailedError("cib_new failed")
        try:
            return self._query(cib, self._cib_table, max_size)
        finally:
            self._library.cib_delete(ctypes.c_void_p(cib))

    def _query(self, cib: int, table: tuple[int, int, int, int], max_size: int) -> bytes:
        offset, sign_on, sign_off, query = table
        functions = (ctypes.c_void_p * (query + 1)).from_address(ctypes.c_void_p.from_address(cib + offset).value or 0)
        if code := _SignOn(functions[sign_on] or 0)(cib, _NAME, _QUERY_CONNECTION):
            raise LibraryFailedError(f"cib signon: error {code}")
        pointer = ctypes.c_void_p()
        try:
            code = _Query(functions[query] or 0)(cib, b"constraints", ctypes.addressof(pointer), _LOCAL_AND_SYNCHRONOUS)
            if code or not pointer.value:
                raise LibraryFailedError(f"cib query: error {code}")
            return self._serialize(pointer, max_size)
        finally:
            if pointer.value:
                self._free(pointer)
            _SignOff(functions[sign_off] or 0)(cib)

    def _free(self, node: ctypes.c_void_p) -> None:
        """Frees the document of a node."""
        self._library.xmlFreeDoc(ctypes.c_void_p(_Node.from_address(node.value or 0).doc))

    def _serialize(self, node: ctypes.c_void_p, max_size: int) -> bytes:
        document = ctypes.c_void_p(_Node.from_address(node.value or 0).doc)
        buffer = ctypes.c_void_p(self._library.xmlBufferCreate())
        try:
            self._library.xmlNodeDump(buffer, document, node, 0, 1)  # indented, as crm_mon prints it
            length: int = self._library.xmlBufferLength(buffer)
            if not 0 < length <= max_size:
                raise LibraryFailedError(f"the answer has {length} bytes, at most {max_size} are allowed")
            return ctypes.string_at(self._library.xmlBufferContent(buffer), length)
        finally:
            self._library.xmlBufferFree(buffer)

    def _reason(self, code: int) -> str:
        text: bytes = self._library.pcmk_rc_str(code) or b"unknown"
        return f"pcmk_status: {text.decode('ascii', 'replace')}"
