"""A subagent on Debian's pyagentx, as the SNMP agent of pcs uses it.

    /usr/bin/python3 debian_pyagentx.py SOCKET ROOT DATA

Each line of DATA is the name of a variable below ROOT, its type (integer or string) and its value, with a blank
between them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyagentx  # type: ignore[import-not-found]

_ONCE = 10**9
"""Seconds between updates: longer than the benchmark takes."""


def main() -> None:
    path, root, data = sys.argv[1:]
    kinds = {"integer": (pyagentx.TYPE_INTEGER, int), "string": (pyagentx.TYPE_OCTETSTRING, str)}
    rows = {}
    for line in Path(data).read_text().splitlines():
        name, kind, value = line.split(" ", 2)
        number, convert = kinds[kind]
        rows[name] = {"name": name, "type": number, "value": convert(value)}

    class Updater(pyagentx.Updater):  # type: ignore[misc]
        def update(self) -> None:
            self._data = rows

    class Agent(pyagentx.Agent):  # type: ignore[misc]
        def setup(self) -> None:
            self.register(root, Updater, _ONCE)

    pyagentx.SOCKET_PATH = path
    Agent().start()


if __name__ == "__main__":
    main()
