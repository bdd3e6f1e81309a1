"""Who belongs to which tenant, and as what."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from tenants.models.owned import TenantOwned


class Role(models.TextChoices):
    """What a member may do; each role includes the ones before it."""

    VIEWER = "viewer"
    RUNNER = "runner"
    EDITOR = "editor"
    ADMIN = "admin"


class Membership(TenantOwned):
    """One person in one tenant."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role, default=Role.VIEWER)
    own_jobs_only = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Of an editor: changes only jobs whose owner is their e-mail address.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "membership"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]
