"""A MIB for tests of the built-in agent, and users for them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from gateway.frontends.snmp.variable import Cell, Variable
from gateway.frontends.snmp.variable_table import VariableTable
from gateway.snmp import oid as oids
from gateway.snmp.credentials import UsmUser
from gateway.snmp.oid import Oid
from gateway.snmp.usm_protocols import AUTH_PROTOCOLS, PRIV_PROTOCOLS
from gateway.snmp.values import Type

ROOT = "1.3.6.1.4.1.8072.9999.9999.9664"
COLUMN = f"{ROOT}.1.2.1"
SYS_DESCR = "1.3.6.1.2.1.1.1.0"
USM_STATS = "1.3.6.1.6.3.15.1.1"
USM_USERS = "1.3.6.1.6.3.15.1.2"


class ExampleMib(VariableTable):
    """A table of six columns with values of different types, and 500 rows by default."""

    def __init__(self, rows: int = 500) -> None:
        source = random.Random(1)
        root = oids.parse(ROOT)
        self.variables: dict[Oid, Cell] = {}
        self.failing = False
        for row in range(rows):
            values: tuple[tuple[Type, int | bytes], ...] = (
                (Type.INTEGER, row - 5),
                (Type.OCTET_STRING, source.randbytes(source.randrange(256))),
                (Type.COUNTER64, 2**64 - 1 - row),
                (Type.GAUGE32, 2**32 - 1 - row),
                (Type.OBJECT_IDENTIFIER, root),
                (Type.OCTET_STRING, b"row %d" % row),
            )
            for column, (pdu_class, value) in enumerate(values, 1):
                self.variables[oids.parse(f"{COLUMN}.{column}.{row}")] = Cell(pdu_class, value)
        self.names = sorted(self.variables)
        super().__init__(root, objects=[root], names=self.names, cells=[self.variables[name] for name in self.names])

    def get(self, names: Sequence[Oid]) -> list[Variable]:
        if self.failing:
            raise RuntimeError("for a test")
        return super().get(names)


MIB = ExampleMib()
SMALL_MIB = ExampleMib(rows=50)

USERS = [
    UsmUser(name="nobody"),
    *(
        UsmUser(
            name=f"{auth}/{priv}",
            auth=auth,
            auth_password="auth password",
            priv=priv,
            priv_password="" if priv == "none" else "priv password",
        )
        for auth in list(AUTH_PROTOCOLS)[1:]
        for priv in PRIV_PROTOCOLS
    ),
]

STRONG = UsmUser(name="größe", auth="SHA-256", auth_password="auth password", priv="AES", priv_password="priv password")
AUTHENTIC = UsmUser(name="authentic", auth="SHA-512", auth_password="auth password")
