"""A key of the REST API: shown once, stored as a keyed hash."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models

from tenants.models.owned import TenantOwned
from tenants.models.tenant import Tenant


class ApiKey(TenantOwned):
    """Belongs to one tenant, or with ``tenant`` empty to the platform, to whose people alone its row shows.

    ``key_id`` is the public part by which it is found; ``digest`` the hash of the secret.
    """

    tenant = models.ForeignKey(  # type: ignore[assignment]
        Tenant, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    name = models.CharField(max_length=100)
    key_id = models.CharField(max_length=16, unique=True, editable=False)
    digest = models.BinaryField(max_length=32, editable=False)
    scopes = ArrayField(models.CharField(max_length=32))
    addresses = ArrayField(
        models.CharField(max_length=43),
        default=list,
        # A process of the version before knows nothing of it, and still makes keys during a deploy.
        db_default=models.Value([], output_field=ArrayField(models.CharField(max_length=43))),
        blank=True,
        help_text="Addresses and networks it may be used from; empty for any.",
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_address = models.GenericIPAddressField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=254, blank=True)

    class Meta:
        db_table = "api_key"
        indexes = [models.Index(fields=["tenant", "-id"], name="api_key_recent")]

    def is_live(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)
