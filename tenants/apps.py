"""The tenants app."""

import structlog
from django.apps import AppConfig
from django.conf import settings

log = structlog.get_logger(__name__)


class TenantsConfig(AppConfig):
    """Loads the start-up checks, and says so where no secret can be kept."""

    name = "tenants"

    def ready(self) -> None:
        from tenants import checks  # noqa: F401, PLC0415 - registers itself

        if settings.ENCRYPTION_KEYS is None and settings.KEEPS_SECRETS:
            log.warning("secrets.off", why="CARILLON_ENCRYPTION_KEYS is empty: no secret is stored or read here")
