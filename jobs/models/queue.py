"""A named queue of the platform: a set of workers and how much may be in flight there."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from tenants.models import limited

#: Executions, at most.
MOST_IN_A_MESSAGE = 500
NAME_MESSAGE = "must be small letters and digits, with single hyphens between them, such as nightly-reports"


class Pool(models.TextChoices):
    """What runs a queue's executions: a worker, by Celery's names of pools, or somebody's executor."""

    PREFORK = "prefork"  # processes: any job type, and each can be stopped and may crash by itself
    THREADS = "threads"  # many waiting at once for little memory: job types that allow it only
    EXTERNAL = "external"  # executors of tenants, which claim over HTTP: job types that run there, and no others


class Queue(limited.Limited):
    """Known by its name. Its Celery queue is :attr:`celery_name`, so no tenant's name can meet one of our own."""

    name = models.CharField(
        primary_key=True, max_length=63, validators=[RegexValidator(r"\A[a-z0-9](-?[a-z0-9])*\Z", NAME_MESSAGE)]
    )
    pool = models.CharField(max_length=16, choices=Pool, default=Pool.PREFORK, db_default=Pool.PREFORK)
    paused_at = models.DateTimeField(null=True, blank=True)
    max_running = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="Most executions queued or running at once."
    )
    batch_size = models.PositiveSmallIntegerField(
        default=50,
        db_default=50,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_IN_A_MESSAGE)],
        help_text="Most executions of short jobs in one message when the queue is deep; 1 sends each alone.",
    )
    ageing_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        default=900,
        db_default=900,
        validators=[MinValueValidator(10), MaxValueValidator(86_400)],
        help_text="What has waited so long rises by a step of priority within its tenant, and again; empty: never.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "queue"
        constraints = [limited.rate_is_known("queue")]

    def __str__(self) -> str:
        return self.name
