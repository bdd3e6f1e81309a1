"""The product's own Python files, parsed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("scheduler_project", "tasks", "monitoring", "jobs", "tenants")


@cache
def parsed() -> dict[Path, ast.Module]:
    """Every module by its path from the repository's root; migrations are written once and left alone."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return {path.relative_to(ROOT): ast.parse(path.read_text()) for path in paths if path.parent.name != "migrations"}


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    """Every node of every module."""
    for path, module in parsed().items():
        for node in ast.walk(module):
            yield path, node


def imported(module: ast.Module) -> set[str]:
    """The full names a module imports."""
    names: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names
