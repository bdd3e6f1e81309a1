"""Settings of one's own Django apps, added to ours, so that python jobs can use their models and options."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured


def additions(module: str, ours: Mapping[str, Any]) -> dict[str, Any]:
    """What ``module`` sets, by name: lists and dictionaries joined with ours. Nothing of ours can be changed."""
    try:
        theirs = vars(importlib.import_module(module))
    except ImportError as error:
        raise ImproperlyConfigured(f"CARILLON_APP_SETTINGS: {module} cannot be imported: {error}") from error
    return {
        name: _joined(f"{module}.{name}", ours[name], value) if name in ours else value
        for name, value in theirs.items()
        if name.isupper()
    }


def _joined(name: str, ours: Any, theirs: Any) -> Any:
    if isinstance(ours, list) and isinstance(theirs, list | tuple):
        return [*ours, *theirs]
    if isinstance(ours, dict) and isinstance(theirs, dict) and not ours.keys() & theirs.keys():
        return ours | theirs
    raise ImproperlyConfigured(f"CARILLON_APP_SETTINGS: {name} would change a setting of Carillon's: leave it out")
