"""Variables as the frontends of SNMP exchange them: typed values, which each encoding writes once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gateway.snmp.oid import Oid
from gateway.snmp.values import Type, VarBind

Encode = Callable[[VarBind], bytes]
"""Writes a variable in one encoding: ``gateway.snmp.agentx.encoding.encode_varbind``, ``gateway.snmp.ber.varbind``."""


class Cell(NamedTuple):
    """A typed value: an int, bytes, or None for a type without values. Equal cells of a column share one object."""

    type: Type
    value: int | bytes | None = None


NO_SUCH_OBJECT = Cell(Type.NO_SUCH_OBJECT)
NO_SUCH_INSTANCE = Cell(Type.NO_SUCH_INSTANCE)
END_OF_MIB_VIEW = Cell(Type.END_OF_MIB_VIEW)


class EncodedForms(dict[Encode, list[bytes | None]]):
    """The encoded variables of one table by encoding; None for a variable that was not encoded yet.

    Args:
        size: the number of variables.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def __missing__(self, encode: Encode) -> list[bytes | None]:
        forms = self[encode] = [None] * self._size
        return forms


class Variable:
    """A name and its typed value.

    Attributes:
        oid: the name: the object and the index.
        cell: the type and the value.

    Args:
        forms: where encoded variables are kept; None if this one is encoded each time.
        position: the position in these.
    """

    __slots__ = ("_forms", "_position", "cell", "oid")

    def __init__(self, oid: Oid, cell: Cell, forms: EncodedForms | None = None, position: int = 0) -> None:
        self.oid = oid
        self.cell = cell
        self._forms = forms
        self._position = position

    @property
    def varbind(self) -> VarBind:
        """The variable as a plain value."""
        return VarBind(self.oid, *self.cell)

    def encoded(self, encode: Encode) -> bytes:
        """Returns the variable in one encoding. The result is kept for as long as the variable's table."""
        if self._forms is None:
            return encode(self.varbind)
        forms = self._forms[encode]
        position = self._position
        data = forms[position]
        if data is None:
            data = forms[position] = encode(self.varbind)
        return data
