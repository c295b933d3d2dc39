"""The toy subsystem's options."""

from __future__ import annotations

from gateway.options.model import Option
from gateway.options.readers import host_path

BOX = Option(
    key="toy.box",
    default="/toys",
    read=host_path,
    help="Path of the box of toys.",
    flags=("--toy-box",),
    reloadable=True,
)
OPTIONS = (BOX,)
