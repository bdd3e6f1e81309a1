"""An invitation: whoever has its link becomes a member, once."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from tenants.models.membership import Role
from tenants.models.owned import TenantOwned


class Invitation(TenantOwned):
    """Of one e-mail address to a role. The link's token is kept as a hash, and stands for the newest sending alone."""

    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=16, choices=Role)
    own_jobs_only = models.BooleanField(default=False)
    digest = models.BinaryField(max_length=32, editable=False)
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    failures = models.PositiveSmallIntegerField(default=0, help_text="Passwords tried with it that were none.")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=254, blank=True)

    class Meta:
        db_table = "invitation"
        constraints = [
            models.UniqueConstraint(fields=["digest"], name="invitation_digest_once"),
            models.UniqueConstraint(
                "tenant",
                Lower("email"),
                condition=Q(accepted_at__isnull=True, revoked_at__isnull=True),
                name="invitation_open_once",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="invitation_role_known"),
        ]
        indexes = [models.Index(fields=["tenant", "-id"], name="invitation_recent")]

    def state_at(self, now: datetime) -> str:
        """accepted, revoked, expired or sent."""
        if self.accepted_at is not None:
            return "accepted"
        if self.revoked_at is not None:
            return "revoked"
        return "sent" if self.expires_at > now else "expired"
