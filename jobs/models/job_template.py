"""A tenant's job template: a job with gaps, which parameters fill."""

from __future__ import annotations

from django.db import models

from tenants.models.owned import TenantOwned


class JobTemplate(TenantOwned):
    """``parameters`` as :mod:`jobs.rules.template_parameters` reads them, ``body`` a job as the API takes it, with placeholders."""

    name = models.CharField(max_length=100)
    description = models.CharField(max_length=1000, blank=True)
    category = models.CharField(max_length=64, blank=True)
    parameters = models.JSONField(default=dict)
    body = models.JSONField(default=dict)
    active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1, help_text="One more with each change.")
    owner = models.CharField(max_length=254, blank=True, help_text="Of an editor of own jobs who made it.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "job_template"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="job_template_name_once"),
        ]
        indexes = [models.Index(fields=["tenant", "-id"], name="job_template_recent")]

    def __str__(self) -> str:
        return self.name
