"""What of the menu somebody sees: what leads to a page they may open."""

from __future__ import annotations

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest

from tenants import actors
from tenants.console import places
from tenants.rules import permissions


def shows_list(request: HttpRequest, name: str) -> bool:
    """Whether they may look at the list of ``<app>_<model>``."""
    app, model = name.rsplit("_", 1)
    page = admin.site.get_model_admin(apps.get_model(app, model))
    return bool(page.has_module_permission(request))


def shows_overview(request: HttpRequest) -> bool:
    """Whether there is a tenant, or the platform, to look over."""
    place = places.of(request)
    return place is not None and place.trouble is None


def shows_platform(request: HttpRequest) -> bool:  # noqa: ARG001 - called by the theme
    """Whether they are an administrator of the platform."""
    return actors.may(permissions.PLATFORM)
