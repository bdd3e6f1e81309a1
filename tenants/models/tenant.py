"""A tenant: the wall everything is built inside."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from tenants.fields import new_id
from tenants.models import limited
from tenants.models.job_defaults import JobDefaults
from tenants.models.quotas import Quotas
from tenants.rules import rates


class TenantState(models.TextChoices):
    """Whether a tenant's work goes on."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Tenant(limited.Limited, Quotas, JobDefaults):
    """One customer. Its weight is its share when tenants compete; its cap bounds what is in flight."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.CharField(max_length=63, unique=True, validators=[RegexValidator(r"^[a-z0-9](-?[a-z0-9])*$")])
    name = models.CharField(max_length=200)
    state = models.CharField(max_length=16, choices=TenantState, default=TenantState.ACTIVE)
    suspension_reason = models.CharField(max_length=500, blank=True, default="", db_default="", editable=False)
    weight = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1), MaxValueValidator(100)])
    max_running = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="Most executions queued or running at once."
    )
    allowed_hosts = models.JSONField(
        default=list,
        blank=True,
        help_text="Hosts, host:port pairs or networks its jobs may call although they are not public.",
    )
    allowed_callables = models.JSONField(
        default=list,
        # A process of the version before knows nothing of it, and still makes tenants during a deploy.
        db_default=models.Value([], output_field=models.JSONField()),
        blank=True,
        help_text="Names of Python callables its jobs may call; * stands for anything.",
    )
    allowed_tasks = models.JSONField(
        default=list,
        db_default=models.Value([], output_field=models.JSONField()),
        blank=True,
        help_text="Names of tasks in Celery apps of its own that its jobs may run; * stands for anything.",
    )
    allow_network = models.BooleanField(
        default=False, db_default=False, help_text="Whether its scripts may reach what its calls may reach."
    )
    allow_requirements = models.BooleanField(
        default=False, db_default=False, help_text="Whether packages may be installed for its Python scripts."
    )
    api_rate_limit = models.CharField(
        max_length=16,
        blank=True,
        default="",
        db_default="",
        validators=[RegexValidator(rates.PATTERN, "must be a number of requests per s, m, h or d, such as 100/s")],
        help_text="Most API requests in a time, such as 100/s; s, m, h or d. Empty for the installation's limit.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "tenant"
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=TenantState.values), name="tenant_state_known"),
            models.CheckConstraint(condition=models.Q(weight__gte=1), name="tenant_weight_positive"),
            limited.rate_is_known("tenant"),
            models.CheckConstraint(
                condition=models.Q(api_rate_limit="") | models.Q(api_rate_limit__regex=rates.PATTERN),
                name="tenant_api_rate_known",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=~models.Q(state="active"), name="tenant_held"),
            limited.throttle_end("tenant"),
        ]

    def __str__(self) -> str:
        return self.name
