"""A tenant's secret and its versions: written by the web process, read by workers alone."""

from __future__ import annotations

from django.db import models

from tenants.models.owned import TenantOwned


class Secret(TenantOwned):
    """``version`` is the number of the version in force, ``newest`` the highest number ever given."""

    name = models.CharField(max_length=64, help_text="How expressions name it: secrets.<name>. For ever.")
    kind = models.CharField(max_length=32, help_text="text, or a connection type. For ever.")
    description = models.CharField(max_length=500, blank=True)
    version = models.PositiveIntegerField(default=1)
    newest = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=254, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        db_table = "secret"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="secret_tenant_key"),
            models.UniqueConstraint(fields=["tenant", "name"], name="secret_name_once"),
            models.CheckConstraint(
                condition=models.Q(version__lte=models.F("newest")), name="secret_version_was_given"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-id"], name="secret_recent")]

    def __str__(self) -> str:
        return self.name


class Versions(models.Manager["SecretVersion"]):
    """Without what is sealed: the app's log-in may write that column, and not read it."""

    def get_queryset(self) -> models.QuerySet[SecretVersion]:
        return super().get_queryset().defer("sealed")


class SecretVersion(TenantOwned):
    """Insert-only. ``sealed`` opens for this tenant, secret and number alone, see :mod:`tenants.rules.sealing`."""

    secret = models.ForeignKey(
        Secret, on_delete=models.CASCADE, related_name="versions", db_constraint=False, db_index=False
    )
    number = models.PositiveIntegerField()
    sealed = models.BinaryField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=254, blank=True)

    objects = Versions()

    class Meta:
        db_table = "secret_version"
        constraints = [models.UniqueConstraint(fields=["secret", "number"], name="secret_version_once")]
