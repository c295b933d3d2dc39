"""Every field that a parser fills is read outside of the parser."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import gateway
from gateway.subsystems import SUBSYSTEMS

PACKAGE = Path(gateway.__file__).parent

UNREAD: set[str] = set()
"""Fields that nothing reads yet."""

UNPACKED = {"ResourceHistory", "Operation"}
"""Named tuples that a collector unpacks, because there are thousands of them; ruff reports unused variables."""


def parsers() -> Iterator[ModuleType]:
    """Yields the parser modules, and the modules of their results."""
    for subsystem in SUBSYSTEMS:
        folder = PACKAGE / "subsystems" / subsystem.name
        for path in sorted(folder.glob("*.py")):
            module = importlib.import_module(f"gateway.subsystems.{subsystem.name}.{path.stem}")
            if hasattr(module, "parse") or path.stem == "cluster_status":
                yield module


def result_classes(module: ModuleType) -> Iterator[tuple[type, tuple[str, ...]]]:
    """Yields the public classes that a module defines, with the names of their fields."""
    for name, value in vars(module).items():
        if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_"):
            if dataclasses.is_dataclass(value):
                yield value, tuple(field.name for field in dataclasses.fields(value))
            elif hasattr(value, "_fields"):
                yield value, value._fields


def names_read(path: Path) -> set[str]:
    """Returns the attributes and the strings in a module: some fields are read by a table of their names."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)}
    strings = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return attributes | strings


def test_every_parsed_field_is_read_outside_of_its_parser() -> None:
    modules = list(parsers())
    own_files = {Path(str(module.__file__)) for module in modules}
    sources = {path: path.read_text("utf-8") for path in PACKAGE.rglob("*.py") if path not in own_files}
    unread = set()
    for module in modules:
        stem = Path(str(module.__file__)).stem
        parser = "crm_mon" if stem == "cluster_status" else stem
        names = set().union(*(names_read(path) for path, text in sources.items() if stem in text or parser in text))
        for cls, fields in result_classes(module):
            if cls.__name__ not in UNPACKED:
                unread |= {f"{cls.__name__}.{field}" for field in fields if field not in names}
    assert unread == UNREAD
