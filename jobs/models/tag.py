"""A tag of a tenant's jobs, and whether everything that carries it is held."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from tenants.models.owned import TenantOwned


class Tag(TenantOwned):
    """Made by the database with the first job that carries it. It is paused from ``paused_at`` until ``until``, or for ever;
    afterwards both still say when it last was."""

    tag = models.CharField(max_length=64)
    reason = models.CharField(max_length=500, blank=True, db_default="", default="")
    paused_by = models.CharField(max_length=254, blank=True, db_default="", default="", editable=False)
    paused_at = models.DateTimeField(null=True, editable=False)
    until = models.DateTimeField(null=True)

    class Meta:
        db_table = "tag"
        constraints = [models.UniqueConstraint(fields=["tenant", "tag"], name="tag_once")]
        indexes = [models.Index(fields=["tenant", "until"], condition=Q(paused_at__isnull=False), name="tag_paused")]

    def is_paused(self, now: datetime) -> bool:
        """Whether it holds its jobs."""
        return self.paused_at is not None and (self.until is None or self.until > now)
