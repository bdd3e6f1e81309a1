"""Django's admin on a site of ours."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AdminConfig):
    """Finds the pages and registers them with :class:`tenants.console.site.ConsoleSite`."""

    default = False
    default_site = "tenants.console.site.ConsoleSite"
