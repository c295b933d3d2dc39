"""Reads the state of the cluster through libpacemaker: the document that ``crm_mon --output-as=xml`` prints.

``pcmk_status`` is public (``pacemaker.h``) and exists since Pacemaker 2.1.3. It returns a tree of the libxml2 that
libpacemaker is linked with, hence everything is called through the handle of libpacemaker, whose search includes that.
The caller has to free the document, or 150 kB leak with each call.

Since 3.0, the schemas are loaded by the initialization of the log (``crm_log_preinit``, public in
``crm/common/logging.h``), and without them ``pcmk_status`` aborts. It opens no log: messages go nowhere.
"""

from __future__ import annotations

import ctypes

from gateway.host.reader.library import load, loaded_file
from gateway.host.reader.messages import STATUS, LibraryFailedError

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
    """Answers the query about Pacemaker.

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
        self.queries: Mapping[str, Callable[[int], bytes]] = {STATUS: self.status}
        library.pcmk_rc_str.restype = ctypes.c_char_p
        library.xmlBufferCreate.restype = ctypes.c_void_p
        library.xmlBufferContent.restype = ctypes.c_void_p
        library.crm_log_preinit.restype = None
        library.crm_log_preinit(_NAME, 0, None)

    def status(self, max_size: int) -> bytes:
        """Returns the document.

        Raises:
            LibraryFailedError: there is none, or it is too large.
        """
        pointer = ctypes.c_void_p()
        code = self._library.pcmk_status(ctypes.byref(pointer))
        if not pointer.value:
            raise LibraryFailedError(self._reason(code))
        document = ctypes.c_void_p(_Node.from_address(pointer.value).doc)
        try:
            if code:
                raise LibraryFailedError(self._reason(code))
            return self._serialize(document, pointer, max_size)
        finally:
            self._library.xmlFreeDoc(document)

    def _serialize(self, document: ctypes.c_void_p, node: ctypes.c_void_p, max_size: int) -> bytes:
        buffer = ctypes.c_void_p(self._library.xmlBufferCreate())
        try:
            self._library.xmlNodeDump(buffer, document, node, 0, 1)  # indented, as crm_mon prints it
            length: int = self._library.xmlBufferLength(buffer)
            if not 0 < length <= max_size:
                raise LibraryFailedError(f"the status has {length} bytes, at most {max_size} are allowed")
            return ctypes.string_at(self._library.xmlBufferContent(buffer), length)
        finally:
            self._library.xmlBufferFree(buffer)

    def _reason(self, code: int) -> str:
        text: bytes = self._library.pcmk_rc_str(code) or b"unknown"
        return f"pcmk_status: {text.decode('ascii', 'replace')}"
