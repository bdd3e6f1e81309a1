"""How many more executions, jobs or schedules a tenant with a quota of them may have before they are counted again."""

from __future__ import annotations

from django.db import models

from tenants.models.owned import TenantOwned


class QuotaRoom(TenantOwned):
    """Of executions, its id is the tenant's, and ``carillon_draw`` alone writes it and says how; others: jobs.services.room."""

    most = models.PositiveIntegerField(help_text="The quota it was counted for.")
    room = models.PositiveIntegerField()
    counted_at = models.DateTimeField()

    class Meta:
        db_table = "quota_room"
