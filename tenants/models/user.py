"""A person, known by e-mail address."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac

from tenants.fields import new_id


class Users(BaseUserManager["User"]):
    """Creates people; looks them up without regard to case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Store a person; without a password nobody can log in as them."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Store a platform administrator."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """Logs in by e-mail. ``is_superuser`` is the platform's administrator; tenants are joined by membership."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(
        default=False, help_text="Django's word; nothing asks for it: whoever may log in opens the console."
    )
    is_auditor = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Sees every tenant's jobs, executions and audit trail, changes nothing.",
    )
    log_outs = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="How often all their sessions were ended at once."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = Users()

    class Meta:
        db_table = "person"
        constraints = [models.UniqueConstraint(Lower("email"), name="person_email_once")]

    def __str__(self) -> str:
        return self.email

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        # Every session, of the console and of the API, carries it: whatever changes it ends them all.
        of_password: str = super()._get_session_auth_hash(secret=secret)  # type: ignore[misc]
        if not self.log_outs:
            return of_password
        return salted_hmac(
            "tenants.log_outs", f"{self.log_outs}:{of_password}", secret=secret, algorithm="sha256"
        ).hexdigest()
