"""Says which Python is needed, to versions of pip that do not read pyproject.toml (RHEL 8: Python 3.6)."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "packaging"))
if sys.version_info < (3, 11):
    import build_backend  # noqa: F401 - exits with the message
sys.exit("Run pip install . instead of setup.py")
