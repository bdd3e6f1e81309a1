"""The jobs app."""

from django.apps import AppConfig
from django.conf import settings


class JobsConfig(AppConfig):
    """Registers the job types at start, so a duplicate or broken one stops the process."""

    name = "jobs"

    def ready(self) -> None:
        from jobs import handlers  # noqa: PLC0415 - handlers may import models

        handlers.load(settings.JOB_HANDLER_PACKAGES)
