"""A hook: an address at which somebody outside reports events, with what proves that it is them."""

from __future__ import annotations

from django.db import models

from jobs.rules.webhook_signatures import Scheme
from tenants.models.owned import TenantOwned


class Sparing(models.Manager["Hook"]):
    """Reads sealed secrets only where they are asked for."""

    def get_queryset(self) -> models.QuerySet[Hook]:
        return super().get_queryset().defer("secret", "former_secret")


class Hook(TenantOwned):
    """The token of its address is stored as a keyed hash. ``former_secret`` is good until ``former_until``."""

    name = models.CharField(max_length=64)
    event = models.CharField(max_length=100, help_text="Name of the event that it raises.")
    scheme = models.CharField(max_length=16, choices=[(scheme.value, scheme.value) for scheme in Scheme])
    headers = models.JSONField(default=list, help_text="Names of headers that events tell of.")
    description = models.CharField(max_length=500, blank=True)
    enabled = models.BooleanField(default=True)
    digest = models.BinaryField(max_length=32)
    hint = models.CharField(max_length=16, help_text="How its token begins.")
    secret = models.BinaryField(null=True, help_text="Sealed with the tenant's data key.")
    former_secret = models.BinaryField(null=True)
    former_until = models.DateTimeField(null=True)
    last_received_at = models.DateTimeField(null=True, help_text="To the minute.")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=254, blank=True)

    objects = Sparing()

    class Meta:
        db_table = "hook"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="hook_name_once"),
            models.UniqueConstraint(fields=["digest"], name="hook_digest_once"),
        ]
        indexes = [models.Index(fields=["tenant", "-id"], name="hook_recent")]

    def __str__(self) -> str:
        return self.name
