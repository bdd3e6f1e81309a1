"""How much of what costs room a tenant may have. What may run at once, and how often, is in :mod:`tenants.models.limited`."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from tenants.rules import quotas

_MOST = MaxValueValidator(quotas.MOST)
_MOST_BYTES = MaxValueValidator(quotas.MOST_BYTES)


class Quotas(models.Model):
    """Base of the tenant. An empty one is the installation's default, see :mod:`tenants.rules.quotas`."""

    max_jobs = models.PositiveIntegerField(null=True, blank=True, validators=[_MOST], help_text="Most jobs stored.")
    max_schedules = models.PositiveIntegerField(
        null=True, blank=True, validators=[_MOST], help_text="Most schedules stored."
    )
    max_unfinished = models.PositiveIntegerField(
        null=True, blank=True, validators=[_MOST], help_text="Most executions that have not ended, waiting or running."
    )
    max_log_bytes = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(quotas.LEAST_LOG), MaxValueValidator(quotas.MOST_LOG)],
        help_text="Most bytes that one attempt may log; what follows is counted and not kept.",
    )
    max_artifact_bytes = models.PositiveBigIntegerField(
        null=True, blank=True, validators=[_MOST_BYTES], help_text="Most bytes of all artifacts that are kept."
    )
    max_file_bytes = models.PositiveBigIntegerField(
        null=True, blank=True, validators=[_MOST_BYTES], help_text="Most bytes of files in the tenant's folder."
    )
    retention_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="How long ended executions are kept. Never longer than the installation keeps them.",
    )
    artifact_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="How long artifacts are kept. Never longer than the installation keeps them.",
    )

    class Meta:
        abstract = True
