"""What the subcommands print for people: the only module that prints."""

from __future__ import annotations

import sys

from gateway import log
from gateway.commands import PROGRAM
from gateway.printable import printable


def print_line(text: str, *, flush: bool = False) -> None:
    """Prints a line to standard output."""
    print(printable(text), flush=flush)


def print_text(text: str) -> None:
    """Prints text that consists of complete lines to standard output."""
    print(printable(text, multiline=True), end="")


def print_page(page: bytes) -> None:
    """Prints a document in UTF-8, even if the terminal has another encoding; exactly as it is, except to a terminal."""
    if sys.stdout.isatty():
        page = printable(page.decode(), multiline=True).encode()
    sys.stdout.buffer.write(page)


def print_error(text: str) -> None:
    """Prints a line to standard error, after everything that was logged before it."""
    log.flush()
    print(f"{PROGRAM}: {printable(text)}", file=sys.stderr)
