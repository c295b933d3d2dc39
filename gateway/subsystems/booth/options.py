"""Booth's options."""

from __future__ import annotations

from gateway.options.model import Option
from gateway.options.readers import host_path

DIRECTORY = Option(
    key="booth.config_directory",
    default="/etc/booth",
    read=host_path,
    help="Directory with the configurations of booth, NAME.conf. Each of them is collected.",
    reloadable=True,
)
OPTIONS = (DIRECTORY,)
