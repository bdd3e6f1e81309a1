"""The jobs app."""

from django.apps import AppConfig
from django.conf import settings


class JobsConfig(AppConfig):
    """Registers job types, schedule kinds and callables at start, so a duplicate or broken one stops the process."""

    name = "jobs"

    def ready(self) -> None:
        # All of them may import models.
        from jobs import handlers, triggers  # noqa: PLC0415
        from jobs.callables import registry  # noqa: PLC0415

        handlers.load(settings.JOB_HANDLER_PACKAGES)
        triggers.load(settings.SCHEDULE_KIND_PACKAGES)
        registry.load(settings.CALLABLE_MODULES)
