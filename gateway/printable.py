"""Makes text safe to print: what other programs and other nodes report must not control a terminal or forge a log line.

Every output for people passes through ``printable``: the log, and whatever the subcommands print. The Prometheus page,
the MIB and notifications have the escaping of their own formats.
"""

from __future__ import annotations

import re

# C0 and C1 control characters, among them escape sequences and line ends; the line and paragraph separators of Unicode;
# marks, embeddings, overrides and isolates that change the direction of text; and surrogates, which cannot be encoded.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSAFE_EXCEPT_LINE_ENDS = re.compile(_UNSAFE.pattern.replace("\x00-\x1f", "\x00-\x09\x0b-\x1f"))

_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def printable(text: str, *, multiline: bool = False) -> str:
    r"""Returns text with ``\n`` or ``\u001b`` in place of characters that a terminal or a log viewer would act on.

    These escapes are also those of JSON, so a JSON document stays the same document.

    Args:
        text: text of any origin.
        multiline: whether to keep line ends, for text that has several lines on purpose.
    """
    return (_UNSAFE_EXCEPT_LINE_ENDS if multiline else _UNSAFE).sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return _SHORT.get(match[0]) or f"\\u{ord(match[0]):04x}"
