"""An edge between two jobs of a tenant: what comes before what."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from jobs.models.job import Job
from jobs.rules.trigger_rules import Rule
from tenants.models.owned import TenantOwned


class DependencyMode(models.TextChoices):
    """How the downstream job comes to run."""

    START = "start"  # it is started when its upstreams have ended in the same workflow run
    GATE = "gate"  # it has a schedule of its own, and its slots wait for the upstreams'


class Dependency(TenantOwned):
    """Edges of one downstream with the same rule are judged together; it goes on when each of its rules lets it."""

    upstream = models.ForeignKey(
        Job, on_delete=models.PROTECT, related_name="downstream_edges", db_constraint=False, db_index=False
    )
    downstream = models.ForeignKey(
        Job, on_delete=models.PROTECT, related_name="upstream_edges", db_constraint=False, db_index=False
    )
    mode = models.CharField(max_length=8, choices=DependencyMode, default=DependencyMode.START)
    trigger_rule = models.CharField(
        max_length=32, choices=[(rule.value, rule.value) for rule in Rule], default=Rule.ALL_SUCCESS
    )
    condition = models.CharField(
        max_length=1000,
        blank=True,
        help_text="An expression over upstream; where it is false, the downstream is skipped.",
    )
    gate_timeout_seconds = models.FloatField(
        default=86_400, validators=[MinValueValidator(1), MaxValueValidator(30 * 86_400)]
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "dependency"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "downstream", "upstream"], name="dependency_once"),
            models.CheckConstraint(condition=~Q(upstream=F("downstream")), name="dependency_of_two_jobs"),
            models.CheckConstraint(condition=Q(mode__in=DependencyMode.values), name="dependency_mode_known"),
            models.CheckConstraint(
                condition=Q(trigger_rule__in=[rule.value for rule in Rule]), name="dependency_rule_known"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "upstream"], name="dependency_by_upstream"),
            models.Index(fields=["upstream"], condition=Q(mode="start"), name="dependency_starting"),
            models.Index(fields=["downstream"], condition=Q(mode="gate"), name="dependency_gating"),
            models.Index(fields=["tenant", "-id"], name="dependency_recent"),
        ]
