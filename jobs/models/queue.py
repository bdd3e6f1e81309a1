"""A named queue of the platform: a set of workers and how much may be in flight there."""

from __future__ import annotations

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models

from tenants.models import limited


class Queue(limited.Limited):
    """Known by its name. Its Celery queue is :attr:`celery_name`, so no tenant's name can meet one of our own."""

    name = models.CharField(primary_key=True, max_length=63, validators=[RegexValidator(r"^[a-z0-9](-?[a-z0-9])*$")])
    paused_at = models.DateTimeField(null=True, blank=True)
    max_running = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="Most executions queued or running at once."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "queue"
        constraints = [limited.rate_is_known("queue")]

    def __str__(self) -> str:
        return self.name
