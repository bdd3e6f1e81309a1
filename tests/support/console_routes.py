"""Every address of the console, read from the URL conf, and what each takes: a new page is in each generated test by existing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from tenants.rules import permissions

_ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^)]*\)+")
#: Arguments that do not name a row.
_ARGUMENTS = {"app_label": "jobs", "content_type_id": "1", "url": "nowhere", "artifact": "report.csv"}


@dataclass(frozen=True)
class Route:
    """An address below ``/admin/``; ``page`` is the :class:`ConsoleAdmin` it belongs to, ``kind`` what of it."""

    path: str
    name: str
    page: Any

    @property
    def kind(self) -> str:
        """changelist, add, change, history, delete, a button, or the whole name of what is no model's."""
        return self.name if self.page is None else self.name.removeprefix(f"{_prefix(self.page)}_")

    @property
    def model(self) -> str:
        """The model's label; empty for what is no model's."""
        return self.page.opts.label_lower if self.page else ""

    @property
    def has_row(self) -> bool:
        return "object_id" in self.path and bool(self.page)

    @property
    def is_djangos_deletion(self) -> bool:
        """Django's own way to delete rows, which is nobody's: a page that has one has a button of its own for it."""
        return self.kind == "delete" and not hasattr(getattr(self.page, "delete", None), "permission")

    @property
    def needs(self) -> tuple[str, ...]:
        """The words that it takes, all of them."""
        look = self.page.read_permission
        if self.kind in ("changelist", "change", ""):
            return (look,)
        if self.kind == "history":
            return (look, "audit:read")
        if self.kind == "add":
            return (look, self.page.add_permission or permissions.PLATFORM)
        return (look, self.page.needs(self.kind))

    def at(self, identifier: Any = 1) -> str:
        """The address, of that row."""
        filled = _ARGUMENT.sub(lambda found: str(_value(found, identifier)), self.path)
        return "/" + re.sub(r"[\^$]|\\Z", "", filled)


def _value(found: re.Match[str], identifier: Any) -> Any:
    name = found[1] or found[2]
    return identifier if name == "object_id" else _ARGUMENTS[name]


def _prefix(page: Any) -> str:
    return f"{page.opts.app_label}_{page.opts.model_name}"


def _patterns(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield route, entry
        else:
            yield from _patterns(entry, route)


def _page(path: str, pattern: URLPattern) -> Any:
    from django.contrib import admin

    for page in admin.site._registry.values():
        if path.startswith(f"admin/{page.opts.app_label}/{page.opts.model_name}/"):
            return page
    return getattr(pattern.callback, "model_admin", None)


def _read() -> list[Route]:
    found: dict[str, Route] = {}
    for path, pattern in _patterns(get_resolver()):
        if path.startswith("admin/"):
            found.setdefault(path, Route(path, pattern.name or "", _page(path, pattern)))  # the first one answers
    return list(found.values())


ALL = _read()
#: Pages of a model.
OF_MODELS = [route for route in ALL if route.page]
