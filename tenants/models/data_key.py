"""The key a tenant's secrets are sealed with, itself wrapped by an installation key."""

from __future__ import annotations

from django.db import models

from tenants.models.owned import TenantOwned


class DataKey(TenantOwned):
    """One for each tenant, made with its first secret. ``key_id`` names the installation key it is wrapped with."""

    key_id = models.CharField(max_length=16)
    wrapped = models.BinaryField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "data_key"
        constraints = [models.UniqueConstraint(fields=["tenant"], name="data_key_once")]
        indexes = [models.Index(fields=["key_id"], name="data_key_by_installation_key")]
