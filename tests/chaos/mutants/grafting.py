"""Changes modules of the product as they are loaded, in the processes of a mutant."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

Graft = Callable[[Any], None]


def graft(name: str) -> None:
    """Make this process the mutant's."""
    from tests.chaos.mutants import catalogue

    grafts: dict[str, list[Graft]] = {}
    for module, change in [*catalogue.QUICK, *(catalogue.MUTANTS[name].grafts if name in catalogue.MUTANTS else ())]:
        grafts.setdefault(module, []).append(change)
    sys.meta_path.insert(0, _Finder(grafts))


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, grafts: Mapping[str, Sequence[Graft]]) -> None:
        self._grafts = grafts

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._grafts:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            raise ImportError(f"{fullname} is gone: its mutant must be written anew")
        load = spec.loader.exec_module

        def load_and_change(module: ModuleType) -> None:
            load(module)
            for change in self._grafts[fullname]:
                change(module)

        spec.loader.exec_module = load_and_change  # type: ignore[method-assign]
        return spec
