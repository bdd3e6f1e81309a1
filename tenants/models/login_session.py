"""A log-in of a person over the API: one row for all the tokens that come from it."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models

from tenants.fields import new_id
from tenants.models.tenant import Tenant


class LoginSession(models.Model):
    """The family of one log-in's refresh tokens, of which only the newest is good.

    It is a person's and found before it is known which tenant they speak for, so it stands behind no tenant's
    wall: every query names the person, the session or, for an administrator, the tenant.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="login_sessions")
    home = models.ForeignKey(Tenant, null=True, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    #: Hashes of the ids of the refresh token that is good, and of the one before it.
    current = models.BinaryField(max_length=32, editable=False)
    former = models.BinaryField(max_length=32, null=True, editable=False)
    #: What the person's password and log-outs were then; another since ends it.
    auth_hash = models.CharField(max_length=128, editable=False)
    address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    refreshed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_because = models.CharField(max_length=32, blank=True, default="", db_default="")

    class Meta:
        db_table = "login_session"
        indexes = [
            models.Index(fields=["home", "-id"], name="login_session_of_tenant"),
            models.Index(fields=["expires_at"], name="login_session_expiry"),
        ]

    def is_live(self, now: datetime) -> bool:
        """Neither ended nor expired."""
        return self.ended_at is None and self.expires_at > now
