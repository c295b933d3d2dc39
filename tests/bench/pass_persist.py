"""A fast script for snmpd's ``pass_persist`` in Python: sorted names, ``bisect``, prepared responses.

    pass_persist ROOT python3 pass_persist.py ROOT DATA

Each line of DATA is the name of a variable below ROOT, its type and its value, with a blank between them.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from pathlib import Path

_NONE = b"NONE\n"


class Table:
    """Variables in order.

    Args:
        root: the root of all variables.
        lines: the variables.
    """

    def __init__(self, root: str, lines: list[str]) -> None:
        answers = {}
        for line in lines:
            name, kind, value = line.split(" ", 2)
            answers[_name(f"{root}.{name}")] = f".{root}.{name}\n{kind}\n{value}\n".encode()
        self._names = sorted(answers)
        self._answers = [answers[name] for name in self._names]

    def get(self, name: tuple[int, ...]) -> bytes:
        index = bisect_left(self._names, name)
        return self._answers[index] if self._names[index : index + 1] == [name] else _NONE

    def get_next(self, name: tuple[int, ...]) -> bytes:
        index = bisect_right(self._names, name)
        return self._answers[index] if index < len(self._answers) else _NONE


def _name(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.strip(".").split(".")))


def main() -> None:
    root, data = sys.argv[1:]
    table = Table(root, Path(data).read_text().splitlines())
    read, write, flush = sys.stdin.buffer.readline, sys.stdout.buffer.write, sys.stdout.buffer.flush
    while command := read():
        if command == b"PING\n":
            write(b"PONG\n")
        elif command == b"getnext\n":
            write(table.get_next(_name(read().decode().strip())))
        elif command == b"get\n":
            write(table.get(_name(read().decode().strip())))
        else:  # set, which has a name and a value
            read()
            read()
            write(b"not-writable\n")
        flush()


if __name__ == "__main__":
    main()
