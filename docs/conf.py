"""The configuration of Sphinx, which ``make docs`` uses to build the documentation."""
# ruff: noqa: INP001, A001 - Sphinx defines the names, and this is not a module of a package

from __future__ import annotations

import re
from pathlib import Path

_PACKAGE = Path(__file__).parents[1] / "gateway" / "__init__.py"
_VERSION = re.search(r'^__version__ = "(.+)"$', _PACKAGE.read_text("utf-8"), re.MULTILINE)
assert _VERSION is not None

project = "ha-cluster-gateway"
author = "the authors of ha-cluster-gateway"
copyright = author
version = release = _VERSION[1]

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
exclude_patterns = ["_build"]

html_theme = "alabaster"
html_theme_options = {"description": "Prometheus and SNMP for Pacemaker clusters", "page_width": "75rem"}
