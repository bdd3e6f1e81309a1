"""Every route of the REST API, read from the URL conf: a new one is in each generated test by existing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from tenants import permissions
from tenants.rules import permissions as rules

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: Of the installation: the same for every tenant, or no rows at all.
SHARED = {
    "queues",
    "workers",
    "job-types",
    "connection-types",
    "tenants",
}  # of tenants: tests/tenants/api/test_tenants.py
#: For whoever asks.
PUBLIC = {"openapi.json", "docs", "auth/token", "auth/refresh", "auth/revoke", "invitations/accept"}


@dataclass(frozen=True)
class Route:
    """A path below ``/api/v1/`` with what its methods do."""

    path: str
    view: Any
    actions: dict[str, str]

    @property
    def resource(self) -> str:
        """The first part of the path."""
        return self.path.split("/")[0]

    @property
    def names_a_tenants_row(self) -> bool:
        return "<" in self.path and self.resource not in SHARED

    @property
    def methods(self) -> list[str]:
        """Those it has, and the first that it has not: all others are refused at the same place."""
        lacking = [method for method in METHODS if method.lower() not in self.actions][:1]
        return [method for method in METHODS if method.lower() in self.actions] + lacking

    def at(self, identifier: Any) -> str:
        """The whole path of a row."""
        filled = self.path.replace("<str:id>", str(identifier)).replace("<path:id>", str(identifier))
        return "/api/v1/" + filled.replace("<int:number>", "1").replace("<str:step>", "load")

    def declares(self, method: str) -> bool:
        """Whether it makes what the path names, so that a name which is not there is no mistake."""
        return (self.path, method) == ("jobs/<str:id>", "PUT")

    def lets_in(self, granted: Collection[str], method: str) -> bool:
        """Whether these words suffice."""
        of_platform = getattr(self.view, "open_to_platform", False) and "platform" in granted
        return of_platform or rules.allows(granted, self.needs(method))

    def needs(self, method: str) -> str:
        """The word of permission that a method takes."""
        view = SimpleNamespace(
            read_scope=self.view.read_scope,
            write_scope=self.view.write_scope,
            action_scopes=self.view.action_scopes,
            action=self.actions.get(method.lower()),
        )
        return permissions.required_scope(method, view)  # type: ignore[arg-type]


def _patterns(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern.url_patterns, path)
        elif path.startswith("api/v1/"):
            yield path.removeprefix("api/v1/"), pattern


def _read() -> list[Route]:
    merged: dict[str, Route] = {}
    for path, pattern in _patterns(get_resolver().url_patterns):
        view = pattern.callback
        actions = dict(getattr(view, "actions", {}))
        known = merged.get(path)
        merged[path] = Route(path, getattr(view, "cls", view), {**(known.actions if known else {}), **actions})
    return sorted(merged.values(), key=lambda route: route.path)


ALL = _read()
#: Those that ask who it is.
GUARDED = [route for route in ALL if route.path not in PUBLIC]
#: Those with the id of a tenant's row in their path.
WITH_ID = [route for route in ALL if route.names_a_tenants_row]
