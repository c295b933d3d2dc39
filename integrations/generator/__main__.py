"""``python -m integrations.generator``: writes the files that are out of date, and prints their names."""

from __future__ import annotations

import sys

from integrations.generator.files import FOLDER, files


def main() -> int:
    """Writes what is out of date; returns 0."""
    for name, text in files().items():
        path = FOLDER / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            sys.stdout.write(f"{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
