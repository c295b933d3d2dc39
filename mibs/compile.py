"""Compiles HA-CLUSTER-MIB.txt for the gateway; ``make regenerate`` runs it.

The result, ``gateway/snmp/mib/HA-CLUSTER-MIB.json``, is committed, so that neither a build nor a start needs a compiler
or the modules that the MIB imports. A test fails if it is out of date. The imported modules are in ``stubs``.
"""
# ruff: noqa: INP001 - a script, not a module of a package

from __future__ import annotations

import json
import sys
from pathlib import Path

from pysmi.codegen import JsonCodeGen
from pysmi.compiler import MibCompiler
from pysmi.parser import SmiStarParser
from pysmi.reader import FileReader
from pysmi.writer import CallbackWriter

MODULE = "HA-CLUSTER-MIB"
HERE = Path(__file__).parent
COMPILED = HERE.parent / "gateway" / "snmp" / "mib" / f"{MODULE}.json"


def compiled() -> str:
    """Returns the compiled module as pysmi's JSON document, without the fields that depend on time and machine.

    Raises:
        ValueError: the module does not compile; the message gives the reason.
    """
    documents: dict[str, str] = {}
    compiler = MibCompiler(
        SmiStarParser(), JsonCodeGen(), CallbackWriter(lambda name, text, _: documents.update({name: text}))
    )
    compiler.add_sources(FileReader(str(HERE)), FileReader(str(HERE / "stubs")))
    results = compiler.compile(MODULE, genTexts=True, rebuild=True)
    if str(results[MODULE]) != "compiled":
        raise ValueError(f"{MODULE}: {results[MODULE]}: {getattr(results[MODULE], 'error', '')}")
    document = json.loads(documents[MODULE])
    del document["meta"]
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    if (text := compiled()) != COMPILED.read_text("utf-8"):
        COMPILED.write_text(text, "utf-8")
        sys.stdout.write(f"{COMPILED.name}\n")
