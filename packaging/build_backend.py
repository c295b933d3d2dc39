"""The build backend: hatchling, but an old Python gets a message instead of the errors of a parser.

pip runs it before it knows which Python the package requires. This file and setup.py work with any Python.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit(
        "ha-cluster-gateway needs Python 3.11 or newer, but this is Python %d.%d (%s).\n"
        "Install a newer one beside it and use that: python3.12 -m venv /opt/ha-cluster-gateway\n"
        "RHEL 8 and 9: dnf install python3.12. SLES 15: zypper install python311. Debian 11: use a newer release."
        % (sys.version_info[0], sys.version_info[1], sys.executable)
    )

from hatchling.build import *  # noqa: F403
