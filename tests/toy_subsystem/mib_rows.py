"""The rows of the MIB that show the toy subsystem's metrics."""

from __future__ import annotations

from gateway.samples import MibRow

MIB_ROWS: tuple[MibRow, ...] = (MibRow(entry="haClusterToyEntry", index=("toy",), columns={"toy": "haClusterToyName"}),)
