"""The tenants app."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Loads the start-up checks."""

    name = "tenants"

    def ready(self) -> None:
        from tenants import checks  # noqa: F401, PLC0415 - registers itself
