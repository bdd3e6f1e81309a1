"""How many more executions a tenant with a quota of unfinished ones may have before they are counted again."""

from __future__ import annotations

from django.db import models

from tenants.models.owned import TenantOwned


class QuotaRoom(TenantOwned):
    """Its id is the tenant's. Written by ``carillon_draw`` alone, which says how; who has none has no row."""

    most = models.PositiveIntegerField(help_text="The quota it was counted for.")
    room = models.PositiveIntegerField()
    counted_at = models.DateTimeField()

    class Meta:
        db_table = "quota_room"
