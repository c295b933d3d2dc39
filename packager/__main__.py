"""``python -m packager``: builds a package, and prints its path."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from packager import deb, rpm
from packager.build import Build, Libraries, source_date_epoch
from packager.libraries import PYTHONS
from packager.packaged_file import PackagerError

FORMATS: Mapping[str, Callable[[Build], Path]] = {"deb": deb.build, "rpm": rpm.build}


def main() -> int:
    """Builds the package that the command line describes, and returns the exit status."""
    arguments = _parser().parse_args()
    make = FORMATS[arguments.format]
    try:
        build = Build(
            libraries=Libraries(arguments.libraries),
            pythons=tuple(python for python in PYTHONS if python in (arguments.python or PYTHONS)),
            architecture=arguments.architecture,
            wheels=arguments.wheels,
            revision=arguments.revision,
            output=arguments.output,
            epoch=source_date_epoch(),
        )
        sys.stderr.write(f"packager: building the {arguments.format}; with all libraries, it takes minutes\n")
        sys.stdout.write(f"{make(build)}\n")
    except PackagerError as error:
        sys.stderr.write(f"packager: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    default = {field: Build.__dataclass_fields__[field].default for field in ("architecture", "revision", "output")}
    parser = argparse.ArgumentParser(prog="packager", description="Builds a package.", allow_abbrev=False)
    parser.add_argument("format", choices=FORMATS, help="Format of the package.")
    parser.add_argument(
        "--libraries",
        choices=[each.value for each in Libraries],
        default=Libraries.BUNDLED.value,
        help="Where the Python libraries come from. (default: bundled)",
    )
    parser.add_argument(
        "--python",
        choices=PYTHONS,
        action="append",
        help="Version of Python that the bundled libraries are for; can be repeated. (default: all)",
    )
    parser.add_argument(
        "--architecture",
        choices=deb.ARCHITECTURES,
        default=default["architecture"],
        help="Architecture that the bundled libraries are for. (default: that of this machine)",
    )
    parser.add_argument("--wheels", type=Path, metavar="DIRECTORY", help="Wheels that were built locally.")
    parser.add_argument("--revision", default=default["revision"], metavar="NUMBER", help="Revision. (default: 1)")
    parser.add_argument(
        "--output", type=Path, default=default["output"], metavar="DIRECTORY", help="Where to write. (default: dist)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
