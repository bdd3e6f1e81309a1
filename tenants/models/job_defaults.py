"""What a tenant's jobs and schedules have unless they say otherwise, and what they may name at all."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models


def _names(help_text: str) -> models.JSONField[list[str], list[str]]:
    # A process of the version before knows nothing of it, and still makes tenants during a deploy.
    empty = models.Value([], output_field=models.JSONField())
    return models.JSONField(default=list, db_default=empty, blank=True, help_text=help_text)


class JobDefaults(models.Model):
    """Base of the tenant. A default is copied when a job or a schedule is made: changing it changes none that is stored."""

    default_timezone = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="Of schedules that name none; UTC if empty."
    )
    default_calendars = models.JSONField(
        default=list,
        db_default=models.Value([], output_field=models.JSONField()),
        blank=True,
        help_text="Of schedules that name none, as the API takes them.",
    )
    default_timeout_seconds = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.1), MaxValueValidator(86_400)],
        help_text="Of jobs that name none; 300 if empty.",
    )
    default_retry = models.JSONField(
        default=dict,
        db_default=models.Value({}, output_field=models.JSONField()),
        blank=True,
        help_text="Of jobs that name none, as the API takes it.",
    )
    allowed_queues = _names("Queues its jobs may use; empty for all.")
    allowed_job_types = _names("Types its jobs may have; empty for all.")

    class Meta:
        abstract = True
